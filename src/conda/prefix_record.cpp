#include "conda/prefix_record.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/json_document.hpp"
#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

/// Where the head of a file of ours ends. A quote within a text is escaped, so that no value can
/// look like this.
constexpr std::string_view head_end = ",\n  \"files\": [";

InstalledPath parse_path(const base::JsonValue& entry) {
  InstalledPath path;
  path.path_type = "hardlink";
  // No member fails.
  static_cast<void>(entry.for_each_member([&](std::string_view key, base::JsonValue value) {
    const auto text = value.text();
    if (key == "_path") path.path = text.value_or("");
    if (key == "path_type") path.path_type = text.value_or("hardlink");
    if (key == "sha256") path.sha256 = text.value_or("");
    if (key == "sha256_in_prefix") path.sha256_in_prefix = text.value_or("");
    if (key == "prefix_placeholder") path.placeholder = text.value_or("");
    if (key == "file_mode") path.file_mode = text.value_or("");
    if (key == "no_link") path.no_link = value.boolean().value_or(false);
    if (key == "size_in_bytes" && value.integer().value_or(-1) >= 0) path.size = *value.integer();
    return Result<>();
  }));
  return path;
}

/// paths_data where it is there, else the plain list of `files`.
std::vector<InstalledPath> parse_paths(const base::JsonValue& document) {
  std::vector<InstalledPath> paths;
  const auto data = document.find("paths_data");
  const auto entries = data.has_value() ? data->find("paths") : std::nullopt;
  if (entries.has_value()) {
    static_cast<void>(entries->for_each_element([&](base::JsonValue entry) {
      if (entry.is_object()) paths.push_back(parse_path(entry));
      return Result<>();
    }));
  }
  const auto files = document.find("files");
  if (!paths.empty() || !files.has_value()) return paths;
  static_cast<void>(files->for_each_element([&](base::JsonValue file) {
    if (const auto text = file.text()) {
      paths.emplace_back().path = *text;
      paths.back().path_type = "hardlink";
    }
    return Result<>();
  }));
  return paths;
}

LinkType parse_link_type(const base::Json& document) {
  const auto link = document.find("link");
  const std::int64_t type =
      link != document.end() && link->is_object() ? base::integer_or(*link, "type", 1) : 1;
  return type >= 1 && type <= 4 ? static_cast<LinkType>(type) : LinkType::hardlink;
}

/// The list, or the single text that older conda writes.
std::vector<std::string> parse_requested(const base::Json& document) {
  auto specs = base::strings_or_empty(document, "requested_specs");
  const std::string single = base::string_or(document, "requested_spec");
  if (specs.empty() && !single.empty() && single != "None") specs.push_back(single);
  return specs;
}

/// All but the paths.
Result<PrefixRecord> head_of(const base::Json& document, const std::string& where) {
  PrefixRecord head;
  HPCENV_ASSIGN(head.record, record_from_json(document, where, "", ""));
  head.record.file_name = base::string_or(document, "fn");
  head.record.channel = base::string_or(document, "channel");
  head.record.url = base::string_or(document, "url");
  head.extracted_package_dir = base::string_or(document, "extracted_package_dir");
  head.package_tarball_full_path = base::string_or(document, "package_tarball_full_path");
  head.link_type = parse_link_type(document);
  head.requested_specs = parse_requested(document);
  return head;
}

/// The members that do not grow with the package, as a tree.
base::Json small_members(const base::JsonValue& root) {
  base::Json small = base::Json::object();
  static_cast<void>(root.for_each_member([&](std::string_view key, base::JsonValue value) {
    if (key != "files" && key != "paths_data") small[std::string(key)] = value.to_json();
    return Result<>();
  }));
  return small;
}

base::Json head_json(const PrefixRecord& record) {
  base::Json json = record_to_json(record.record);
  json["extracted_package_dir"] = record.extracted_package_dir;
  json["package_tarball_full_path"] = record.package_tarball_full_path;
  base::Json link = base::Json::object();
  link["source"] = record.extracted_package_dir;
  link["type"] = static_cast<int>(record.link_type);
  json["link"] = std::move(link);
  if (!record.requested_specs.empty()) {
    json["requested_spec"] = record.requested_specs.front();
  }
  json["requested_specs"] = record.requested_specs;
  return json;
}

/// Written without a tree: an environment has tens of thousands of these.
class PathWriter {
 public:
  explicit PathWriter(std::string& text) : text_(text) {}

  void write_files(const std::vector<InstalledPath>& paths) {
    std::string_view separator;
    for (const InstalledPath& path : paths) {
      if (path.path_type == "directory") continue;
      text_ += separator;
      text_ += "\n    ";
      base::append_json_string(text_, path.path);
      separator = ",";
    }
    text_ += separator.empty() ? "]" : "\n  ]";
  }

  void write_path(const InstalledPath& path) {
    text_ += "\n      {\n        \"_path\": ";
    base::append_json_string(text_, path.path);
    member("path_type", path.path_type);
    if (!path.sha256.empty()) member("sha256", path.sha256);
    if (!path.sha256_in_prefix.empty()) member("sha256_in_prefix", path.sha256_in_prefix);
    if (path.size.has_value()) {
      key("size_in_bytes");
      text_ += fmt::to_string(*path.size);
    }
    if (!path.placeholder.empty()) member("prefix_placeholder", path.placeholder);
    if (!path.file_mode.empty()) member("file_mode", path.file_mode);
    if (path.no_link) {
      key("no_link");
      text_ += "true";
    }
    text_ += "\n      }";
  }

 private:
  void key(std::string_view name) {
    text_ += ",\n        \"";
    text_ += name;
    text_ += "\": ";
  }

  void member(std::string_view name, std::string_view value) {
    key(name);
    base::append_json_string(text_, value);
  }

  std::string& text_;
};

}  // namespace

Result<PrefixRecord> parse_prefix_record(std::string_view text, std::string_view name) {
  const std::string where(name);
  HPCENV_ASSIGN(const base::JsonDocument document, base::JsonDocument::parse(text, where));
  HPCENV_ASSIGN(PrefixRecord record, head_of(small_members(document.root()), where));
  record.paths = parse_paths(document.root());
  return record;
}

std::string prefix_record_text(const PrefixRecord& record) {
  constexpr std::size_t usual_entry = 400;
  std::string text;
  text.reserve(4096 + record.paths.size() * usual_entry);
  text = base::dump_json(head_json(record));
  text.resize(text.rfind("\n}"));
  text += head_end;
  PathWriter writer(text);
  writer.write_files(record.paths);
  text += ",\n  \"paths_data\": {\n    \"paths_version\": 1,\n    \"paths\": [";
  for (const InstalledPath& path : record.paths) {
    if (&path != record.paths.data()) text += ',';
    writer.write_path(path);
  }
  text += record.paths.empty() ? "]\n  }\n}\n" : "\n    ]\n  }\n}\n";
  return text;
}

std::optional<PrefixRecord> parse_record_head(std::string_view beginning) {
  constexpr std::string_view first = "{\n  \"name\": ";
  const std::size_t end = beginning.find(head_end);
  if (!beginning.starts_with(first) || end == std::string_view::npos) return std::nullopt;
  const auto document =
      base::JsonDocument::parse(fmt::format("{}\n}}", beginning.substr(0, end)), "");
  if (!document.has_value()) return std::nullopt;
  const base::Json small = document->root().to_json();
  if (!small.contains("link") || !small.contains("requested_specs")) return std::nullopt;
  Result<PrefixRecord> head = head_of(small, "");
  if (!head.has_value()) return std::nullopt;
  return std::move(*head);
}

}  // namespace hpcenv::conda
