#include "cli/progress_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::size_t most_parts = 4;
constexpr std::size_t widest_bar = 30;
constexpr std::size_t narrowest_bar = 8;
constexpr std::size_t widest_name = 40;
/// Before that a speed says nothing.
constexpr double speed_after = 1;

std::string amount(std::uint64_t value, base::Unit unit) {
  return unit == base::Unit::bytes ? base::human_bytes(value) : std::to_string(value);
}

std::string of_total(const Tally& tally, base::Unit unit) {
  return tally.total == 0
             ? amount(tally.done, unit)
             : fmt::format("{} of {}", amount(tally.done, unit), amount(tally.total, unit));
}

/// Cells on a screen: what is not ASCII may take two.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) width += 1;
    if (byte >= 0xc0) width += 2;
  }
  return width;
}

/// At most `width` cells, cut between characters.
std::string cut(std::string_view text, std::size_t width) {
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    std::size_t next = end + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0U) == 0x80U) ++next;
    used += width_of(text.substr(end, next - end));
    if (used > width) break;
    end = next;
  }
  return std::string(text.substr(0, end));
}

std::string repeated(std::string_view piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

std::string bar(const Tally& tally, std::size_t width, Canvas::Glyphs glyphs) {
  const double share =
      std::min(1.0, static_cast<double>(tally.done) /
                        static_cast<double>(std::max<std::uint64_t>(1, tally.total)));
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  const bool is_unicode = glyphs == Canvas::Glyphs::unicode;
  return repeated(is_unicode ? "\u2501" : "#", full) +
         repeated(is_unicode ? "\u2500" : ".", width - full);
}

/// "1.2/3.4 GiB", "12/150", "1.2 GiB": what is known, as short as it can be said.
std::string short_amount(const Tally& tally, base::Unit unit) {
  if (tally.total == 0) return amount(tally.done, unit);
  if (unit == base::Unit::items) return fmt::format("{}/{}", tally.done, tally.total);
  const std::string total = base::human_bytes(tally.total);
  std::string_view word = std::string_view(total).substr(total.rfind(' ') + 1);
  double size = 1;
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
    if (word == "B") break;
    size *= 1024;
    if (word == larger) break;
  }
  return word == "B" ? fmt::format("{}/{}", tally.done, total)
                     : fmt::format("{:.1f}/{}", static_cast<double>(tally.done) / size, total);
}

std::string short_amounts(const ProgressView& view) {
  std::string text;
  if (view.items.has_value()) text = short_amount(*view.items, base::Unit::items);
  if (view.bytes.has_value()) {
    text += (text.empty() ? "" : ", ") + short_amount(*view.bytes, base::Unit::bytes);
  }
  return text;
}

/// The same at the end, which is as long as it gets: bars that do not change their length.
std::size_t room_for_amounts(ProgressView view) {
  for (auto* tally : {&view.items, &view.bytes}) {
    if (tally->has_value()) (*tally)->done = std::max((*tally)->done, (*tally)->total);
  }
  constexpr std::size_t speed = std::string_view(", 1023.9 MiB/s").size();
  constexpr std::size_t left = std::string_view(", 119 s left").size();
  return width_of(short_amounts(view)) + (view.bytes.has_value() ? speed : 0) + left;
}

/// "85.0 MiB/s, 9 s left"; empty before anything is known.
std::string outlook(const ProgressView& view) {
  if (view.speed <= 0 || view.seconds < speed_after) return {};
  const Tally& tally = view.bytes.has_value() ? *view.bytes : *view.items;
  std::string text;
  if (view.bytes.has_value()) {
    text = fmt::format(", {}/s", base::human_bytes(static_cast<std::uint64_t>(view.speed)));
  }
  if (tally.total > tally.done) {
    const double left = static_cast<double>(tally.total - tally.done) / view.speed;
    text += fmt::format(", {} left", duration_text(std::max(1.0, left)));
  }
  return text;
}

std::string step_line(const ProgressView& view, const Canvas& canvas) {
  const std::size_t room = canvas.columns - 1;
  const std::string amounts = short_amounts(view);
  if (amounts.empty()) {
    return cut(fmt::format("{} ... {}", view.step, duration_text(view.seconds)), room);
  }
  const std::string detail = amounts + outlook(view);
  const Tally& tally = view.bytes.has_value() ? *view.bytes : *view.items;
  const std::size_t taken =
      width_of(view.step) + std::max(width_of(detail), room_for_amounts(view)) + 4;
  const std::size_t width = room > taken ? std::min(room - taken, widest_bar) : 0;
  if (tally.total == 0 || width < narrowest_bar) {
    return cut(fmt::format("{}: {}", view.step, detail), room);
  }
  return fmt::format("{}  {}  {}", view.step, bar(tally, width, canvas.glyphs), detail);
}

std::string part_text(const ProgressPart& part) {
  const bool is_whole = part.tally.total > 0 && part.tally.done >= part.tally.total;
  return is_whole ? "unpacking" : short_amount(part.tally, part.unit);
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::max(0.0, seconds)));
  if (whole < 120) return fmt::format("{} s", whole);
  const std::uint64_t minutes = (whole + 30) / 60;
  return minutes < 120 ? fmt::format("{} min", minutes)
                       : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

std::string amounts_text(const ProgressView& view) {
  std::string text;
  if (view.items.has_value()) text = of_total(*view.items, base::Unit::items);
  if (view.bytes.has_value()) {
    text += (text.empty() ? "" : ", ") + of_total(*view.bytes, base::Unit::bytes);
  }
  return text;
}

std::vector<std::string> progress_lines(const ProgressView& view, const Canvas& canvas) {
  std::vector<std::string> lines{step_line(view, canvas)};
  // A small window keeps room for what was said before.
  const std::size_t most = std::min(most_parts, canvas.rows / 4);
  const std::size_t shown = std::min(view.parts.size(), most);
  std::size_t widest = 0;
  for (std::size_t i = 0; i < shown; ++i) widest = std::max(widest, view.parts[i].name.size());
  widest = std::min(widest, widest_name);
  for (std::size_t i = 0; i < shown; ++i) {
    const ProgressPart& part = view.parts[i];
    lines.push_back(
        cut(fmt::format("  {:<{}}  {}", cut(part.name, widest), widest, part_text(part)),
            canvas.columns - 1));
  }
  if (most > 0 && view.parts.size() > shown) {
    lines.push_back(
        cut(fmt::format("  and {} more", view.parts.size() - shown), canvas.columns - 1));
  }
  return lines;
}

}  // namespace hpcenv::cli
