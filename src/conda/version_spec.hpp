// What versions a spec accepts: clauses joined by `,` (and) and `|` (or), `,` binding
// tighter, parentheses allowed (CEP 29).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/version.hpp"

namespace hpcenv::conda {

/// Immutable; copies share the tree.
class VersionSpec {
 public:
  /// Accepts everything.
  VersionSpec();
  /// Kind bad_spec. Blanks around operators are ignored; `*` or nothing but blanks and `*` is all.
  static Result<VersionSpec> parse(std::string_view text);
  bool matches(const Version& version) const;
  /// The same for many: bit i of the words says whether version i is accepted. The versions are
  /// distinct and in order, the newest first, so most clauses cost a binary search.
  std::vector<std::uint64_t> matching(std::span<const Version> newest_first) const;
  bool accepts_all() const;
  const std::string& text() const { return text_; }

 private:
  struct Node;
  struct Tree;
  class Parser;
  std::string text_;
  std::shared_ptr<const Tree> tree_;  ///< empty: accepts everything
};

}  // namespace hpcenv::conda
