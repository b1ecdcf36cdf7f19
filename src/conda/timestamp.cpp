#include "conda/timestamp.hpp"

#include <chrono>

#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

constexpr std::int64_t minute = 60;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;

/// Exactly `digits` digits, at most `limit`.
std::optional<std::int64_t> number(std::string_view text, std::size_t digits, std::uint64_t limit) {
  if (text.size() != digits) return std::nullopt;
  const auto value = base::parse_unsigned(text);
  if (!value.has_value() || *value > limit) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

/// "2026-11-26": seconds at its beginning.
std::optional<std::int64_t> parse_date(std::string_view text) {
  const auto parts = base::split(text, '-');
  if (parts.size() != 3) return std::nullopt;
  const auto year = number(parts[0], 4, 9999);
  const auto month = number(parts[1], 2, 12);
  const auto day_of_month = number(parts[2], 2, 31);
  if (!year || !month || !day_of_month) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day_of_month))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * day;
}

/// "01:02:03", "01:02", seconds with a fraction.
std::optional<std::int64_t> parse_clock(std::string_view text) {
  const auto parts = base::split(text.substr(0, text.find('.')), ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  const auto hours = number(parts[0], 2, 23);
  const auto minutes = number(parts[1], 2, 59);
  const auto seconds = parts.size() == 3 ? number(parts[2], 2, 60) : std::optional<std::int64_t>(0);
  if (!hours || !minutes || !seconds) return std::nullopt;
  return *hours * hour + *minutes * minute + *seconds;
}

/// Takes "Z", "+01:00" or "+0100" from the end; seconds east of Greenwich. Nullopt: malformed.
std::optional<std::int64_t> take_zone(std::string_view& clock) {
  if (clock.ends_with('Z') || clock.ends_with('z')) {
    clock.remove_suffix(1);
    return 0;
  }
  const std::size_t sign = clock.find_first_of("+-");
  if (sign == std::string_view::npos) return 0;
  std::string zone(clock.substr(sign + 1));
  const bool west = clock[sign] == '-';
  clock = clock.substr(0, sign);
  if (zone.size() == 4) zone.insert(2, ":");
  const auto offset = parse_clock(zone);
  if (!offset.has_value()) return std::nullopt;
  return west ? -*offset : *offset;
}

std::optional<std::int64_t> parse_age(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto count = base::parse_unsigned(text.substr(0, text.size() - 1));
  constexpr std::uint64_t limit = 100'000;
  if (!count.has_value() || *count > limit) return std::nullopt;
  const auto amount = static_cast<std::int64_t>(*count);
  switch (text.back()) {
    case 'h':
      return amount * hour;
    case 'd':
      return amount * day;
    case 'w':
      return amount * 7 * day;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) {
  text = base::trim(text);
  const std::size_t gap = text.find_first_of("Tt ");
  if (gap == std::string_view::npos) return std::nullopt;
  std::string_view clock = text.substr(gap + 1);
  const auto date = parse_date(text.substr(0, gap));
  const auto zone = take_zone(clock);
  const auto time = parse_clock(clock);
  if (!date || !zone || !time) return std::nullopt;
  return *date + *time - *zone;
}

Result<std::int64_t> parse_exclude_newer(std::string_view text, std::int64_t now) {
  constexpr std::int64_t milliseconds = 1000;
  text = base::trim(text);
  if (const auto time = parse_time(text)) return *time * milliseconds;
  if (const auto date = parse_date(text)) return (*date + day) * milliseconds - 1;
  if (const auto age = parse_age(text)) return (now - *age) * milliseconds;
  return fail_hint(ErrorKind::usage, fmt::format("'{}' is no point in time", text),
                   "write a date (2026-11-26), a time (2026-11-26T12:00:00Z) or an age (7d, 12h)");
}

}  // namespace hpcenv::conda
