#include "index/json_cursor.hpp"

#include <cstring>

#include "base/json.hpp"

namespace hpcenv::index {

char JsonCursor::peek() {
  while (at_ < text_.size()) {
    const char letter = text_[at_];
    if (letter != ' ' && letter != '\n' && letter != '\t' && letter != '\r') return letter;
    ++at_;
  }
  return '\0';
}

Scan JsonCursor::expect(char wanted) {
  const char letter = peek();
  if (at_ >= text_.size()) return Scan::more;
  if (letter != wanted) return Scan::bad;
  ++at_;
  return Scan::ok;
}

Scan JsonCursor::string(std::string_view& raw) {
  if (const Scan open = expect('"'); open != Scan::ok) return open;
  const std::size_t begin = at_;
  std::size_t from = at_;
  while (from < text_.size()) {
    const void* found = std::memchr(text_.data() + from, '"', text_.size() - from);
    if (found == nullptr) break;
    const auto quote = static_cast<std::size_t>(static_cast<const char*>(found) - text_.data());
    std::size_t slashes = 0;
    while (quote - slashes > begin && text_[quote - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) {
      raw = text_.substr(begin, quote - begin);
      at_ = quote + 1;
      return Scan::ok;
    }
    from = quote + 1;
  }
  at_ = text_.size();
  return Scan::more;
}

Scan JsonCursor::scalar() {
  constexpr std::string_view letters = "0123456789+-.eEaflnrstu";
  const std::size_t begin = at_;
  while (at_ < text_.size() && letters.contains(text_[at_])) ++at_;
  if (at_ >= text_.size()) return Scan::more;
  return at_ == begin ? Scan::bad : Scan::ok;
}

Scan JsonCursor::value() {
  const char letter = peek();
  std::string_view ignored;
  if (at_ >= text_.size()) return Scan::more;
  if (letter == '"') return string(ignored);
  if (letter != '{' && letter != '[') return scalar();
  if (depth_ >= depth_limit) return Scan::bad;
  ++depth_;
  const Scan scanned = letter == '{' ? object([this](std::string_view) { return value(); })
                                     : array([this] { return value(); });
  --depth_;
  return scanned;
}

Scan JsonCursor::value(std::string_view& text) {
  static_cast<void>(peek());
  const std::size_t begin = at_;
  const Scan scanned = value();
  if (scanned == Scan::ok) text = text_.substr(begin, at_ - begin);
  return scanned;
}

std::string decode_string(std::string_view raw) {
  if (!raw.contains('\\')) return std::string(raw);
  const auto parsed = base::parse_json(fmt::format("\"{}\"", raw), "text");
  return parsed.has_value() && parsed->is_string() ? parsed->get<std::string>() : std::string();
}

}  // namespace hpcenv::index
