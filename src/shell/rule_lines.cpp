#include "shell/rule_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "shell/activation.hpp"

namespace hpcenv::shell {
namespace {

constexpr std::string_view was = "hpcenv_was_";

constexpr std::array<std::string_view, 21> shells_own = {
    "IFS",          "PWD",  "OLDPWD",    "SHLVL",    "PPID",     "UID",    "EUID",
    "GID",          "EGID", "USERNAME",  "LINENO",   "OPTIND",   "RANDOM", "SECONDS",
    "EPOCHSECONDS", "_",    "SHELLOPTS", "BASHOPTS", "FUNCNAME", "GROUPS", "PIPESTATUS"};

struct Writer {
  const RuleWords& words;
  std::set<std::string> aside;
};

// The shell variable that holds what a variable was when the rules began.
std::string held_in(const std::string& name, const Writer& writer) {
  return writer.aside.contains(name) ? std::string(was) + name : name;
}

std::string aside_lines(const Writer& writer) {
  if (writer.aside.empty()) return "";
  std::string out = "\n# These are changed before they are read.\n";
  for (const std::string& name : writer.aside) {
    out += fmt::format("unset -v hpcenv_was_{0}\n[ -z \"${{{0}+x}}\" ] || hpcenv_was_{0}=${0}\n",
                       name);
  }
  return out;
}

std::string word_of(const Template& value, const Writer& writer) {
  std::string out;
  for (const Piece& piece : value) {
    out += piece.kind == Piece::Kind::text ? quote_posix(piece.text)
                                           : "\"${" + held_in(piece.text, writer) + "-}\"";
  }
  return out.empty() ? "''" : out;
}

std::string act_of(const Rule& rule, const Outcome& outcome, const Writer& writer) {
  switch (outcome.kind) {
    case Outcome::Kind::keep:
      return ":";
    case Outcome::Kind::unset:
      return writer.words.unset(rule.name);
    case Outcome::Kind::set:
      break;
  }
  return writer.words.assign(rule.name, word_of(outcome.value, writer));
}

std::string by_state(const Rule& rule, const Writer& writer) {
  const std::string held = held_in(rule.selector, writer);
  const std::string unset = act_of(rule, rule.unset, writer);
  const std::string empty = act_of(rule, rule.empty, writer);
  const std::string set = act_of(rule, rule.set, writer);
  if (unset == empty && empty == set) return unset == ":" ? "" : unset + "\n";
  if (empty == set) {
    return fmt::format("if [ -z \"${{{}+x}}\" ]; then {}; else {}; fi\n", held, unset, set);
  }
  if (unset == empty) {
    return fmt::format("if [ -z \"${{{}-}}\" ]; then {}; else {}; fi\n", held, unset, set);
  }
  return fmt::format(
      "if [ -z \"${{{0}+x}}\" ]; then {1}\nelif [ -z \"${0}\" ]; then {2}\nelse {3}; fi\n", held,
      unset, empty, set);
}

// Elements that are there already are taken out first, so that they come to the front.
std::string list_lines(const Rule& rule, const Writer& writer) {
  const std::string mark = quote_posix(":" + added_text(rule));
  Rule rest = rule;
  rest.selector = "hpcenv_list";
  for (Outcome* outcome : {&rest.unset, &rest.empty, &rest.set}) {
    for (Piece& piece : outcome->value) {
      if (piece.kind == Piece::Kind::incoming && piece.text == rule.name)
        piece.text = rest.selector;
    }
  }
  return fmt::format(
             "unset -v hpcenv_list\n"
             "[ -z \"${{{0}+x}}\" ] || hpcenv_list=:${0}:\n"
             "while :; do\n"
             "  case ${{hpcenv_list-}} in\n"
             "    *{1}*) hpcenv_list=${{hpcenv_list%%{1}*}}:${{hpcenv_list#*{1}}} ;;\n"
             "    *) break ;;\n"
             "  esac\n"
             "done\n"
             "if [ -n \"${{hpcenv_list-}}\" ]; then\n"
             "  hpcenv_list=${{hpcenv_list#:}} hpcenv_list=${{hpcenv_list%:}}\n"
             "fi\n",
             held_in(rule.name, writer), mark) +
         by_state(rest, writer) + "unset -v hpcenv_list\n";
}

// What is there already is not added once more.
std::string once_lines(const Rule& rule, const OwnText& text, const Writer& writer) {
  const std::string value = "${" + held_in(rule.name, writer) + "-}";
  std::string subject = value;
  std::string known = quote_posix(text.before) + "*" + quote_posix(text.after);
  std::string alone = text.alone;
  if (text.separator != 0) {
    const std::string mark = quote_posix(std::string(1, text.separator));
    subject = text.before.empty() ? "\"" + value + "\"" + mark : mark + "\"" + value + "\"";
    known = "*" + quote_posix(padded(text)) + "*";
    alone = padded(text, alone);
  }
  if (!text.alone.empty()) known = quote_posix(alone) + " | " + known;
  return "case " + subject + " in\n  " + known + ") ;;\n  *)\n    " + by_state(rule, writer) +
         "    ;;\nesac\n";
}

std::string lines_of(const Rule& rule, const Writer& writer) {
  if (!renders(rule)) return left_out_line(can_be_rendered(rule.name) ? rule.selector : rule.name);
  if (is_list_prepend(rule)) return list_lines(rule, writer);
  const auto text = own_text(rule);
  return text ? once_lines(rule, *text, writer) : by_state(rule, writer);
}

std::set<std::string> read_too_late(const std::vector<Rule>& rules) {
  std::vector<Rule> rendered;
  std::ranges::copy_if(rules, std::back_inserter(rendered), renders);
  const auto names = read_after_write(rendered);
  return {names.begin(), names.end()};
}

}  // namespace

bool is_shells_own(std::string_view name) {
  return std::ranges::find(shells_own, name) != shells_own.end();
}

std::string shown_name(std::string_view name) {
  std::string shown;
  for (const char c : name) shown += (c > ' ' && c < 0x7f) ? c : '?';
  return shown;
}

bool can_be_rendered(const std::string& name) {
  return is_variable_name(name) && !is_shells_own(name) && !name.starts_with("hpcenv_");
}

bool renders(const Rule& rule) {
  return can_be_rendered(rule.name) && is_variable_name(rule.selector);
}

std::string left_out_line(const std::string& name) {
  return fmt::format(
      "# Left out, because {}: {}\n",
      is_variable_name(name) ? "the shell keeps it for itself" : "a shell cannot name it",
      shown_name(name));
}

std::vector<std::string> kept_aside(const std::vector<Rule>& rules) {
  std::vector<std::string> names;
  for (const std::string& name : read_too_late(rules)) names.push_back(std::string(was) + name);
  return names;
}

std::string rules_lines(const std::vector<Rule>& rules, const RuleWords& words) {
  if (rules.empty()) return "";
  const Writer writer{words, read_too_late(rules)};
  std::string out = aside_lines(writer) + "\n# What the activation scripts of packages make.\n";
  for (const Rule& rule : rules) out += lines_of(rule, writer);
  return out;
}

}  // namespace hpcenv::shell
