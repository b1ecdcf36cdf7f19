#include "shell/modulefile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "base/text.hpp"
#include "shell/module_steps.hpp"
#include "shell/rule_lines.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Operation::Kind;

bool has_control(std::string_view value) {
  return std::ranges::any_of(value,
                             [](unsigned char c) { return (c < ' ' && c != '\t') || c == 127; });
}

bool has_home_mark(std::string_view value) {
  return value.starts_with('~') || value.find(":~") != std::string_view::npos;
}

bool is_module_commands(std::string_view name) {
  for (const std::string_view start : {"LMOD_", "__LMOD_", "MODULEPATH", "MODULES", "__MODULES_",
                                       "LOADEDMODULES", "_LMFILES_", "_ModuleTable"}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

// Why no shell can get a value from a module command; empty where one can.
std::string reason_against(std::string_view value, ModuleKind kind) {
  if (value.find('\n') != std::string_view::npos) return "it holds a newline";
  if (value.find('\0') != std::string_view::npos) return "it holds a NUL byte";
  if (value.size() > longest_string) return std::string(too_long);
  if (kind == ModuleKind::lmod) return "";
  if (!is_utf8(value)) return "it is not UTF-8";
  if (has_control(value)) return "it holds a control character";
  return has_home_mark(value) ? "it would become a home directory: it holds ~" : "";
}

// The shells whose module command would change a value or run a part of it; empty: none.
std::string shells_against(std::string_view value, ModuleKind kind) {
  const bool lmod = kind == ModuleKind::lmod;
  const std::string_view for_csh = lmod ? "!\t{}\x1b" : "!{}[]*?";
  constexpr std::size_t words_of_old_csh = 8000;
  std::string shells;
  if (value.find_first_of(for_csh) != std::string_view::npos || !is_utf8(value)) {
    shells = "csh and tcsh";
  } else if (value.size() > words_of_old_csh) {
    shells = "the old csh";
  }
  const bool not_for_fish = value.find('\r') != std::string_view::npos;
  if (lmod && not_for_fish) shells += shells.empty() ? "fish" : ", fish";
  return shells;
}

Outcome substituted(const Outcome& outcome, const KnownVariables& known) {
  Outcome result{outcome.kind, {}};
  for (const Piece& piece : outcome.value) {
    const auto found = piece.kind == Piece::Kind::incoming ? known.find(piece.text) : known.end();
    Piece next = piece;
    if (found != known.end()) next = {Piece::Kind::text, found->second.value_or("")};
    const bool joins = next.kind == Piece::Kind::text && !result.value.empty() &&
                       result.value.back().kind == Piece::Kind::text;
    if (joins) {
      result.value.back().text += next.text;
    } else {
      result.value.push_back(std::move(next));
    }
  }
  return result;
}

Incoming state_of_known(const std::optional<std::string>& value) {
  if (!value) return Incoming::unset;
  return value->empty() ? Incoming::empty : Incoming::set;
}

// The rule where what operations made is put in.
Rule resolved(const Rule& rule, const KnownVariables& known) {
  Rule result{rule.name,
              rule.selector,
              substituted(rule.unset, known),
              substituted(rule.empty, known),
              substituted(rule.set, known),
              rule.scripts};
  const auto found = known.find(rule.selector);
  if (found == known.end()) return result;
  const Outcome outcome = result.outcome(state_of_known(found->second));
  result.selector = rule.name;
  result.unset = result.empty = result.set = outcome;
  return result;
}

bool is_list_of_directories(std::string_view text) {
  return !text.empty() && !text.starts_with(':') && !text.ends_with(':') &&
         text.find("::") == std::string_view::npos;
}

// What a prepend or append adds, where a module system can do it by itself.
std::optional<ModuleStep> as_list(const Rule& rule) {
  const RuleClass kind = class_of(rule);
  const bool front = kind == RuleClass::prepend;
  if (!front && kind != RuleClass::append) return std::nullopt;
  const std::string added = added_text(rule);
  const bool separated = front ? added.ends_with(':') : added.starts_with(':');
  if (!separated) return std::nullopt;
  std::string list = front ? added.substr(0, added.size() - 1) : added.substr(1);
  std::string alone;
  for (const Piece& piece : rule.unset.value) alone += piece.text;
  const bool plain = is_list_of_directories(list) && alone == list && rule.empty == rule.unset;
  if (!plain) return std::nullopt;
  ModuleStep step{front ? ModuleStep::Kind::front : ModuleStep::Kind::back, {}, std::move(list)};
  step.rule.name = rule.name;
  return step;
}

class Builder {
 public:
  explicit Builder(ModuleKind kind) : kind_(kind) {}

  void add_operation(const Operation& operation) {
    switch (operation.kind) {
      case Kind::set:
        known_[operation.name] = operation.value;
        add_always(operation.name, {Outcome::Kind::set, {{Piece::Kind::text, operation.value}}});
        break;
      case Kind::unset:
        known_[operation.name] = std::nullopt;
        add_always(operation.name, {Outcome::Kind::unset, {}});
        break;
      case Kind::prepend: {
        ModuleStep step{ModuleStep::Kind::front, {}, operation.value};
        step.rule.name = operation.name;
        add(std::move(step));
        break;
      }
      case Kind::undo_effects:
      case Kind::unset_prefix:
      case Kind::unset_functions:
      case Kind::drop_environments:
      case Kind::drop_shadowing:
        break;
    }
  }

  void add_rule(const Rule& rule, bool guarded) {
    const Rule now = resolved(rule, known_);
    const bool keeps =
        now.unset.kind == Outcome::Kind::keep && now.unset == now.empty && now.empty == now.set;
    if (keeps) return;
    std::optional<ModuleStep> list = as_list(now);
    ModuleStep step = list ? *list : ModuleStep{ModuleStep::Kind::choose, now, ""};
    step.guarded = guarded;
    add(std::move(step));
  }

  ModuleSteps take() {
    std::ranges::sort(result_.refused, {}, &RefusedVariable::name);
    std::ranges::sort(result_.in_some_shells, {}, &RefusedVariable::name);
    result_.known = known_;
    return std::move(result_);
  }

 private:
  void add_always(const std::string& name, const Outcome& outcome) {
    add({ModuleStep::Kind::choose, {name, name, outcome, outcome, outcome, {}}, ""});
  }

  void add(ModuleStep step) {
    const std::string& name = step.rule.name;
    std::string reason;
    if (!is_variable_name(name)) {
      reason = "a shell cannot name it";
    } else if (is_shells_own(name)) {
      reason = "the shell keeps it for itself";
    } else if (is_module_commands(name)) {
      reason = "the module command keeps it for itself";
    } else if (name == "PATH" && step.kind == ModuleStep::Kind::choose) {
      reason = "a module can only add to it";
    } else {
      reason = against(step);
    }
    if (!reason.empty()) {
      result_.refused.push_back({name, reason});
      return;
    }
    note_shells(step);
    if (step.kind == ModuleStep::Kind::choose) {
      std::erase_if(result_.steps, [&](const ModuleStep& other) {
        return other.rule.name == name && other.kind == ModuleStep::Kind::choose;
      });
    }
    result_.steps.push_back(std::move(step));
  }

  template <class Judge>
  std::string first_of(const ModuleStep& step, const Judge& judge) const {
    if (step.kind != ModuleStep::Kind::choose) return judge(step.list, kind_);
    for (const Outcome* outcome : {&step.rule.unset, &step.rule.empty, &step.rule.set}) {
      for (const Piece& piece : outcome->value) {
        if (piece.kind != Piece::Kind::text) continue;
        if (std::string said = judge(piece.text, kind_); !said.empty()) return said;
      }
    }
    return "";
  }

  std::string against(const ModuleStep& step) const { return first_of(step, reason_against); }

  void note_shells(const ModuleStep& step) {
    std::string shells = first_of(step, shells_against);
    if (shells.empty()) return;
    result_.in_some_shells.push_back(
        {step.rule.name, fmt::format("{} would not get it as it is", shells)});
  }

  ModuleKind kind_;
  KnownVariables known_;
  ModuleSteps result_;
};

}  // namespace

ModuleSteps module_steps(const Activation& activation, ModuleKind kind) {
  Builder builder(kind);
  const bool guarded = !activation.recorded.guards.empty();
  for (const Operation& operation : activation.operations) builder.add_operation(operation);
  for (const Rule& rule : activation.recorded.rules) builder.add_rule(rule, guarded);
  for (const Operation& operation : activation.last_operations) builder.add_operation(operation);
  return builder.take();
}

std::set<std::string> names_read(const Activation& activation, const ModuleSteps& steps) {
  std::set<std::string> names;
  for (const Guard& guard : activation.recorded.guards) names.insert(guard.name);
  for (const ModuleStep& step : steps.steps) {
    names.insert(step.rule.name);
    if (step.kind != ModuleStep::Kind::choose) continue;
    names.insert(step.rule.selector);
    for (const Outcome* outcome : {&step.rule.unset, &step.rule.empty, &step.rule.set}) {
      for (const Piece& piece : outcome->value) {
        if (piece.kind == Piece::Kind::incoming) names.insert(piece.text);
      }
    }
  }
  std::erase_if(names, [](const std::string& name) { return !is_variable_name(name); });
  return names;
}

std::string module_key(const Activation& activation) {
  std::uint64_t key = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : activation.prefix) {
    key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return fmt::format("{:016x}", key);
}

std::string script_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  names.reserve(paths.size());
  for (const std::string& path : paths) names.push_back(path.substr(path.rfind('/') + 1));
  return base::join(names, ", ");
}

std::string guard_message(const Guard& guard) {
  return fmt::format(
      "hpcenv: what these scripts make is left out, because they were recorded where {} is {}: ",
      guard.name, name_of(guard.state));
}

std::optional<std::string> made_by_rule(const Recorded& recorded, const Guard& guard) {
  const auto rule = std::ranges::find(recorded.rules, guard.name, &Rule::name);
  if (guard.state != Incoming::unset || rule == recorded.rules.end()) return std::nullopt;
  return literal_default(*rule);
}

std::string module_help(const Activation& activation) {
  std::string help =
      fmt::format("The environment {} at {}.\n", activation.environment_name, activation.prefix);
  if (!activation.live_scripts.empty()) {
    help += fmt::format(
        "A module cannot run activation scripts; these did not run: {}.\n"
        "Whatever needs them: hpcenv run -p {} PROGRAM\n",
        script_names(activation.live_scripts), quote_posix(activation.prefix));
  }
  return help;
}

bool is_own_module_file(std::string_view text) {
  return text.substr(0, 1000).find(module_mark) != std::string_view::npos;
}

Result<ModuleFile> module_file(const Activation& activation, ModuleKind kind) {
  const std::string bin = activation.prefix + "/bin";
  std::string reason = reason_against(bin, kind);
  if (bin.find(':') != std::string::npos) reason = "it holds ':'";
  if (!reason.empty()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("no module can put {} into PATH: {}", shown_name(bin), reason),
                     "create the environment at another path");
  }
  const ModuleSteps steps = module_steps(activation, kind);
  ModuleFile file{"", steps.refused, steps.in_some_shells, steps.steps.size()};
  file.text =
      kind == ModuleKind::lmod ? lua_module(activation, steps) : tcl_module(activation, steps);
  return file;
}

}  // namespace hpcenv::shell
