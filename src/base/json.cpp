#include "base/json.hpp"

#include <algorithm>
#include <exception>

namespace hpcenv::base {

namespace {

struct Position {
  std::size_t line = 1;
  std::size_t column = 1;
};

Position position_of(std::string_view text, std::size_t byte) {
  Position position;
  for (const char c : text.substr(0, std::min(byte, text.size()))) {
    position.line += c == '\n' ? 1U : 0U;
    position.column = c == '\n' ? 1 : position.column + 1;
  }
  return position;
}

/// nlohmann's text without its tag and position: "[json.exception...] parse error at line 1, column
/// 2: WHAT".
std::string_view reason_of(std::string_view what) {
  const std::size_t at = what.find(": ");
  return at == std::string_view::npos ? what : what.substr(at + 2);
}

/// The deepest document that is read: nlohmann's destructor and our walks recurse.
constexpr int depth_limit = 512;

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view name) {
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > depth_limit;
    return depth <= depth_limit;
  };
  try {
    Json value = Json::parse(text, watch_depth);
    if (too_deep)
      return fail(ErrorKind::refused, "{}: nested deeper than {} levels", name, depth_limit);
    return value;
  } catch (const Json::parse_error& error) {
    const Position at = position_of(text, error.byte == 0 ? 0 : error.byte - 1);
    return fail(ErrorKind::refused, "{}:{}:{}: not valid JSON: {}", name, at.line, at.column,
                reason_of(error.what()));
  } catch (const std::exception& error) {
    return fail(ErrorKind::refused, "{}: not valid JSON: {}", name, error.what());
  }
}

std::string dump_json(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string dump_json_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_json_string(std::string& text, std::string_view value) {
  const bool is_plain = std::ranges::all_of(
      value, [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  if (!is_plain) {
    text += dump_json_line(Json(std::string(value)));
    return;
  }
  text += '"';
  text += value;
  text += '"';
}

std::string string_or(const Json& object, std::string_view key, std::string_view fallback) {
  if (!object.is_object()) return std::string(fallback);
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::string(fallback);
  return found->get_ref<const std::string&>();
}

std::int64_t integer_or(const Json& object, std::string_view key, std::int64_t fallback) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return fallback;
  return found->get<std::int64_t>();
}

std::vector<std::string> strings_or_empty(const Json& object, std::string_view key) {
  std::vector<std::string> strings;
  if (!object.is_object()) return strings;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return strings;
  for (const Json& item : *found) {
    if (item.is_string()) strings.push_back(item.get_ref<const std::string&>());
  }
  return strings;
}

Result<std::string> require_string(const Json& object, std::string_view key,
                                   std::string_view name) {
  if (!object.is_object()) return fail(ErrorKind::refused, "{}: not a JSON object", name);
  const auto found = object.find(key);
  if (found == object.end()) return fail(ErrorKind::refused, "{}: \"{}\" is missing", name, key);
  if (!found->is_string()) return fail(ErrorKind::refused, "{}: \"{}\" is not a string", name, key);
  return found->get<std::string>();
}

}  // namespace hpcenv::base
