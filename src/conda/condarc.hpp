// Keys of .condarc and .mambarc files, and of hpcenv's own config.yml, which has the same form.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace hpcenv::conda {

/// What a key holds.
enum class RcKind { text, path, boolean, number, list, paths, table };

/// Whose words a file is written in. hpcenv's own files may hold all keys.
enum class RcDialect { conda, hpcenv };

struct RcKey {
  std::string_view name;
  RcKind kind = RcKind::text;
  std::string_view older_name = {};  ///< also understood
  std::string_view choices = {};     ///< the words that it may be, blanks between; empty: any text
  /// Where a variable's text is cut into a list.
  std::string_view separators = ", ";
  RcDialect dialect = RcDialect::conda;  ///< hpcenv: means something else, or nothing, to conda
};

/// All keys that are read; every other key of a file is ignored.
std::span<const RcKey> rc_keys();
/// By its name or its older name; nullptr where there is none.
const RcKey* find_rc_key(std::string_view name);
bool holds_list(RcKind kind);

struct RcValue {
  std::string text;               ///< text, path, number; boolean: "true" or "false"
  std::vector<std::string> list;  ///< list, paths
  /// Each with one or several texts, in the file's order.
  std::vector<std::pair<std::string, std::vector<std::string>>> table;
  std::vector<std::string> top = {};     ///< items of `list` marked `#!top`: they come first
  std::vector<std::string> bottom = {};  ///< items of `list` marked `#!bottom`: they come last
  enum class Weight { usual, final };
  Weight weight = Weight::usual;  ///< final: marked `#!final`, nothing later counts
  bool operator==(const RcValue&) const = default;
};

struct Condarc {
  std::map<std::string, RcValue, std::less<>> values;  ///< by the key's present name
  std::vector<std::string> without_effect;             ///< keys that nothing obeys, as written
};

/// A key of conda's that hpcenv knows and does not obey.
struct IdleKey {
  std::string_view name;
  std::string_view reason;  ///< a clause for the user
};
std::span<const IdleKey> idle_keys();
/// Why nothing obeys a key; also for one that nobody knows.
std::string_view why_idle(std::string_view name);

/// `$NAME` in values is expanded, and `~` in paths. The marks `#!final`, `#!top` and `#!bottom` at
/// the ends of lines are read as conda reads them (of lists in block style). Kind refused, with
/// file and line: no YAML, no map of keys, a value of a known key that is none of its kind.
Result<Condarc> parse_condarc(std::string_view text, std::string_view source, RcDialect dialect,
                              const base::Environment& environment);
/// A value as a variable or a command line gives it; `source` ("HPCENV_JOBS") stands in messages.
/// Kind refused where it is none.
Result<RcValue> parse_rc_value(const RcKey& key, std::string_view text, std::string_view source);
/// `over` wins; of lists its items come first, of tables its entries replace those of that name.
/// Marked items keep their places, those of `under` the outer ones. What is final stays.
void merge_rc_value(RcValue& under, const RcValue& over, RcKind kind);
/// As one line of text: items with blanks between, entries as NAME=ITEMS.
std::string rc_value_text(const RcValue& value, RcKind kind);

}  // namespace hpcenv::conda
