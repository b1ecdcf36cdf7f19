#include "base/json.hpp"
#include "fuzz/fuzz.hpp"
#include "host/libcuda_candidates.hpp"
#include "host/nvidia_facts.hpp"
#include "host/nvidia_kernel.hpp"

// What the driver's files say goes into a profile, whatever it is, and comes out of it the same.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = hpcenv::fuzz::text_of(data, size);
  const hpcenv::host::GpuFacts gpu = hpcenv::host::parse_gpu_information(text);
  hpcenv::fuzz::require(gpu.model.size() <= 256 && gpu.minor.value_or(0) >= 0);
  const hpcenv::host::KernelModule module = hpcenv::host::parse_kernel_module(text);
  const std::string file = "libcuda.so." + module.version;
  hpcenv::fuzz::require(module.version.empty() ||
                        hpcenv::host::driver_version_in(file) == module.version);
  hpcenv::host::NvidiaFacts facts;
  facts.gpus = {gpu};
  facts.kernel_module = module.version;
  const std::string written = hpcenv::base::dump_json_line(hpcenv::host::nvidia_to_json(facts));
  const auto parsed = hpcenv::base::parse_json(written, "profile");
  hpcenv::fuzz::require(parsed.has_value());
  const auto read = hpcenv::host::nvidia_from_json(*parsed);
  hpcenv::fuzz::require(hpcenv::base::dump_json_line(hpcenv::host::nvidia_to_json(read)) ==
                        written);
  return 0;
}
