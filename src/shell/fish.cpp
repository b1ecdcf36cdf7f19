#include "shell/fish.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::shell {
namespace {

using Kind = Statement::Kind;

// Lists whose names end in PATH are split at colons when they are set, and joined again in quotes.
std::string assign(const std::string& name, const std::string& value) {
  return fmt::format("set -gx {} {}\n", name, quote_fish(value));
}

std::string erase(const std::string& name) {
  return fmt::format("set -q {0}; and set -eg {0}\n", name);
}

std::string restore_lines(const Statement& statement) {
  const std::string& name = statement.name;
  const std::string test = statement.ours ? fmt::format("set -q {0}; and test \"${0}\" = {1}", name,
                                                        quote_fish(*statement.ours))
                                          : fmt::format("not set -q {}", name);
  const std::string act = statement.value ? assign(name, *statement.value) : erase(name);
  return fmt::format("if {}\n  {}end\n", test, act);
}

std::string line_of(const Statement& statement) {
  if (statement.kind == Kind::source) {
    return fmt::format("if test -r {0}\n  source {0} >&2\nend\n", quote_fish(statement.name));
  }
  if (!is_variable_name(statement.name)) return "";
  switch (statement.kind) {
    case Kind::exported:
      return assign(statement.name, statement.value.value_or(""));
    case Kind::unset:
      return erase(statement.name);
    case Kind::restore:
      return restore_lines(statement);
    case Kind::set:
    case Kind::source:
      break;
  }
  return "";
}

// The modifier stands before what the user's own prompt prints, which sees the last command's
// status.
constexpr std::string_view hook_text = R"(function hpcenv
  for hpcenv_word in $argv
    switch $hpcenv_word
      case -h --help --json --shell '--shell=*'
        @PROGRAM@ $argv
        return
      case --
        break
    end
  end
  switch "$argv[1]"
    case activate deactivate
      __hpcenv_change $argv
    case install update remove
      @PROGRAM@ $argv
      or return
      if test -e "$CONDA_PREFIX/conda-meta/history"
        __hpcenv_change activate
      end
    case '*'
      @PROGRAM@ $argv
  end
end
function __hpcenv_change
  @PROGRAM@ $argv --shell fish | source
  return $pipestatus[1]
end
function __hpcenv_status
  return $argv[1]
end
if status is-interactive; and not functions fish_prompt | string match -q '*__hpcenv_prompt*'
  functions -q __hpcenv_prompt; and functions -e __hpcenv_prompt
  functions -c fish_prompt __hpcenv_prompt
  function fish_prompt
    set -l hpcenv_status $status
    printf '%s' "$CONDA_PROMPT_MODIFIER"
    __hpcenv_status $hpcenv_status
    __hpcenv_prompt
  end
end
)";

}  // namespace

std::string quote_fish(std::string_view word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string render_fish(const std::vector<Statement>& statements) {
  std::string text;
  for (const Statement& statement : statements) text += line_of(statement);
  return text;
}

std::string hook_fish(std::string_view program) {
  const std::string word = program.empty() ? "command hpcenv" : quote_fish(program);
  return base::replace_all(std::string(hook_text), "@PROGRAM@", word);
}

}  // namespace hpcenv::shell
