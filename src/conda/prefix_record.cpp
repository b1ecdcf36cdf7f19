#include "conda/prefix_record.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

InstalledPath parse_path(const base::Json& entry) {
  InstalledPath path;
  path.path = base::string_or(entry, "_path");
  path.path_type = base::string_or(entry, "path_type", "hardlink");
  path.sha256 = base::string_or(entry, "sha256");
  path.sha256_in_prefix = base::string_or(entry, "sha256_in_prefix");
  const std::int64_t size = base::integer_or(entry, "size_in_bytes", -1);
  if (size >= 0) path.size = static_cast<std::uint64_t>(size);
  path.placeholder = base::string_or(entry, "prefix_placeholder");
  path.file_mode = base::string_or(entry, "file_mode");
  const auto no_link = entry.find("no_link");
  path.no_link = no_link != entry.end() && no_link->is_boolean() && no_link->get<bool>();
  return path;
}

/// paths_data where it is there, else the plain list of `files`.
std::vector<InstalledPath> parse_paths(const base::Json& document) {
  std::vector<InstalledPath> paths;
  const auto data = document.find("paths_data");
  if (data != document.end() && data->is_object() && data->contains("paths") &&
      data->at("paths").is_array()) {
    for (const base::Json& entry : data->at("paths")) {
      if (entry.is_object()) paths.push_back(parse_path(entry));
    }
  }
  if (!paths.empty()) return paths;
  for (std::string& file : base::strings_or_empty(document, "files")) {
    paths.emplace_back().path = std::move(file);
    paths.back().path_type = "hardlink";
  }
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

base::Json path_to_json(const InstalledPath& path) {
  base::Json json = base::Json::object();
  json["_path"] = path.path;
  json["path_type"] = path.path_type;
  if (!path.sha256.empty()) json["sha256"] = path.sha256;
  if (!path.sha256_in_prefix.empty()) json["sha256_in_prefix"] = path.sha256_in_prefix;
  if (path.size.has_value()) json["size_in_bytes"] = *path.size;
  if (!path.placeholder.empty()) json["prefix_placeholder"] = path.placeholder;
  if (!path.file_mode.empty()) json["file_mode"] = path.file_mode;
  if (path.no_link) json["no_link"] = true;
  return json;
}

}  // namespace

Result<PrefixRecord> parse_prefix_record(std::string_view text, std::string_view name) {
  const std::string where(name);
  HPCENV_ASSIGN(const base::Json document, base::parse_json(text, where));
  HPCENV_ASSIGN(PackageRecord record, record_from_json(document, where, "", ""));
  PrefixRecord prefix_record;
  record.file_name = base::string_or(document, "fn");
  record.channel = base::string_or(document, "channel");
  record.url = base::string_or(document, "url");
  prefix_record.record = std::move(record);
  prefix_record.extracted_package_dir = base::string_or(document, "extracted_package_dir");
  prefix_record.package_tarball_full_path = base::string_or(document, "package_tarball_full_path");
  prefix_record.link_type = parse_link_type(document);
  prefix_record.paths = parse_paths(document);
  prefix_record.requested_specs = parse_requested(document);
  return prefix_record;
}

base::Json prefix_record_to_json(const PrefixRecord& record) {
  base::Json json = record_to_json(record.record);
  json["extracted_package_dir"] = record.extracted_package_dir;
  json["package_tarball_full_path"] = record.package_tarball_full_path;
  base::Json files = base::Json::array();
  base::Json paths = base::Json::array();
  for (const InstalledPath& path : record.paths) {
    if (path.path_type != "directory") files.push_back(path.path);
    paths.push_back(path_to_json(path));
  }
  json["files"] = std::move(files);
  base::Json link = base::Json::object();
  link["source"] = record.extracted_package_dir;
  link["type"] = static_cast<int>(record.link_type);
  json["link"] = std::move(link);
  base::Json data = base::Json::object();
  data["paths_version"] = 1;
  data["paths"] = std::move(paths);
  json["paths_data"] = std::move(data);
  if (!record.requested_specs.empty()) {
    json["requested_spec"] = record.requested_specs.front();
    json["requested_specs"] = record.requested_specs;
  }
  return json;
}

}  // namespace hpcenv::conda
