#include "conda/environment_file.hpp"

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "conda/match_spec.hpp"
#include "conda/platform.hpp"

namespace hpcenv::conda {

namespace {

constexpr auto known_keys = std::to_array<std::string_view>(
    {"name", "prefix", "channels", "dependencies", "variables", "platforms", "category", "hpcenv"});

constexpr auto selector_words = std::to_array<std::string_view>(
    {"linux",   "osx",   "win",    "unix",   "linux32", "linux64", "win32",
     "win64",   "osx64", "x86",    "x86_64", "x64",     "arm64",   "aarch64",
     "ppc64le", "s390x", "armv6l", "armv7l", "and",     "or",      "not"});

/// `# [linux and x86_64]` at the end of a line.
bool has_selector(std::string_view line) {
  const std::size_t mark = line.rfind('#');
  if (mark == std::string_view::npos) return false;
  std::string_view comment = base::trim(line.substr(mark + 1));
  if (!comment.starts_with('[') || !comment.ends_with(']')) return false;
  comment = comment.substr(1, comment.size() - 2);
  std::string words;
  for (const char c : comment) words += c == '(' || c == ')' ? ' ' : c;
  const auto pieces = base::split_words(words);
  return !pieces.empty() && std::all_of(pieces.begin(), pieces.end(), [](std::string_view word) {
    return std::find(selector_words.begin(), selector_words.end(), word) != selector_words.end();
  });
}

Result<> refuse_selectors(std::string_view text, std::string_view source) {
  std::size_t number = 0;
  for (const std::string_view line : base::split_lines(text)) {
    ++number;
    if (!has_selector(line)) continue;
    return fail_hint(ErrorKind::refused,
                     fmt::format("{}:{}: the selector in '{}' is an extension of conda-lock",
                                 source, number, base::trim(line)),
                     "keep one file for each platform, without selectors");
  }
  return {};
}

Result<std::vector<std::string>> parse_texts(const base::Json& value, std::string_view key,
                                             std::string_view source) {
  std::vector<std::string> texts;
  if (value.is_null()) return texts;
  if (!value.is_array()) return fail(ErrorKind::refused, "{}: '{}' is no list", source, key);
  for (const base::Json& item : value) {
    if (!item.is_string()) {
      return fail(ErrorKind::refused, "{}: '{}' holds something that is no text", source, key);
    }
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Error unknown_section(const std::string& key, std::string_view source) {
  Error error{ErrorKind::refused, {}, {}, {}};
  if (key.starts_with("sel(")) {
    error.message =
        fmt::format("{}: '{}' under dependencies is an extension of micromamba", source, key);
    error.hints.emplace_back("keep one file for each platform, without selectors");
  } else if (key.ends_with(':')) {
    error.message = fmt::format("{}: '{}' under dependencies is no section", source, key);
    error.hints.push_back(fmt::format("write {}:name, without a blank after the colons", key));
  } else {
    error.message =
        fmt::format("{}: cannot install the section '{}' under dependencies", source, key);
    error.hints.emplace_back(
        "conda packages are plain lines; pip: is the one section that is known");
  }
  return error;
}

Result<> parse_dependency(const base::Json& item, std::string_view source, EnvironmentFile& file) {
  if (item.is_string()) {
    auto spec = MatchSpec::parse(item.get<std::string>());
    if (!spec.has_value()) {
      return Failure(with_context(std::move(spec).error(), fmt::format("reading {}", source)));
    }
    file.dependencies.push_back(item.get<std::string>());
    return {};
  }
  if (!item.is_object()) {
    return fail(ErrorKind::refused, "{}: a line under dependencies is empty or a list", source);
  }
  for (const auto& [key, value] : item.items()) {
    if (key != "pip") return Failure(unknown_section(key, source));
    HPCENV_ASSIGN(const auto lines, parse_texts(value, "pip", source));
    file.pip.insert(file.pip.end(), lines.begin(), lines.end());
  }
  return {};
}

Result<> parse_channels(const base::Json& value, std::string_view source, EnvironmentFile& file) {
  HPCENV_ASSIGN(const auto channels, parse_texts(value, "channels", source));
  for (const std::string& channel : channels) {
    if (channel == "nodefaults") {
      file.no_defaults = true;
    } else {
      file.channels.push_back(channel);
    }
  }
  return {};
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<> parse_variables(const base::Json& value, std::string_view source, EnvironmentFile& file) {
  if (value.is_null()) return {};
  if (!value.is_object()) return fail(ErrorKind::refused, "{}: 'variables' is no map", source);
  for (const auto& [name, text] : value.items()) {
    if (!is_variable_name(name)) {
      return fail(ErrorKind::refused, "{}: '{}' is no name of a variable", source, name);
    }
    if (text.is_structured()) {
      return fail(ErrorKind::refused, "{}: the value of the variable '{}' is no text", source,
                  name);
    }
    file.variables.emplace_back(name, text.is_string() ? text.get<std::string>() : "");
  }
  return {};
}

Result<> parse_platforms(const base::Json& value, std::string_view source, EnvironmentFile& file) {
  HPCENV_ASSIGN(file.platforms, parse_texts(value, "platforms", source));
  for (const std::string& platform : file.platforms) {
    if (platform == "noarch" || !is_known_subdir(platform)) {
      return fail(ErrorKind::refused, "{}: '{}' is no platform", source, platform);
    }
  }
  return {};
}

Result<> parse_name(const base::Json& document, std::string_view source, EnvironmentFile& file) {
  file.name = base::string_or(document, "name");
  file.prefix = base::string_or(document, "prefix");
  if (file.name.find_first_of("/ :#") != std::string::npos) {
    return fail(ErrorKind::refused,
                "{}: the name '{}' holds one of / : # or a blank, which no environment's name may",
                source, file.name);
  }
  return {};
}

const base::Json& member(const base::Json& document, const char* key) {
  static const base::Json null;
  const auto found = document.find(key);
  return found == document.end() ? null : *found;
}

}  // namespace

Result<EnvironmentFile> parse_environment_file(std::string_view text, std::string_view source,
                                               std::vector<std::string>& warnings) {
  HPCENV_TRY(refuse_selectors(text, source));
  HPCENV_ASSIGN(const base::Json document, base::parse_yaml(text, source));
  if (!document.is_object()) {
    return fail(ErrorKind::refused, "{}: it is no environment file, which is a map of keys",
                source);
  }
  EnvironmentFile file;
  HPCENV_TRY(parse_name(document, source, file));
  HPCENV_TRY(parse_channels(member(document, "channels"), source, file));
  HPCENV_TRY(parse_variables(member(document, "variables"), source, file));
  HPCENV_TRY(parse_platforms(member(document, "platforms"), source, file));
  const base::Json& dependencies = member(document, "dependencies");
  if (!dependencies.is_array()) {
    return fail(ErrorKind::refused, "{}: there is no list 'dependencies'", source);
  }
  for (const base::Json& item : dependencies) HPCENV_TRY(parse_dependency(item, source, file));
  for (const auto& [key, value] : document.items()) {
    if (std::find(known_keys.begin(), known_keys.end(), key) == known_keys.end()) {
      warnings.push_back(
          fmt::format("{}: the key '{}' is not known and has no effect", source, key));
    }
  }
  return file;
}

}  // namespace hpcenv::conda
