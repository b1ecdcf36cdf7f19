#include "conda/key_values.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

/// The place of the quote that closes the one at `open`; a backslash keeps it from doing so.
std::size_t closing_quote(std::string_view text, std::size_t open) {
  std::size_t at = text.find(text[open], open + 1);
  while (at != std::string_view::npos && text[at - 1] == '\\') at = text.find(text[open], at + 1);
  return at;
}

/// The place of the closing bracket that belongs to the one at `open`; quotes hide brackets.
std::size_t closing_bracket(std::string_view text, std::size_t open) {
  for (std::size_t at = open + 1; at < text.size(); ++at) {
    if (text[at] == ']') return at;
    if (text[at] != '"' && text[at] != '\'') continue;
    at = closing_quote(text, at);
    if (at == std::string_view::npos) break;
  }
  return std::string_view::npos;
}

/// Where the bracket group that ends the text opens. `channel[linux-64]::name` has none.
Result<std::size_t> opening_bracket(std::string_view text) {
  std::size_t open = text.find('[');
  while (open != std::string_view::npos) {
    const std::size_t close = closing_bracket(text, open);
    if (close == std::string_view::npos) break;
    if (close + 1 == text.size()) return open;
    open = text.find('[', close);
  }
  return fail(ErrorKind::bad_spec, "brackets or quotes do not pair");
}

class PairReader {
 public:
  explicit PairReader(std::string_view text) : rest_(text) {}

  Result<std::vector<KeyValue>> read() {
    std::vector<KeyValue> pairs;
    for (skip(" \t,"); !rest_.empty(); skip(" \t,")) {
      const std::string key = base::to_lower(take_key());
      if (key.empty()) return fail(ErrorKind::bad_spec, "a key is missing before '{}'", rest_);
      skip(" \t");
      if (!rest_.starts_with('=')) {
        pairs.emplace_back(key, "");
        continue;
      }
      rest_.remove_prefix(1);
      skip(" \t");
      HPCENV_ASSIGN(std::string value, take_value());
      pairs.emplace_back(key, std::move(value));
    }
    return pairs;
  }

 private:
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }

  std::string_view take_key() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_key_character);
    const std::string_view key = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(key.size());
    return key;
  }

  Result<std::string> take_value() {
    if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\'')) {
      std::string value(rest_.substr(0, rest_.find_first_of(", \t")));
      rest_.remove_prefix(value.size());
      return value;
    }
    const std::size_t end = closing_quote(rest_, 0);
    if (end == std::string_view::npos) return fail(ErrorKind::bad_spec, "a quote is not closed");
    const char escaped[] = {'\\', rest_.front()};
    std::string value(base::trim(rest_.substr(1, end - 1)));
    for (std::size_t at = value.find(escaped, 0, 2); at != std::string::npos;
         at = value.find(escaped, at + 1, 2)) {
      value.erase(at, 1);
    }
    rest_.remove_prefix(end + 1);
    return value;
  }

  std::string_view rest_;
};

/// `(optional)` and `(key=value)` of old conda, not the parentheses of a version spec.
std::size_t opening_parenthesis(std::string_view text) {
  const std::size_t open = text.rfind('(');
  if (!text.ends_with(')') || open == std::string_view::npos || open == 0) {
    return std::string_view::npos;
  }
  const std::string_view body = base::trim(text.substr(open + 1, text.size() - open - 2));
  const auto key_end = std::find_if_not(body.begin(), body.end(), is_key_character);
  const bool starts_with_letter =
      !body.empty() && is_key_character(body.front()) && (body.front() < '0' || body.front() > '9');
  return starts_with_letter && (key_end == body.end() || *key_end == '=') ? open
                                                                          : std::string_view::npos;
}

}  // namespace

Result<std::vector<KeyValue>> take_key_values(std::string_view& text) {
  std::vector<KeyValue> pairs;
  while (true) {
    text = base::trim(text);
    std::size_t open = opening_parenthesis(text);
    if (text.ends_with(']')) {
      HPCENV_ASSIGN(open, opening_bracket(text));
    } else if (open == std::string_view::npos) {
      return pairs;
    }
    HPCENV_ASSIGN(auto group, PairReader(text.substr(open + 1, text.size() - open - 2)).read());
    pairs.insert(pairs.begin(), group.begin(), group.end());
    text = text.substr(0, open);
  }
}

}  // namespace hpcenv::conda
