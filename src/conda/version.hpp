// Versions and their order (CEP 33), one implementation for solver, validator and search.
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
  enum class Kind : std::uint8_t { dev, word, number, post };  ///< in the order that CEP 33 gives
  struct Atom {
    Kind kind = Kind::number;
    std::uint64_t number = 0;
    std::string word;
    std::strong_ordering operator<=>(const Atom& other) const;
    bool operator==(const Atom& other) const { return (*this <=> other) == 0; }
  };
  using Segment = std::vector<Atom>;  ///< the text between two dots
  static std::strong_ordering compare(const Segment& a, const Segment& b);
  static std::strong_ordering compare(const std::vector<Segment>& a, const std::vector<Segment>& b);
  static bool starts_with(const std::vector<Segment>& all, const std::vector<Segment>& prefix);
  static Result<std::vector<Segment>> parse_segments(std::string_view text, std::string_view whole);
  static Result<Segment> parse_segment(std::string_view text, std::string_view whole);

  std::string text_;
  std::uint64_t epoch_ = 0;
  std::vector<Segment> main_;
  std::vector<Segment> local_;
};

}  // namespace hpcenv::conda
