#include "conda/version.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

/// CEP 33 allows runs of digits up to 2^31-1; dates with times (202301011200) exist in the wild.
constexpr std::size_t digits_limit = 18;
constexpr std::size_t length_limit = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

Failure bad_version(std::string_view text, std::string_view reason) {
  return fail(ErrorKind::bad_spec, "cannot read the version '{}': {}", text, reason);
}

/// The characters of CEP 33. Both kinds of word separator may stand in one version, though conda
/// and rattler refuse that: a dash is an underscore.
Result<> check_characters(std::string_view lower, std::string_view text) {
  if (lower.empty()) return bad_version(text, "it is empty");
  if (lower.size() > length_limit) return bad_version(text.substr(0, 64), "it is too long");
  for (const char c : lower) {
    if (is_digit(c) || is_letter(c) || std::string_view("._-+!").contains(c)) continue;
    return bad_version(text, fmt::format("'{}' is no character of a version", c));
  }
  return {};
}

}  // namespace

std::strong_ordering Version::compare(const Atom& a, std::string_view folded_a, const Atom& b,
                                      std::string_view folded_b) {
  if (a.kind != b.kind) return a.kind <=> b.kind;
  if (a.kind == Kind::number) return a.number <=> b.number;
  if (a.kind != Kind::word) return std::strong_ordering::equal;
  return folded_a.substr(a.begin, a.size) <=> folded_b.substr(b.begin, b.size);
}

bool Version::advance(const Part& part, std::size_t& i) {
  ++i;
  return i < part.atoms.size() && !part.atoms[i].opens_segment;
}

std::size_t Version::last_segment(const Part& part) {
  std::size_t last = part.atoms.size();
  while (last > 0) {
    --last;
    if (part.atoms[last].opens_segment) break;
  }
  return last;
}

std::strong_ordering Version::compare_segment(const Part& a, std::size_t& i, const Part& b,
                                              std::size_t& j) {
  // What is missing is 0.
  static constexpr Atom zero;
  auto order = std::strong_ordering::equal;
  bool more_a = i < a.atoms.size();
  bool more_b = j < b.atoms.size();
  while (more_a || more_b) {
    const Atom& left = more_a ? a.atoms[i] : zero;
    const Atom& right = more_b ? b.atoms[j] : zero;
    if (order == 0) order = compare(left, a.folded, right, b.folded);
    if (more_a) more_a = advance(a, i);
    if (more_b) more_b = advance(b, j);
  }
  return order;
}

std::strong_ordering Version::compare(const Part& a, const Part& b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.atoms.size() || j < b.atoms.size()) {
    if (const auto order = compare_segment(a, i, b, j); order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering Version::operator<=>(const Version& other) const {
  if (epoch_ != other.epoch_) return epoch_ <=> other.epoch_;
  if (const auto order = compare(main(), other.main()); order != 0) return order;
  return compare(local(), other.local());
}

bool Version::starts_with(const Part& all, const Part& prefix) {
  static constexpr Atom zero;
  const std::size_t last = last_segment(prefix);
  std::size_t i = 0;
  for (std::size_t j = 0; j < last;) {
    if (compare_segment(all, i, prefix, j) != 0) return false;
  }
  // The last segment may go on: 1.2 starts 1.2rc1.
  bool more = i < all.atoms.size();
  for (std::size_t j = last; j < prefix.atoms.size(); ++j) {
    const Atom& mine = more ? all.atoms[i] : zero;
    if (compare(mine, all.folded, prefix.atoms[j], prefix.folded) != 0) return false;
    if (more) more = advance(all, i);
  }
  return true;
}

bool Version::starts_with(const Version& prefix) const {
  if (epoch_ != prefix.epoch_) return false;
  if (prefix.local().atoms.empty()) return starts_with(main(), prefix.main());
  return compare(main(), prefix.main()) == 0 && starts_with(local(), prefix.local());
}

bool Version::compatible_with(const Version& base) const {
  if (*this < base || epoch_ != base.epoch_) return false;
  Part prefix = base.main();
  prefix.atoms = prefix.atoms.first(last_segment(prefix));
  return starts_with(main(), prefix);
}

/// Fills the atoms of a version from its folded text.
class Version::Parser {
 public:
  Parser(Version& version, std::string_view folded) : version_(version), folded_(folded) {}

  /// Of the part of the folded text between two places.
  Result<> parse_part(std::size_t begin, std::size_t end) {
    while (true) {
      // A separator at the very end belongs to the last word: OpenSSL's 1.0.1_ sorts before 1.0.1a.
      std::size_t stop = std::min(folded_.find_first_of("._", begin), end);
      if (stop + 1 == end && folded_[stop] == '_') stop = end;
      if (begin == stop || folded_.substr(begin, stop - begin) == "_") {
        return bad_version(version_.text_, "a part of it is empty");
      }
      HPCENV_TRY(parse_segment(begin, stop));
      if (stop == end) return {};
      begin = stop + 1;
    }
  }

 private:
  Result<> parse_segment(std::size_t begin, std::size_t end) {
    const std::size_t first = version_.atoms_.size();
    // Numbers and words stay in phase: a segment that starts with a word gets a 0 before it.
    if (!is_digit(folded_[begin])) version_.atoms_.emplace_back();
    while (begin < end) {
      const bool digits = is_digit(folded_[begin]);
      std::size_t stop = begin + 1;
      while (stop < end && is_digit(folded_[stop]) == digits) ++stop;
      HPCENV_TRY(add_run(begin, stop));
      begin = stop;
    }
    version_.atoms_[first].opens_segment = true;
    return {};
  }

  Result<> add_run(std::size_t begin, std::size_t end) {
    std::string_view run = folded_.substr(begin, end - begin);
    Atom& atom = version_.atoms_.emplace_back();
    if (is_digit(run.front())) {
      run.remove_prefix(std::min(run.find_first_not_of('0'), run.size()));
      if (run.size() > digits_limit) {
        return bad_version(version_.text_, "a number in it is too large");
      }
      for (const char c : run) atom.number = atom.number * 10 + static_cast<std::uint64_t>(c - '0');
    } else if (run == "dev" || run == "post") {
      atom.kind = run == "dev" ? Kind::dev : Kind::post;
    } else {
      atom.kind = Kind::word;
      atom.begin = static_cast<std::uint16_t>(begin);
      atom.size = static_cast<std::uint16_t>(end - begin);
    }
    return {};
  }

  Version& version_;
  std::string_view folded_;
};

Result<Version> Version::parse(std::string_view text) {
  text = base::trim(text);
  Version version;
  version.text_ = text;
  std::string lower = base::to_lower(text);
  HPCENV_TRY(check_characters(lower, text));
  std::replace(lower.begin(), lower.end(), '-', '_');
  if (lower != text) version.folded_ = std::move(lower);
  const std::string_view folded = version.folded();
  std::size_t begin = 0;
  if (const std::size_t mark = folded.find('!'); mark != std::string_view::npos) {
    const auto epoch = base::parse_unsigned(folded.substr(0, mark));
    if (!epoch.has_value()) return bad_version(text, "what stands before '!' is no number");
    version.epoch_ = *epoch;
    begin = mark + 1;
  }
  if (folded.find('!', begin) != std::string_view::npos) {
    return bad_version(text, "'!' stands in it twice");
  }
  const std::size_t plus = std::min(folded.find('+', begin), folded.size());
  if (folded.find('+', std::min(plus + 1, folded.size())) != std::string_view::npos) {
    return bad_version(text, "'+' stands in it twice");
  }
  version.atoms_.reserve(static_cast<std::size_t>(std::count(folded.begin(), folded.end(), '.')) +
                         2);
  Parser parser(version, folded);
  HPCENV_TRY(parser.parse_part(begin, plus));
  version.main_size_ = version.atoms_.size();
  if (plus < folded.size()) HPCENV_TRY(parser.parse_part(plus + 1, folded.size()));
  return version;
}

}  // namespace hpcenv::conda
