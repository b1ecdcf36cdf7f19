#include "conda/environment_file.hpp"

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "conda/match_spec.hpp"
#include "conda/path_text.hpp"
#include "conda/platform.hpp"
#include "conda/selector.hpp"

namespace hpcenv::conda {

namespace {

constexpr auto known_keys = std::to_array<std::string_view>(
    {"name", "prefix", "channels", "dependencies", "variables", "platforms", "category", "hpcenv"});

/// The text without the lines whose `# [condition]` is false; they stay as empty lines, so that
/// messages name the right ones.
Result<std::string> without_false_lines(std::string_view text, std::string_view source,
                                        std::string_view subdir) {
  std::string kept;
  std::size_t number = 0;
  for (const std::string_view line : base::split_lines(text)) {
    ++number;
    const std::size_t mark = line.rfind('#');
    const std::string_view comment =
        mark == std::string_view::npos ? "" : base::trim(line.substr(mark + 1));
    bool keep = true;
    if (comment.starts_with('[') && comment.ends_with(']')) {
      auto verdict = evaluate_selector(comment.substr(1, comment.size() - 2), subdir);
      if (!verdict.has_value()) {
        verdict.error().message = fmt::format("{}:{}: {}", source, number, verdict.error().message);
        return Failure(std::move(verdict).error());
      }
      keep = verdict->value_or(true);
    }
    if (keep) kept += line;
    kept += '\n';
  }
  return kept;
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
  if (key.ends_with(':')) {
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

Result<> add_spec(const std::string& text, std::string_view source, EnvironmentFile& file) {
  auto spec = MatchSpec::parse(text);
  if (!spec.has_value()) {
    return Failure(with_context(std::move(spec).error(), fmt::format("reading {}", source)));
  }
  file.dependencies.push_back(text);
  return {};
}

/// `sel(linux): SPEC`
Result<> add_selected(const std::string& key, const base::Json& value, std::string_view source,
                      std::string_view subdir, EnvironmentFile& file) {
  if (!key.ends_with(')') || !value.is_string()) {
    return fail(ErrorKind::refused, "{}: '{}' under dependencies has to hold one spec", source,
                key);
  }
  auto verdict = evaluate_section_selector(
      base::trim(std::string_view(key).substr(4, key.size() - 5)), subdir);
  if (!verdict.has_value()) {
    verdict.error().message = fmt::format("{}: {}", source, verdict.error().message);
    return Failure(std::move(verdict).error());
  }
  return *verdict ? add_spec(value.get<std::string>(), source, file) : Result<>();
}

Result<> parse_dependency(const base::Json& item, std::string_view source, std::string_view subdir,
                          EnvironmentFile& file) {
  if (item.is_string()) return add_spec(item.get<std::string>(), source, file);
  if (!item.is_object()) {
    return fail(ErrorKind::refused, "{}: a line under dependencies is empty or a list", source);
  }
  for (const auto& [key, value] : item.items()) {
    if (key.starts_with("sel(")) {
      HPCENV_TRY(add_selected(key, value, source, subdir, file));
      continue;
    }
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

bool is_forbidden_name(std::string_view name) {
  return name.find_first_of("/ :#") != std::string_view::npos;
}

Result<> parse_name(const base::Json& document, std::string_view source,
                    std::vector<std::string>& warnings, EnvironmentFile& file) {
  file.name = base::string_or(document, "name");
  if (is_forbidden_name(file.name)) {
    return fail(ErrorKind::refused,
                "{}: the name '{}' holds one of / : # or a blank, which no environment's name may",
                source, file.name);
  }
  if (file.name == "base" || file.name == "root") {
    warnings.push_back(fmt::format(
        "{}: the name '{}' is conda's own and is not used; give one with -n", source, file.name));
    file.name.clear();
  }
  return {};
}

/// Where no environment goes, whoever asks.
constexpr auto system_folders = std::to_array<std::string_view>(
    {"", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run",
     "/sbin", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/var"});

Result<> parse_prefix(const base::Json& document, std::string_view source,
                      const base::Environment& environment, EnvironmentFile& file) {
  const std::string written = base::string_or(document, "prefix");
  if (written.empty()) return {};
  file.prefix = expand_home(expand_variables(written, environment), environment);
  std::string_view path = file.prefix;
  while (path.ends_with('/')) path.remove_suffix(1);
  if (std::ranges::find(system_folders, path) != system_folders.end()) {
    return fail(ErrorKind::refused, "{}: the prefix '{}' belongs to the system", source, written);
  }
  if (is_forbidden_name(path.substr(path.rfind('/') + 1))) {
    return fail(ErrorKind::refused,
                "{}: the last part of the prefix '{}' holds one of : # or a blank, which no "
                "environment's name may",
                source, written);
  }
  return {};
}

void add_warnings(const base::Json& document, std::string_view source,
                  std::vector<std::string>& warnings) {
  for (const auto& [key, value] : document.items()) {
    if (std::ranges::find(known_keys, key) == known_keys.end()) {
      warnings.push_back(
          fmt::format("{}: the key '{}' is not known and has no effect", source, key));
    }
  }
}

const base::Json& member(const base::Json& document, const char* key) {
  static const base::Json null;
  const auto found = document.find(key);
  return found == document.end() ? null : *found;
}

}  // namespace

Result<EnvironmentFile> parse_environment_file(std::string_view text, std::string_view source,
                                               const EnvironmentFileReading& reading,
                                               std::vector<std::string>& warnings) {
  HPCENV_ASSIGN(const std::string kept, without_false_lines(text, source, reading.subdir));
  HPCENV_ASSIGN(const base::Json document, base::parse_yaml(kept, source));
  if (!document.is_object()) {
    return fail(ErrorKind::refused, "{}: it is no environment file, which is a map of keys",
                source);
  }
  EnvironmentFile file;
  HPCENV_TRY(parse_name(document, source, warnings, file));
  HPCENV_TRY(parse_prefix(document, source, reading.environment, file));
  HPCENV_TRY(parse_channels(member(document, "channels"), source, file));
  HPCENV_TRY(parse_variables(member(document, "variables"), source, file));
  HPCENV_TRY(parse_platforms(member(document, "platforms"), source, file));
  file.category = base::string_or(document, "category");
  const base::Json& dependencies = member(document, "dependencies");
  if (!dependencies.is_array()) {
    return fail(ErrorKind::refused, "{}: there is no list 'dependencies'", source);
  }
  for (const base::Json& item : dependencies) {
    HPCENV_TRY(parse_dependency(item, source, reading.subdir, file));
  }
  add_warnings(document, source, warnings);
  return file;
}

Result<EnvironmentFile> parse_environment_file(std::string_view text, std::string_view source,
                                               std::vector<std::string>& warnings) {
  return parse_environment_file(text, source, EnvironmentFileReading{}, warnings);
}

}  // namespace hpcenv::conda
