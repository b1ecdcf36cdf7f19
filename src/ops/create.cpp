#include "ops/create.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/platform.hpp"
#include "host/node_profile.hpp"
#include "packages/fetch.hpp"
#include "packages/package_cache.hpp"
#include "prefix/transaction.hpp"

namespace hpcenv::ops {
namespace {

std::vector<std::string> root_names(const std::vector<conda::MatchSpec>& specs) {
  std::vector<std::string> names;
  names.reserve(specs.size());
  for (const conda::MatchSpec& spec : specs) {
    names.push_back(base::to_lower(spec.name.text()));
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

std::vector<conda::PackageRecord> records_of(const host::VirtualPackages& virtual_packages) {
  std::vector<conda::PackageRecord> records;
  records.reserve(virtual_packages.packages.size());
  for (const host::VirtualPackage& package : virtual_packages.packages) {
    records.push_back(host::to_record(package));
  }
  return records;
}

// Decision 3: a toolkit newer than the driver's minor installs, but PTX that is handed to the
// driver fails with error 222.
Result<std::vector<conda::MatchSpec>> soft_bounds(const host::VirtualPackages& virtual_packages) {
  std::vector<conda::MatchSpec> preferences;
  for (const host::VirtualPackage& package : virtual_packages.packages) {
    if (package.name == "__cuda") {
      HPCENV_ASSIGN(conda::MatchSpec bound,
                    conda::MatchSpec::parse("cuda-version <=" + package.version));
      preferences.push_back(std::move(bound));
    }
  }
  return preferences;
}

Result<index::ChannelIndex> read_channels(const CreateRequest& request, const Locations& locations,
                                          const Seams& seams) {
  seams.reporter.step("Reading channels");
  index::IndexRequest wanted;
  wanted.channels = request.wishes.channels;
  wanted.subdirs = conda::subdirs_for(request.subdir);
  wanted.root_names = root_names(request.wishes.specs);
  wanted.cache_directory = locations.index();
  wanted.offline = request.offline;
  return index::load_index(wanted, seams.http, seams.clock, seams.reporter);
}

Result<solve::SolveOutcome> solve_wishes(const CreateRequest& request,
                                         const index::ChannelIndex& channel_index,
                                         const host::VirtualPackages& virtual_packages,
                                         const Seams& seams) {
  seams.reporter.step("Solving");
  solve::SolveRequest wanted;
  wanted.index = &channel_index;
  wanted.specs = request.wishes.specs;
  wanted.virtual_packages = records_of(virtual_packages);
  HPCENV_ASSIGN(wanted.preferences, soft_bounds(virtual_packages));
  wanted.priority = request.priority;
  wanted.channel_alias = request.channel_alias;
  wanted.method = request.method;
  return solve::solve(wanted);
}

void add_cost(CreateDecision& decision, const packages::PackageCache& cache) {
  for (const conda::PackageRecord& record : decision.plan.link) {
    if (!cache.find(record)) {
      decision.fetch.push_back(record.file_name);
      decision.download_bytes += record.size.value_or(0);
    }
  }
}

Result<> check_space(const std::filesystem::path& prefix, const prefix::Budget& budget) {
  HPCENV_ASSIGN(const base::FileSystemFacts facts, base::file_system_facts(prefix));
  if (budget.bytes > facts.free_bytes) {
    return fail_hint(
        ErrorKind::no_space,
        fmt::format("{} needs {}, but its file system has {} free", prefix.string(),
                    base::human_bytes(budget.bytes), base::human_bytes(facts.free_bytes)),
        "choose another place with -p PREFIX or HPCENV_ROOT");
  }
  if (facts.total_inodes != 0 && budget.inodes > facts.free_inodes) {
    return fail_hint(ErrorKind::no_space,
                     fmt::format("{} needs {} files, but its file system has room for {}",
                                 prefix.string(), budget.inodes, facts.free_inodes),
                     "choose another place with -p PREFIX or HPCENV_ROOT");
  }
  return {};
}

}  // namespace

Result<CreateOutcome> decide_create(const CreateRequest& request, const Locations& locations,
                                    const Seams& seams) {
  HPCENV_TRY(prefix::check_new_prefix(request.prefix));
  seams.reporter.step("Looking at this machine");
  HPCENV_ASSIGN(
      const host::NodeProfile profile,
      host::probe_node(seams.reader, seams.runner, seams.clock, host::ProbeDepth::automatic));
  CreateDecision decision;
  decision.machine = profile.hostname;
  decision.virtual_packages =
      host::virtual_packages(profile, seams.reader.environment(), request.subdir);
  for (const std::string& warning : decision.virtual_packages.warnings) {
    seams.reporter.warning(warning);
  }
  HPCENV_ASSIGN(const index::ChannelIndex channel_index, read_channels(request, locations, seams));
  HPCENV_ASSIGN(solve::SolveOutcome outcome,
                solve_wishes(request, channel_index, decision.virtual_packages, seams));
  if (auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    return CreateOutcome(std::move(*conflict));
  }
  const auto& solution = std::get<solve::Solution>(outcome);
  decision.notes = solution.notes;
  HPCENV_ASSIGN(const prefix::MetaFingerprint based_on, prefix::fingerprint(request.prefix));
  decision.plan =
      prefix::make_plan(prefix::PrefixState{request.prefix, {}, based_on}, solution.packages);
  decision.plan.requested_specs = request.wishes.spec_texts;
  decision.plan.command_line = request.command_line;
  for (const auto& [name, value] : request.wishes.variables) {
    decision.plan.variables.push_back({name, value});
  }
  HPCENV_ASSIGN(const packages::PackageCache cache,
                packages::PackageCache::open(locations.packages()));
  add_cost(decision, cache);
  return CreateOutcome(std::move(decision));
}

Result<CreateReport> carry_out_create(const CreateDecision& decision,
                                      const prefix::LinkOptions& options,
                                      const Locations& locations, const Seams& seams) {
  HPCENV_ASSIGN(packages::PackageCache cache, packages::PackageCache::open(locations.packages()));
  HPCENV_ASSIGN(const std::vector<conda::UnpackedPackage> unpacked,
                packages::ensure_unpacked(decision.plan.link, cache, seams.http, seams.reporter));
  HPCENV_ASSIGN(const prefix::Budget budget, prefix::exact_budget(unpacked, decision.plan.prefix));
  HPCENV_TRY(check_space(decision.plan.prefix, budget));
  seams.reporter.step("Linking");
  HPCENV_ASSIGN(prefix::PrepareOutcome outcome,
                prefix::prepare(decision.plan, unpacked, options, {"hpcenv create", {}, {}},
                                seams.runner, seams.reporter));
  if (std::holds_alternative<prefix::PlanIsStale>(outcome)) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} was changed while it was planned for", decision.plan.prefix.native()),
        "run the same command again");
  }
  const auto change = std::get<std::shared_ptr<prefix::PreparedChange>>(std::move(outcome));
  HPCENV_ASSIGN(prefix::ChangeReport done, prefix::commit(*change, seams.runner, seams.reporter));
  if (auto registered = register_environment(locations, decision.plan.prefix); !registered) {
    seams.reporter.detail("not registered: " + registered.error().message);
  }
  CreateReport report{done.files, done.bytes, std::move(done.messages)};
  for (const std::string& path : done.kept) {
    report.messages.push_back(fmt::format("'{}' was in the way and is kept in {}/.hpcenv/kept",
                                          path, decision.plan.prefix.native()));
  }
  return report;
}

}  // namespace hpcenv::ops
