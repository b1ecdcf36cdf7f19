#include "conda/text_pattern.hpp"

#include <algorithm>
#include <regex>

#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

constexpr std::size_t pattern_limit = 1024;
constexpr std::uint64_t repeat_limit = 256;
constexpr std::size_t value_limit = 1024;

// libstdc++ can match breadth-first, which bounds time and stack; others limit the work themselves.
#ifdef __GLIBCXX__
constexpr auto regex_options =
    std::regex::ECMAScript | std::regex::icase | std::regex_constants::__polynomial;
#else
constexpr auto regex_options = std::regex::ECMAScript | std::regex::icase;
#endif

bool has_upper(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// How often `{4}`, `{4,}` or `{2,4}` repeats at the most; a number that nobody means counts as too
/// often, anything else as once.
std::uint64_t repeats_of(std::string_view body) {
  constexpr std::size_t digits_limit = 6;
  std::uint64_t most = 1;
  for (const std::string_view part : base::split(body, ',')) {
    const bool is_number = !part.empty() && std::ranges::all_of(part, is_digit);
    if (is_number && part.size() > digits_limit) return repeat_limit + 1;
    most = std::max(most, base::parse_unsigned(part).value_or(1));
  }
  return most;
}

/// Counted repeats are unrolled by std::regex: `(x{99}){99}` would take the memory of the machine.
bool repeats_too_often(std::string_view pattern) {
  std::uint64_t product = 1;
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    product *= repeats_of(pattern.substr(at + 1, pattern.find('}', at) - at - 1));
    if (product > repeat_limit) return true;
  }
  return false;
}

/// libstdc++ adds up the digits of `\12345678901234567890` without looking whether they fit.
bool has_long_reference(std::string_view pattern) {
  constexpr std::size_t digits_limit = 3;
  for (std::size_t at = pattern.find('\\'); at != std::string_view::npos;
       at = pattern.find('\\', at + 1)) {
    const std::string_view rest = pattern.substr(at + 1, digits_limit + 1);
    if (rest.size() > digits_limit && std::ranges::all_of(rest, is_digit)) return true;
  }
  return false;
}

Failure bad_pattern(std::string_view text, std::string_view reason) {
  return fail(ErrorKind::bad_spec, "cannot read the pattern '{}': {}", text.substr(0, 80), reason);
}

}  // namespace

struct TextPattern::Compiled {
  std::regex expression;
};

Result<TextPattern> TextPattern::parse(std::string_view text) {
  TextPattern pattern;
  if (text.find_first_not_of('*') == std::string_view::npos) return pattern;
  if (text.size() < 2 || !text.starts_with('^') || !text.ends_with('$')) {
    pattern.text_ = base::to_lower(text);
    pattern.kind_ = text.contains('*') ? Kind::glob : Kind::exact;
    return pattern;
  }
  if (text.size() > pattern_limit) return bad_pattern(text, "it is longer than 1024 characters");
  if (text.contains("(?=") || text.contains("(?!")) return bad_pattern(text, "it looks ahead");
  if (has_long_reference(text)) return bad_pattern(text, "it refers to a group that it has not");
  if (repeats_too_often(text)) return bad_pattern(text, "it repeats too often");
  pattern.kind_ = Kind::regex;
  pattern.text_ = text;
  try {
    pattern.regex_ =
        std::make_shared<const Compiled>(Compiled{std::regex(pattern.text_, regex_options)});
  } catch (const std::exception&) {
    return bad_pattern(text, "it is no regular expression");
  }
  return pattern;
}

bool TextPattern::matches(std::string_view value) const {
  if (kind_ == Kind::all) return true;
  if (kind_ == Kind::regex) {
    if (value.size() > value_limit) return false;
    try {
      return std::regex_search(value.begin(), value.end(), regex_->expression);
    } catch (const std::exception&) {
      return false;
    }
  }
  const auto fits = [this](std::string_view lower) {
    return kind_ == Kind::exact ? lower == text_ : base::glob_match(text_, lower);
  };
  return has_upper(value) ? fits(base::to_lower(value)) : fits(value);
}

}  // namespace hpcenv::conda
