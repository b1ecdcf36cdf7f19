#include "ops/script_class.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {
namespace {

using Words = std::vector<std::string>;

constexpr std::string_view builtins =
    " [ [[ (( : . alias bind break builtin case cd command compgen complete compopt continue "
    "declare dirs disown echo enable esac eval exec exit export false for getopts hash help "
    "history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray "
    "readonly return select set shift shopt source suspend test time times trap true type typeset "
    "ulimit umask unalias unset wait ";

// Programs that read, and print what they found.
constexpr std::string_view pure_programs =
    " awk basename cat comm cut diff dirname egrep env expr fgrep find gawk getconf grep head id "
    "ldd locale ls lscpu mawk nproc od paste printenv readlink realpath rev sed seq sort stat tac "
    "tail tr uname uniq wc which whoami ";

bool is_among(std::string_view words, std::string_view name) {
  return words.find(" " + std::string(name) + " ") != std::string_view::npos;
}

constexpr std::array<std::string_view, 4> of_the_moment = {"date", "hostname", "mktemp", "uptime"};
constexpr std::array<std::string_view, 3> of_the_node = {"lscpu", "nproc", "getconf"};
// What differs from one run to the next shows in a second run; these may be the same in both.
constexpr std::array<std::string_view, 3> slow_names = {"$SECONDS", "$EPOCH", "$HOSTNAME"};

template <std::size_t size>
bool has(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string unquoted(std::string_view word) {
  std::string text;
  for (const char c : word) {
    if (c != '\'' && c != '"' && c != '\\') text += c;
  }
  return text;
}

// `+ mkdir -p /a` -> mkdir, -p, /a. A line that goes on a value with newlines is none.
Words words_of(std::string_view line) {
  Words words;
  const std::size_t start = line.find_first_not_of('+');
  if (start == 0 || start == std::string_view::npos || line[start] != ' ') return words;
  for (const std::string_view word : base::split_words(line.substr(start))) {
    words.push_back(unquoted(word));
  }
  return words;
}

bool is_assignment(const std::string& word) {
  const std::size_t equal = word.find('=');
  if (equal == std::string::npos) return false;
  std::string_view name = std::string_view(word).substr(0, equal);
  if (name.ends_with('+')) name.remove_suffix(1);
  return shell::is_variable_name(name.substr(0, name.find('[')));
}

// Without assignments: their values are no words of commands.
std::vector<Words> commands_in(std::string_view trace) {
  std::vector<Words> commands;
  for (const std::string_view line : base::split_lines(trace)) {
    Words words = words_of(line);
    if (!words.empty() && !is_assignment(words.front())) commands.push_back(std::move(words));
  }
  return commands;
}

// Names that stand before "()" or after "function": of functions, whether they are still there or
// not.
std::set<std::string> functions_named_in(std::string_view text) {
  std::set<std::string> names;
  for (const std::string_view line : base::split_lines(text)) {
    const auto words = base::split_words(line);
    if (words.size() > 1 && words[0] == "function") {
      names.insert(std::string(words[1].substr(0, words[1].find('('))));
    }
    const std::size_t parentheses = line.find("()");
    if (parentheses != std::string_view::npos) {
      names.insert(std::string(base::trim(line.substr(0, parentheses))));
    }
  }
  return names;
}

// What `declare -F` printed, and what the text defines.
std::set<std::string> functions_of(std::string_view text, std::string_view shell_after) {
  std::set<std::string> names = functions_named_in(text);
  for (const std::string_view line : base::split_lines(shell_after)) {
    if (line.starts_with("declare -f")) {
      names.insert(std::string(base::trim(line.substr(line.rfind(' ')))));
    }
  }
  return names;
}

bool is_external(const std::string& first, const std::set<std::string>& functions) {
  return !first.empty() && !is_among(builtins, first) && !functions.contains(first) &&
         !first.starts_with("((");
}

bool only_reads(const Words& command) {
  const std::string program = script_name(command.front());
  const bool edits = program == "sed" && std::ranges::any_of(command, [](const std::string& word) {
                       return word.starts_with("-i") || word.starts_with("--in-place");
                     });
  const bool starts =
      program == "find" && std::ranges::any_of(command, [](const std::string& word) {
        return word.starts_with("-exec") || word == "-delete";
      });
  return is_among(pure_programs, program) && !edits && !starts;
}

bool reads_everything(const Words& command) {
  const std::string& first = command.front();
  const bool alone = command.size() == 1;
  if (script_name(first) == "env" || script_name(first) == "printenv") return alone;
  if (first == "set") return alone;
  if (first == "compgen") return true;
  const bool lists = first == "export" || first == "declare" || first == "typeset";
  return lists && (alone || (command.size() == 2 && command[1].starts_with("-")));
}

bool looks_around(const Words& command) {
  return std::ranges::any_of(command, [](const std::string& word) {
    return word.starts_with("./") || word.starts_with("../");
  });
}

bool looks_at_terminal(const Words& command) {
  const std::string& first = command.front();
  const bool tests = first == "[" || first == "[[" || first == "test";
  return script_name(first) == "tty" ||
         (tests && std::ranges::find(command, std::string("-t")) != command.end());
}

bool looks_at_node(const Words& command) {
  return has(of_the_node, script_name(command.front())) ||
         std::ranges::any_of(command, [](const std::string& word) {
           return word.starts_with("/proc/") || word.starts_with("/sys/");
         });
}

// Lines of a snapshot that hold `mark`, as one text.
std::string lines_with(std::string_view snapshot, std::string_view mark) {
  std::string text;
  for (const std::string_view line : base::split_lines(snapshot)) {
    if (line.find(mark) != std::string_view::npos) text += std::string(line) + "\n";
  }
  return text;
}

// `umask` prints digits alone.
std::string mask_in(std::string_view snapshot) {
  for (const std::string_view line : base::split_lines(snapshot)) {
    if (base::parse_unsigned(line)) return std::string(line);
  }
  return "";
}

bool changes_what_programs_inherit(std::string_view before, std::string_view after) {
  constexpr std::string_view limit = "(-";  // "open files   (-n) 1024"
  constexpr std::string_view trap = "trap -- ";
  return mask_in(before) != mask_in(after) || lines_with(before, trap) != lines_with(after, trap) ||
         lines_with(before, limit) != lines_with(after, limit);
}

// Functions that the script calls itself, or hides, are its own business.
bool changes_the_shell(std::string_view before, std::string_view after,
                       const std::vector<Words>& commands) {
  const auto known = base::split_lines(before);
  return std::ranges::any_of(base::split_lines(after), [&](std::string_view line) {
    if (std::ranges::find(known, line) != known.end()) return false;
    if (!line.starts_with("declare -f")) return true;
    const std::string name(base::trim(line.substr(line.rfind(' '))));
    return !name.starts_with("_") && std::ranges::none_of(commands, [&](const Words& command) {
      return command.front() == name;
    });
  });
}

std::string first_line(std::string_view text) {
  const auto lines = base::split_lines(text);
  constexpr std::size_t longest = 120;
  return lines.empty() ? "" : std::string(lines.front().substr(0, longest));
}

bool any(const std::vector<Words>& commands, bool (*what)(const Words&)) {
  return std::ranges::any_of(commands, what);
}

std::string programs_that_act(const std::vector<Words>& commands,
                              const std::set<std::string>& functions) {
  std::vector<std::string> names;
  for (const Words& command : commands) {
    if (!is_external(command.front(), functions) || only_reads(command)) continue;
    const std::string name = script_name(command.front());
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return base::join(names, ", ");
}

/// Half a sentence of what cannot be recorded; empty where nothing speaks against it.
std::string why_live(std::string_view text, const std::vector<Words>& commands) {
  if (any(commands, reads_everything)) return "reads the whole environment";
  if (any(commands, looks_around)) return "looks at the current directory";
  if (any(commands, looks_at_terminal)) return "looks at the terminal";
  const bool momentary = std::ranges::any_of(commands, [](const Words& command) {
    return has(of_the_moment, script_name(command.front()));
  });
  const bool changing = std::ranges::any_of(
      slow_names, [&](std::string_view name) { return text.find(name) != std::string_view::npos; });
  return momentary || changing ? "reads the time or the host" : "";
}

}  // namespace

std::string_view name_of(ScriptClass kind) {
  switch (kind) {
    case ScriptClass::recorded:
      return "recorded";
    case ScriptClass::acts:
      return "acts";
    case ScriptClass::node:
      return "node";
    case ScriptClass::live:
      return "live";
    case ScriptClass::refused:
      break;
  }
  return "refused";
}

std::string script_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string script_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  names.reserve(paths.size());
  for (const std::string& path : paths) names.push_back(script_name(path));
  return base::join(names, ", ");
}

ScriptVerdict judge_script(const std::string& path, std::string_view text, const ScriptLook& look,
                           std::string_view shell_before) {
  const std::vector<Words> commands = commands_in(look.trace);
  const auto functions = functions_of(text, look.shell_after);
  const auto verdict = [&](ScriptClass kind, std::string reason) {
    return ScriptVerdict{path, kind, std::move(reason),
                         changes_the_shell(shell_before, look.shell_after, commands)};
  };
  if (changes_what_programs_inherit(shell_before, look.shell_after)) {
    return verdict(ScriptClass::live, "changes the umask, limits or signals");
  }
  if (std::string why = why_live(text, commands); !why.empty()) {
    return verdict(ScriptClass::live, std::move(why));
  }
  if (const std::string programs = programs_that_act(commands, functions); !programs.empty()) {
    return verdict(ScriptClass::acts, "starts " + programs);
  }
  if (look.errors.find("Permission denied") != std::string::npos) {
    return verdict(ScriptClass::acts, "writes files");
  }
  if (!look.errors.empty()) {
    return verdict(ScriptClass::live, "complains: " + first_line(look.errors));
  }
  if (look.code != 0) return verdict(ScriptClass::live, fmt::format("ends with {}", look.code));
  if (any(commands, looks_at_node)) {
    return verdict(ScriptClass::node, "looks at the node's processor");
  }
  return verdict(ScriptClass::recorded, "");
}

std::vector<std::string> sourced_files(std::string_view trace) {
  std::vector<std::string> files;
  for (const Words& command : commands_in(trace)) {
    const bool sources = command.front() == "." || command.front() == "source";
    if (sources && command.size() > 1 && command[1].starts_with('/')) files.push_back(command[1]);
  }
  return files;
}

std::vector<std::string> paths_in_trace(std::string_view trace) {
  std::set<std::string> paths;
  for (const Words& command : commands_in(trace)) {
    for (std::string word : command) {
      if (!word.starts_with('/')) continue;
      while (word.size() > 1 && (word.ends_with('/') || word.ends_with(';'))) word.pop_back();
      paths.insert(std::move(word));
    }
  }
  return {paths.begin(), paths.end()};
}

}  // namespace hpcenv::ops
