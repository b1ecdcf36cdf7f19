// A pull scanner over JSON text that may end in the middle: finds where things lie, checks
// structure, decodes nothing. Nothing is read beyond the text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hpcenv::index {

enum class Scan {
  ok,
  more,  ///< the text ends within what was asked for
  bad,   ///< this is not JSON
};

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text, std::size_t at = 0) : text_(text), at_(at) {}

  /// Where the next character is; after a result other than ok: where the scan stopped.
  std::size_t position() const { return at_; }
  /// The next character that is no blank, not taken. 0: the text ends.
  char peek();
  /// Takes one character after blanks.
  Scan expect(char wanted);
  /// What lies between the quotes, escapes as they stand.
  Scan string(std::string_view& raw);
  /// Passes over one value; containers nest at most `depth_limit` deep.
  Scan value();
  /// The same, and gives its text.
  Scan value(std::string_view& text);

  /// For each member of an object: `member(key)` must take the value; it and this give Scan.
  template <class Member>
  Scan object(Member member);
  /// For each element of an array: `element()` must take it.
  template <class Element>
  Scan array(Element element);

  static constexpr int depth_limit = 64;

 private:
  Scan scalar();

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

template <class Element>
Scan JsonCursor::array(Element element) {
  if (const Scan open = expect('['); open != Scan::ok) return open;
  if (peek() == ']') return expect(']');
  for (;;) {
    if (const Scan taken = element(); taken != Scan::ok) return taken;
    if (peek() == ']') return expect(']');
    if (const Scan comma = expect(','); comma != Scan::ok) return comma;
  }
}

template <class Member>
Scan JsonCursor::object(Member member) {
  if (const Scan open = expect('{'); open != Scan::ok) return open;
  if (peek() == '}') return expect('}');
  for (;;) {
    std::string_view key;
    if (const Scan taken = string(key); taken != Scan::ok) return taken;
    if (const Scan colon = expect(':'); colon != Scan::ok) return colon;
    if (const Scan taken = member(key); taken != Scan::ok) return taken;
    if (peek() == '}') return expect('}');
    if (const Scan comma = expect(','); comma != Scan::ok) return comma;
  }
}

/// A raw string with its escapes decoded; an empty text where they are none.
std::string decode_string(std::string_view raw);

}  // namespace hpcenv::index
