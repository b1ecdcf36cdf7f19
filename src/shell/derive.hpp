// From what scripts were seen to do to what they will do (facts/activation.md C). Pure.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "shell/recorded.hpp"

namespace hpcenv::shell {

/// The variables before the first script and after the last one.
struct Observation {
  base::Environment before;
  base::Environment after;
};

/// One run of the scripts for each state of the variables that they read or write. In `set` each
/// has a value of its own that stands in no other, so that references are found.
struct Observations {
  Observation unset;
  Observation empty;
  Observation set;
};

struct Derived {
  std::vector<Rule> rules;  ///< by name
  /// Names in which the scripts only keep what another variable was before they wrote it: no rules,
  /// as hpcenv restores by itself.
  std::set<std::string> backups;
};

/// Rules that explain all three. `varied` are the variables that had the three states; the others
/// had one value throughout.
Derived derive_rules(const Observations& seen, const std::set<std::string>& varied);

/// The state of any varied variable may decide which outcome holds: the one that explains `more`
/// best is taken, the rule's own first.
void choose_selectors(Derived& derived, const std::set<std::string>& varied,
                      std::span<const Observation> more);

/// Names whose value after `seen` is not what the rules say.
std::set<std::string> unexplained(const Derived& derived, const Observation& seen);

/// Of a variable in which scripts keep another's value, or which a shell changes by itself.
bool is_of_no_interest(std::string_view name);

/// Names that a script may read or unset: $NAME, ${NAME, -v NAME, unset NAME, and "NAME, as lists
/// of tools write it.
std::set<std::string> names_in_script(std::string_view text);

}  // namespace hpcenv::shell
