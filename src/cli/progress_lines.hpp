// What a terminal shows of work that goes on, as lines: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.hpp"

namespace hpcenv::cli {

struct Tally {
  std::uint64_t done = 0;
  std::uint64_t total = 0;  ///< 0: unknown
};

struct ProgressPart {
  std::string name;
  Tally tally;
  base::Unit unit = base::Unit::bytes;
};

/// One step at one moment.
struct ProgressView {
  std::string step;
  double seconds = 0;  ///< since its begin
  std::optional<Tally> items;
  std::optional<Tally> bytes;
  double speed = 0;                 ///< of the bytes, else of the items, a second; 0: unknown
  std::vector<ProgressPart> parts;  ///< at work at once, the oldest first
};

struct Canvas {
  std::size_t columns = 80;
  std::size_t rows = 24;
  enum class Glyphs { ascii, unicode };
  Glyphs glyphs = Glyphs::ascii;
};

/// One line for the step and a few for its parts; none is as wide as the canvas, so none wraps.
std::vector<std::string> progress_lines(const ProgressView& view, const Canvas& canvas);

/// "12 of 150, 1.2 GiB of 3.4 GiB", or what is known of that: for the line that a step leaves.
std::string amounts_text(const ProgressView& view);
/// "9 s", "2 min", "1 h 5 min".
std::string duration_text(double seconds);

}  // namespace hpcenv::cli
