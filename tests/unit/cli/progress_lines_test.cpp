#include "cli/progress_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace hpcenv::cli {
namespace {

using Lines = std::vector<std::string>;
constexpr std::uint64_t mib = 1U << 20U;

ProgressView fetching() {
  ProgressView view;
  view.step = "Fetching packages";
  view.seconds = 4;
  view.items = Tally{3, 12};
  view.bytes = Tally{100 * mib, 400 * mib};
  view.speed = 25.0 * mib;
  return view;
}

TEST_CASE("a step shows a bar, how much, how fast and how long") {
  CHECK(
      progress_lines(fetching(), {100, 24}) ==
      Lines{"Fetching packages  #######.......................  3/12, 100.0/400.0 MiB, 25.0 MiB/s, "
            "12 s left"});
  CHECK(progress_lines(fetching(), {100, 24, Canvas::Glyphs::unicode})[0].starts_with(
      "Fetching packages  ━━━━━━━──"));
}

TEST_CASE("a bar keeps its length while numbers grow and a speed appears") {
  ProgressView view = fetching();
  view.bytes = Tally{1, 999 * mib};
  const auto bar_length = [&] {
    const std::string line = progress_lines(view, {80, 24})[0];
    return std::count(line.begin(), line.end(), '#') + std::count(line.begin(), line.end(), '.');
  };
  view.speed = 0;
  const auto before = bar_length();
  CHECK(before > 8);
  view.items = Tally{12, 12};
  view.bytes = Tally{987 * mib, 999 * mib};
  CHECK(bar_length() == before);
}

TEST_CASE("no line is as wide as the window") {
  ProgressView view = fetching();
  view.parts = {{"a-package-with-a-rather-long-name-indeed-1.0.0-h0123456_0", {1, 2}}};
  for (std::size_t columns = 2; columns < 120; ++columns) {
    for (const std::string& line : progress_lines(view, {columns, 24})) {
      INFO(columns);
      CHECK(line.size() < columns);
    }
  }
  CHECK(progress_lines(fetching(), {60, 24})[0] ==
        "Fetching packages: 3/12, 100.0/400.0 MiB, 25.0 MiB/s, 12 s ");
  view = {};
  view.step = "Removing /home/ünï/环境";
  view.seconds = 3;
  CHECK(progress_lines(view, {21, 24}) == Lines{"Removing /home/ünï"});
}

TEST_CASE("what is not known is not shown") {
  ProgressView view;
  view.step = "Solving";
  view.seconds = 2.4;
  CHECK(progress_lines(view, {80, 24}) == Lines{"Solving ... 2 s"});
  view.bytes = Tally{2 * mib, 0};
  CHECK(progress_lines(view, {80, 24}) == Lines{"Solving: 2.0 MiB"});
  view.speed = 1.0 * mib;
  CHECK(progress_lines(view, {80, 24}) == Lines{"Solving: 2.0 MiB, 1.0 MiB/s"});
  view.seconds = 0.9;
  CHECK(progress_lines(view, {80, 24}) == Lines{"Solving: 2.0 MiB"});
  view = {};
  view.step = "Linking";
  view.items = Tally{1500, 30000};
  view.seconds = 3;
  view.speed = 500;
  CHECK(progress_lines(view, {80, 24}) ==
        Lines{"Linking  #.............................  1500/30000, 57 s left"});
  view.items = Tally{5, 3};
  CHECK(progress_lines(view, {80, 24})[0].starts_with("Linking  ####"));
}

TEST_CASE("a few of the packages at work have a line each") {
  ProgressView view = fetching();
  for (int i = 0; i < 6; ++i) {
    const Tally tally{static_cast<std::uint64_t>(i) * mib, 5 * mib};
    view.parts.push_back(ProgressPart{fmt::format("package{}-1.0-0", i), tally, base::Unit::bytes});
  }
  view.parts[1].tally = {5 * mib, 5 * mib};
  view.parts[2].tally = {7, 0};
  const Lines lines = progress_lines(view, {80, 24});
  REQUIRE(lines.size() == 6);
  CHECK(lines[1] == "  package0-1.0-0  0.0/5.0 MiB");
  CHECK(lines[2] == "  package1-1.0-0  unpacking");
  CHECK(lines[3] == "  package2-1.0-0  7 B");
  CHECK(lines[5] == "  and 2 more");
  CHECK(progress_lines(view, {80, 8}).size() == 4);
  CHECK(progress_lines(view, {80, 3}).size() == 1);
}

TEST_CASE("durations are read at a glance") {
  CHECK(duration_text(0.4) == "0 s");
  CHECK(duration_text(119) == "119 s");
  CHECK(duration_text(150) == "3 min");
  CHECK(duration_text(2 * 3600 + 300) == "2 h 5 min");
}

}  // namespace
}  // namespace hpcenv::cli
