#include "ops/masking.hpp"

namespace hpcenv::ops {

host::Masking masking_for(const Locations& locations, const host::HostReader& reader) {
  host::Masking masking(reader.environment(), reader.read_text("/proc/self/mounts").value_or(""));
  masking.add_host(reader.hostname());
  masking.add_host(reader.environment().get_or("SLURMD_NODENAME", ""));
  masking.add_path(locations.root.string(), "/hpcenv");
  return masking;
}

}  // namespace hpcenv::ops
