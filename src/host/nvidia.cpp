#include "host/nvidia.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "host/cuda_tables.hpp"
#include "host/libcuda_candidates.hpp"
#include "host/nvidia_devices.hpp"
#include "host/nvidia_kernel.hpp"

namespace hpcenv::host {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds version_deadline{8000};
constexpr milliseconds all_versions_deadline{12000};
constexpr int stub_code = 34;

void take_version(const LibcudaAnswer& answer, LibcudaCandidate& candidate) {
  candidate.end = answer.end;
  candidate.detail = answer.detail;
  candidate.version_code = answer.version_code;
  if (answer.version_code == stub_code) candidate.is_stub = true;
  if (answer.version_code != 0 || !answer.cuda_version) return;
  if (cuda_version_from_code(*answer.cuda_version)) {
    candidate.cuda_version = answer.cuda_version;
  } else {
    candidate.detail =
        fmt::format("it names the CUDA version {}, which is none", *answer.cuda_version);
  }
}

/// Asks one library a process, within one deadline for all of them.
class VersionRound {
 public:
  VersionRound(const HostReader& reader, const base::Clock& clock)
      : reader_(reader), clock_(clock), end_(clock.steady() + all_versions_deadline) {}

  LibcudaAnswer ask(const std::string& library) const {
    LibcudaQuestion question;
    question.library = library;
    const auto left = std::chrono::duration_cast<milliseconds>(end_ - clock_.steady());
    question.deadline = std::min(version_deadline, left);
    if (question.deadline > milliseconds{0}) return reader_.ask_libcuda(question);
    LibcudaAnswer none;
    none.detail = "not asked: the libraries before it took all the time there is";
    return none;
  }

 private:
  const HostReader& reader_;
  const base::Clock& clock_;
  std::chrono::steady_clock::time_point end_;
};

/// Which candidate the loader took. Where the library hung before the helper could say, it is the
/// first that the loader comes across.
std::optional<std::size_t> place_of(const HostReader& reader, const LibcudaAnswer& answer,
                                    std::vector<LibcudaCandidate>& candidates) {
  if (answer.loaded_path.empty()) {
    const bool began = answer.end == ProbeEnd::timed_out || answer.end == ProbeEnd::crashed;
    const bool known = !candidates.empty() && candidates.front().found_in != "fixed list";
    return began && known ? std::optional<std::size_t>{0} : std::nullopt;
  }
  LibcudaCandidate loaded = describe_libcuda(reader, answer.loaded_path, "loader");
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].real_path == loaded.real_path) return i;
  }
  candidates.insert(candidates.begin(), std::move(loaded));
  return 0;
}

void ask_versions(const HostReader& reader, const base::Clock& clock, NvidiaProbe& probe) {
  std::vector<LibcudaCandidate>& candidates = probe.facts.libcuda;
  const VersionRound round(reader, clock);
  const LibcudaAnswer chosen = round.ask(libcuda_name);
  probe.glibc = chosen.glibc;
  probe.facts.winner = place_of(reader, chosen, candidates);
  if (probe.facts.winner) {
    take_version(chosen, candidates[*probe.facts.winner]);
  } else {
    LibcudaCandidate nothing;
    nothing.path = libcuda_name;
    nothing.found_in = "loader";
    take_version(chosen, nothing);
    candidates.insert(candidates.begin(), std::move(nothing));
  }
  // A helper that cannot start for one library cannot for the others.
  if (chosen.end == ProbeEnd::not_run) return;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    LibcudaCandidate& candidate = candidates[i];
    const bool asked = i == probe.facts.winner || candidate.found_in == "loader";
    if (!asked && !candidate.is_stub) take_version(round.ask(candidate.path), candidate);
  }
}

}  // namespace

NvidiaProbe probe_nvidia(const HostReader& reader, const base::Clock& clock, ProbeDepth depth,
                         ProbeScope scope) {
  NvidiaProbe probe;
  probe.facts = kernel_facts(reader);
  probe.facts.libcuda = find_libcuda(reader);
  ask_versions(reader, clock, probe);
  ask_devices(reader, clock, depth, probe.facts);
  if (scope == ProbeScope::everything) ask_management(reader, clock, probe.facts);
  return probe;
}

}  // namespace hpcenv::host
