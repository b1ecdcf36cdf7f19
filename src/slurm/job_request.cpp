#include "slurm/job_request.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

constexpr std::array<std::string_view, 4> launcher_names{"none", "srun", "torchrun", "mpi"};

struct Filled {
  std::string JobRequest::* member;
  ReachField field;
};
/// Fields that stand in where the request says nothing.
constexpr std::array filled_fields{
    Filled{&JobRequest::partition, ReachField::partition},
    Filled{&JobRequest::constraint, ReachField::constraint},
    Filled{&JobRequest::account, ReachField::account},
    Filled{&JobRequest::qos, ReachField::qos},
    Filled{&JobRequest::cluster, ReachField::cluster},
    Filled{&JobRequest::gpus, ReachField::gpus},
    Filled{&JobRequest::time, ReachField::time},
    Filled{&JobRequest::mpi, ReachField::mpi},
};

void fill_gpus(JobRequest& request, const Reach& reach) {
  request.gpu_option = reach.text(ReachField::gpu_option);
  const std::string type = reach.text(ReachField::gpu_type);
  const bool untyped = base::parse_unsigned(request.gpus).has_value();
  if (untyped && !type.empty()) request.gpus = type + ":" + request.gpus;
}

Result<> fill_memory(JobRequest& request, const Reach& reach) {
  const std::string memory = reach.text(ReachField::memory);
  if (memory != "forbidden") {
    if (request.memory.empty()) request.memory = memory;
    return {};
  }
  if (request.memory.empty()) return {};
  return fail_hint(ErrorKind::usage, "these nodes take no --mem: the site gives it out itself",
                   "leave --mem out, or remove the field `memory` from the target's file");
}

void fill_cpus(JobRequest& request, const Reach& reach) {
  const auto each = base::parse_unsigned(reach.text(ReachField::cpus_per_gpu));
  if (!request.cpus.empty() || !each || request.gpus.empty()) return;
  const std::string& gpus = request.gpus;
  const auto count = base::parse_unsigned(gpus.substr(gpus.rfind(':') + 1)).value_or(1);
  const auto tasks = base::parse_unsigned(request.node_tasks).value_or(1);
  request.cpus =
      std::to_string(std::max<std::uint64_t>(*each * count / std::max<std::uint64_t>(tasks, 1), 1));
}

}  // namespace

Result<Launcher> launcher_named(const std::string& name) {
  const auto found = std::ranges::find(launcher_names, name);
  if (found != launcher_names.end()) return static_cast<Launcher>(found - launcher_names.begin());
  return fail_hint(ErrorKind::usage, fmt::format("there is no launcher '{}'", name),
                   "launchers: none, srun, torchrun, mpi");
}

Result<RequeueSignal> parse_requeue_signal(const std::string& text) {
  // Those that Slurm can send and a program can catch.
  constexpr std::array<std::string_view, 5> names{"USR1", "USR2", "TERM", "INT", "HUP"};
  const auto parts = base::split(text, '@');
  std::string_view name = parts.front();
  if (name.starts_with("SIG")) name.remove_prefix(3);
  const auto seconds = parts.size() == 2 ? base::parse_unsigned(parts[1]) : std::nullopt;
  const bool known = std::ranges::find(names, name) != names.end();
  if (known && seconds && *seconds > 0 && *seconds < 65536) {
    return RequeueSignal{std::string(name), *seconds};
  }
  return fail_hint(ErrorKind::usage,
                   fmt::format("--requeue-on-signal {} is no signal and time", text),
                   "write a signal and the seconds before the time limit: USR1@120 (USR1, USR2, "
                   "TERM, INT, HUP)");
}

Result<> complete(JobRequest& request, const Reach& reach) {
  for (const Filled& filled : filled_fields) {
    if ((request.*filled.member).empty()) request.*filled.member = reach.text(filled.field);
  }
  fill_gpus(request, reach);
  HPCENV_TRY(fill_memory(request, reach));
  fill_cpus(request, reach);
  if (reach.text(ReachField::whole_node) == "exclusive") request.exclusive = true;
  for (const ReachField field : {ReachField::local_option, ReachField::options}) {
    const auto words = reach.values(field);
    // What the user typed comes last, and wins.
    request.sbatch_options.insert(request.sbatch_options.begin(), words.begin(), words.end());
  }
  request.head = reach.values(ReachField::head);
  request.interface = reach.text(ReachField::interface);
  request.host_suffix = reach.text(ReachField::host_suffix);
  request.visible = reach.values(ReachField::workdir);
  return {};
}

}  // namespace hpcenv::slurm
