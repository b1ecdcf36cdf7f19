// Versions and their order (CEP 33), one implementation for solver, validator and search.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
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
  /// A run of digits or letters. All of a version lie side by side: a version is compared far
  /// oftener than it is read.
  struct Atom {
    std::uint64_t number = 0;
    std::uint16_t begin = 0;  ///< of a word, in the folded text
    std::uint16_t size = 0;
    Kind kind = Kind::number;
    bool opens_segment = false;  ///< stands behind a dot
  };
  class Parser;
  /// A part of a version: the main or the local one.
  struct Part {
    std::span<const Atom> atoms;
    std::string_view folded;
  };
  static std::strong_ordering compare(const Atom& a, std::string_view folded_a, const Atom& b,
                                      std::string_view folded_b);
  /// Moves on within a segment; false where it ends.
  static bool advance(const Part& part, std::size_t& i);
  /// Where the last segment begins.
  static std::size_t last_segment(const Part& part);
  /// Compares the segments that begin at `i` and `j`, and moves both behind them.
  static std::strong_ordering compare_segment(const Part& a, std::size_t& i, const Part& b,
                                              std::size_t& j);
  static std::strong_ordering compare(const Part& a, const Part& b);
  static bool starts_with(const Part& all, const Part& prefix);
  std::string_view folded() const { return folded_.empty() ? text_ : folded_; }
  Part main() const { return {std::span(atoms_).first(main_size_), folded()}; }
  Part local() const { return {std::span(atoms_).subspan(main_size_), folded()}; }

  std::string text_;
  std::string folded_;  ///< in lower case; empty where the text is so
  std::uint64_t epoch_ = 0;
  std::vector<Atom> atoms_;  ///< of the main part, then of the local one
  std::size_t main_size_ = 0;
};

}  // namespace hpcenv::conda
