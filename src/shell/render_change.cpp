#include <fmt/format.h>

#include "base/text.hpp"
#include "shell/activation.hpp"
#include "shell/csh.hpp"
#include "shell/fish.hpp"
#include "shell/shell_change.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Statement::Kind;

// A backslash keeps a user's alias of that name away. A variable that is readonly in the user's
// shell stays as it is, which the shell says; without `command` some shells end there, and zsh does
// in any case.
std::string change_line(const std::string& name, const std::string& words, Dialect dialect) {
  if (dialect != Dialect::zsh) return "\\command " + words + " || \\:\n";
  return "[[ ${(t)" + name + "-} == *readonly* ]] && \\echo " + name +
         ": readonly variable >&2 || \\" + words + "\n";
}

std::string assign(const std::string& name, const std::string& value, Dialect dialect) {
  return change_line(name, "export " + name + "=" + quote_posix(value), dialect);
}

std::string take_away(const std::string& name, Dialect dialect) {
  return change_line(name, "unset " + name, dialect);
}

std::string restore_lines(const Statement& statement, Dialect dialect) {
  const std::string& name = statement.name;
  const std::string test = statement.ours
                               ? "[ \"${" + name + "-}\" = " + quote_posix(*statement.ours) + " ]"
                               : "[ -z \"${" + name + "+x}\" ]";
  const std::string act =
      statement.value ? assign(name, *statement.value, dialect) : take_away(name, dialect);
  return "if " + test + "; then " + act + "fi\n";
}

std::string source_lines(const std::string& script) {
  const std::string word = quote_posix(script);
  return "if [ -r " + word + " ]; then \\. " + word + " >&2; fi\n";
}

// Scripts of packages are seldom written for `set -eu`, and some unset options themselves.
struct OptionGuard {
  std::string_view before;
  std::string_view after;
};

constexpr OptionGuard bash_guard{R"(hpcenv_options=:$SHELLOPTS:
\set +euf +o pipefail
)",
                                 R"(\set +euf +o pipefail
case $hpcenv_options in *:pipefail:*) \set -o pipefail ;; esac
case $hpcenv_options in *:noglob:*) \set -f ;; esac
case $hpcenv_options in *:nounset:*) \set -u ;; esac
case $hpcenv_options in *:errexit:*) \unset hpcenv_options; \set -e ;; *) \unset hpcenv_options ;; esac
)"};

constexpr OptionGuard posix_guard{R"(hpcenv_options=$-
\set +euf
)",
                                  R"(\set +euf
case $hpcenv_options in *f*) \set -f ;; esac
case $hpcenv_options in *u*) \set -u ;; esac
case $hpcenv_options in *e*) \unset hpcenv_options; \set -e ;; *) \unset hpcenv_options ;; esac
)"};

// Words are split and globs without a match stay as they are, as the scripts' authors know it.
constexpr OptionGuard zsh_guard{R"(hpcenv_options=
for hpcenv_option in err_exit err_return unset nomatch sh_word_split pipe_fail; do
  if [[ -o $hpcenv_option ]]; then hpcenv_options="$hpcenv_options $hpcenv_option"
  else hpcenv_options="$hpcenv_options no_$hpcenv_option"; fi
done
\setopt no_err_exit no_err_return unset no_nomatch sh_word_split no_pipe_fail
)",
                                R"(\setopt no_err_exit no_err_return unset no_nomatch sh_word_split
\setopt ${=hpcenv_options}
\unset hpcenv_option hpcenv_options
)"};

const OptionGuard& guard_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::bash:
      return bash_guard;
    case Dialect::zsh:
      return zsh_guard;
    case Dialect::posix:
    case Dialect::fish:  // these have no such options, and lines of their own
    case Dialect::tcsh:
    case Dialect::csh:
      break;
  }
  return posix_guard;
}

// Where programs were found. mksh forgets by itself, and knows `hash` as an alias only.
std::string_view forget_places(Dialect dialect) {
  if (dialect == Dialect::zsh) return "\\rehash\n";
  return dialect == Dialect::bash ? "\\hash -r\n" : "\\hash -r 2>/dev/null || \\:\n";
}

std::string line_of(const Statement& statement, Dialect dialect) {
  if (statement.kind == Kind::source) return source_lines(statement.name);
  if (!is_variable_name(statement.name)) return "";
  switch (statement.kind) {
    case Kind::set:
      return statement.name + "=" + quote_posix(statement.value.value_or("")) + "\n";
    case Kind::exported:
      return assign(statement.name, statement.value.value_or(""), dialect);
    case Kind::unset:
      return take_away(statement.name, dialect);
    case Kind::restore:
      return restore_lines(statement, dialect);
    case Kind::source:
      break;
  }
  return "";
}

constexpr std::string_view hook_text = R"(hpcenv() {
  for hpcenv_word in "$@"; do
    case $hpcenv_word in
      -h | --help | --json | --shell | --shell=*) \unset hpcenv_word; @PROGRAM@ "$@"; return ;;
      --) break ;;
    esac
  done
  \unset hpcenv_word
  case ${1-} in
    activate | deactivate)
      __hpcenv_change "$@"
      ;;
    install | update | remove)
      @PROGRAM@ "$@" || return
      if [ -e "${CONDA_PREFIX:-/}/conda-meta/history" ]; then __hpcenv_change activate; fi
      ;;
    *)
      @PROGRAM@ "$@"
      ;;
  esac
}
__hpcenv_change() {
  if [ -n "${PS1+x}" ]; then
    hpcenv_lines=$(PS1=$PS1 @PROGRAM@ "$@" --shell @SHELL@) || return
  else
    hpcenv_lines=$(@PROGRAM@ "$@" --shell @SHELL@) || return
  fi
  \eval "\\unset hpcenv_lines
$hpcenv_lines"
}
)";

}  // namespace

std::optional<Dialect> dialect_of(std::string_view shell) {
  if (shell == "bash") return Dialect::bash;
  if (shell == "fish") return Dialect::fish;
  if (shell == "tcsh") return Dialect::tcsh;
  if (shell == "csh" || shell == "bsd-csh") return Dialect::csh;
  if (shell == "zsh") return Dialect::zsh;
  for (const std::string_view name : {"posix", "sh", "dash", "ash", "ksh", "ksh93", "mksh"}) {
    if (shell == name) return Dialect::posix;
  }
  return std::nullopt;
}

bool is_csh(Dialect dialect) { return dialect == Dialect::tcsh || dialect == Dialect::csh; }

std::string_view script_ending(Dialect dialect) {
  if (is_csh(dialect)) return ".csh";
  return dialect == Dialect::fish ? ".fish" : ".sh";
}

Result<std::string> render(const std::vector<Statement>& statements, Dialect dialect) {
  if (is_csh(dialect)) return render_csh(statements, dialect);
  if (dialect == Dialect::fish) return render_fish(statements);
  const OptionGuard& guard = guard_of(dialect);
  std::string text;
  bool guarded = false;
  for (const Statement& statement : statements) {
    const bool script = statement.kind == Kind::source;
    if (script != guarded) {
      text += script ? guard.before : guard.after;
      guarded = script;
    }
    text += line_of(statement, dialect);
  }
  if (guarded) text += guard.after;
  if (!text.empty()) text += forget_places(dialect);
  return text;
}

std::string hook(std::string_view program, Dialect dialect) {
  if (dialect == Dialect::fish) return hook_fish(program);
  if (is_csh(dialect)) return hook_csh(program, dialect);
  const bool posix = dialect == Dialect::posix;
  const std::string word = program.empty() ? "\\command hpcenv" : quote_posix(program);
  std::string text = base::replace_all(std::string(hook_text), "@PROGRAM@", word);
  return base::replace_all(std::move(text), "@SHELL@",
                           posix ? "posix" : (dialect == Dialect::bash ? "bash" : "zsh"));
}

}  // namespace hpcenv::shell
