#include "host/nvidia.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.hpp"
#include "host/cuda_tables.hpp"
#include "host/libcuda_candidates.hpp"

namespace hpcenv::host {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds version_deadline{8000};
constexpr milliseconds all_versions_deadline{12000};
/// cuInit takes seconds a GPU where persistence mode is off (facts/cuda.md 6).
constexpr milliseconds devices_deadline{20000};
constexpr int stub_code = 34;

std::string trimmed_file(const HostReader& reader, const std::string& path) {
  return std::string(base::trim(reader.read_text(path).value_or("")));
}

int count_pci_gpus(const HostReader& reader) {
  const std::string devices = "/sys/bus/pci/devices";
  int count = 0;
  for (const std::string& name : reader.list(devices)) {
    const std::string folder = fmt::format("{}/{}", devices, name);
    const bool nvidia = trimmed_file(reader, folder + "/vendor") == "0x10de";
    if (nvidia && trimmed_file(reader, folder + "/class").starts_with("0x03")) ++count;
  }
  return count;
}

NvidiaFacts kernel_facts(const HostReader& reader) {
  NvidiaFacts facts;
  facts.pci_gpus = count_pci_gpus(reader);
  const KernelModule module =
      parse_kernel_module(reader.read_text("/proc/driver/nvidia/version").value_or(""));
  facts.open_kernel_module = module.open;
  facts.kernel_module = trimmed_file(reader, "/sys/module/nvidia/version");
  if (facts.kernel_module.empty()) facts.kernel_module = module.version;
  facts.nouveau = reader.exists("/sys/module/nouveau");
  facts.uvm = reader.exists("/sys/module/nvidia_uvm");
  facts.wsl = reader.exists("/dev/dxg");
  for (const std::string& name : reader.list("/dev")) {
    if (name.starts_with("nvidia")) facts.device_nodes.push_back("/dev/" + name);
  }
  return facts;
}

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

bool wants_devices(const HostReader& reader, const NvidiaFacts& facts, ProbeDepth depth) {
  if (depth != ProbeDepth::automatic) return depth == ProbeDepth::devices;
  // As root cuInit makes device nodes; without a node it has nothing to say.
  const bool has_node = facts.wsl || std::ranges::find(facts.device_nodes, "/dev/nvidiactl") !=
                                         facts.device_nodes.end();
  return has_node && !reader.is_root();
}

void ask_devices(const HostReader& reader, LibcudaCandidate& winner) {
  LibcudaQuestion question;
  question.library = winner.path;
  question.stage = ProbeStage::devices;
  question.deadline = devices_deadline;
  LibcudaAnswer answer = reader.ask_libcuda(question);
  winner.init_end = answer.end;
  winner.init_detail = answer.detail;
  winner.init_code = answer.init_code;
  winner.init_milliseconds = answer.init_milliseconds;
  winner.devices = std::move(answer.devices);
  if (!reader.environment().has("CUDA_VISIBLE_DEVICES") || winner.init_code != 0) return;
  question.visible = LibcudaQuestion::VisibleDevices::as_set;
  const LibcudaAnswer visible = reader.ask_libcuda(question);
  if (visible.end == ProbeEnd::answered) {
    winner.visible_devices = static_cast<int>(visible.devices.size());
  }
}

}  // namespace

KernelModule parse_kernel_module(std::string_view text) {
  KernelModule module;
  const std::vector<std::string_view> lines = base::split_lines(text);
  if (lines.empty() || !lines[0].starts_with("NVRM version:")) return module;
  module.open = lines[0].find("Open Kernel Module") != std::string_view::npos;
  for (const std::string_view word : base::split_words(lines[0])) {
    if (!driver_version_in("libcuda.so." + std::string(word)).empty()) {
      module.version = word;
      break;
    }
  }
  return module;
}

NvidiaProbe probe_nvidia(const HostReader& reader, const base::Clock& clock, ProbeDepth depth) {
  NvidiaProbe probe;
  probe.facts = kernel_facts(reader);
  probe.facts.libcuda = find_libcuda(reader);
  ask_versions(reader, clock, probe);
  if (!probe.facts.winner) return probe;
  LibcudaCandidate& winner = probe.facts.libcuda[*probe.facts.winner];
  const bool usable = winner.end == ProbeEnd::answered && !winner.is_stub;
  if (usable && wants_devices(reader, probe.facts, depth)) ask_devices(reader, winner);
  return probe;
}

}  // namespace hpcenv::host
