// hpcenv probe
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "host/cuda_tables.hpp"
#include "host/node_profile.hpp"
#include "ops/capture.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--no-devices", "", "ask the driver for its version only", OptionSpec::Kind::flag},
    OptionSpec{"--devices", "", "ask for the devices too, also as root (initializes the driver)",
               OptionSpec::Kind::flag},
    OptionSpec{"--capture", "DIR",
               "also write down all that was read, for a bug report; names of user and host, paths "
               "and secrets are masked"},
    OptionSpec{"--captured", "DIR",
               "a machine as `hpcenv probe --capture DIR` wrote it, not this one"},
};

constexpr std::array examples{"hpcenv probe", "hpcenv probe --json > node.json",
                              "srun -p gpu --gpus 1 hpcenv probe --json",
                              "hpcenv probe --capture my-machine"};

const char* outcome(const host::LibcudaCandidate& candidate) {
  switch (candidate.end) {
    case host::ProbeEnd::answered:
      return candidate.is_stub ? "stub, not a driver" : "answered";
    case host::ProbeEnd::cannot_load:
      return "cannot be loaded";
    case host::ProbeEnd::timed_out:
      return "did not answer in time";
    case host::ProbeEnd::crashed:
      return "crashed";
    case host::ProbeEnd::not_run:
      return "not asked";
  }
  return "";
}

std::string driver_text(const host::NvidiaFacts& nvidia) {
  if (nvidia.kernel_module.empty()) {
    return nvidia.nouveau ? "nouveau (no CUDA)" : "not loaded";
  }
  return nvidia.kernel_module + (nvidia.open_kernel_module ? " (open kernel module)" : "");
}

std::string library_table(const host::NvidiaFacts& nvidia) {
  std::vector<std::vector<std::string>> rows{{"libcuda", "Version", "Result"}};
  for (std::size_t i = 0; i < nvidia.libcuda.size(); ++i) {
    const host::LibcudaCandidate& candidate = nvidia.libcuda[i];
    const std::string mark = nvidia.winner == i ? " (used)" : "";
    rows.push_back({candidate.path + mark, candidate.file_version, outcome(candidate)});
  }
  return rows.size() == 1 ? "" : "\n" + table_text(rows);
}

/// The GPUs that the driver told of; of the library behind the one in front where that shows none.
const std::vector<host::CudaDevice>* known_devices(const host::NvidiaFacts& nvidia) {
  if (nvidia.winner && !nvidia.libcuda[*nvidia.winner].devices.empty()) {
    return &nvidia.libcuda[*nvidia.winner].devices;
  }
  for (const host::LibcudaCandidate& library : nvidia.libcuda) {
    if (!library.devices.empty()) return &library.devices;
  }
  return nullptr;
}

/// How the library that programs get started.
std::string start_text(const host::NvidiaFacts& nvidia) {
  std::string why = host::why_no_devices(nvidia);
  if (!nvidia.winner) return why;
  const host::LibcudaCandidate& winner = nvidia.libcuda[*nvidia.winner];
  if (winner.init_code.value_or(0) != 0) {
    const std::string failed = fmt::format("cuInit failed with {} {}", *winner.init_code,
                                           host::cuda_error(*winner.init_code).name);
    return why.empty() ? failed + "; the node's own library behind it starts" : failed;
  }
  if (!why.empty()) return why;
  return fmt::format("{} GPU{} in {} ms", winner.devices.size(),
                     winner.devices.size() == 1 ? "" : "s", winner.init_milliseconds.value_or(0));
}

std::string device_table(const host::NvidiaFacts& nvidia) {
  std::vector<std::vector<std::string>> rows{{"GPU", "Capability", "Memory", "UUID"}};
  if (const std::vector<host::CudaDevice>* devices = known_devices(nvidia)) {
    for (const host::CudaDevice& device : *devices) {
      rows.push_back({device.name,
                      fmt::format("{}.{}", device.capability_major, device.capability_minor),
                      base::human_bytes(device.memory_bytes), device.uuid});
    }
  }
  return rows.size() == 1 ? "" : "\n" + table_text(rows);
}

std::string profile_text(const host::NodeProfile& profile) {
  const auto cuda = host::cuda_version_of(profile);
  std::vector<std::vector<std::string>> rows{
      {"machine", profile.hostname},
      {"kernel", profile.kernel},
      {"glibc", profile.glibc.empty() ? "none found" : profile.glibc},
      {"processor", fmt::format("{} ({})", profile.machine, profile.cpu)},
      {"memory", base::human_bytes(profile.memory_bytes)},
      {"NVIDIA GPUs on PCI", std::to_string(profile.nvidia.pci_gpus)},
      {"NVIDIA kernel module", driver_text(profile.nvidia)},
      {"CUDA of the driver", cuda ? *cuda : "none"},
      {"start of the driver", start_text(profile.nvidia)},
  };
  std::string text =
      table_text(rows) + library_table(profile.nvidia) + device_table(profile.nvidia);
  std::vector<std::vector<std::string>> mounts{{"Storage", "Path", "Type", "Free"}};
  for (const host::MountFacts& mount : profile.mounts) {
    mounts.push_back(
        {mount.purpose, mount.path, mount.facts.type, base::human_bytes(mount.facts.free_bytes)});
  }
  return mounts.size() == 1 ? text : text + "\n" + table_text(mounts);
}

host::ProbeDepth depth_of(const Arguments& arguments) {
  if (arguments.has("no-devices")) {
    return host::ProbeDepth::versions;
  }
  return arguments.has("devices") ? host::ProbeDepth::devices : host::ProbeDepth::automatic;
}

Result<int> capture(const Arguments& arguments, Session& session) {
  const std::string folder = arguments.value("capture");
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::Captured captured,
                ops::capture_machine(locations.working_directory / folder, depth_of(arguments),
                                     locations, session.local_seams()));
  session.end_progress();
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["profile"] = host::profile_to_json(captured.profile);
    body["capture"] = {{"folder", folder}, {"files", captured.files}, {"bytes", captured.bytes}};
    output.print_json(body, true);
    return 0;
  }
  output.print(
      fmt::format("Wrote {} ({} files, {}), without your name, the host's and secrets.\n"
                  "Look at it with: hpcenv probe --captured {}\n",
                  folder, captured.files, base::human_bytes(captured.bytes), folder));
  return 0;
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.has("captured")) {
    HPCENV_TRY(session.look_at_capture(arguments.value("captured")));
  }
  if (arguments.has("capture")) return capture(arguments, session);
  HPCENV_ASSIGN(
      const host::NodeProfile profile,
      host::probe_node(session.reader(), session.runner(), session.clock(), depth_of(arguments)));
  if (session.output().json()) {
    base::Json body;
    body["profile"] = host::profile_to_json(profile);
    session.output().print_json(body, true);
  } else {
    session.output().print(profile_text(profile));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec probe_command{
    .name = "probe",
    .summary = "show what this machine is: driver, GPUs, glibc, processor, storage",
    .synopsis = "[--devices | --no-devices] [--capture DIR]",
    .details =
        "The driver is asked through its own library, in a process of its own with a deadline. "
        "Devices are\n"
        "asked for where device files of NVIDIA are there, as root only where none is missing.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(probe_command));

}  // namespace hpcenv::cli
