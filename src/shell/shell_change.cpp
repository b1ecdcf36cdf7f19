#include "shell/shell_change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "shell/activation.hpp"
#include "shell/leftovers.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Statement::Kind;
using Statements = std::vector<Statement>;
using Variables = std::vector<std::pair<std::string, std::optional<std::string>>>;

constexpr std::uint64_t deepest = 1000;

std::uint64_t level_of(const base::Environment& now) {
  return std::min(base::parse_unsigned(now.get_or("CONDA_SHLVL", "")).value_or(0), deepest);
}

std::string numbered(std::string_view name, std::uint64_t level) {
  return fmt::format("{}_{}", name, level);
}

// Where conda keeps what a variable was before the environment of the next level set it.
std::string saved_name(std::uint64_t level, std::string_view variable) {
  return fmt::format("__CONDA_SHLVL_{}_{}", level, variable);
}

Statement exported(std::string name, std::string value) {
  return {Kind::exported, std::move(name), std::move(value), std::nullopt};
}

Statement unset(std::string name) {
  return {Kind::unset, std::move(name), std::nullopt, std::nullopt};
}

// The environment's variables, and the one that every activation sets.
Variables variables_of(const EnvironmentFacts& facts) {
  Variables variables{{"PYTHONNOUSERSITE", "1"}};
  for (const auto& variable : facts.variables) {
    if (variable.first == "PYTHONNOUSERSITE") {
      variables.front() = variable;
    } else {
      variables.push_back(variable);
    }
  }
  return variables;
}

bool has_variable(const Variables& variables, std::string_view name) {
  return std::ranges::any_of(variables,
                             [&](const auto& variable) { return variable.first == name; });
}

std::string path_with(const std::string& path, const std::string& first, const std::string& gone) {
  std::string kept = first;
  for (const std::string_view element : base::split(path, ':')) {
    if (element == first || (!gone.empty() && element == gone)) continue;
    kept += kept.empty() ? "" : ":";
    kept += element;
  }
  return kept;
}

std::string incoming_path(const base::Environment& now) {
  const std::string path = now.get_or("PATH", "");
  return path.empty() ? std::string(fallback_path) : path;
}

// A prompt is expanded by the shell each time it is shown: a directory's name must not be code.
std::string harmless(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    const bool bad = c == '$' || c == '`' || c == '\\' || (c >= 0 && c < ' ') || c == 0x7f;
    kept += bad ? '?' : c;
  }
  return kept;
}

std::string prompt_for(const EnvironmentFacts& facts, const std::string& format) {
  const std::string last = facts.prefix.substr(facts.prefix.rfind('/') + 1);
  std::string text = base::replace_all(format, "{default_env}", harmless(facts.name));
  text = base::replace_all(std::move(text), "{name}", harmless(last));
  return base::replace_all(std::move(text), "{prefix}", harmless(facts.prefix));
}

// PS1 is in `now` only where the shell has a prompt; an older environment's word before it goes.
void change_prompt(const base::Environment& now, const std::string& modifier,
                   Statements& statements) {
  const auto prompt = now.get("PS1");
  if (!prompt) return;
  std::string rest = *prompt;
  const std::string older = now.get_or("CONDA_PROMPT_MODIFIER", "");
  if (const std::size_t at = older.empty() ? std::string::npos : rest.find(older);
      at != std::string::npos) {
    rest.erase(at, older.size());
  }
  statements.push_back({Kind::set, "PS1", modifier + rest, std::nullopt});
}

void add_scripts(const std::vector<std::string>& scripts, Statements& statements) {
  for (const std::string& script : scripts) {
    statements.push_back({Kind::source, script, std::nullopt, std::nullopt});
  }
}

void export_identity(const EnvironmentFacts& facts, std::uint64_t level,
                     const std::string& modifier, Statements& statements) {
  statements.push_back(exported("CONDA_PREFIX", facts.prefix));
  statements.push_back(exported("CONDA_SHLVL", std::to_string(level)));
  statements.push_back(exported("CONDA_DEFAULT_ENV", facts.name));
  statements.push_back(exported("CONDA_PROMPT_MODIFIER", modifier));
}

void set_variables(const EnvironmentFacts& facts, Statements& statements) {
  for (const auto& [name, value] : variables_of(facts)) {
    statements.push_back(value ? exported(name, *value) : unset(name));
  }
}

// Remembers what the environment of the next level is about to hide.
void save_variables(const EnvironmentFacts& wanted, std::uint64_t level,
                    const base::Environment& now, Statements& statements) {
  for (const auto& [name, value] : variables_of(wanted)) {
    if (const auto before = now.get(name)) {
      statements.push_back(exported(saved_name(level, name), *before));
    }
  }
}

// Gives back what the environment entered at `level` hid. `kept` are variables that the next one
// sets itself.
void restore_variables(const EnvironmentFacts& active, std::uint64_t level,
                       const base::Environment& now, const Variables& kept,
                       Statements& statements) {
  for (const auto& [name, value] : variables_of(active)) {
    if (has_variable(kept, name)) continue;
    const std::string saved = saved_name(level - 1, name);
    statements.push_back({Kind::restore, name, now.get(saved), value});
  }
}

void forget_saved(const EnvironmentFacts& active, std::uint64_t level, const base::Environment& now,
                  Statements& statements) {
  for (const auto& [name, value] : variables_of(active)) {
    const std::string saved = saved_name(level - 1, name);
    if (now.has(saved)) statements.push_back(unset(saved));
  }
}

void add_changes(const Changes& changes, Statements& statements) {
  for (const auto& [name, value] : changes) {
    statements.push_back(value ? exported(name, *value) : unset(name));
  }
}

// The variables without what the environment of `level` made of them.
base::Environment undo_effect(std::uint64_t level, const base::Environment& now,
                              Statements& statements) {
  base::Environment left = without_effect(now, level);
  add_changes(changes_between(now, left), statements);
  return left;
}

// What scripts make, recorded or found out, with notes from which it can be undone.
void add_effect(const EnvironmentFacts& facts, std::uint64_t level, const base::Environment& now,
                Statements& statements) {
  add_scripts(facts.interactive_scripts, statements);
  const base::Environment before = after_statements(statements, now);
  base::Environment after = apply_rules(facts.rules, before);
  for (const auto& [name, value] : facts.changes) {
    if (value) {
      after.set(name, *value);
    } else {
      after.unset(name);
    }
  }
  std::set<std::string> lists;
  for (const Rule& rule : facts.rules) {
    if (own_text(rule)) lists.insert(rule.name);
  }
  add_changes(effect_notes(level, before, after, lists), statements);
  // Interactive scripts may have set the same: what they set is set again.
  for (const Rule& rule : facts.rules) {
    if (facts.interactive_scripts.empty() || !is_variable_name(rule.name)) continue;
    const auto value = after.get(rule.name);
    statements.push_back(value ? exported(rule.name, *value) : unset(rule.name));
  }
  add_changes(changes_between(before, after), statements);
}

// Of assignments to one name with no script between them only the last one counts.
void compact(Statements& statements) {
  std::set<std::string> later;
  for (std::size_t i = statements.size(); i-- > 0;) {
    Statement& statement = statements[i];
    if (statement.kind == Kind::source || statement.kind == Kind::restore) {
      later.clear();
    } else if (!later.insert(statement.name).second) {
      statements.erase(statements.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

Statements enter_again(const EnvironmentFacts& wanted, std::uint64_t level,
                       const base::Environment& found, const std::string& modifier) {
  Statements statements;
  add_scripts(wanted.deactivate_scripts, statements);
  const base::Environment now = undo_effect(level, found, statements);
  change_prompt(now, modifier, statements);
  // A variable that is new since the environment was entered hides the user's from now on.
  for (const auto& [name, value] : variables_of(wanted)) {
    const auto before = now.get(name);
    const std::string saved = saved_name(level - 1, name);
    if (before && before != value && !now.has(saved)) {
      statements.push_back(exported(saved, *before));
    }
  }
  statements.push_back(exported("PATH", path_with(incoming_path(now), wanted.prefix + "/bin", "")));
  export_identity(wanted, level, modifier, statements);
  set_variables(wanted, statements);
  add_effect(wanted, level, found, statements);
  add_scripts(wanted.activate_scripts, statements);
  compact(statements);
  return statements;
}

bool is_stacked(const base::Environment& now, std::uint64_t level) {
  return now.get_or(numbered("CONDA_STACKED", level), "") == "true";
}

void leave_last(const base::Environment& now, Statements& statements) {
  for (const char* name : {"CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_PROMPT_MODIFIER"}) {
    statements.push_back(unset(name));
  }
  // A shell in which conda or mamba was set up counts from zero; any other has no such variable.
  const bool counts = now.has("CONDA_EXE") || now.has("MAMBA_EXE");
  statements.push_back(counts ? exported("CONDA_SHLVL", "0") : unset("CONDA_SHLVL"));
}

}  // namespace

std::string active_prefix(const base::Environment& now) {
  return level_of(now) == 0 ? "" : now.get_or("CONDA_PREFIX", "");
}

std::string prefix_below(const base::Environment& now) {
  const std::uint64_t level = level_of(now);
  return level < 2 ? "" : now.get_or(numbered("CONDA_PREFIX", level - 1), "");
}

std::vector<Statement> enter(const EnvironmentFacts& wanted, const EnvironmentFacts& active,
                             const base::Environment& found, Stacking stacking,
                             const PromptFormat& prompt) {
  const std::uint64_t level = level_of(found);
  const std::string older = active_prefix(found);
  const std::string modifier = prompt ? prompt_for(wanted, *prompt) : "";
  if (older == wanted.prefix) return enter_again(wanted, level, found, modifier);
  const bool replaces = !older.empty() && stacking == Stacking::replace;
  Statements statements;
  base::Environment now = found;
  if (replaces) {
    add_scripts(active.deactivate_scripts, statements);
    now = undo_effect(level, found, statements);
    restore_variables(active, level, now, variables_of(wanted), statements);
  }
  change_prompt(now, modifier, statements);
  save_variables(wanted, older.empty() ? 0 : level, now, statements);
  if (!older.empty()) {
    statements.push_back(exported(numbered("CONDA_PREFIX", level), older));
    if (!replaces) statements.push_back(exported(numbered("CONDA_STACKED", level + 1), "true"));
  }
  const std::string gone = replaces ? older + "/bin" : "";
  statements.push_back(
      exported("PATH", path_with(incoming_path(now), wanted.prefix + "/bin", gone)));
  const std::uint64_t new_level = older.empty() ? 1 : level + 1;
  export_identity(wanted, new_level, modifier, statements);
  set_variables(wanted, statements);
  add_effect(wanted, new_level, found, statements);
  add_scripts(wanted.activate_scripts, statements);
  compact(statements);
  return statements;
}

std::vector<Statement> leave(const EnvironmentFacts& active, const EnvironmentFacts& below,
                             const base::Environment& found, const PromptFormat& prompt) {
  Statements statements;
  const std::string prefix = active_prefix(found);
  if (prefix.empty()) return statements;
  const std::uint64_t level = level_of(found);
  const std::string back = prefix_below(found);
  const bool stacked = is_stacked(found, level);
  add_scripts(active.deactivate_scripts, statements);
  const base::Environment now = undo_effect(level, found, statements);
  restore_variables(active, level, now, {}, statements);
  forget_saved(active, level, now, statements);
  const std::string modifier = back.empty() || !prompt ? "" : prompt_for(below, *prompt);
  change_prompt(now, modifier, statements);
  const std::string first = back.empty() || stacked ? "" : back + "/bin";
  statements.push_back(exported("PATH", path_with(incoming_path(now), first, prefix + "/bin")));
  if (back.empty()) {
    leave_last(now, statements);
    compact(statements);
    return statements;
  }
  statements.push_back(unset(numbered("CONDA_PREFIX", level - 1)));
  export_identity(below, level - 1, modifier, statements);
  if (stacked) {
    statements.push_back(unset(numbered("CONDA_STACKED", level)));
    compact(statements);
    return statements;
  }
  set_variables(below, statements);
  add_effect(below, level - 1, found, statements);
  add_scripts(below.activate_scripts, statements);
  compact(statements);
  return statements;
}

base::Environment after_statements(const std::vector<Statement>& statements,
                                   const base::Environment& now) {
  base::Environment environment = now;
  for (const Statement& statement : statements) {
    const bool restores = statement.kind == Kind::restore;
    if (statement.kind == Kind::source) continue;
    if (restores && environment.get(statement.name) != statement.ours) continue;
    if (statement.value) {
      environment.set(statement.name, *statement.value);
    } else {
      environment.unset(statement.name);
    }
  }
  return environment;
}

}  // namespace hpcenv::shell
