#include "shell/csh.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Statement::Kind;

/// The old csh reads no longer word, tcsh does.
constexpr std::size_t longest_word = 8185;

Result<std::string> word_of(const Statement& statement, const std::string& value, Dialect dialect) {
  std::string word = quote_csh(value);
  if (dialect == Dialect::tcsh || word.size() <= longest_word) return word;
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} has {} bytes in this environment, more than csh can read",
                               statement.name, value.size()),
                   "use tcsh, or start programs with: hpcenv run -n NAME PROGRAM");
}

Result<std::string> assign(const Statement& statement, const std::string& value, Dialect dialect) {
  HPCENV_ASSIGN(const std::string word, word_of(statement, value, dialect));
  return fmt::format("setenv {} {}\n", statement.name, word);
}

Result<std::string> restore_lines(const Statement& statement, Dialect dialect) {
  std::string act = fmt::format("unsetenv {}\n", statement.name);
  if (statement.value) {
    HPCENV_ASSIGN(act, assign(statement, *statement.value, dialect));
  }
  if (!statement.ours) return fmt::format("if (! $?{}) then\n{}endif\n", statement.name, act);
  HPCENV_ASSIGN(const std::string ours, word_of(statement, *statement.ours, dialect));
  // An unset name in an expression ends the shell; the x keeps values from being operators.
  return fmt::format("if ($?{0}) then\nif (x${0}:q == x{1}) then\n{2}endif\nendif\n",
                     statement.name, ours, act);
}

Result<std::string> line_of(const Statement& statement, Dialect dialect) {
  if (statement.kind == Kind::source) {
    return fmt::format("if (-r {0}) source {0}\n", quote_csh(statement.name));
  }
  if (!is_variable_name(statement.name)) return std::string();
  switch (statement.kind) {
    case Kind::exported:
      return assign(statement, statement.value.value_or(""), dialect);
    case Kind::unset:
      return fmt::format("unsetenv {}\n", statement.name);
    case Kind::restore:
      return restore_lines(statement, dialect);
    case Kind::set:
    case Kind::source:
      break;
  }
  return std::string();
}

/// The user's own prompt, which is kept aside, with the modifier before it.
std::string prompt_lines(const std::optional<std::string>& modifier) {
  if (!modifier) {
    return "if ($?__hpcenv_prompt) then\nset prompt = $__hpcenv_prompt:q\n"
           "unset __hpcenv_prompt\nendif\n";
  }
  // Both mean something in a prompt: the number of a command, and a format.
  std::string shown = *modifier;
  std::ranges::replace_if(shown, [](char c) { return c == '!' || c == '%'; }, '?');
  return fmt::format(
      "if ($?prompt) then\nif (! $?__hpcenv_prompt) set __hpcenv_prompt = $prompt:q\n"
      "set prompt = {}$__hpcenv_prompt:q\nendif\n",
      quote_csh(shown));
}

// Sourced each time; what it needs to remember has names that nobody else uses.
constexpr std::string_view hook_text = R"(set __hpcenv_word = ''
if ($#@WORDS@ > 0) then
  set __hpcenv_word = $@WORDS@[1]:q
endif
set __hpcenv_change = ()
set __hpcenv_status = 0
switch ($__hpcenv_word:q)
case activate:
case deactivate:
  set __hpcenv_change = ( $@WORDS@:q )
  breaksw
case install:
case update:
case remove:
  @PROGRAM@ $@WORDS@:q
  set __hpcenv_status = $status
  rehash
  if ($__hpcenv_status == 0 && $?CONDA_PREFIX) then
    if (-e $CONDA_PREFIX:q/conda-meta/history) then
      set __hpcenv_change = ( activate )
    endif
  endif
  breaksw
default:
  @PROGRAM@ $@WORDS@:q
  set __hpcenv_status = $status
endsw
if ($#__hpcenv_change > 0) then
  set __hpcenv_file = "`mktemp`"
  env @VARIABLE@="@SHELL@:$__hpcenv_file" @PROGRAM@ $__hpcenv_change:q
  set __hpcenv_status = $status
  source "$__hpcenv_file"
  rm -f "$__hpcenv_file"
  unset __hpcenv_file
endif
unset __hpcenv_word __hpcenv_change
( exit $__hpcenv_status )
)";

/// What the words of the command are called in the sourced file: only tcsh hands them on.
std::string_view words_of(Dialect dialect) {
  return dialect == Dialect::tcsh ? "argv" : "__hpcenv_words";
}

}  // namespace

std::string quote_csh(std::string_view word) {
  if (word.empty()) return "''";
  std::string quoted;
  bool is_open = false;
  const auto quote = [&](bool wanted) {
    if (is_open != wanted) quoted += '\'';
    is_open = wanted;
  };
  for (const char c : word) {
    quote(c != '\'' && c != '\\' && c != '!');
    if (!is_open || c == '\n') quoted += '\\';
    quoted += c;
  }
  quote(false);
  return quoted;
}

Result<std::string> render_csh(const std::vector<Statement>& statements, Dialect dialect) {
  std::string text;
  for (const Statement& statement : statements) {
    HPCENV_ASSIGN(const std::string lines, line_of(statement, dialect));
    text += lines;
    if (statement.name == "CONDA_PROMPT_MODIFIER") text += prompt_lines(statement.value);
  }
  if (!text.empty()) text += "rehash\n";
  return text;
}

std::string hook_csh(std::string_view program, Dialect dialect) {
  const std::string word = program.empty() ? "hpcenv" : quote_csh(program);
  std::string text = base::replace_all(std::string(hook_text), "@PROGRAM@", word);
  text = base::replace_all(std::move(text), "@VARIABLE@", shell_lines);
  text = base::replace_all(std::move(text), "@WORDS@", words_of(dialect));
  return base::replace_all(std::move(text), "@SHELL@", dialect == Dialect::tcsh ? "tcsh" : "csh");
}

std::string alias_csh(std::string_view file, Dialect dialect) {
  // Inside the alias' own quotes.
  const std::string word = base::replace_all(quote_csh(file), "'", R"('\'')");
  if (dialect == Dialect::tcsh) return fmt::format("alias hpcenv 'source {} \\!*'\n", word);
  return fmt::format("alias hpcenv 'set {} = ( \\!* ) ; source {}'\n", words_of(dialect), word);
}

}  // namespace hpcenv::shell
