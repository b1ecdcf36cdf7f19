#include "conda/condarc.hpp"

#include <algorithm>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"

namespace hpcenv::conda {

namespace {

/// A list of texts; a single text counts as a list of one, null as empty.
Result<std::vector<std::string>> parse_list(const base::Json& document, std::string_view key,
                                            std::string_view source) {
  std::vector<std::string> list;
  const auto found = document.find(key);
  if (found == document.end() || found->is_null()) return list;
  if (found->is_string()) return std::vector<std::string>{found->get<std::string>()};
  if (!found->is_array()) return fail(ErrorKind::refused, "{}: '{}' is no list", source, key);
  for (const base::Json& item : *found) {
    if (!item.is_string()) {
      return fail(ErrorKind::refused, "{}: '{}' holds something that is no text", source, key);
    }
    list.push_back(item.get<std::string>());
  }
  return list;
}

std::optional<std::string> text_of(const base::Json& document, std::string_view key) {
  const std::string text = base::string_or(document, key);
  return text.empty() ? std::nullopt : std::optional(text);
}

Result<std::optional<std::string>> parse_priority(const base::Json& document,
                                                  std::string_view source) {
  auto priority = text_of(document, "channel_priority");
  if (!priority.has_value()) return priority;
  const std::string word = base::to_lower(*priority);
  if (word == "strict" || word == "flexible" || word == "disabled") return std::optional(word);
  // Before there were three kinds it was a yes or no.
  if (word == "true" || word == "yes" || word == "on")
    return std::optional<std::string>("flexible");
  if (word == "false" || word == "no" || word == "off") {
    return std::optional<std::string>("disabled");
  }
  return fail(ErrorKind::refused,
              "{}: channel_priority is '{}', but strict, flexible and disabled are what there is",
              source, *priority);
}

void prepend(std::vector<std::string>& list, const std::vector<std::string>& first) {
  std::vector<std::string> merged = first;
  for (std::string& item : list) {
    if (std::find(merged.begin(), merged.end(), item) == merged.end()) {
      merged.push_back(std::move(item));
    }
  }
  list = std::move(merged);
}

}  // namespace

Result<Condarc> parse_condarc(std::string_view text, std::string_view source) {
  HPCENV_ASSIGN(const base::Json document, base::parse_yaml(text, source));
  Condarc condarc;
  if (document.is_null()) return condarc;
  if (!document.is_object()) return fail(ErrorKind::refused, "{}: it is no map of keys", source);
  HPCENV_ASSIGN(condarc.channels, parse_list(document, "channels", source));
  condarc.channel_alias = text_of(document, "channel_alias");
  HPCENV_ASSIGN(condarc.channel_priority, parse_priority(document, source));
  HPCENV_ASSIGN(condarc.pkgs_dirs, parse_list(document, "pkgs_dirs", source));
  HPCENV_ASSIGN(condarc.envs_dirs, parse_list(document, "envs_dirs", source));
  return condarc;
}

Condarc merge_condarc(Condarc under, const Condarc& over) {
  prepend(under.channels, over.channels);
  prepend(under.pkgs_dirs, over.pkgs_dirs);
  prepend(under.envs_dirs, over.envs_dirs);
  if (over.channel_alias.has_value()) under.channel_alias = over.channel_alias;
  if (over.channel_priority.has_value()) under.channel_priority = over.channel_priority;
  return under;
}

}  // namespace hpcenv::conda
