// What the activation scripts of packages make of the variables, as a value: recorded once (by
// ops/), entered from then on without running them (design.md decision 8). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::shell {

/// A literal, or the value that a variable had when the scripts began ("" where it was unset).
struct Piece {
  enum class Kind { text, incoming };
  Kind kind = Kind::text;
  std::string text;  ///< the literal, or the variable's name
  bool operator==(const Piece&) const = default;
};
using Template = std::vector<Piece>;

/// What becomes of a variable.
struct Outcome {
  enum class Kind { keep, unset, set };
  Kind kind = Kind::keep;
  Template value;  ///< of `set`; no piece: the empty value
  bool operator==(const Outcome&) const = default;
};

/// States of a variable that scripts tell apart.
enum class Incoming { unset, empty, set };
/// "unset", "empty", "set".
std::string_view name_of(Incoming state);
Incoming state_of(const base::Environment& environment, std::string_view name);

/// What the scripts make of one variable, by the state in which `selector` came in.
struct Rule {
  std::string name;
  std::string selector;  ///< mostly `name` itself
  Outcome unset;
  Outcome empty;
  Outcome set;
  std::vector<std::string> scripts;  ///< file names of those that write it
  const Outcome& outcome(Incoming state) const;
  bool operator==(const Rule&) const = default;
};

/// What a rule is called where people read it; `other` needs all of the rule to be said.
enum class RuleClass { set, unset, standard, prepend, append, other };
RuleClass class_of(const Rule& rule);
/// "set", "unset", "default", "prepend", "append", "template".
std::string_view name_of(RuleClass kind);
/// Of prepend and append: what is added where the variable has a value, separator included.
std::string added_text(const Rule& rule);

/// What a rule puts around the variable's own value, by which it is known again.
struct OwnText {
  std::string before;
  std::string after;
  std::string alone;  ///< all of it, where nothing came in
  /// One of the two with this separator at its inner end: an element, which counts wherever it
  /// stands between two of them. 0: it counts at its own end only.
  char separator = 0;
};
/// Nothing where the rule does not add to its variable.
std::optional<OwnText> own_text(const Rule& rule);
/// "" where it has none.
std::string separator_of(const OwnText& text);
/// A value, or the text itself, with a separator at the end where the text's outer end is: one
/// holds the other where it is an element.
std::string padded(const OwnText& text, const std::string& value);
std::string padded(const OwnText& text);
/// What it sets a variable to that did not come in; nothing where that is no literal.
std::optional<std::string> literal_default(const Rule& rule);

/// Puts elements in front of a list as PATH is one: they are there once, and come first.
bool is_list_prepend(const Rule& rule);

/// The rules hold while this variable comes in as it was when they were recorded.
struct Guard {
  std::string name;
  Incoming state = Incoming::unset;
  bool operator==(const Guard&) const = default;
};

struct Recorded {
  std::vector<Rule> rules;           ///< one a variable, by name
  std::vector<Guard> guards;         ///< by name
  std::vector<std::string> scripts;  ///< absolute paths in order: what the rules stand for
  bool operator==(const Recorded&) const = default;
};

/// The guards that do not hold in an environment that the scripts would see. A variable that should
/// not be there and is as the rules make it came of an earlier entry: that is no break.
std::vector<Guard> broken_guards(const Recorded& recorded, const base::Environment& incoming);

/// The variables after the rules, all of which read `incoming`. What a prepend or append would add
/// is not added where the value holds it already, so that entering twice doubles nothing; elements
/// before a list move to its front.
base::Environment apply_rules(const std::vector<Rule>& rules, const base::Environment& incoming);

/// Variables that jobs and users set on purpose, for one run: OMP_NUM_THREADS and its like.
bool is_a_jobs_choice(std::string_view name);
/// Those of them that a rule sets to something else than came in.
std::vector<std::string> overridden_choices(const std::vector<Rule>& rules,
                                            const base::Environment& incoming);

/// Variables that some rule reads while another writes them: who applies rules one after the other
/// has to keep these aside first.
std::vector<std::string> read_after_write(const std::vector<Rule>& rules);

}  // namespace hpcenv::shell
