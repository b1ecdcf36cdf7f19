#include "index/repodata_reader.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "index/json_cursor.hpp"

namespace hpcenv::index {

namespace {

constexpr std::size_t largest_unit = 16U << 20U;

bool is_blank(char letter) {
  return letter == ' ' || letter == '\n' || letter == '\t' || letter == '\r';
}

/// A plain file name in one of the two formats; it becomes part of urls and paths.
bool is_archive_name(std::string_view name) {
  const bool known = name.ends_with(".conda") || name.ends_with(".tar.bz2");
  return known && !name.starts_with('.') && std::ranges::all_of(name, [](char letter) {
           return letter > ' ' && letter <= '~' && letter != '/' && letter != '\\';
         });
}

std::string_view lower(std::string_view text, std::deque<std::string>& storage) {
  const bool changes =
      std::ranges::any_of(text, [](char letter) { return letter >= 'A' && letter <= 'Z'; });
  return changes ? std::string_view(storage.emplace_back(base::to_lower(text))) : text;
}

std::string_view decoded(std::string_view raw, std::deque<std::string>& storage) {
  return raw.contains('\\') ? std::string_view(storage.emplace_back(decode_string(raw))) : raw;
}

}  // namespace

std::string_view name_of_spec(std::string_view spec, std::deque<std::string>& storage) {
  spec = base::trim(spec);
  const std::size_t blank = std::min(spec.find(' '), spec.size());
  const std::size_t colons = spec.find("::");
  // "channel::name", but not the value in "name[channel='x::y']".
  if (colons < blank && !spec.substr(0, colons).contains('=')) spec.remove_prefix(colons + 2);
  const std::size_t end = spec.find_first_of(" \t=<>!~[(,;|");
  return lower(spec.substr(0, end), storage);
}

Result<> RepodataReader::push(std::span<const std::byte> bytes) {
  buffer_.erase(0, at_);
  passed_ += at_;
  at_ = 0;
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Step step_taken = Step::moved;
  while (step_taken == Step::moved) {
    HPCENV_ASSIGN(step_taken, step());
  }
  if (buffer_.size() - at_ > largest_unit) return malformed("entries of at most 16 MiB");
  return {};
}

Result<> RepodataReader::finish() {
  if (state_ == State::end) return {};
  return fail_hint(ErrorKind::refused, fmt::format("{} is truncated", name_),
                   "try again later; the channel's own files may be damaged");
}

Result<RepodataReader::Step> RepodataReader::step() {
  switch (state_) {
    case State::begin:
      return begin_document();
    case State::first_key:
    case State::next_key:
      return begin_member();
    case State::after_value:
      return after_value();
    case State::entries:
      return next_entry();
    case State::removed:
      return next_removed();
    case State::skipped:
      return skip_value();
    case State::end:
      break;
  }
  JsonCursor cursor(buffer_, at_);
  if (cursor.peek() != '\0') return malformed("the end of the document");
  at_ = cursor.position();
  return Step::more;
}

Result<RepodataReader::Step> RepodataReader::begin_document() {
  JsonCursor cursor(buffer_, at_);
  const Scan scan = cursor.expect('{');
  if (scan == Scan::bad) return malformed("an object");
  if (scan == Scan::more) return Step::more;
  at_ = cursor.position();
  state_ = State::first_key;
  return Step::moved;
}

Result<RepodataReader::Step> RepodataReader::begin_member() {
  JsonCursor cursor(buffer_, at_);
  if (state_ == State::first_key && cursor.peek() == '}') {
    at_ = cursor.position() + 1;
    state_ = State::end;
    return Step::moved;
  }
  std::string_view raw;
  Scan scan = cursor.string(raw);
  if (scan == Scan::ok) scan = cursor.expect(':');
  // One character of the value, to know that it is there.
  if (scan == Scan::ok && cursor.peek() == '\0') scan = Scan::more;
  if (scan == Scan::bad) return malformed("a key");
  if (scan == Scan::more) return Step::more;
  const std::size_t value_begin = cursor.position();
  const std::string key = decode_string(raw);
  if (key == "info") {
    std::string_view text;
    const Scan whole = cursor.value(text);
    if (whole == Scan::bad) return malformed("a value");
    if (whole == Scan::more) return Step::more;
  }
  at_ = value_begin;
  return begin_value(key);
}

Result<RepodataReader::Step> RepodataReader::begin_value(std::string_view key) {
  first_in_list_ = true;
  const char letter = buffer_[at_];
  if (key == "packages" || key == "packages.conda") {
    if (letter != '{') return malformed(fmt::format("an object as {}", key));
    section_ = key == "packages" ? Section::tar_bz2 : Section::conda;
    state_ = State::entries;
    ++at_;
    return Step::moved;
  }
  if (key == "removed" && letter == '[') {
    state_ = State::removed;
    ++at_;
    return Step::moved;
  }
  if (key == "info") return read_info();
  state_ = State::skipped;
  skip_depth_ = 0;
  skip_in_string_ = skip_escape_ = skip_any_ = false;
  return Step::moved;
}

Result<RepodataReader::Step> RepodataReader::read_info() {
  JsonCursor cursor(buffer_, at_);
  std::string_view text;
  if (cursor.value(text) != Scan::ok) return malformed("a value");
  HPCENV_ASSIGN(const base::Json info, base::parse_json(text, name_));
  if (info.is_object()) events_.base_url(base::string_or(info, "base_url"));
  at_ = cursor.position();
  state_ = State::after_value;
  return Step::moved;
}

Result<RepodataReader::Step> RepodataReader::after_value() {
  JsonCursor cursor(buffer_, at_);
  const char letter = cursor.peek();
  if (letter == '\0') return Step::more;
  if (letter != ',' && letter != '}') return malformed("a comma or the end of the object");
  at_ = cursor.position() + 1;
  state_ = letter == ',' ? State::next_key : State::end;
  return Step::moved;
}

Result<RepodataReader::Step> RepodataReader::list_end(char closing, bool& ended) {
  JsonCursor cursor(buffer_, at_);
  const char letter = cursor.peek();
  if (letter == '\0') return Step::more;
  ended = letter == closing;
  if (ended) {
    at_ = cursor.position() + 1;
    state_ = State::after_value;
    return Step::moved;
  }
  return Step::moved;
}

Result<RepodataReader::Step> RepodataReader::next_entry() {
  bool ended = false;
  HPCENV_ASSIGN(const Step looked, list_end('}', ended));
  if (looked == Step::more || ended) return looked;
  JsonCursor cursor(buffer_, at_);
  Scan scan = first_in_list_ ? Scan::ok : cursor.expect(',');
  std::string_view raw;
  if (scan == Scan::ok) scan = cursor.string(raw);
  if (scan == Scan::ok) scan = cursor.expect(':');
  if (scan == Scan::ok && cursor.peek() == '\0') scan = Scan::more;
  if (scan == Scan::bad) return malformed("an entry");
  if (scan == Scan::more) return Step::more;
  const JsonCursor before = cursor;
  const Scan record = scan_record(cursor);
  if (record == Scan::bad) cursor = before;
  // What is no record may still be JSON: then it alone is left out.
  const Scan value = record == Scan::bad ? cursor.value() : record;
  if (value == Scan::bad) return malformed("an entry");
  if (value == Scan::more) return Step::more;
  const std::size_t begin = before.position();
  entry_.section = section_;
  entry_.file_name = raw;
  entry_.object = std::string_view(buffer_).substr(begin, cursor.position() - begin);
  HPCENV_TRY(hand_on(record));
  first_in_list_ = false;
  at_ = cursor.position();
  return Step::moved;
}

/// Passes over one record; finds its name and the names of its dependencies on the way.
Scan RepodataReader::scan_record(JsonCursor& cursor) {
  decoded_.clear();
  entry_.name = {};
  entry_.needed.clear();
  return cursor.object([&](std::string_view key) {
    std::string_view raw;
    if (key == "name") {
      const Scan taken = cursor.string(raw);
      entry_.name = lower(decoded(raw, decoded_), decoded_);
      return taken;
    }
    if (key != "depends") return cursor.value();
    return cursor.array([&] {
      const Scan taken = cursor.string(raw);
      entry_.needed.push_back(name_of_spec(decoded(raw, decoded_), decoded_));
      return taken;
    });
  });
}

Result<> RepodataReader::hand_on(Scan scanned) {
  const std::string_view file_name = entry_.file_name;
  if (!is_archive_name(file_name)) {
    events_.unreadable(file_name, "this is no name of an archive");
  } else if (scanned != Scan::ok) {
    events_.unreadable(file_name, "name or depends are not what they should be");
  } else if (entry_.name.empty()) {
    events_.unreadable(file_name, "it has no name");
  } else {
    return events_.entry(entry_);
  }
  return {};
}

Result<RepodataReader::Step> RepodataReader::next_removed() {
  bool ended = false;
  HPCENV_ASSIGN(const Step looked, list_end(']', ended));
  if (looked == Step::more || ended) return looked;
  JsonCursor cursor(buffer_, at_);
  Scan scan = first_in_list_ ? Scan::ok : cursor.expect(',');
  std::string_view raw;
  if (scan == Scan::ok) scan = cursor.string(raw);
  if (scan == Scan::bad) return malformed("a file name");
  if (scan == Scan::more) return Step::more;
  events_.removed(decode_string(raw));
  first_in_list_ = false;
  at_ = cursor.position();
  return Step::moved;
}

/// Passes over a value of any size without keeping it: only brackets and strings are looked at.
Result<RepodataReader::Step> RepodataReader::skip_value() {
  for (; at_ < buffer_.size(); ++at_) {
    const char letter = buffer_[at_];
    if (skip_in_string_) {
      skip_in_string_ = skip_escape_ || letter != '"';
      skip_escape_ = !skip_escape_ && letter == '\\';
      continue;
    }
    const bool closes = letter == '}' || letter == ']';
    if (skip_depth_ == 0 && skip_any_ && (letter == ',' || closes)) {
      state_ = State::after_value;
      return Step::moved;
    }
    if (closes && skip_depth_ == 0) return malformed("a value");
    skip_any_ = skip_any_ || !is_blank(letter);
    skip_in_string_ = letter == '"';
    if (letter == '{' || letter == '[') ++skip_depth_;
    if (closes) --skip_depth_;
  }
  return Step::more;
}

Failure RepodataReader::malformed(std::string_view expected) const {
  return fail_hint(
      ErrorKind::refused,
      fmt::format("{} is damaged near byte {}: expected {}", name_, passed_ + at_, expected),
      "try again later; the channel's own files may be damaged");
}

}  // namespace hpcenv::index
