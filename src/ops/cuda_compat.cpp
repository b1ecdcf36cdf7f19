#include "ops/cuda_compat.hpp"

#include <fmt/format.h>

#include "host/compat.hpp"
#include "host/libcuda_candidates.hpp"
#include "host/nvidia.hpp"

namespace hpcenv::ops {

CompatDecision decide_compat(const std::filesystem::path& prefix, const host::HostReader& reader,
                             const base::Clock& clock) {
  const std::filesystem::path directory = prefix / "cuda-compat";
  const std::string path = (directory / host::libcuda_name).string();
  if (!reader.exists(path)) {
    return {{},
            fmt::format("--cuda-compat does nothing: there is no {} (package cuda-compat)", path)};
  }
  const host::LibcudaCandidate library = host::describe_libcuda(reader, path, "environment");
  host::CompatQuestion question = host::compat_question(
      library,
      host::probe_nvidia(reader, clock, host::ProbeDepth::versions, host::ProbeScope::solving)
          .facts);
  // The driver's files name the GPUs at no cost; starting it takes seconds on some nodes.
  if (question.devices.empty()) {
    question = host::compat_question(
        library,
        host::probe_nvidia(reader, clock, host::ProbeDepth::automatic, host::ProbeScope::solving)
            .facts);
  }
  const host::CompatVerdict verdict = host::compat_verdict(question);
  if (verdict.use != host::CompatUse::allowed) {
    return {{}, fmt::format("--cuda-compat is not used: {}", verdict.reason)};
  }
  CompatDecision decision;
  decision.directory = directory.string();
  if (!verdict.doubt.empty()) {
    decision.words = fmt::format("{}; {}", verdict.reason, verdict.doubt);
  }
  return decision;
}

}  // namespace hpcenv::ops
