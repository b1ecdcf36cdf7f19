// CONTRACT. Versions and their order (CEP 33), one implementation for solver, validator and search.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

/// A parsed version. Equality is that of CEP 33 ("1.0" equals "1.0.0"), not of the text.
class Version {
 public:
  /// Kind bad_spec, naming the text and what is wrong with it.
  static Result<Version> parse(std::string_view text);

  const std::string& text() const { return text_; }
  std::strong_ordering operator<=>(const Version& other) const;
  bool operator==(const Version& other) const { return (*this <=> other) == 0; }
  /// Segment by segment: 1.2 starts 1.2.3 but not 1.20 (the fuzzy match of CEP 29).
  bool starts_with(const Version& prefix) const;
  /// `~=` of CEP 29: at least this and equal up to the segment before this one's last.
  bool compatible_with(const Version& base) const;

 private:
  struct Atom {
    bool is_number = false;
    std::uint64_t number = 0;  ///< saturates; longer runs of digits compare by `text`
    std::string text;
  };
  using Segment = std::vector<Atom>;
  static std::strong_ordering compare(const std::vector<Segment>& a, const std::vector<Segment>& b);

  std::string text_;
  std::uint64_t epoch_ = 0;
  std::vector<Segment> main_;
  std::vector<Segment> local_;
};

}  // namespace hpcenv::conda
