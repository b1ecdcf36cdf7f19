#include "host/probe_end.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace hpcenv::host {

namespace {

constexpr std::array ends = {
    std::pair{ProbeEnd::answered, "answered"},   std::pair{ProbeEnd::cannot_load, "cannot_load"},
    std::pair{ProbeEnd::timed_out, "timed_out"}, std::pair{ProbeEnd::crashed, "crashed"},
    std::pair{ProbeEnd::not_run, "not_run"},
};

}  // namespace

const char* name_of(ProbeEnd end) {
  const auto found = std::ranges::find_if(ends, [&](const auto& row) { return row.first == end; });
  return found == ends.end() ? "not_run" : found->second;
}

ProbeEnd probe_end_from(std::string_view text) {
  const auto found =
      std::ranges::find_if(ends, [&](const auto& row) { return row.second == text; });
  return found == ends.end() ? ProbeEnd::not_run : found->first;
}

}  // namespace hpcenv::host
