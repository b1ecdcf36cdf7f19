#include "conda/path_text.hpp"

#include <algorithm>

namespace hpcenv::conda {

namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct Reference {
  std::string_view name;
  std::size_t length = 0;  ///< with the dollar and the braces; 0: no reference
};

/// `text` starts with a dollar.
Reference reference_at(std::string_view text) {
  if (text.size() > 1 && text[1] == '{') {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return {};
    return {text.substr(2, end - 2), end + 1};
  }
  std::size_t end = 1;
  while (end < text.size() && is_name_character(text[end])) ++end;
  return end == 1 ? Reference{} : Reference{text.substr(1, end - 1), end};
}

}  // namespace

std::string expand_variables(std::string_view text, const base::Environment& environment) {
  std::string expanded;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    expanded += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    const Reference reference = reference_at(text);
    const std::size_t length = std::max<std::size_t>(reference.length, 1);
    const auto value = reference.length == 0 ? std::nullopt : environment.get(reference.name);
    expanded += value.has_value() ? *value : std::string(text.substr(0, length));
    text.remove_prefix(length);
  }
  return expanded;
}

std::string expand_home(std::string_view text, const base::Environment& environment) {
  const std::string home = environment.get_or("HOME", "");
  if (home.empty() || (text != "~" && !text.starts_with("~/"))) return std::string(text);
  return home + std::string(text.substr(1));
}

}  // namespace hpcenv::conda
