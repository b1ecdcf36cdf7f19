#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "host/target.hpp"

namespace hpcenv::doctor {

namespace {

const Finding& no_slurm() {
  static const Finding finding = info("this machine is part of no Slurm cluster");
  return finding;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : base::split_lines(text)) {
    if (!base::trim(line).empty()) lines.emplace_back(base::trim(line));
  }
  return lines;
}

/// "Slurmctld(primary) at login01 is UP", one line a controller.
Finding judge_controllers(const SlurmFacts& slurm) {
  std::vector<std::string> lines = lines_of(slurm.ping_text);
  const auto up =
      std::ranges::count_if(lines, [](const auto& line) { return line.ends_with("UP"); });
  const auto down =
      std::ranges::count_if(lines, [](const auto& line) { return line.ends_with("DOWN"); });
  const std::string version = slurm.version.empty() ? "" : " " + slurm.version;
  if (up == 0) {
    const std::string words = lines.empty() ? "scontrol ping says nothing" : lines.front();
    return with_evidence(
        failure(
            fmt::format("Slurm{} cannot be used: {}", version, words),
            {"Tell who administers this cluster; no job can be submitted until it is back.", {}}),
        std::move(lines));
  }
  if (down > 0) {
    return with_evidence(
        warning(fmt::format("Slurm{} works, but not all of its controllers are up", version),
                {"Jobs run all the same; tell who administers this cluster if it stays so.", {}}),
        std::move(lines));
  }
  return with_evidence(pass(fmt::format("Slurm{} answers", version)), std::move(lines));
}

Finding examine_controller(const Subject& subject) {
  if (!subject.slurm) return unavailable("Slurm was not asked");
  switch (subject.slurm->ping) {
    case Asked::not_there:
      return no_slurm();
    case Asked::no_answer:
      return warning("`scontrol ping` does not answer: Slurm's controller is overloaded or hangs",
                     {"Try again later, and tell who administers this cluster if it stays so.",
                      {"scontrol ping"}});
    case Asked::answered:
    case Asked::failed:
      break;
  }
  return judge_controllers(*subject.slurm);
}

std::string gpus_words(const slurm::Partition& partition) {
  std::vector<std::string> kinds;
  for (const std::string& gres : partition.gres) {
    for (const slurm::Gpus& gpus : slurm::gpus_of_gres(gres)) {
      kinds.push_back(gpus.type.empty() ? fmt::format("{} GPUs", gpus.count)
                                        : fmt::format("{} {}", gpus.count, gpus.type));
    }
  }
  return base::join(kinds, " or ");
}

Finding judge_partitions(const SlurmFacts& slurm) {
  std::vector<std::string> evidence;
  std::vector<std::string> names;
  bool one_is_up = false;
  for (const slurm::Partition& partition : slurm.site.partitions) {
    const std::string gpus = gpus_words(partition);
    if (gpus.empty()) continue;
    names.push_back(partition.name);
    one_is_up = one_is_up || partition.state == "up";
    evidence.push_back(fmt::format("{} ({}): {} on {}", partition.name, partition.state, gpus,
                                   base::join(partition.nodes, " ")));
  }
  if (names.empty()) return info("no partition of this cluster has GPUs that Slurm knows of");
  const std::string list = base::join(names, ", ");
  if (!one_is_up) {
    return with_evidence(
        warning(fmt::format("no partition with GPUs is up ({})", list),
                {"Jobs that ask for a GPU wait; this says why nodes are down.", {"sinfo -R"}}),
        std::move(evidence));
  }
  const bool old_selection =
      !slurm.select_type.empty() && !slurm.select_type.ends_with("cons_tres");
  if (old_selection) {
    evidence.push_back("SelectType=" + slurm.select_type);
    return with_evidence(
        warning(fmt::format("GPUs are in {}, but this Slurm does not know --gpus", list),
                {"Ask for GPUs with --gres.", {"sbatch --gres=gpu:1 ..."}}),
        std::move(evidence));
  }
  return with_evidence(pass("GPUs are in " + list), std::move(evidence));
}

Finding examine_partitions(const Subject& subject) {
  if (!subject.slurm) return unavailable("Slurm was not asked");
  const SlurmFacts& slurm = *subject.slurm;
  switch (slurm.partitions) {
    case Asked::not_there:
      return slurm.ping == Asked::not_there ? no_slurm()
                                            : unavailable("not asked: the controller is not up");
    case Asked::no_answer:
      return unavailable("sinfo does not answer");
    case Asked::failed:
      return unavailable("sinfo says: " + slurm.problem);
    case Asked::answered:
      break;
  }
  return judge_partitions(slurm);
}

bool exports_nothing(const std::string& value) {
  const std::string lower = base::to_lower(value);
  return lower == "none" || lower == "nil";
}

/// Disks that no other node has, by their very names.
bool is_private_place(const host::MountFacts& place) {
  if (host::storage_of(place.facts) == host::Storage::memory) return true;
  constexpr std::array private_places{"/tmp/", "/var/tmp/", "/dev/shm/"};
  return host::storage_of(place.facts) == host::Storage::disk &&
         std::ranges::any_of(private_places,
                             [&](const char* start) { return place.path.starts_with(start); });
}

/// Where the examined environment lies, else where environments would.
const host::MountFacts* environment_place(const Subject& subject) {
  for (const char* purpose : {"environment", "environments"}) {
    const auto found = std::ranges::find(subject.places, purpose, &host::MountFacts::purpose);
    if (found != subject.places.end()) return &*found;
  }
  return nullptr;
}

bool is_only_node(const Subject& subject) {
  const auto& partitions = subject.slurm->site.partitions;
  return !partitions.empty() &&
         std::ranges::all_of(partitions, [&](const slurm::Partition& partition) {
           return partition.nodes == std::vector{subject.profile->hostname};
         });
}

Finding judge_place(const host::MountFacts& place, const Subject& subject) {
  std::vector<std::string> evidence{fmt::format("{}: {}", place.path, place.facts.type)};
  if (is_only_node(subject)) return pass("jobs run on this very node");
  if (is_private_place(place)) {
    return with_evidence(
        failure(fmt::format("{} is on this node alone ({}): jobs on other nodes do not find it",
                            place.path, place.facts.type),
                {"Keep environments where all nodes see them.",
                 {"export HPCENV_ROOT=/PATH/ON/A/SHARED/DISK/hpcenv"}}),
        std::move(evidence));
  }
  if (host::storage_of(place.facts) != host::Storage::disk) {
    return with_evidence(
        pass(fmt::format("jobs find {} on other nodes ({})", place.path, place.facts.type)),
        std::move(evidence));
  }
  return with_evidence(
      warning(
          fmt::format("{} is on a disk of this node ({}): jobs may not find it, where this "
                      "node does not share it with the others",
                      place.path, place.facts.type),
          {"Look from a node whether it is there.", {"srun ls -d " + shell_word(place.existing)}}),
      std::move(evidence));
}

Finding examine_export(const Subject& subject) {
  if (!subject.slurm) return unavailable("Slurm was not asked");
  if (subject.slurm->ping == Asked::not_there) return no_slurm();
  const std::string inherited = variable(subject, "SLURM_EXPORT_ENV");
  if (exports_nothing(inherited)) {
    return with_evidence(
        warning("steps of srun get no variables, not even PATH, and find no program",
                {"Let srun hand the variables on.", {"unset SLURM_EXPORT_ENV"}}),
        {"SLURM_EXPORT_ENV=" + inherited});
  }
  if (!variable(subject, "SLURM_JOB_ID").empty()) return pass("this job's steps get its variables");
  if (const host::MountFacts* place = environment_place(subject); place != nullptr) {
    Finding finding = judge_place(*place, subject);
    if (finding.severity != Severity::pass) return finding;
  }
  const std::string submitted = variable(subject, "SBATCH_EXPORT");
  if (exports_nothing(submitted)) {
    return with_evidence(info("sbatch hands no variables on; scripts of `hpcenv slurm` need none"),
                         {"SBATCH_EXPORT=" + submitted});
  }
  std::vector<std::string> defaults;
  for (const char* name : {"SBATCH_PARTITION", "SBATCH_ACCOUNT", "SBATCH_QOS", "SBATCH_TIMELIMIT",
                           "SBATCH_GRES", "SBATCH_GPUS"}) {
    const std::string value = variable(subject, name);
    if (!value.empty()) defaults.push_back(fmt::format("{}={}", name, value));
  }
  if (!defaults.empty()) {
    return with_evidence(info("variables set what sbatch does where an option does not: " +
                              base::join(defaults, " ")),
                         defaults);
  }
  return pass("jobs get this shell's variables, and find the environments");
}

/// What is wrong with what is known of a target; empty: nothing.
std::string outdated(const StoredTarget& target, std::int64_t now) {
  if (!target.problem.empty()) return target.problem;
  if (!target.driver_then.empty() && target.driver_then != target.driver_now) {
    const std::string then = target.driver_now.empty() ? "none" : target.driver_now;
    return fmt::format("target {} was profiled with driver {}, this node has {} now", target.name,
                       target.driver_then, then);
  }
  const auto days = host::age_in_days(target.oldest, now);
  return host::is_old(days)
             ? fmt::format("target {} was profiled {}", target.name, host::age_text(days))
             : "";
}

/// A target that cannot be read would be in the way of a new profile.
Remedy renew(const StoredTarget& target) {
  if (!target.problem.empty()) {
    return {
        "Remove it if it is yours (the site's stays behind yours), then take its profile again.",
        {"hpcenv target remove " + target.name, host::profile_command(target.name, "")}};
  }
  return {"Take the profile again, drivers are updated; of each kind of node that the target has.",
          {target.renew}};
}

Finding examine_targets(const Subject& subject) {
  if (subject.now == 0) return unavailable("no target was looked at");
  std::vector<std::string> old;
  std::vector<std::string> evidence;
  const StoredTarget* first = nullptr;
  for (const StoredTarget& target : subject.targets) {
    const std::string words = target.problem.empty()
                                  ? host::age_text(host::age_in_days(target.oldest, subject.now))
                                  : target.problem;
    evidence.push_back(fmt::format("{}: {}", target.name, words));
    const std::string why = outdated(target, subject.now);
    if (why.empty()) continue;
    old.push_back(why);
    if (first == nullptr) first = &target;
  }
  if (first != nullptr) {
    return with_evidence(warning(base::join(old, "; "), renew(*first)), std::move(evidence));
  }
  if (subject.targets.empty()) return pass("no target is stored, so that none is out of date");
  return with_evidence(pass("what is known of targets is recent"), std::move(evidence));
}

constexpr std::array checks = {
    Check{"S01", "slurm", "Slurm's controller", false, examine_controller, Looks::here, Cost::quick,
          false, Asks::slurm},
    Check{"S02", "gpu.partitions", "Partitions with GPUs", false, examine_partitions, Looks::here,
          Cost::quick, false, Asks::slurm},
    Check{"S03", "in.job", "GPUs of this Slurm job", false, examine_job, Looks::at_profile,
          Cost::quick, true, Asks::slurm},
    Check{"S04", "export", "What jobs get of this shell", false, examine_export, Looks::here,
          Cost::quick, true, Asks::slurm},
    Check{"S05", "stored.probe", "Age of what is known of targets", false, examine_targets},
};

}  // namespace

std::span<const Check> slurm_checks() { return checks; }

}  // namespace hpcenv::doctor
