// How a spec says what a text field may be: exact, glob, or regex (CEP 29, "String matching").
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::conda {

/// A pattern for text fields: exact, glob (`*`), or `^regex$`; case-insensitive as CEP 29 says.
/// Copies share the compiled regex.
class TextPattern {
 public:
  /// Matches everything.
  TextPattern() = default;
  /// Kind bad_spec for a regex that cannot be read, is longer than 1024 characters, or looks around
  /// or back (time stays polynomial).
  static Result<TextPattern> parse(std::string_view text);
  bool matches(std::string_view value) const;
  bool accepts_all() const { return kind_ == Kind::all; }
  /// A plain word without wildcard.
  bool is_exact() const { return kind_ == Kind::exact; }
  /// In lower case, but for a regex, which is as given.
  const std::string& text() const { return text_; }

 private:
  enum class Kind : std::uint8_t { all, exact, glob, regex };
  struct Compiled;

  Kind kind_ = Kind::all;
  std::string text_;
  std::shared_ptr<const Compiled> regex_;
};

}  // namespace hpcenv::conda
