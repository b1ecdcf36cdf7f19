#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "shell/activation.hpp"
#include "shell/leftovers.hpp"
#include "shell/rule_lines.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Operation::Kind;

// One loop handles neighbours of these kinds.
bool joins(const Operation& a, const Operation& b) {
  return a.kind == b.kind && (a.kind == Kind::unset_prefix || a.kind == Kind::unset);
}

constexpr std::string_view head = R"bash(hpcenv_options=:$SHELLOPTS:
set +euf +o pipefail +o posix
shopt -u failglob
)bash";

// Given back last: with `set -u` on, nothing unset may be read any more.
constexpr std::string_view tail = R"bash(
# Shell options as they were.
[[ $hpcenv_options != *:posix:* ]] || set -o posix
[[ $hpcenv_options != *:pipefail:* ]] || set -o pipefail
[[ $hpcenv_options != *:noglob:* ]] || set -f
[[ $hpcenv_options != *:nounset:* ]] || set -u
[[ $hpcenv_options != *:errexit:* ]] || set -e
unset -v "${!hpcenv_@}"
)bash";

// shell/effect.hpp; from a value of another length, which was changed since, what was added is cut.
constexpr std::string_view undo_loop = R"bash(
# What `hpcenv activate` made in the shell that this starts from, the last one first.
hpcenv_levels=
for hpcenv_name in "${!__HPCENV_EFFECT_@}"; do hpcenv_levels="${hpcenv_name##*_} $hpcenv_levels"; done
for hpcenv_level in $hpcenv_levels; do
  hpcenv_rest=__HPCENV_EFFECT_$hpcenv_level hpcenv_rest=${!hpcenv_rest-}
  while [[ $hpcenv_rest ]]; do
    hpcenv_item=${hpcenv_rest%%;*} hpcenv_rest=${hpcenv_rest#"${hpcenv_rest%%;*}"}
    hpcenv_rest=${hpcenv_rest#;} hpcenv_name=${hpcenv_item%%,*}
    hpcenv_size=${hpcenv_item#*,} hpcenv_size=${hpcenv_size%%[.,]*}
    hpcenv_was=__HPCENV_WAS_${hpcenv_level}_$hpcenv_name hpcenv_value=${!hpcenv_name-}
    if [[ $hpcenv_name == PATH ]]; then
      hpcenv_item=${hpcenv_item##*,} hpcenv_kept=
      while [[ $hpcenv_item ]]; do
        printf -v hpcenv_value %b "\\x${hpcenv_item:0:2}"
        hpcenv_kept+=$hpcenv_value hpcenv_item=${hpcenv_item:2}
      done
      hpcenv_value=:$PATH:
      hpcenv_value=${hpcenv_value//":$hpcenv_kept:"/:} hpcenv_value=${hpcenv_value%:}
      PATH=${hpcenv_value#:}
    elif [[ ${!hpcenv_name+${#hpcenv_value}} != "${hpcenv_size#-}" ]]; then
      hpcenv_item=${hpcenv_item##*,}00 hpcenv_kept=
      while [[ $hpcenv_item ]]; do
        if [[ $hpcenv_item != 00* ]]; then
          printf -v hpcenv_byte %b "\\x${hpcenv_item:0:2}"
          hpcenv_kept+=$hpcenv_byte
        elif [[ $hpcenv_kept && $hpcenv_value == *"$hpcenv_kept"* ]]; then
          hpcenv_value=${hpcenv_value%%"$hpcenv_kept"*}${hpcenv_value#*"$hpcenv_kept"}
        fi
        [[ $hpcenv_item != 00* ]] || hpcenv_kept=
        hpcenv_item=${hpcenv_item:2}
      done
      [[ -z ${!hpcenv_name+x} ]] || export "$hpcenv_name=$hpcenv_value"
      [[ $hpcenv_value ]] || unset -v "$hpcenv_name"
    elif [[ ${!hpcenv_was+x} ]]; then
      export "$hpcenv_name=${!hpcenv_was}"
    else
      unset -v "$hpcenv_name"
    fi
  done
done
)bash";

constexpr std::string_view path_filter = R"bash(
# @NAME@ without the programs of other environments.
hpcenv_rest=${@NAME@:-}: hpcenv_kept=
while [[ $hpcenv_rest ]]; do
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
  case $hpcenv_item in
    @SYSTEM@) ;;
    "${CONDA_PREFIX:-//}"/* | "${CONDA_PREFIX_1:-//}"/* | "${CONDA_PREFIX_2:-//}"/*) continue ;;
    "${VIRTUAL_ENV:-/}/bin" | */condabin) continue ;;
    */bin) [[ ! -e ${hpcenv_item%/bin}/conda-meta/history ]] || continue ;;
  esac
  hpcenv_kept+=:$hpcenv_item
done
export @NAME@="${hpcenv_kept#:}"
)bash";

constexpr std::string_view library_filter = R"bash(
# @NAME@ without directories whose libraries would be taken in place of the environment's.
hpcenv_rest=${@NAME@:+$@NAME@:} hpcenv_kept=
while [[ $hpcenv_rest ]]; do
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
  for hpcenv_file in "${hpcenv_item:-.}"/*.so*; do
    if [[ -e @LIBRARIES@/${hpcenv_file##*/} ]]; then
      echo "hpcenv: not in @NAME@: $hpcenv_item (its ${hpcenv_file##*/} hides the environment's)" >&2
      continue 2
    fi
  done
  hpcenv_kept+=:$hpcenv_item
done
@NAME@=${hpcenv_kept#:}
[[ $@NAME@ ]] || unset -v @NAME@
)bash";

// Its elements are files, and blanks separate too.
constexpr std::string_view preload_filter = R"bash(
# @NAME@ without libraries that the environment brings itself.
hpcenv_rest=${@NAME@:-} hpcenv_rest=${hpcenv_rest// /:}: hpcenv_kept=
while [[ $hpcenv_rest ]]; do
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
  if [[ $hpcenv_item && -e @LIBRARIES@/${hpcenv_item##*/} ]]; then
    echo "hpcenv: not in @NAME@: $hpcenv_item (the environment has its own)" >&2
  elif [[ $hpcenv_item ]]; then
    hpcenv_kept+=:$hpcenv_item
  fi
done
@NAME@=${hpcenv_kept#:}
[[ $@NAME@ ]] || unset -v @NAME@
)bash";

// PKG_NAME makes some scripts think that conda-build is at work.
constexpr std::string_view live_head = R"bash(
# Activation scripts of packages, in conda's order. What they print goes to stderr.
hpcenv_ifs=${IFS-$' \t\n'} hpcenv_directory=$PWD
[[ -z ${PKG_NAME+x} ]] || hpcenv_package=$PKG_NAME
unset -v PKG_NAME
trap 'echo "hpcenv: the activation script $hpcenv_script called exit; nothing was started" >&2; exit 125' EXIT
)bash";

constexpr std::string_view live_tail = R"bash(do
  if [[ -r $hpcenv_script ]]; then
    # shellcheck source=/dev/null
    source "$hpcenv_script" </dev/null >&2
  else
    echo "hpcenv: the activation script $hpcenv_script is gone: the environment was changed" >&2
  fi
  set +euf +o pipefail
done
trap - EXIT
IFS=$hpcenv_ifs
[[ -z ${hpcenv_package+x} ]] || export PKG_NAME=$hpcenv_package
[[ $PWD == "$hpcenv_directory" ]] || cd -- "$hpcenv_directory" || :
)bash";

std::string filled(std::string_view text, const Operation& operation) {
  std::string system;
  for (const std::string_view directory : system_directories) {
    system += (system.empty() ? "" : " | ") + std::string(directory);
  }
  std::string out = base::replace_all(std::string(text), "@NAME@", operation.name);
  out = base::replace_all(std::move(out), "@SYSTEM@", system);
  return base::replace_all(std::move(out), "@LIBRARIES@", quote_posix(operation.value));
}

std::string functions_line() {
  std::string line = "\n# Functions and aliases of another conda.\nunalias -a\nunset -f";
  std::size_t column = 8;
  for (const std::string_view function : conda_functions) {
    if (column + function.size() > 88) {
      line += " \\\n ";
      column = 1;
    }
    line += " " + std::string(function);
    column += function.size() + 1;
  }
  return line + " 2>/dev/null\n";
}

std::string prefixes_loop(const std::vector<Operation>& operations) {
  std::string names;
  std::string kept;
  for (const Operation& operation : operations) {
    names += " \"${!" + operation.name + "@}\"";
    if (!operation.value.empty()) {
      kept += (kept.empty() ? "" : " || ");
      kept += "$hpcenv_name == " + operation.value + "*";
    }
  }
  std::string body = "unset -v \"$hpcenv_name\"\n";
  if (!kept.empty()) body = "[[ " + kept + " ]] || " + body;
  return "\n# Variables of another conda.\nfor hpcenv_name in" + names + "; do\n  " + body +
         "done\n";
}

std::string unset_line(const std::vector<Operation>& operations) {
  std::string line = "unset -v";
  for (const Operation& operation : operations) line += " " + operation.name;
  return line + "\n";
}

std::string prepend_line(const Operation& operation) {
  const std::string value = quote_posix(operation.value);
  if (operation.name == "PATH") {
    return "\n# The environment.\nexport PATH=" + value + ":\"${PATH:-" +
           std::string(fallback_path) + "}\"\n";
  }
  return "export " + operation.name + "=" + value + "\"${" + operation.name + ":+:$" +
         operation.name + "}\"\n";
}

std::string one_operation(const Operation& operation) {
  switch (operation.kind) {
    case Kind::set:
      return "export " + operation.name + "=" + quote_posix(operation.value) + "\n";
    case Kind::prepend:
      return prepend_line(operation);
    case Kind::undo_effects:
      return std::string(undo_loop);
    case Kind::unset_functions:
      return functions_line();
    case Kind::drop_environments:
      return filled(path_filter, operation);
    case Kind::drop_shadowing:
      return filled(operation.name == "LD_PRELOAD" ? preload_filter : library_filter, operation);
    case Kind::unset:
      return unset_line({operation});
    case Kind::unset_prefix:
      return prefixes_loop({operation});
  }
  return "";
}

const RuleWords rule_words{
    [](const std::string& name, const std::string& word) { return "export " + name + "=" + word; },
    [](const std::string& name) { return "unset -v " + name; },
};

bool has_lines(const Operation& operation) {
  return operation.kind == Kind::unset_functions || operation.kind == Kind::undo_effects ||
         is_variable_name(operation.name);
}

std::string group_lines(const std::vector<Operation>& group) {
  if (group.front().kind == Kind::unset_prefix) return prefixes_loop(group);
  return group.front().kind == Kind::unset ? unset_line(group) : one_operation(group.front());
}

// A job's own word that an environment overrides is said, as nobody expects it.
std::string reports_of_overridden(const std::vector<Rule>& rules) {
  std::string out;
  for (const Rule& rule : rules) {
    if (class_of(rule) != RuleClass::set || !is_a_jobs_choice(rule.name)) continue;
    const std::string value = rule.set.value.empty() ? "" : rule.set.value[0].text;
    const std::string words = quote_posix("hpcenv: the environment sets " + rule.name + " to " +
                                          value + ", in place of ");
    out += fmt::format("[[ -z ${{{0}-}} || ${0} == {1} ]] || echo {2}\"${0}\" >&2\n", rule.name,
                       quote_posix(value), words);
  }
  return out;
}

std::string array_line(const std::vector<std::string>& scripts) {
  std::string out = "hpcenv_scripts=(";
  for (const std::string& script : scripts) out += "\n  " + quote_posix(script);
  return out + ")\n";
}

std::string test_of(const Guard& guard, const std::vector<Rule>& rules) {
  if (guard.state == Incoming::unset) {
    const auto rule = std::ranges::find(rules, guard.name, &Rule::name);
    const auto own = rule == rules.end() ? std::nullopt : literal_default(*rule);
    const std::string unset = "-z ${" + guard.name + "+x}";
    return own ? "( " + unset + " || $" + guard.name + " == " + quote_posix(*own) + " )" : unset;
  }
  if (guard.state == Incoming::set) return "-n ${" + guard.name + "-}";
  return "-n ${" + guard.name + "+x} && -z ${" + guard.name + "-}";
}

std::string guarded_rules(const Activation& activation, const std::string& rules) {
  std::string tests;
  for (const Guard& guard : activation.recorded.guards) {
    tests += (tests.empty() ? "" : " && ") + test_of(guard, activation.recorded.rules);
  }
  return array_line(activation.live_scripts) +
         "\n# What was recorded holds for this alone.\nif [[ " + tests + " ]]; then\n  :\n" +
         rules + "else\n" + array_line(without_record(activation).live_scripts) + "fi\n";
}

std::string unset_words(const std::vector<std::string>& names) {
  return names.empty() ? "" : "unset -v " + base::join(names, " ") + "\n";
}

// What the scripts make: by rules, and by sourcing them.
std::string scripts_part(const Activation& activation) {
  const std::vector<Rule>& rules = activation.recorded.rules;
  const std::string lines = reports_of_overridden(rules) + rules_lines(rules, rule_words) +
                            unset_words(kept_aside(rules));
  const bool guarded = !activation.recorded.guards.empty();
  std::string out = guarded ? guarded_rules(activation, lines) : lines;
  if (!guarded && activation.live_scripts.empty()) return out;
  if (!guarded) out += array_line(activation.live_scripts);
  return out + std::string(live_head) + "for hpcenv_script in \"${hpcenv_scripts[@]}\"; " +
         std::string(live_tail);
}

std::string operations_part(const std::vector<Operation>& operations) {
  std::string out;
  for (std::size_t i = 0; i < operations.size();) {
    if (!has_lines(operations[i])) {
      out += left_out_line(operations[i++].name);
      continue;
    }
    std::vector<Operation> group{operations[i++]};
    while (i < operations.size() && joins(group.front(), operations[i]) &&
           has_lines(operations[i])) {
      group.push_back(operations[i++]);
    }
    out += group_lines(group);
  }
  return out;
}

}  // namespace

std::string render_bash(const Activation& activation) {
  return std::string(head) + operations_part(activation.operations) + scripts_part(activation) +
         operations_part(activation.last_operations) + std::string(tail);
}

}  // namespace hpcenv::shell
