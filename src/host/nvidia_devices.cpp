#include "host/nvidia_devices.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.hpp"
#include "host/compat.hpp"
#include "host/cuda_tables.hpp"

namespace hpcenv::host {

namespace {

using std::chrono::milliseconds;

/// cuInit takes seconds a GPU where persistence mode is off (facts/cuda.md 6).
constexpr milliseconds devices_deadline{20000};
constexpr milliseconds all_devices_deadline{40000};
constexpr const char* visible_name = "CUDA_VISIBLE_DEVICES";
constexpr int no_device = 100;
constexpr int invalid_device = 101;

bool has_node(const NvidiaFacts& facts, const char* node) {
  return std::ranges::find(facts.device_nodes, node) != facts.device_nodes.end();
}

/// Whether no device file is missing that root's cuInit would make.
bool has_all_nodes(const NvidiaFacts& facts) {
  const bool has_gpu = std::ranges::any_of(facts.device_nodes, [](const std::string& node) {
    constexpr std::string_view prefix = "/dev/nvidia";
    return node.size() > prefix.size() && base::parse_unsigned(node.substr(prefix.size()));
  });
  return has_gpu && has_node(facts, "/dev/nvidiactl") && has_node(facts, "/dev/nvidia-uvm");
}

DevicesSkipped reason_to_skip(const HostReader& reader, const NvidiaFacts& facts,
                              ProbeDepth depth) {
  if (depth == ProbeDepth::versions) return DevicesSkipped::not_wanted;
  if (depth == ProbeDepth::devices || facts.wsl) return DevicesSkipped::not_skipped;
  // Jetson's driver has nodes of other names, which the system always makes.
  const bool on_board = !facts.jetson.empty() && reader.exists("/dev/nvmap");
  if (on_board) return DevicesSkipped::not_skipped;
  if (!has_node(facts, "/dev/nvidiactl")) return DevicesSkipped::no_node;
  if (reader.is_root() && !has_all_nodes(facts)) return DevicesSkipped::as_root;
  return DevicesSkipped::not_skipped;
}

/// Asks one library a process, within one deadline for all of them.
class DeviceRound {
 public:
  DeviceRound(const HostReader& reader, const base::Clock& clock)
      : reader_(reader), clock_(clock), end_(clock.steady() + all_devices_deadline) {}

  const HostReader& reader() const { return reader_; }

  LibcudaAnswer ask(LibcudaQuestion question) const {
    const auto left = std::chrono::duration_cast<milliseconds>(end_ - clock_.steady());
    question.deadline = std::min(devices_deadline, left);
    if (question.deadline > milliseconds{0}) return reader_.ask_libcuda(question);
    LibcudaAnswer none;
    none.detail = "not asked: what came before took all the time there is";
    return none;
  }

 private:
  const HostReader& reader_;
  const base::Clock& clock_;
  std::chrono::steady_clock::time_point end_;
};

void take_devices(LibcudaAnswer answer, LibcudaCandidate& candidate) {
  candidate.init_end = answer.end;
  candidate.init_detail = std::move(answer.detail);
  candidate.init_code = answer.init_code;
  candidate.init_milliseconds = answer.init_milliseconds;
  candidate.devices = std::move(answer.devices);
}

std::size_t entries_of(const std::string& visible) {
  const auto entries = base::split(visible, ',');
  return static_cast<std::size_t>(
      std::ranges::count_if(entries, [](std::string_view entry) { return !entry.empty(); }));
}

/// Whether the answer under CUDA_VISIBLE_DEVICES leaves it open what the node has.
bool leaves_out(const LibcudaAnswer& answer, const std::string& visible) {
  if (answer.end == ProbeEnd::not_run) return true;
  if (answer.init_code == no_device || answer.init_code == invalid_device) return true;
  return answer.init_code == 0 && answer.devices.size() < entries_of(visible);
}

void start_library(const DeviceRound& round, LibcudaQuestion question,
                   LibcudaCandidate& candidate) {
  question.library = candidate.path;
  question.stage = ProbeStage::devices;
  const auto visible = round.reader().environment().get(visible_name);
  LibcudaAnswer seen;
  if (visible) {
    question.visible = LibcudaQuestion::VisibleDevices::as_set;
    seen = round.ask(question);
    if (seen.end == ProbeEnd::answered) {
      candidate.visible_devices = static_cast<int>(seen.devices.size());
    }
    if (!leaves_out(seen, *visible)) {
      take_devices(std::move(seen), candidate);
      return;
    }
    question.visible = LibcudaQuestion::VisibleDevices::all;
  }
  take_devices(round.ask(question), candidate);
  if (seen.init_code && seen.init_code != candidate.init_code) {
    candidate.visible_code = seen.init_code;
  }
}

bool is_usable(const LibcudaCandidate& library) {
  return library.end == ProbeEnd::answered && !library.is_stub;
}

/// The node's own library, where the one in front of it cannot be it.
LibcudaCandidate* library_behind(NvidiaFacts& facts) {
  const LibcudaCandidate& winner = facts.libcuda[*facts.winner];
  const bool failed = winner.init_code && *winner.init_code != 0;
  if (!winner.is_stub && !(is_compat_library(winner, facts.kernel_module) && failed))
    return nullptr;
  const auto own = std::ranges::find_if(facts.libcuda, [&](const LibcudaCandidate& library) {
    return is_usable(library) && library.cuda_version &&
           !is_compat_library(library, facts.kernel_module) && &library != &winner;
  });
  return own == facts.libcuda.end() ? nullptr : &*own;
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Where stubs and libraries for forward compatibility lie, which come with libraries besides.
std::vector<std::string> folders_in_front(const NvidiaFacts& facts) {
  std::vector<std::string> folders;
  for (const LibcudaCandidate& library : facts.libcuda) {
    if (library.is_stub || is_compat_library(library, facts.kernel_module)) {
      folders.push_back(folder_of(library.path));
    }
  }
  return folders;
}

/// NVML beside one of the drivers, of the version that the kernel has loaded: a stub has neither.
std::string management_library(const HostReader& reader, const NvidiaFacts& facts) {
  if (facts.kernel_module.empty()) return {};
  const std::string wanted = "/libnvidia-ml.so." + facts.kernel_module;
  for (const LibcudaCandidate& library : facts.libcuda) {
    if (!is_usable(library)) continue;
    for (const std::string& beside : {library.path, library.real_path}) {
      const std::string path = folder_of(beside) + "/libnvidia-ml.so.1";
      const std::string real = reader.real_path(path).value_or("");
      if (real.ends_with(wanted) && real.find("/stubs/") == std::string::npos) return path;
    }
  }
  return {};
}

std::string why_skipped(const NvidiaFacts& facts) {
  const bool shows_control = has_node(facts, "/dev/nvidiactl");
  switch (facts.devices_skipped.value_or(shows_control ? DevicesSkipped::as_root
                                                       : DevicesSkipped::no_node)) {
    case DevicesSkipped::no_node:
      return "there is no /dev/nvidiactl, so the driver was not started";
    case DevicesSkipped::as_root:
      return "hpcenv ran as root, whose start of the driver would make the device files that are "
             "missing in /dev";
    case DevicesSkipped::not_wanted:
      return "the driver was asked for its version only";
    case DevicesSkipped::not_skipped:
      return "the driver library does not tell";
  }
  return {};
}

}  // namespace

void ask_devices(const HostReader& reader, const base::Clock& clock, ProbeDepth depth,
                 NvidiaFacts& facts) {
  facts.devices_skipped = reason_to_skip(reader, facts, depth);
  if (!facts.winner || facts.devices_skipped != DevicesSkipped::not_skipped) return;
  const DeviceRound round(reader, clock);
  LibcudaCandidate& winner = facts.libcuda[*facts.winner];
  if (is_usable(winner)) start_library(round, {}, winner);
  if (LibcudaCandidate* own = library_behind(facts)) {
    LibcudaQuestion question;
    question.dropped = folders_in_front(facts);
    start_library(round, std::move(question), *own);
  }
}

void ask_management(const HostReader& reader, const base::Clock& clock, NvidiaFacts& facts) {
  const bool started = std::ranges::any_of(facts.libcuda, [](const LibcudaCandidate& library) {
    return library.init_end == ProbeEnd::answered;
  });
  if (!started) return;
  NvmlFacts nvml;
  nvml.path = management_library(reader, facts);
  if (nvml.path.empty()) return;
  LibcudaQuestion question;
  question.library = nvml.path;
  question.stage = ProbeStage::management;
  LibcudaAnswer answer = DeviceRound(reader, clock).ask(question);
  nvml.end = answer.end;
  nvml.detail = std::move(answer.detail);
  nvml.code = answer.management_code;
  nvml.gpus = std::move(answer.managed);
  facts.nvml = std::move(nvml);
}

std::string why_no_devices(const NvidiaFacts& facts) {
  const bool known = std::ranges::any_of(
      facts.libcuda, [](const LibcudaCandidate& library) { return !library.devices.empty(); });
  if (known) return {};
  if (!facts.winner || *facts.winner >= facts.libcuda.size()) {
    return "there is no driver library that programs could load";
  }
  const LibcudaCandidate& winner = facts.libcuda[*facts.winner];
  if (winner.is_stub) return "programs load a stub in place of the driver";
  if (winner.end != ProbeEnd::answered) return "the driver library does not answer";
  if (winner.init_end == ProbeEnd::timed_out) return "the driver hangs when it is started";
  if (winner.init_end == ProbeEnd::crashed) return "the driver crashes when it is started";
  if (!winner.init_code) return why_skipped(facts);
  if (*winner.init_code == 0) return "the driver shows no GPU";
  return fmt::format("cuInit failed with {} {}", *winner.init_code,
                     cuda_error(*winner.init_code).name);
}

}  // namespace hpcenv::host
