// Rules as lines of a shell that understands POSIX tests and expansions: sh and bash write the same
// but for the words that assign.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shell/recorded.hpp"

namespace hpcenv::shell {

struct RuleWords {
  /// `word` is quoted.
  std::string (*assign)(const std::string& name, const std::string& word);
  std::string (*unset)(const std::string& name);
};

/// Lines with their own comments; nothing where there are no rules. Whoever sources them unsets
/// `kept_aside` afterwards. A variable that a shell cannot name, or keeps for itself, is left out,
/// in a comment.
std::string rules_lines(const std::vector<Rule>& rules, const RuleWords& words);
/// The shell variables, "hpcenv_was_NAME", in which values wait that are read after they changed.
std::vector<std::string> kept_aside(const std::vector<Rule>& rules);

/// Whether lines can be written for it.
bool renders(const Rule& rule);
/// Whether a shell can name it, and it is neither the shell's own nor ours.
bool can_be_rendered(const std::string& name);
/// A comment that says why not.
std::string left_out_line(const std::string& name);

/// IFS, UID, PWD, SHLVL and their like: assigned to, they change the shell and not its programs.
bool is_shells_own(std::string_view name);

/// A name in a comment: only what is printable stays.
std::string shown_name(std::string_view name);

}  // namespace hpcenv::shell
