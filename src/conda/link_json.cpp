#include "conda/link_json.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Becomes a file name in bin/.
bool is_command_name(std::string_view text) {
  if (text.empty() || text.size() > 255 || !is_word_character(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_word_character(c) || c == '.' || c == '-' || c == '+';
  });
}

/// Becomes Python source: identifiers with dots between them. Bytes beyond ASCII are letters there.
bool is_dotted_name(std::string_view text) {
  const auto parts = base::split(text, '.');
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    if (part.empty() || (part.front() >= '0' && part.front() <= '9')) return false;
    return std::all_of(part.begin(), part.end(), [](char c) {
      return is_word_character(c) || static_cast<unsigned char>(c) >= 0x80;
    });
  });
}

}  // namespace

Result<EntryPoint> parse_entry_point(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = text.find(':', std::min(equals, text.size()));
  if (equals == std::string_view::npos || colon == std::string_view::npos) {
    return fail(ErrorKind::refused,
                "the entry point '{}' is not of the form command = module:function", text);
  }
  EntryPoint point;
  point.command = base::trim(text.substr(0, equals));
  point.module = base::trim(text.substr(equals + 1, colon - equals - 1));
  point.function = base::trim(text.substr(colon + 1));
  if (!is_command_name(point.command)) {
    return fail(ErrorKind::refused, "the entry point '{}' has no plain command name", text);
  }
  if (!is_dotted_name(point.module) || !is_dotted_name(point.function)) {
    return fail(ErrorKind::refused, "the entry point '{}' names no Python function", text);
  }
  return point;
}

Result<std::vector<EntryPoint>> parse_link_json(std::string_view text, std::string_view name) {
  const std::string where = fmt::format("{}: info/link.json", name);
  HPCENV_ASSIGN(const base::Json document, base::parse_json(text, where));
  std::vector<EntryPoint> points;
  if (!document.is_object()) return fail(ErrorKind::refused, "{}: it is no object", where);
  const auto noarch = document.find("noarch");
  if (noarch == document.end() || !noarch->is_object()) return points;
  for (const std::string& line : base::strings_or_empty(*noarch, "entry_points")) {
    auto point = parse_entry_point(line);
    if (!point.has_value()) return Failure(with_context(std::move(point).error(), where));
    points.push_back(std::move(point).value());
  }
  return points;
}

}  // namespace hpcenv::conda
