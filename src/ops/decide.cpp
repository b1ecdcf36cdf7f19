#include "ops/decide.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "conda/platform.hpp"
#include "host/target.hpp"
#include "ops/explain.hpp"
#include "ops/question.hpp"
#include "ops/runnable.hpp"
#include "ops/standing_wishes.hpp"

namespace hpcenv::ops {
namespace {

/// Kind not_found for a name that shall become newer but is not there.
Result<> require_installed(const ChangeRequest& request, const prefix::PrefixState& state) {
  for (const conda::MatchSpec& spec : request.wishes.specs) {
    const bool is_there = std::ranges::any_of(state.packages, [&](const auto& package) {
      return spec.name.matches(package.record.name);
    });
    if (is_there || request.wishes.is_from_file(spec.text)) continue;
    return fail_hint(
        ErrorKind::not_found,
        fmt::format("{} is not installed in {}", spec.name.text(), request.prefix.string()),
        fmt::format("hpcenv install -p {} {}", request.prefix.string(), spec.text));
  }
  return {};
}

/// Without `__cuda` the newest builds, which need it, would give way to those of years ago.
Result<> require_gpu(const Wishes& wishes, const Machine& machine) {
  const auto& packages = machine.virtual_packages.packages;
  if (wishes.gpu_recipe.empty() ||
      std::ranges::find(packages, "__cuda", &host::VirtualPackage::name) != packages.end()) {
    return {};
  }
  return Failure(Error{
      ErrorKind::refused,
      fmt::format("the recipe {} is for machines with an NVIDIA GPU, and {} has no driver for "
                  "one (no __cuda)",
                  wishes.gpu_recipe, machine.name),
      {},
      {fmt::format("choose for the machine that the jobs run on: {}, then --on gpu",
                   host::profile_command("gpu", "")),
       "or say which CUDA version its driver has: CONDA_OVERRIDE_CUDA=12.9 hpcenv create ..."}});
}

std::vector<std::string> root_names(const ChangeRequest& request, const Question& question,
                                    const prefix::PrefixState& state) {
  std::set<std::string> names;
  for (const Specs* specs : {&question.specs, &question.kept}) {
    for (const conda::MatchSpec& spec : *specs) names.insert(spec.name.text());
  }
  for (const conda::PrefixRecord& package : state.packages) names.insert(package.record.name);
  if (request.rules.add_pip == ChoiceRules::AddPip::yes) names.insert("pip");
  return {names.begin(), names.end()};
}

Result<index::ChannelIndex> read_channels(const ChangeRequest& request, const Machine& machine,
                                          std::vector<std::string> names,
                                          const Locations& locations, const Seams& seams) {
  seams.reporter.step("Reading channels");
  index::IndexRequest wanted;
  wanted.fresh_for_seconds = request.rules.index_fresh_seconds;
  wanted.channels = request.wishes.channels;
  wanted.subdirs = conda::subdirs_for(machine.subdir);
  wanted.root_names = std::move(names);
  wanted.cache_directory = locations.index();
  wanted.offline = request.rules.offline;
  wanted.exclude_newer = request.rules.exclude_newer;
  return index::load_index(wanted, seams.http, seams.clock, seams.reporter);
}

Result<solve::SolveRequest> solve_request(const ChangeRequest& request, const Question& question,
                                          const prefix::PrefixState& state,
                                          const Machine& machine) {
  solve::SolveRequest wanted;
  wanted.specs = question.specs;
  wanted.kept = question.kept;
  wanted.update = question.update;
  wanted.update_all = request.scope == ChangeRequest::Scope::all;
  wanted.disallowed = question.disallowed;
  wanted.pins = question.pins;
  wanted.held = question.python_pin;
  for (const host::VirtualPackage& package : machine.virtual_packages.packages) {
    wanted.virtual_packages.push_back(host::to_record(package));
  }
  for (const conda::PrefixRecord& package : state.packages) {
    wanted.installed.push_back(package.record);
  }
  HPCENV_ASSIGN(wanted.preferences, bounds_of(machine));
  wanted.priority = request.rules.priority;
  wanted.channel_alias = request.rules.channel_alias;
  wanted.exclude_newer = request.rules.exclude_newer;
  wanted.method = request.rules.method;
  return wanted;
}

Result<solve::SolveOutcome> solve_question(const ChangeRequest& request, const Question& question,
                                           solve::SolveRequest wanted, const Machine& machine) {
  const MachineQuestion asked{wanted, question, machine, request.words};
  HPCENV_ASSIGN(solve::SolveOutcome outcome, solve_for_machine(asked));
  if (std::holds_alternative<solve::Conflict>(outcome)) return outcome;
  const auto& solution = std::get<solve::Solution>(outcome);
  const bool wants_pip = request.rules.add_pip == ChoiceRules::AddPip::yes &&
                         find_package(solution, "python") != nullptr &&
                         find_package(solution, "pip") == nullptr &&
                         std::ranges::binary_search(wanted.index->all_names, "pip");
  if (!wants_pip) return outcome;
  HPCENV_ASSIGN(conda::MatchSpec pip, conda::MatchSpec::parse("pip"));
  wanted.specs.push_back(std::move(pip));
  HPCENV_ASSIGN(solve::SolveOutcome with_pip, solve_for_machine(asked));
  // Nobody asked for pip by name: where none fits, there is none.
  return std::holds_alternative<solve::Conflict>(with_pip) ? std::move(outcome)
                                                           : std::move(with_pip);
}

void select_packages(const ChangeRequest& request, prefix::Plan& plan) {
  if (request.select == Select::all) return;
  const bool wants_named = request.select == Select::without_dependencies;
  const auto is_unwanted = [&](const conda::PackageRecord& record) {
    return (find_spec(request.wishes.specs, record.name) != nullptr) != wants_named;
  };
  std::erase_if(plan.link, is_unwanted);
  std::erase_if(plan.unlink, is_unwanted);
}

void add_to_history(const ChangeRequest& request, prefix::Plan& plan) {
  plan.command_line = request.command_line;
  plan.recipes = request.wishes.recipes;
  for (const auto& [name, value] : request.wishes.variables) {
    plan.variables.push_back({name, value});
  }
}

std::vector<std::string> names_to_reinstall(const ChangeRequest& request) {
  std::vector<std::string> names;
  if (request.reinstall == ChangeRequest::Reinstall::no) return names;
  for (const conda::MatchSpec& spec : request.wishes.specs) names.push_back(spec.name.text());
  return names;
}

ChangeDecision decision_without_solving(const ChangeRequest& request,
                                        const prefix::PrefixState& state, const Specs& earlier) {
  ChangeDecision decision;
  decision.action = request.action;
  decision.plan.prefix = state.prefix;
  decision.plan.based_on = state.fingerprint;
  decision.plan.requested_specs = wishes_to_note(request, state, earlier);
  add_to_history(request, decision.plan);
  return decision;
}

bool needs_no_solving(const ChangeRequest& request, const Question& question) {
  return request.action == Action::install && question.specs.empty() && question.update.empty();
}

}  // namespace

Result<Decided> decide(const ChangeRequest& request, const prefix::PrefixState& state,
                       const Locations& locations, const Seams& seams) {
  if (request.action == Action::update) HPCENV_TRY(require_installed(request, state));
  HPCENV_ASSIGN(const Specs earlier, wished_earlier(state));
  HPCENV_ASSIGN(const Question question, question_of(request, state, earlier));
  ChangeDecision decision = decision_without_solving(request, state, earlier);
  if (needs_no_solving(request, question)) return Decided(std::move(decision));
  HPCENV_ASSIGN(decision.machine, machine_to_solve_for(request.machine, locations, seams));
  const Machine& machine = *decision.machine;
  HPCENV_TRY(require_platform(request.wishes, machine.subdir));
  HPCENV_TRY(require_gpu(request.wishes, machine));
  HPCENV_ASSIGN(
      const index::ChannelIndex channels,
      read_channels(request, machine, root_names(request, question, state), locations, seams));
  HPCENV_ASSIGN(solve::SolveRequest wanted, solve_request(request, question, state, machine));
  wanted.machine = words_of(machine, seams.reader.environment());
  wanted.index = &channels;
  seams.reporter.step("Solving");
  HPCENV_ASSIGN(solve::SolveOutcome outcome,
                solve_question(request, question, std::move(wanted), machine));
  if (auto* conflict = std::get_if<solve::Conflict>(&outcome)) return Decided(std::move(*conflict));
  const auto& solution = std::get<solve::Solution>(outcome);
  const std::vector<std::string> reinstall = names_to_reinstall(request);
  prefix::Plan plan = prefix::make_plan(state, solution.packages, reinstall);
  decision.plan.link = std::move(plan.link);
  decision.plan.unlink = std::move(plan.unlink);
  select_packages(request, decision.plan);
  decision.notes = notes_on(request, question, channels, solution);
  return Decided(std::move(decision));
}

Result<ChangeDecision> decide_removal(const ChangeRequest& request,
                                      const prefix::PrefixState& state) {
  HPCENV_ASSIGN(const Specs earlier, wished_earlier(state));
  HPCENV_ASSIGN(const Removal removal, plan_removal(state, request.wishes.specs, earlier,
                                                    request.dependents, request.orphans));
  ChangeDecision decision;
  decision.action = Action::remove;
  decision.plan = prefix::make_plan(state, removal.stay);
  decision.plan.link.clear();
  decision.plan.removed_specs = removal.asked;
  decision.plan.removed_specs.insert(decision.plan.removed_specs.end(), removal.dependents.begin(),
                                     removal.dependents.end());
  add_to_history(request, decision.plan);
  const auto note = [&](const std::vector<std::string>& names, std::string_view why) {
    if (!names.empty())
      decision.notes.push_back(fmt::format("{} {}", base::join(names, ", "), why));
  };
  note(removal.dependents, removal.dependents.size() == 1 ? "goes too: it needs what is removed"
                                                          : "go too: they need what is removed");
  note(removal.orphans, removal.orphans.size() == 1 ? "goes too: nothing else needs it"
                                                    : "go too: nothing else needs them");
  note(removal.broken, "will lack what is removed (--force)");
  return decision;
}

}  // namespace hpcenv::ops
