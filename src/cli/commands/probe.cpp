// hpcenv probe
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/probe_report.hpp"
#include "cli/session.hpp"
#include "host/node_profile.hpp"
#include "ops/capture.hpp"
#include "ops/slurm_target.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--no-devices", "", "ask the driver for its version only", OptionSpec::Kind::flag},
    OptionSpec{"--devices", "", "ask for the devices too, also as root (initializes the driver)",
               OptionSpec::Kind::flag},
    OptionSpec{"--capture", "DIR",
               "also write down all that was read, names and secrets masked: for a bug report"},
    OptionSpec{"--captured", "DIR",
               "a machine as `hpcenv probe --capture DIR` wrote it, not this one"},
    OptionSpec{"--for-target", "DIR",
               "as the job of `hpcenv target add`: write what is seen there"},
};

constexpr std::array examples{"hpcenv probe", "hpcenv probe --json > node.json",
                              "srun -p gpu --gpus 1 hpcenv probe --json",
                              "hpcenv probe --capture my-machine"};

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

Result<int> answer(const std::string& folder, Session& session) {
  HPCENV_ASSIGN(const net::HttpOptions network, session.network_options());
  HPCENV_TRY(ops::answer_probe(folder, network, session.local_seams()));
  return 0;
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.has("for-target")) return answer(arguments.value("for-target"), session);
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
    session.output().print(probe_report(profile, session.output()));
    if (!session.is_captured()) {
      session.output().print(
          "\nTo choose packages for this machine elsewhere: hpcenv target add NAME --here\n");
    }
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
