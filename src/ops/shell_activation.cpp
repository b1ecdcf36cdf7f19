#include "ops/shell_activation.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "ops/activate.hpp"
#include "ops/activation_probe.hpp"
#include "ops/known_scripts.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

using shell::Dialect;
using shell::EnvironmentFacts;

constexpr std::string_view sh_ending = ".sh";
/// For scripts that a shell other than bash cannot source.
constexpr std::chrono::milliseconds foreign_deadline{10'000};

// What a script that activates and the one that deactivates have in common: packages call them the
// same, or "x-activate.sh" and "x-deactivate.sh".
std::string stem_of(const std::string& path) {
  const std::string name = script_name(path);
  return base::replace_all(name.substr(0, name.rfind('.')), "deactivate", "activate");
}

std::vector<std::string> scripts_in(const std::string& prefix, const char* folder,
                                    std::string_view ending) {
  const std::filesystem::path directory = std::filesystem::path(prefix) / "etc" / "conda" / folder;
  std::vector<std::string> scripts;
  const auto names = base::list_directory(directory);
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (name.ends_with(ending)) {
      scripts.push_back((directory / name).string());
    }
  }
  return scripts;
}

// What is known of the .sh scripts, told apart for one shell.
struct Sorted {
  std::vector<std::string> sourced;      ///< in the shell's own language
  std::vector<std::string> in_bash;      ///< by a bash of their own
  std::vector<std::string> interactive;  ///< for functions and completions, beside their rules
  std::vector<std::string> settled;      ///< stems of those whose deactivation needs no script
  shell::Recorded recorded;
};

bool sources_sh(Dialect dialect) { return dialect == Dialect::bash || dialect == Dialect::zsh; }

std::string twin_of(const std::string& script, Dialect dialect) {
  return script.substr(0, script.size() - sh_ending.size()) +
         std::string(shell::script_ending(dialect));
}

void place_live(const std::string& script, Dialect dialect, Sorted& sorted) {
  const std::string twin = twin_of(script, dialect);
  if (sources_sh(dialect)) {
    sorted.sourced.push_back(script);
  } else if (shell::script_ending(dialect) != sh_ending && base::path_exists(twin)) {
    sorted.sourced.push_back(twin);
  } else {
    sorted.in_bash.push_back(script);
    sorted.settled.push_back(stem_of(script));
  }
}

// One that is sourced for its functions has its counterpart sourced when the environment is left.
void place_recorded(const ScriptVerdict& verdict, Dialect dialect, Sorted& sorted) {
  const std::string own = sources_sh(dialect) ? verdict.path : twin_of(verdict.path, dialect);
  const bool sourced =
      verdict.interactive && (own != verdict.path || sources_sh(dialect)) && base::path_exists(own);
  if (sourced) {
    sorted.interactive.push_back(own);
  } else {
    sorted.settled.push_back(stem_of(verdict.path));
  }
}

// Recorded scripts whose guards are broken are run in a bash of their own, so that what they make
// is known, and can be undone.
Sorted sort_scripts(const KnownActivation& known, const base::Environment& now, Dialect dialect) {
  Sorted sorted;
  const shell::Activation& activation = known.activation;
  const bool holds = shell::broken_guards(activation.recorded, shell::without_effects(now)).empty();
  if (holds) sorted.recorded = activation.recorded;
  for (const std::string& script : activation.live_scripts) place_live(script, dialect, sorted);
  if (!known.record) return sorted;
  for (const ScriptVerdict& verdict : known.record->scripts) {
    if (verdict.kind == ScriptClass::refused) sorted.settled.push_back(stem_of(verdict.path));
    const bool by_rules = std::ranges::find(activation.recorded.scripts, verdict.path) !=
                          activation.recorded.scripts.end();
    if (by_rules) place_recorded(verdict, dialect, sorted);
    if (by_rules && !holds) sorted.in_bash.push_back(verdict.path);
  }
  std::ranges::sort(sorted.in_bash);
  return sorted;
}

// Scripts that only the shell's own language has are the package's word for that shell alone.
void add_native(const std::string& prefix, Dialect dialect, Sorted& sorted) {
  const std::string_view ending = shell::script_ending(dialect);
  if (ending == sh_ending) return;
  for (const std::string& script : scripts_in(prefix, "activate.d", ending)) {
    const std::string sh = script.substr(0, script.size() - ending.size()) + std::string(sh_ending);
    if (!base::path_exists(sh)) sorted.sourced.push_back(script);
  }
  std::ranges::sort(sorted.sourced);
}

bool ends_the_shell(const std::string& script) {
  const std::string text = base::read_file(script).value_or("");
  return std::ranges::any_of(base::split_lines(text), [](std::string_view line) {
    const auto words = base::split_words(line);
    return !words.empty() && (words.front() == "exit" || words.front() == "exit;");
  });
}

// Of scripts that were sourced; one that calls exit would close the user's shell.
std::vector<std::string> deactivation(const std::string& prefix, Dialect dialect,
                                      const std::vector<std::string>& settled) {
  std::vector<std::string> scripts =
      scripts_in(prefix, "deactivate.d", shell::script_ending(dialect));
  std::erase_if(scripts, [&](const std::string& script) {
    return std::ranges::find(settled, stem_of(script)) != settled.end() || ends_the_shell(script);
  });
  std::ranges::reverse(scripts);
  return scripts;
}

Result<EnvironmentFacts> declared_facts(const Locations& locations, const std::string& prefix) {
  EnvironmentFacts facts;
  facts.prefix = prefix;
  facts.name = name_of(locations, prefix);
  if (facts.name.empty()) facts.name = prefix;
  HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                prefix::state_variables(prefix));
  for (const prefix::StateVariable& variable : variables) {
    facts.variables.emplace_back(variable.name, variable.value);
  }
  return facts;
}

void add_scripts(const Sorted& sorted, Dialect dialect, EnvironmentFacts& facts) {
  facts.rules = sorted.recorded.rules;
  facts.interactive_scripts = sorted.interactive;
  facts.activate_scripts = sorted.sourced;
  facts.deactivate_scripts = deactivation(facts.prefix, dialect, sorted.settled);
}

struct Entered {
  EnvironmentFacts facts;
  std::vector<std::string> in_bash;
};

Result<Entered> facts_to_enter(const Locations& locations, const std::string& prefix,
                               const base::Environment& now, Dialect dialect,
                               const LocalSeams& seams) {
  Entered entered;
  HPCENV_ASSIGN(entered.facts, declared_facts(locations, prefix));
  HPCENV_ASSIGN(const KnownActivation known, known_activation({prefix, entered.facts.name},
                                                              ForNode::this_one, locations, seams));
  Sorted sorted = sort_scripts(known, now, dialect);
  add_native(prefix, dialect, sorted);
  add_scripts(sorted, dialect, entered.facts);
  entered.in_bash = sorted.in_bash;
  return entered;
}

// Of one that is left: what cannot be read of it does not keep anybody in, and nothing is recorded.
Entered facts_to_leave(const Locations& locations, const std::string& prefix,
                       const base::Environment& now, Dialect dialect, const LocalSeams& seams) {
  Entered bare;
  bare.facts.prefix = prefix;
  bare.facts.name = prefix;
  if (prefix.empty()) return bare;
  auto facts = declared_facts(locations, prefix);
  if (!facts) return bare;
  KnownActivation known;
  known.record = record_of({prefix, facts->name}, locations, seams.reader);
  known.activation.live_scripts = activate_scripts(prefix);
  if (known.record) use_record(*known.record, ForNode::this_one, known.activation);
  Sorted sorted = sort_scripts(known, now, dialect);
  add_native(prefix, dialect, sorted);
  add_scripts(sorted, dialect, *facts);
  return {*std::move(facts), sorted.in_bash};
}

// What scripts make that this shell cannot source, by a bash of their own.
Result<shell::Changes> changes_in_bash(const std::vector<std::string>& scripts,
                                       const base::Environment& incoming, const LocalSeams& seams) {
  const auto bash = base::find_program("bash", seams.reader.environment());
  if (!bash) {
    seams.reporter.warning(fmt::format("no bash on this machine: what {} would set is not there",
                                       script_names(scripts)));
    return shell::Changes{};
  }
  HPCENV_ASSIGN(const ProbeGround ground, ProbeGround::make(seams.reader.environment()));
  ProbeRequest request;
  request.bash = bash->string();
  request.scripts = scripts;
  request.incoming = incoming;
  request.deadline = foreign_deadline;
  request.writes = ProbeRequest::Writes::allowed;
  HPCENV_ASSIGN(const ProbeRun run, run_probe(request, ground, seams.runner));
  if (run.end == ProbeRun::End::complete) return shell::changes_between(run.before, run.after);
  seams.reporter.warning(fmt::format("the activation script {} did not come back in bash",
                                     scripts.at(std::min(run.reached, scripts.size() - 1))));
  return shell::Changes{};
}

// Statements that enter `entered`, with what its scripts make in a bash of their own.
template <class Make>
Result<std::vector<shell::Statement>> with_scripts(Entered& entered, const Make& make,
                                                   const base::Environment& now,
                                                   const LocalSeams& seams) {
  std::vector<shell::Statement> statements = make();
  if (entered.in_bash.empty()) return statements;
  const base::Environment incoming = shell::after_statements(statements, now);
  HPCENV_ASSIGN(entered.facts.changes, changes_in_bash(entered.in_bash, incoming, seams));
  return make();
}

}  // namespace

Result<std::string> enter_lines(const Locations& locations, const EnvironmentRef& environment,
                                const base::Environment& now, const ShellWish& wish,
                                const LocalSeams& seams) {
  HPCENV_ASSIGN(Entered wanted,
                facts_to_enter(locations, environment.prefix.string(), now, wish.dialect, seams));
  const Entered active =
      facts_to_leave(locations, shell::active_prefix(now), now, wish.dialect, seams);
  const auto make = [&] {
    return shell::enter(wanted.facts, active.facts, now, wish.stacking, wish.prompt);
  };
  HPCENV_ASSIGN(const auto statements, with_scripts(wanted, make, now, seams));
  return shell::render(statements, wish.dialect);
}

Result<std::string> leave_lines(const Locations& locations, const base::Environment& now,
                                const ShellWish& wish, const LocalSeams& seams) {
  const Entered active =
      facts_to_leave(locations, shell::active_prefix(now), now, wish.dialect, seams);
  Entered below = facts_to_leave(locations, shell::prefix_below(now), now, wish.dialect, seams);
  const auto make = [&] { return shell::leave(active.facts, below.facts, now, wish.prompt); };
  HPCENV_ASSIGN(const auto statements, with_scripts(below, make, now, seams));
  return shell::render(statements, wish.dialect);
}

}  // namespace hpcenv::ops
