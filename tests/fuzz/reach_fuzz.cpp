// How jobs get to a target, from its file: what is read is written back to the same.
#include "base/json.hpp"
#include "fuzz/fuzz.hpp"
#include "slurm/reach.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = hpcenv::base::parse_json(hpcenv::fuzz::text_of(data, size), "fuzz");
  if (!json) return 0;
  const auto reach = hpcenv::slurm::reach_from_json(*json, "fuzz");
  if (!reach) return 0;
  const auto written = hpcenv::slurm::reach_to_json(*reach);
  const auto again = hpcenv::slurm::reach_from_json(written, "fuzz");
  hpcenv::fuzz::require(again && hpcenv::slurm::reach_to_json(*again) == written);
  return 0;
}
