#include "shell/render_posix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "base/text.hpp"
#include "shell/leftovers.hpp"
#include "shell/rule_lines.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Operation::Kind;
using Names = std::set<std::string>;

constexpr std::string_view head = R"sh(hpcenv_options=$-
hpcenv_blanks=' 	
'
hpcenv_ifs=${IFS-$hpcenv_blanks}
set +eu -f
IFS=$hpcenv_blanks

# The exported variables that matter here. A word that is none is only unset or looked at in vain.
hpcenv_names=' ' hpcenv_active=
for hpcenv_name in $(export -p); do
  hpcenv_name=${hpcenv_name%%=*}
  case $hpcenv_name in
    *[!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_]*) ;;
    @MATTERS@)
      hpcenv_names="$hpcenv_names$hpcenv_name " ;;
  esac
  case $hpcenv_name in
    *[!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_]*) ;;
    CONDA_PREFIX* | VIRTUAL_ENV)
      eval "hpcenv_item=\${$hpcenv_name-}"
      case $hpcenv_item in
        '' | *:*) ;;
        *) hpcenv_active=$hpcenv_active:$hpcenv_item/bin ;;
      esac ;;
  esac
done

# A readonly variable stays as it is: to assign to one would end this shell.
hpcenv_fixed=' '
hpcenv_try() {
  if (unset -v "$@") 2>/dev/null; then return; fi
  for hpcenv_name in "$@"; do
    if (unset -v "$hpcenv_name") 2>/dev/null; then continue; fi
    hpcenv_fixed="$hpcenv_fixed$hpcenv_name "
    echo "hpcenv: readonly here, and left as it is: $hpcenv_name" >&2
  done
}
hpcenv_set() {
  case $hpcenv_fixed in *" $1 "*) ;; *) export "$1=$2" ;; esac
}
hpcenv_unset() {
  for hpcenv_name in "$@"; do
    case $hpcenv_fixed in *" $hpcenv_name "*) ;; *) unset -v "$hpcenv_name" ;; esac
  done
}
# shellcheck disable=SC2086
hpcenv_try $hpcenv_names @NAMES@
)sh";

// As render_bash has it; of PATH, and of what was changed since, the filters of lists take care.
constexpr std::string_view undo_loop = R"sh(
# What `hpcenv activate` made in the shell that this starts from, the last one first.
hpcenv_level=9
while [ "$hpcenv_level" -gt 0 ]; do
  eval "hpcenv_rest=\${__HPCENV_EFFECT_$hpcenv_level-}"
  hpcenv_rest=$hpcenv_rest${hpcenv_rest:+;}
  while [ -n "$hpcenv_rest" ]; do
    hpcenv_item=${hpcenv_rest%%;*} hpcenv_rest=${hpcenv_rest#*;}
    hpcenv_which=${hpcenv_item%%,*} hpcenv_item=${hpcenv_item#*,}
    hpcenv_item=${hpcenv_item%%[.,]*}
    case $hpcenv_which in
      '' | PATH | [0123456789]*) continue ;;
      *[!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_]*) continue ;;
    esac
    eval "hpcenv_kept=\${$hpcenv_which-} hpcenv_file=\${$hpcenv_which+x}"
    [ "${hpcenv_file:+${#hpcenv_kept}}" = "${hpcenv_item#-}" ] || continue
    hpcenv_item=__HPCENV_WAS_${hpcenv_level}_$hpcenv_which
    eval "hpcenv_kept=\${$hpcenv_item-} hpcenv_file=\${$hpcenv_item+x}"
    if [ -n "$hpcenv_file" ]; then
      hpcenv_set "$hpcenv_which" "$hpcenv_kept"
    else
      hpcenv_unset "$hpcenv_which"
    fi
  done
  hpcenv_level=$((hpcenv_level - 1))
done
unset -v hpcenv_level hpcenv_which
)sh";

constexpr std::string_view own_variables = R"sh(
# What this shell set for itself is none of its programs' variables.
for hpcenv_item in @NAMES@; do
  case $hpcenv_names in *" $hpcenv_item "*) ;; *) hpcenv_unset "$hpcenv_item" ;; esac
done
)sh";

constexpr std::string_view prefixes_loop = R"sh(
# Variables of another conda.
for hpcenv_item in $hpcenv_names; do
  case $hpcenv_item in
@KEPT@    @PREFIXES@) hpcenv_unset "$hpcenv_item" ;;
  esac
done
)sh";

// How lists are taken apart: an element at a time, empty ones too.
constexpr std::string_view list_functions = R"sh(
hpcenv_take() {
  eval "hpcenv_rest=\${$1-}: hpcenv_item=\${$1+set} hpcenv_kept="
  [ -n "$hpcenv_item" ]
}
hpcenv_next() {
  hpcenv_item=${hpcenv_rest%%:*} hpcenv_rest=${hpcenv_rest#*:}
}
hpcenv_give() {
  if [ -n "$hpcenv_kept" ]; then hpcenv_set "$1" "${hpcenv_kept#:}"; else hpcenv_unset "$1"; fi
}
)sh";

constexpr std::string_view prepend_function = R"sh(
hpcenv_prepend() {
  hpcenv_take "$1" || hpcenv_rest=
  while [ -n "$hpcenv_rest" ]; do
    hpcenv_next
    [ "$hpcenv_item" = "$2" ] || hpcenv_kept=$hpcenv_kept:$hpcenv_item
  done
  hpcenv_kept=${hpcenv_kept#:}
  hpcenv_set "$1" "$2${hpcenv_kept:+:$hpcenv_kept}"
}
)sh";

constexpr std::string_view environments_function = R"sh(
# The programs of other environments.
hpcenv_drop_environments() {
  hpcenv_take "$1" || return 0
  while [ -n "$hpcenv_rest" ]; do
    hpcenv_next
    case $hpcenv_item in
      @SYSTEM@) ;;
      "${CONDA_PREFIX:-//}"/* | "${CONDA_PREFIX_1:-//}"/* | "${CONDA_PREFIX_2:-//}"/*) continue ;;
      */condabin) continue ;;
      */bin)
        case $hpcenv_active: in *":$hpcenv_item:"*) continue ;; esac
        if [ -e "${hpcenv_item%/bin}/conda-meta/history" ]; then continue; fi ;;
    esac
    hpcenv_kept=$hpcenv_kept:$hpcenv_item
  done
  hpcenv_give "$1"
}
)sh";

constexpr std::string_view shadowing_function = R"sh(
# Directories whose libraries would be taken in place of the environment's.
hpcenv_shadows() {
  for hpcenv_file in "${hpcenv_item:-.}"/*.so*; do
    if [ -e "$1/${hpcenv_file##*/}" ]; then return 0; fi
  done
  return 1
}
hpcenv_drop_shadowing() {
  hpcenv_take "$1" || return 0
  set +f
  while [ -n "$hpcenv_rest" ]; do
    hpcenv_next
    if hpcenv_shadows "$2"; then continue; fi
    hpcenv_kept=$hpcenv_kept:$hpcenv_item
  done
  set -f
  hpcenv_give "$1"
}
)sh";

// Its elements are files, and blanks separate too.
constexpr std::string_view preload_function = R"sh(
# Libraries that the environment brings itself.
hpcenv_drop_preloads() {
  hpcenv_take "$1" || return 0
  while [ -n "$hpcenv_rest" ]; do
    hpcenv_item=${hpcenv_rest%%[ :]*} hpcenv_rest=${hpcenv_rest#*[ :]}
    if [ -z "$hpcenv_item" ] || [ -e "$2/${hpcenv_item##*/}" ]; then continue; fi
    hpcenv_kept=$hpcenv_kept:$hpcenv_item
  done
  hpcenv_give "$1"
}
)sh";

constexpr std::string_view tail = R"sh(
# The shell as it was.
IFS=$hpcenv_ifs
unset -f@FUNCTIONS@
unset -v hpcenv_name hpcenv_names hpcenv_item hpcenv_rest hpcenv_kept hpcenv_file hpcenv_fixed
unset -v hpcenv_active hpcenv_blanks hpcenv_ifs@KEPT@
set +f
case $hpcenv_options in *f*) set -f ;; esac
case $hpcenv_options in *u*) set -u ;; esac
case $hpcenv_options in *e*) unset -v hpcenv_options; set -e ;; *) unset -v hpcenv_options ;; esac
)sh";

std::string joined(const Names& names, std::string_view separator) {
  return base::join({names.begin(), names.end()}, separator);
}

// Words after one another, in lines that people can read.
std::string folded(const Names& names) {
  constexpr std::size_t width = 90;
  std::string out;
  std::size_t column = 0;
  for (const std::string& name : names) {
    if (column + name.size() > width) {
      out += "\\\n  ";
      column = 2;
    }
    out += name + " ";
    column += name.size() + 1;
  }
  if (!out.empty()) out.pop_back();
  return out;
}

bool is_list(Kind kind) {
  return kind == Kind::prepend || kind == Kind::drop_environments || kind == Kind::drop_shadowing;
}

// What is asked of the whole activation before the first line is written.
struct Survey {
  Names written;   // assigned to or unset, and named beforehand
  Names read;      // by lists and rules
  Names prefixes;  // of names to unset
  Names kept;      // names that start so stay
  Names aside;     // shell variables in which values wait to be read
  Names functions{"hpcenv_try", "hpcenv_set", "hpcenv_unset"};
};

void survey_operation(const Operation& operation, Survey& survey) {
  if (operation.kind == Kind::unset_functions || operation.kind == Kind::undo_effects) return;
  if (operation.kind == Kind::unset_prefix) {
    if (!is_variable_name(operation.name)) return;
    survey.prefixes.insert(operation.name);
    if (is_variable_name(operation.value)) survey.kept.insert(operation.value);
    return;
  }
  if (!can_be_rendered(operation.name)) return;
  survey.written.insert(operation.name);
  if (is_list(operation.kind)) survey.read.insert(operation.name);
}

void survey_rule(const Rule& rule, Survey& survey) {
  if (!renders(rule)) return;
  survey.written.insert(rule.name);
  survey.read.insert(rule.selector);
  survey.read.insert(rule.name);
  for (const Outcome* outcome : {&rule.unset, &rule.empty, &rule.set}) {
    for (const Piece& piece : outcome->value) {
      if (piece.kind == Piece::Kind::incoming) survey.read.insert(piece.text);
    }
  }
}

Survey survey_of(const Activation& activation) {
  Survey survey;
  for (const Operation& operation : activation.operations) survey_operation(operation, survey);
  for (const Operation& operation : activation.last_operations) {
    survey_operation(operation, survey);
  }
  for (const Rule& rule : activation.recorded.rules) survey_rule(rule, survey);
  for (const std::string& name : kept_aside(activation.recorded.rules)) survey.aside.insert(name);
  std::erase_if(survey.read, [](const std::string& name) { return !can_be_rendered(name); });
  return survey;
}

std::string patterns(const Names& prefixes) {
  std::string out;
  for (const std::string& prefix : prefixes) out += (out.empty() ? "" : " | ") + prefix + "*";
  return out;
}

std::string head_lines(const Survey& survey) {
  Names matter = survey.read;
  for (const std::string& prefix : survey.prefixes) matter.insert(prefix + "*");
  std::string out = base::replace_all(std::string(head), "@MATTERS@",
                                      matter.empty() ? "''" : joined(matter, " | "));
  out = base::replace_all(std::move(out), "@NAMES@", folded(survey.written));
  if (survey.read.empty()) return out;
  return out + base::replace_all(std::string(own_variables), "@NAMES@", folded(survey.read));
}

// The functions that the operations need, each once.
class Functions {
 public:
  explicit Functions(Survey& survey) : survey_(survey) {}

  // Its name, after its text was added to `out`.
  std::string need(const Operation& operation, std::string& out) {
    if (operation.kind == Kind::prepend) return add("hpcenv_prepend", prepend_function, out);
    if (operation.kind == Kind::drop_environments) {
      std::string system;
      for (const std::string_view directory : system_directories) {
        system += (system.empty() ? "" : " | ") + std::string(directory);
      }
      return add("hpcenv_drop_environments",
                 base::replace_all(std::string(environments_function), "@SYSTEM@", system), out);
    }
    if (operation.name == "LD_PRELOAD") return add("hpcenv_drop_preloads", preload_function, out);
    const std::string name = add("hpcenv_drop_shadowing", shadowing_function, out);
    survey_.functions.insert("hpcenv_shadows");
    return name;
  }

 private:
  std::string add(const std::string& name, std::string_view text, std::string& out) {
    if (survey_.functions.insert("hpcenv_take").second) {
      out += list_functions;
      survey_.functions.insert({"hpcenv_next", "hpcenv_give"});
    }
    if (survey_.functions.insert(name).second) out += text;
    return name;
  }

  Survey& survey_;
};

std::string functions_lines() {
  std::string names;
  for (const std::string_view function : conda_functions) names += " " + std::string(function);
  return "\n# Functions of another conda.\nfor hpcenv_item in" + names +
         "; do\n  unset -f \"$hpcenv_item\" 2>/dev/null || :\ndone\n";
}

std::string prefix_lines(const Survey& survey) {
  const std::string kept = survey.kept.empty() ? "" : "    " + patterns(survey.kept) + ") ;;\n";
  std::string out = base::replace_all(std::string(prefixes_loop), "@KEPT@", kept);
  return base::replace_all(std::move(out), "@PREFIXES@", patterns(survey.prefixes));
}

std::string list_lines(const Operation& operation, Functions& functions) {
  std::string out;
  const std::string function = functions.need(operation, out);
  if (operation.kind == Kind::prepend && operation.name == "PATH") {
    out += fmt::format("[ -n \"${{PATH-}}\" ] || hpcenv_set PATH {}\n", fallback_path);
  }
  out += function + " " + operation.name;
  if (!operation.value.empty()) out += " " + quote_posix(operation.value);
  return out + "\n";
}

std::string operation_lines(const Operation& operation, Functions& functions) {
  if (operation.kind == Kind::undo_effects) return std::string(undo_loop);
  if (operation.kind == Kind::unset_functions) return functions_lines();
  if (!can_be_rendered(operation.name)) return left_out_line(operation.name);
  if (operation.kind == Kind::set) {
    return "hpcenv_set " + operation.name + " " + quote_posix(operation.value) + "\n";
  }
  if (operation.kind == Kind::unset) return "hpcenv_unset " + operation.name + "\n";
  return list_lines(operation, functions);
}

// All prefixes are dealt with where the first one is: nothing between them makes such names.
std::string all_operations(const std::vector<Operation>& operations, const Survey& survey,
                           Functions& functions) {
  std::string out;
  bool prefixes_done = false;
  for (const Operation& operation : operations) {
    if (operation.kind != Kind::unset_prefix) {
      out += operation_lines(operation, functions);
    } else if (!prefixes_done && !survey.prefixes.empty()) {
      out += prefix_lines(survey);
      prefixes_done = true;
    }
  }
  return out;
}

const RuleWords rule_words{
    [](const std::string& name, const std::string& word) {
      return "hpcenv_set " + name + " " + word;
    },
    [](const std::string& name) { return "hpcenv_unset " + name; },
};

std::string tail_lines(const Survey& survey) {
  std::string functions;
  for (const std::string& name : survey.functions) functions += " " + name;
  std::string aside;
  for (const std::string& name : survey.aside) aside += " " + name;
  std::string out = base::replace_all(std::string(tail), "@FUNCTIONS@", functions);
  return base::replace_all(std::move(out), "@KEPT@", aside);
}

}  // namespace

bool sh_suffices(const Activation& activation) {
  return activation.live_scripts.empty() && activation.recorded.guards.empty();
}

std::string render_posix(const Activation& activation) {
  Survey survey = survey_of(activation);
  Functions functions(survey);
  std::string body = all_operations(activation.operations, survey, functions);
  body += rules_lines(activation.recorded.rules, rule_words);
  if (!activation.last_operations.empty()) {
    body += "\n" + all_operations(activation.last_operations, survey, functions);
  }
  return head_lines(survey) + body + tail_lines(survey);
}

}  // namespace hpcenv::shell
