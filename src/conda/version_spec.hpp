// What versions a spec accepts: clauses joined by `,` (and) and `|` (or), `,` binding
// tighter, parentheses allowed (CEP 29).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/version.hpp"

namespace hpcenv::conda {

/// Immutable; copies share the parsed tree.
class VersionSpec {
 public:
  /// Accepts everything.
  VersionSpec();
  /// Kind bad_spec. Blanks around operators are ignored; `*` or nothing but blanks and `*` is all.
  static Result<VersionSpec> parse(std::string_view text);
  bool matches(const Version& version) const;
  bool accepts_all() const;
  const std::string& text() const { return text_; }

 private:
  struct Node;
  class Parser;
  std::string text_;
  std::shared_ptr<const Node> root_;
};

}  // namespace hpcenv::conda
