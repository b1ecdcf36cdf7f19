#include "fuzz/fuzz.hpp"
#include "slurm/site.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)hpcenv::slurm::parse_sinfo(hpcenv::fuzz::text_of(data, size), "slurm 22.05.8");
  return 0;
}
