// D07: a forward-compatibility libcuda in front of the driver's own.
#include "host/compat.hpp"

#include <optional>
#include <utility>

#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using host::LibcudaCandidate;

Remedy drop_compat(const Subject& subject, const LibcudaCandidate& library) {
  const std::string directory = library.path.substr(0, library.path.rfind('/'));
  if (library.found_in != "LD_LIBRARY_PATH") {
    return {fmt::format("Tell the administrators that {} has to go from the loader's path of this "
                        "node (or, in an image, from its /etc/ld.so.conf.d).",
                        directory),
            {}};
  }
  return {
      "Take the forward-compatibility directory out of LD_LIBRARY_PATH; `hpcenv run --cuda-compat` "
      "puts one there only where it works.",
      {drop_entries_command("LD_LIBRARY_PATH", variable(subject, "LD_LIBRARY_PATH"), {directory})}};
}

/// cuInit itself refuses such a library: then nothing that versions and names say counts.
std::optional<std::string> refusal_of(const LibcudaCandidate& library) {
  constexpr int mismatch = 803;
  constexpr int not_on_device = 804;
  if (library.init_code != mismatch && library.init_code != not_on_device) return std::nullopt;
  const host::CudaError& error = host::cuda_error(*library.init_code);
  return fmt::format("with cuda-compat {} in front, cuInit fails with {} {}: {}",
                     library.file_version, error.code, error.name, error.meaning);
}

}  // namespace

Finding examine_compat(const Subject& subject) {
  using host::CompatUse;
  const host::NvidiaFacts& nvidia = subject.profile->nvidia;
  const LibcudaCandidate* library = winning_library(*subject.profile);
  if (library == nullptr || library->is_stub) return unavailable("no driver library to judge");
  if (!host::is_compat_library(*library, nvidia.kernel_module)) {
    return pass("no forward-compatibility library stands before the driver's own");
  }
  const host::CompatVerdict verdict = host::compat_verdict(host::compat_question(*library, nvidia));
  std::vector<std::string> evidence{
      fmt::format("{} -> {}, found in {}", library->path, library->real_path, library->found_in)};
  const bool is_refused = verdict.use == CompatUse::too_old ||
                          verdict.use == CompatUse::wrong_driver ||
                          verdict.use == CompatUse::wrong_device;
  if (is_refused) {
    return with_evidence(failure(verdict.reason, drop_compat(subject, *library)),
                         std::move(evidence));
  }
  if (const auto refusal = refusal_of(*library)) {
    return with_evidence(failure(*refusal, drop_compat(subject, *library)), std::move(evidence));
  }
  if (verdict.use == CompatUse::unknown) {
    return with_evidence(unavailable(verdict.reason), std::move(evidence));
  }
  if (verdict.use == CompatUse::not_needed) {
    return with_evidence(info(verdict.reason), std::move(evidence));
  }
  if (!verdict.doubt.empty()) {
    return with_evidence(info(verdict.reason + "; " + verdict.doubt), std::move(evidence));
  }
  return with_evidence(pass(verdict.reason), std::move(evidence));
}

}  // namespace hpcenv::doctor
