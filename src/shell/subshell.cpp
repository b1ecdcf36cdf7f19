#include "shell/subshell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::shell {
namespace {

// The shell has opened the last of its files when this runs: nothing of them is left once it talks.
constexpr std::string_view sweep = "\\command rm -rf -- @FOLDER@\n";

constexpr std::string_view fish_any = "command rm -rf -- @FOLDER@\n@ENTER@";

constexpr std::string_view bash_terminal = R"(if [ -r ~/.bashrc ]; then . ~/.bashrc; fi
@ENTER@)";

constexpr std::string_view bash_stream = R"(@RESTORE@if [ -n "${BASH_ENV-}" ]; then
  \eval "__hpcenv_file=\"$BASH_ENV\""
  if [ -r "$__hpcenv_file" ]; then . "$__hpcenv_file"; fi
  \unset __hpcenv_file
fi
@ENTER@)";

constexpr std::string_view posix_terminal = R"(@RESTORE@__hpcenv_file=@DEFAULT@
if [ -n "${ENV-}" ]; then \eval "__hpcenv_file=\"$ENV\""; fi
if [ -n "$__hpcenv_file" ] && [ -r "$__hpcenv_file" ]; then . "$__hpcenv_file"; fi
\unset __hpcenv_file
@ENTER@)";

constexpr std::string_view posix_stream = "@ENTER@exec @SHELL@\n";

// Where the second file is to be found is asked after the first, which may say so.
constexpr std::string_view zsh_first =
    R"(@RESTORE@if [[ -r ${ZDOTDIR:-$HOME}/.zshenv ]]; then . "${ZDOTDIR:-$HOME}/.zshenv"; fi
if [[ -o interactive && -o rcs ]]; then
  __hpcenv_folder=${ZDOTDIR-}
  ZDOTDIR=@FOLDER@
  return 0
fi
\command rm -rf -- @FOLDER@
@ENTER@)";

constexpr std::string_view zsh_second = R"(if [[ -n $__hpcenv_folder ]]; then
  ZDOTDIR=$__hpcenv_folder
else
  unset ZDOTDIR
fi
unset __hpcenv_folder
if [[ -r ${ZDOTDIR:-$HOME}/.zshrc ]]; then . "${ZDOTDIR:-$HOME}/.zshrc"; fi
@ENTER@)";

// csh is the shell that reads the user's files: where they can be read before, they are.
constexpr std::string_view csh_terminal =
    "\\rm -rf @FOLDER@\n@LINES@setenv @VARIABLE@ @PREFIX@\nexec @SHELL@\n";
constexpr std::string_view csh_stream = "\\rm -rf @FOLDER@\n@LINES@exec @SHELL@ -f\n";

struct File {
  const char* name = nullptr;
  std::string_view before;
  std::string_view text;
};

/// One way to start one kind of shell.
struct Start {
  Dialect dialect;
  Input input;
  const char* options;   ///< words of the command line; @FILE@ and @SOURCE@ mean the first file
  const char* variable;  ///< that names the file, or the folder in zsh
  std::array<File, 2> files;
};

constexpr std::array starts{
    Start{Dialect::bash,
          Input::terminal,
          "--rcfile @FILE@ -i",
          "",
          {File{"bashrc", sweep, bash_terminal}}},
    Start{Dialect::bash, Input::stream, "", "BASH_ENV", {File{"bashenv", sweep, bash_stream}}},
    Start{Dialect::zsh,
          Input::terminal,
          "-i",
          "ZDOTDIR",
          {File{".zshenv", "", zsh_first}, File{".zshrc", sweep, zsh_second}}},
    Start{Dialect::zsh, Input::stream, "", "ZDOTDIR", {File{".zshenv", "", zsh_first}}},
    Start{Dialect::posix, Input::terminal, "-i", "ENV", {File{"shrc", sweep, posix_terminal}}},
    Start{Dialect::posix, Input::stream, "@FILE@", "", {File{"script", sweep, posix_stream}}},
    Start{Dialect::fish, Input::terminal, "-i -C @SOURCE@", "", {File{"enter.fish", "", fish_any}}},
    Start{Dialect::fish, Input::stream, "-C @SOURCE@", "", {File{"enter.fish", "", fish_any}}},
    Start{Dialect::tcsh, Input::terminal, "-f @FILE@", "", {File{"enter.csh", "", csh_terminal}}},
    Start{Dialect::tcsh, Input::stream, "@FILE@", "", {File{"enter.csh", "", csh_stream}}},
};

const Start& start_of(const SubshellWish& wish) {
  const Dialect dialect = is_csh(wish.dialect) ? Dialect::tcsh : wish.dialect;
  return *std::ranges::find_if(starts, [&](const Start& start) {
    return start.dialect == dialect && start.input == wish.input;
  });
}

std::string quoted(const std::string& word, Dialect dialect) {
  if (is_csh(dialect)) return quote_csh(word);
  return dialect == Dialect::fish ? quote_fish(word) : quote_posix(word);
}

/// The hook, so that the environment can be changed or left in there, and the first use of it.
std::string enter_text(const SubshellWish& wish) {
  std::string command = "hpcenv activate --prefix " + quoted(wish.prefix, wish.dialect);
  for (const std::string& word : wish.options) command += " " + quoted(word, wish.dialect);
  const std::string defined = hook(wish.program, wish.dialect);
  if (wish.dialect == Dialect::fish) return defined + command + "\nor exit\n";
  // An alias of that name would be taken for the function's.
  return "\\unalias hpcenv 2>/dev/null || \\:\n" + defined + "\\" + command + " || \\exit\n";
}

std::string restore_line(const std::string& name, const base::Environment& now) {
  if (name.empty()) return "";
  const auto value = now.get(name);
  return value ? fmt::format("\\export {}={}\n", name, quote_posix(*value))
               : fmt::format("\\unset {}\n", name);
}

/// What an interactive shell reads where ENV names nothing.
std::string default_file(const std::string& shell) {
  const std::string name = shell.substr(shell.rfind('/') + 1);
  if (name == "mksh") return "$HOME/.mkshrc";
  return name.starts_with("ksh") ? "$HOME/.kshrc" : "";
}

std::string filled(const File& file, const Start& start, const SubshellWish& wish,
                   const base::Environment& now) {
  const std::array<std::pair<std::string_view, std::string>, 8> values{{
      {"@VARIABLE@", subshell_prefix},
      {"@PREFIX@", quoted(wish.prefix, wish.dialect)},
      {"@FOLDER@", quoted(wish.folder, wish.dialect)},
      {"@SHELL@", quoted(wish.shell, wish.dialect)},
      {"@DEFAULT@", default_file(wish.shell)},
      {"@RESTORE@", restore_line(start.variable, now)},
      {"@LINES@", wish.lines},
      {"@ENTER@", is_csh(wish.dialect) ? "" : enter_text(wish)},
  }};
  std::string text = std::string(file.before) + std::string(file.text);
  // Values come in at the end first, so that none is searched for names.
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::ranges::find_if(values, [&](const auto& value) {
      return text.compare(at, value.first.size(), value.first) == 0;
    });
    out += found == values.end() ? text.substr(at, 1) : found->second;
    at += found == values.end() ? 1 : found->first.size();
  }
  return out;
}

}  // namespace

Subshell subshell(const SubshellWish& wish, const base::Environment& now) {
  const Start& start = start_of(wish);
  const std::string first = wish.folder + "/" + start.files[0].name;
  Subshell made{{}, {wish.shell}, now};
  for (const File& file : start.files) {
    if (file.name != nullptr) made.files.emplace_back(file.name, filled(file, start, wish, now));
  }
  const std::string_view options = start.options;
  for (const std::string_view word :
       options.empty() ? std::vector<std::string_view>{} : base::split(options, ' ')) {
    made.argv.push_back(word == "@FILE@"     ? first
                        : word == "@SOURCE@" ? "source " + quote_fish(first)
                                             : std::string(word));
  }
  made.environment.unset(subshell_prefix);
  if (*start.variable != 0) {
    made.environment.set(start.variable, wish.dialect == Dialect::zsh ? wish.folder : first);
  }
  return made;
}

}  // namespace hpcenv::shell
