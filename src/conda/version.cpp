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

/// The characters, and not both kinds of word separator, as CEP 26 and 33 say.
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

std::strong_ordering Version::Atom::operator<=>(const Atom& other) const {
  if (kind != other.kind) return kind <=> other.kind;
  if (kind == Kind::number) return number <=> other.number;
  return kind == Kind::word ? word.compare(other.word) <=> 0 : std::strong_ordering::equal;
}

std::strong_ordering Version::compare(const Segment& a, const Segment& b) {
  static const Atom zero;
  const std::size_t count = std::max(a.size(), b.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto order = (i < a.size() ? a[i] : zero) <=> (i < b.size() ? b[i] : zero);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering Version::compare(const std::vector<Segment>& a,
                                      const std::vector<Segment>& b) {
  static const Segment nothing;
  const std::size_t count = std::max(a.size(), b.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto order = compare(i < a.size() ? a[i] : nothing, i < b.size() ? b[i] : nothing);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering Version::operator<=>(const Version& other) const {
  if (epoch_ != other.epoch_) return epoch_ <=> other.epoch_;
  if (const auto order = compare(main_, other.main_); order != 0) return order;
  return compare(local_, other.local_);
}

bool Version::starts_with(const std::vector<Segment>& all, const std::vector<Segment>& prefix) {
  static const Atom zero;
  static const Segment nothing;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    const Segment& mine = i < all.size() ? all[i] : nothing;
    const Segment& wanted = prefix[i];
    const bool last = i + 1 == prefix.size();
    if (!last && compare(mine, wanted) != 0) return false;
    // The last segment may go on: 1.2 starts 1.2rc1.
    for (std::size_t k = 0; last && k < wanted.size(); ++k) {
      if ((k < mine.size() ? mine[k] : zero) != wanted[k]) return false;
    }
  }
  return true;
}

bool Version::starts_with(const Version& prefix) const {
  if (epoch_ != prefix.epoch_) return false;
  if (prefix.local_.empty()) return starts_with(main_, prefix.main_);
  return compare(main_, prefix.main_) == 0 && starts_with(local_, prefix.local_);
}

bool Version::compatible_with(const Version& base) const {
  if (*this < base || epoch_ != base.epoch_) return false;
  std::vector<Segment> prefix = base.main_;
  prefix.pop_back();
  return starts_with(main_, prefix);
}

Result<Version::Segment> Version::parse_segment(std::string_view text, std::string_view whole) {
  Segment segment;
  // Numbers and words stay in phase: a segment that starts with a word gets a 0 before it.
  if (!is_digit(text.front())) segment.emplace_back();
  while (!text.empty()) {
    const bool digits = is_digit(text.front());
    const auto end =
        std::find_if(text.begin(), text.end(), [digits](char c) { return is_digit(c) != digits; });
    std::string_view run = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(run.size());
    Atom atom;
    if (digits) {
      run.remove_prefix(std::min(run.find_first_not_of('0'), run.size()));
      if (run.size() > digits_limit) return bad_version(whole, "a number in it is too large");
      atom.number = base::parse_unsigned(run).value_or(0);
    } else if (run == "dev" || run == "post") {
      atom.kind = run == "dev" ? Kind::dev : Kind::post;
    } else {
      atom.kind = Kind::word;
      atom.word = run;
    }
    segment.push_back(std::move(atom));
  }
  return segment;
}

Result<std::vector<Version::Segment>> Version::parse_segments(std::string_view text,
                                                              std::string_view whole) {
  std::vector<Segment> segments;
  while (true) {
    // A separator at the very end belongs to the last word: OpenSSL's 1.0.1_ sorts before 1.0.1a.
    std::size_t end = text.find_first_of("._-");
    const bool closing =
        end + 1 == text.size() && end != std::string_view::npos && text[end] != '.';
    if (closing) end = std::string_view::npos;
    std::string segment(text.substr(0, end));
    if (closing) segment.back() = '_';
    if (segment.empty() || segment == "_") return bad_version(whole, "a part of it is empty");
    HPCENV_ASSIGN(segments.emplace_back(), parse_segment(segment, whole));
    if (end == std::string_view::npos) return segments;
    text.remove_prefix(end + 1);
  }
}

Result<Version> Version::parse(std::string_view text) {
  const std::string lower = base::to_lower(base::trim(text));
  std::string_view rest = lower;
  HPCENV_TRY(check_characters(rest, text));
  Version version;
  version.text_ = base::trim(text);
  if (const std::size_t mark = rest.find('!'); mark != std::string_view::npos) {
    const auto epoch = base::parse_unsigned(rest.substr(0, mark));
    if (!epoch.has_value()) return bad_version(text, "what stands before '!' is no number");
    version.epoch_ = *epoch;
    rest.remove_prefix(mark + 1);
  }
  if (rest.contains('!')) return bad_version(text, "'!' stands in it twice");
  const std::size_t plus = rest.find('+');
  if (plus != std::string_view::npos) {
    if (rest.find('+', plus + 1) != std::string_view::npos) {
      return bad_version(text, "'+' stands in it twice");
    }
    HPCENV_ASSIGN(version.local_, parse_segments(rest.substr(plus + 1), text));
    rest = rest.substr(0, plus);
  }
  HPCENV_ASSIGN(version.main_, parse_segments(rest, text));
  return version;
}

}  // namespace hpcenv::conda
