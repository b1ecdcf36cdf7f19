#include "conda/paths_json.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/json_document.hpp"
#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

constexpr std::string_view legacy_placeholder = "/opt/anaconda1anaconda2anaconda3";

Failure leaves_prefix(std::string_view name, std::string_view path) {
  return fail(ErrorKind::refused, "{}: the path '{}' leads out of the prefix", name, path);
}

Result<PathType> parse_type(std::string_view type, std::string_view name) {
  if (type.empty() || type == "hardlink") return PathType::hardlink;
  if (type == "softlink") return PathType::softlink;
  if (type == "directory") return PathType::directory;
  return fail(ErrorKind::refused, "{}: paths.json has the unknown path type '{}'", name, type);
}

Result<FileMode> parse_mode(std::string_view mode, std::string_view name) {
  if (mode.empty() || mode == "text") return FileMode::text;
  if (mode == "binary") return FileMode::binary;
  return fail(ErrorKind::refused, "{}: the unknown file mode '{}'", name, mode);
}

Result<PackagePath> parse_entry(const base::JsonValue& entry, std::string_view name) {
  PackagePath path;
  std::optional<std::string_view> target;
  std::string_view type;
  std::string_view mode;
  HPCENV_TRY(entry.for_each_member([&](std::string_view key, base::JsonValue value) -> Result<> {
    const auto text = value.text();
    if (key == "_path") target = text;
    if (key == "path_type") type = text.value_or("");
    if (key == "file_mode") mode = text.value_or("");
    if (key == "prefix_placeholder") path.placeholder = text.value_or("");
    if (key == "sha256") path.sha256 = base::to_lower(text.value_or(""));
    if (key == "no_link") path.no_link = value.boolean().value_or(false);
    if (key == "size_in_bytes" && value.integer().value_or(-1) >= 0) path.size = *value.integer();
    return {};
  }));
  if (!target.has_value()) {
    return fail(ErrorKind::refused, "{}: \"_path\" is missing or no string", name);
  }
  path.path = *target;
  if (!is_safe_relative_path(path.path)) return leaves_prefix(name, path.path);
  HPCENV_ASSIGN(path.type, parse_type(type, name));
  if (!path.placeholder.empty()) {
    HPCENV_ASSIGN(path.mode, parse_mode(mode, name));
  }
  return path;
}

/// Splits at blanks; quotes as in a shell hold a word together.
std::vector<std::string> shell_words(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool open = false;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t') {
      if (open) words.push_back(std::exchange(word, {}));
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (open) words.push_back(word);
  return words;
}

struct Replacement {
  std::string placeholder;
  FileMode mode = FileMode::text;
};

/// Lines `path`, or `placeholder mode path`.
Result<std::map<std::string, Replacement>> parse_has_prefix(std::string_view text,
                                                            std::string_view name) {
  std::map<std::string, Replacement> replacements;
  for (const std::string_view raw : base::split_lines(text)) {
    const std::string_view line = base::trim(raw);
    if (line.empty()) continue;
    const auto words = shell_words(line);
    Replacement replacement{std::string(legacy_placeholder)};
    if (words.size() != 3) {
      replacements.emplace(words.size() == 1 ? words.front() : std::string(line), replacement);
      continue;
    }
    replacement.placeholder = words[0];
    HPCENV_ASSIGN(replacement.mode, parse_mode(words[1], name));
    replacements.emplace(words[2], replacement);
  }
  return replacements;
}

}  // namespace

bool is_safe_relative_path(std::string_view path) {
  if (path.empty() || path.size() > 4096) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return std::none_of(path.begin(), path.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<std::vector<PackagePath>> parse_paths_json(std::string_view text, std::string_view name) {
  const std::string where = fmt::format("{}: info/paths.json", name);
  HPCENV_ASSIGN(const base::JsonDocument document, base::JsonDocument::parse(text, where));
  const auto entries = document.root().find("paths");
  if (!entries.has_value() || !entries->is_array()) {
    return fail(ErrorKind::refused, "{}: there is no list 'paths'", where);
  }
  std::vector<PackagePath> paths;
  HPCENV_TRY(entries->for_each_element([&](base::JsonValue entry) -> Result<> {
    if (!entry.is_object()) return fail(ErrorKind::refused, "{}: an entry is no object", where);
    HPCENV_ASSIGN(paths.emplace_back(), parse_entry(entry, where));
    return {};
  }));
  return paths;
}

Result<std::vector<PackagePath>> parse_legacy_paths(std::string_view files,
                                                    std::string_view has_prefix,
                                                    std::string_view no_link,
                                                    std::string_view name) {
  HPCENV_ASSIGN(const auto replacements, parse_has_prefix(has_prefix, name));
  std::set<std::string, std::less<>> not_linked;
  for (const std::string_view line : base::split_lines(no_link))
    not_linked.emplace(base::trim(line));
  std::vector<PackagePath> paths;
  for (const std::string_view raw : base::split_lines(files)) {
    const std::string_view line = base::trim(raw);
    if (line.empty()) continue;
    if (!is_safe_relative_path(line)) return leaves_prefix(name, line);
    PackagePath path;
    path.path = line;
    path.no_link = not_linked.contains(line);
    if (const auto found = replacements.find(path.path); found != replacements.end()) {
      path.placeholder = found->second.placeholder;
      path.mode = found->second.mode;
    }
    paths.push_back(std::move(path));
  }
  return paths;
}

}  // namespace hpcenv::conda
