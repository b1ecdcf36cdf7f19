#include "host/quota_programs.hpp"

#include <array>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace hpcenv::host {
namespace {

constexpr std::uint64_t block = 1024;

// "1234*" is over a limit, "[1234]" is not exact; "-" and the like are no numbers.
std::optional<std::uint64_t> amount(std::string_view word) {
  while (!word.empty() && (word.back() == '*' || word.back() == ']')) {
    word.remove_suffix(1);
  }
  if (word.starts_with('[')) {
    word.remove_prefix(1);
  }
  return base::parse_unsigned(word);
}

std::optional<std::uint64_t> left(std::uint64_t used, std::uint64_t soft, std::uint64_t hard,
                                  std::uint64_t unit) {
  const std::uint64_t limit = hard != 0 ? hard : soft;
  if (limit == 0) {
    return std::nullopt;
  }
  return limit <= used ? 0 : (limit - used) * unit;
}

// used, soft, hard, grace; first of blocks, then of files.
std::optional<QuotaRoom> room_from(const std::vector<std::string_view>& words, std::size_t start) {
  if (words.size() < start + 7) {
    return std::nullopt;
  }
  std::array<std::uint64_t, 6> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    // The fourth word of each half is the grace time.
    const auto number = amount(words[start + i + (i >= 3 ? 1 : 0)]);
    if (!number) {
      return std::nullopt;
    }
    numbers[i] = *number;
  }
  return QuotaRoom{left(numbers[0], numbers[1], numbers[2], block),
                   left(numbers[3], numbers[4], numbers[5], 1)};
}

// Blanks and the like stand as octal numbers in /proc/self/mounts.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size();
    if (!escape) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

}  // namespace

QuotaRooms parse_quota(std::string_view text, std::string_view source, std::uint64_t gid) {
  QuotaRooms rooms;
  // Without a heading it is the user's.
  std::optional<QuotaRoom>* section = &rooms.user;
  std::optional<QuotaRoom> others;
  const std::string group = "(gid " + std::to_string(gid) + ")";
  for (const std::string_view line : base::split_lines(text)) {
    if (line.starts_with("Disk quotas for user")) {
      section = &rooms.user;
    } else if (line.starts_with("Disk quotas for group")) {
      section = line.find(group) != std::string_view::npos ? &rooms.group : &others;
    }
    const std::vector<std::string_view> words = base::split_words(line);
    if (!words.empty() && words[0] == source && !section->has_value()) {
      *section = room_from(words, 1);
    }
  }
  return rooms;
}

std::optional<QuotaRoom> parse_lfs_quota(std::string_view text) {
  return room_from(base::split_words(text), 1);
}

std::optional<std::uint64_t> parse_lfs_project(std::string_view text) {
  const std::vector<std::string_view> words = base::split_words(text);
  if (words.size() < 2 || words[1] != "P") {
    return std::nullopt;
  }
  const auto id = base::parse_unsigned(words[0]);
  return id && *id != 0 ? id : std::nullopt;
}

std::optional<Mount> mount_of(std::string_view mounts, std::string_view path) {
  std::optional<Mount> best;
  for (const std::string_view line : base::split_lines(mounts)) {
    const std::vector<std::string_view> words = base::split_words(line);
    if (words.size() < 3) {
      continue;
    }
    const std::string point = unescaped(words[1]);
    const bool inside =
        point == "/" || path == point || (path.starts_with(point) && path[point.size()] == '/');
    // Of two mounts on one point the later one is what is seen.
    if (inside && (!best || point.size() >= best->point.size())) {
      best = Mount{unescaped(words[0]), point, std::string(words[2]),
                   words.size() > 3 ? std::string(words[3]) : ""};
    }
  }
  return best;
}

}  // namespace hpcenv::host
