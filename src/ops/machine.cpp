#include "ops/machine.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/platform.hpp"
#include "host/node_profile.hpp"
#include "host/target.hpp"

namespace hpcenv::ops {
namespace {

Result<> check_subdir(const MachineRequest& request) {
  const bool is_known = conda::is_known_subdir(request.subdir) && request.subdir != "noarch";
  if (!request.subdir.empty() && !is_known) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("'{}' is no platform that hpcenv knows", request.subdir),
                     "write it like linux-64 or linux-aarch64");
  }
  return {};
}

Result<> check_against_environment(const Machine& machine, const MachineRequest& request) {
  if (request.installed_subdir.empty() || request.installed_subdir == machine.subdir) {
    return {};
  }
  return fail_hint(
      ErrorKind::refused,
      fmt::format("the environment holds packages for {}, not for {}", request.installed_subdir,
                  machine.subdir),
      "make another one for that platform: hpcenv create --platform " + machine.subdir);
}

Result<host::Target> read_target(const MachineRequest& request, const Locations& locations,
                                 const base::Environment& environment) {
  return host::load_target(request.target, host::target_directories(environment),
                           locations.working_directory);
}

Result<Machine> machine_of_target(const MachineRequest& request, const Locations& locations,
                                  const Seams& seams) {
  const base::Environment& environment = seams.reader.environment();
  HPCENV_ASSIGN(const host::Target target, read_target(request, locations, environment));
  Machine machine;
  HPCENV_ASSIGN(machine.subdir, host::subdir_of(target));
  if (!request.subdir.empty() && request.subdir != machine.subdir) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("target {} is {}, but --platform says {}", target.name,
                                 machine.subdir, request.subdir),
                     "leave --platform out: the target decides");
  }
  machine.name = target.name;
  machine.target = target.name;
  machine.target_file = target.file.string();
  machine.taken_at = host::oldest_profile(target);
  machine.age_days = host::age_in_days(machine.taken_at, seams.clock.now());
  for (const host::NodeProfile& node : target.nodes) {
    machine.nodes.push_back(node.hostname);
    machine.profiles.push_back(node);
  }
  machine.virtual_packages = host::virtual_packages(target, environment, machine.subdir);
  if (host::is_old(machine.age_days)) {
    seams.reporter.warning(
        fmt::format("target {} was profiled {}, its drivers may be others now; take it again with: "
                    "{}",
                    target.name, host::age_text(machine.age_days), host::renew_command(target)));
  }
  return machine;
}

Result<Machine> this_machine(const MachineRequest& request, const Locations& locations,
                             const Seams& seams) {
  seams.reporter.step("Looking at this machine");
  HPCENV_ASSIGN(const host::NodeProfile profile,
                host::probe_node(seams.reader, seams.runner, seams.clock,
                                 host::ProbeDepth::automatic, host::ProbeScope::solving));
  Machine machine;
  HPCENV_ASSIGN(machine.subdir, subdir_meant(request, locations, seams.reader.environment()));
  machine.name = machine.runs_here() ? profile.hostname : machine.subdir + " (not this machine)";
  machine.virtual_packages =
      host::virtual_packages(profile, seams.reader.environment(), machine.subdir);
  if (machine.runs_here()) machine.profiles.push_back(profile);
  return machine;
}

/// Virtual packages that an empty variable takes away.
constexpr std::array<std::pair<const char*, const char*>, 2> removable = {
    std::pair("__cuda", "CONDA_OVERRIDE_CUDA"),
    std::pair("__cuda_arch", "CONDA_OVERRIDE_CUDA_ARCH")};

solve::Machine::Source source_of(const Machine& machine, const host::VirtualPackage& package) {
  switch (package.origin) {
    case host::VirtualPackage::Origin::overridden:
      return {"set by " + package.source, package.source};
    case host::VirtualPackage::Origin::assumed:
      return {"assumed: " + package.source, {}};
    case host::VirtualPackage::Origin::detected:
      break;
  }
  if (machine.target_file.empty()) return {package.source, {}};
  return {fmt::format("{} in {}", package.source, machine.target_file), {}};
}

}  // namespace

solve::Machine words_of(const Machine& machine, const base::Environment& environment) {
  solve::Machine words;
  words.name = machine.runs_here() ? "this machine" : fmt::format("the {} machine", machine.subdir);
  if (!machine.target.empty()) {
    words.kind = solve::Machine::Kind::target;
    words.name = "target " + machine.target;
  }
  for (const host::VirtualPackage& package : machine.virtual_packages.packages) {
    words.sources[package.name] = source_of(machine, package);
  }
  for (const auto& [name, variable] : removable) {
    if (words.sources.contains(name)) continue;
    const auto given = environment.get(variable);
    if (given.has_value() && base::trim(*given).empty()) {
      words.sources[name] = {fmt::format("{} is empty", variable), variable};
    } else if (!machine.target_file.empty()) {
      words.sources[name] = {machine.target_file, {}};
    }
  }
  return words;
}

std::string installed_subdir(const prefix::PrefixState& state) {
  for (const conda::PrefixRecord& package : state.packages) {
    const std::string& subdir = package.record.subdir;
    if (!subdir.empty() && subdir != "noarch") return subdir;
  }
  return {};
}

Result<std::string> subdir_meant(const MachineRequest& request, const Locations& locations,
                                 const base::Environment& environment) {
  HPCENV_TRY(check_subdir(request));
  if (!request.subdir.empty()) return request.subdir;
  if (!request.target.empty()) {
    HPCENV_ASSIGN(const host::Target target, read_target(request, locations, environment));
    return host::subdir_of(target);
  }
  return request.installed_subdir.empty() ? std::string(conda::native_subdir())
                                          : request.installed_subdir;
}

bool Machine::runs_here() const { return subdir == conda::native_subdir(); }

Result<Machine> machine_to_solve_for(const MachineRequest& request, const Locations& locations,
                                     const Seams& seams) {
  HPCENV_TRY(check_subdir(request));
  HPCENV_ASSIGN(Machine machine, request.target.empty()
                                     ? this_machine(request, locations, seams)
                                     : machine_of_target(request, locations, seams));
  HPCENV_TRY(check_against_environment(machine, request));
  for (const std::string& warning : machine.virtual_packages.warnings) {
    seams.reporter.warning(warning);
  }
  return machine;
}

}  // namespace hpcenv::ops
