#include "unit/prefix/change_case.hpp"

#include "prefix/state.hpp"

namespace hpcenv::test {

namespace fs = std::filesystem;

ChangePlan plan_change(const fs::path& prefix, const Packages& wanted) {
  prefix::PrefixState state;
  state.prefix = prefix;
  if (prefix::is_environment(prefix)) {
    state = prefix::read_state(prefix).value();
  } else {
    state.fingerprint = prefix::fingerprint(prefix).value();
  }
  std::vector<conda::PackageRecord> solution;
  for (const conda::UnpackedPackage& package : wanted) solution.push_back(package.record);
  ChangePlan change;
  change.plan = prefix::make_plan(state, solution);
  change.plan.based_on = state.fingerprint;
  change.plan.command_line = "hpcenv install";
  for (const conda::PackageRecord& record : change.plan.link) {
    for (const conda::UnpackedPackage& package : wanted) {
      if (package.record.dist_name() == record.dist_name()) change.packages.push_back(package);
    }
  }
  return change;
}

Result<prefix::ChangeReport> carry_out_plan(const ChangePlan& change,
                                            const prefix::LinkOptions& options) {
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  HPCENV_ASSIGN(prefix::PrepareOutcome outcome,
                prefix::prepare(change.plan, change.packages, options, *runner, reporter));
  if (std::holds_alternative<prefix::PlanIsStale>(outcome)) {
    return fail(ErrorKind::conflict, "the plan is stale");
  }
  return prefix::commit(*std::get<std::shared_ptr<prefix::PreparedChange>>(outcome), *runner,
                        reporter);
}

Result<prefix::ChangeReport> change_to(const fs::path& prefix, const Packages& wanted,
                                       const prefix::LinkOptions& options) {
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  HPCENV_TRY(prefix::complete_unfinished(prefix, options, options.lock, *runner, reporter));
  const ChangePlan change = plan_change(prefix, wanted);
  if (change.plan.link.empty() && change.plan.unlink.empty()) return prefix::ChangeReport();
  return carry_out_plan(change, options);
}

std::map<std::string, std::string> files_of(const fs::path& prefix) {
  auto files = snapshot(prefix);
  std::erase_if(files, [](const auto& entry) { return entry.first.starts_with("conda-meta/"); });
  return files;
}

std::vector<std::string> own_names(const fs::path& prefix) {
  if (!fs::exists(prefix / ".hpcenv")) return {};
  return names_in(prefix / ".hpcenv");
}

}  // namespace hpcenv::test
