// Documents to and from JSON.
#include <limits>

#include "base/json.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

namespace {

using base::Json;

Failure malformed(const std::string& name, std::string_view what) {
  return fail(ErrorKind::refused, "{} is damaged or no image: {}", name, what);
}

Annotations annotations_of(const Json& object, const char* key) {
  Annotations annotations;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return annotations;
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) annotations.emplace(name, value.get<std::string>());
  }
  return annotations;
}

Result<Descriptor> descriptor_of(const Json& object, const std::string& name) {
  if (!object.is_object()) return malformed(name, "a descriptor is missing");
  Descriptor descriptor;
  descriptor.media_type = base::string_or(object, "mediaType");
  descriptor.digest = base::string_or(object, "digest");
  const std::int64_t size = base::integer_or(object, "size", -1);
  if (!is_digest(descriptor.digest)) {
    return malformed(name, fmt::format("'{}' is no sha256 digest", descriptor.digest));
  }
  if (size < 0) return malformed(name, fmt::format("{} has no size", descriptor.digest));
  descriptor.size = static_cast<std::uint64_t>(size);
  descriptor.annotations = annotations_of(object, "annotations");
  return descriptor;
}

Platform platform_of(const Json& object) {
  return {base::string_or(object, "architecture"), base::string_or(object, "os"),
          base::string_or(object, "variant")};
}

Result<Json> document_of(std::string_view text, const std::string& name) {
  HPCENV_ASSIGN(Json document, base::parse_json(text, name));
  if (!document.is_object()) return malformed(name, "it is no JSON object");
  if (const std::int64_t version = base::integer_or(document, "schemaVersion", 2); version != 2) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} has the manifest version {}, which is too old", name, version),
                     "push it again with any engine of the last years");
  }
  return document;
}

Json descriptor_json(const Descriptor& descriptor) {
  Json json;
  json["mediaType"] = descriptor.media_type;
  json["digest"] = descriptor.digest;
  json["size"] = descriptor.size;
  if (!descriptor.annotations.empty()) json["annotations"] = descriptor.annotations;
  return json;
}

Json platform_json(const Platform& platform) {
  Json json;
  json["architecture"] = platform.architecture;
  json["os"] = platform.os;
  if (!platform.variant.empty()) json["variant"] = platform.variant;
  return json;
}

std::vector<HistoryEntry> history_of(const Json& document) {
  std::vector<HistoryEntry> history;
  const auto list = document.find("history");
  if (list == document.end() || !list->is_array()) return history;
  for (const Json& item : *list) {
    if (!item.is_object()) continue;
    const auto empty = item.find("empty_layer");
    history.push_back({base::string_or(item, "created"), base::string_or(item, "created_by"),
                       base::string_or(item, "comment"),
                       empty != item.end() && empty->is_boolean() && empty->get<bool>()});
  }
  return history;
}

Json history_json(const std::vector<HistoryEntry>& history) {
  Json list = Json::array();
  for (const HistoryEntry& entry : history) {
    Json item = Json::object();
    if (!entry.created.empty()) item["created"] = entry.created;
    if (!entry.created_by.empty()) item["created_by"] = entry.created_by;
    if (!entry.comment.empty()) item["comment"] = entry.comment;
    if (entry.empty_layer) item["empty_layer"] = true;
    list.push_back(std::move(item));
  }
  return list;
}

Json run_json(const ImageConfig& config) {
  Json run = Json::object();
  if (!config.user.empty()) run["User"] = config.user;
  if (!config.environment.empty()) run["Env"] = config.environment;
  if (!config.entrypoint.empty()) run["Entrypoint"] = config.entrypoint;
  if (!config.command.empty()) run["Cmd"] = config.command;
  if (!config.working_directory.empty()) run["WorkingDir"] = config.working_directory;
  if (!config.labels.empty()) run["Labels"] = config.labels;
  return run;
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text, const std::string& name) {
  HPCENV_ASSIGN(const Json document, document_of(text, name));
  Manifest manifest;
  manifest.media_type = base::string_or(document, "mediaType", media_type::manifest);
  if (!is_manifest(manifest.media_type)) {
    return malformed(name, fmt::format("{} is no manifest", manifest.media_type));
  }
  manifest.artifact_type = base::string_or(document, "artifactType");
  manifest.annotations = annotations_of(document, "annotations");
  HPCENV_ASSIGN(manifest.config, descriptor_of(document.value("config", Json()), name));
  const auto layers = document.find("layers");
  if (layers == document.end() || !layers->is_array()) return malformed(name, "it has no layers");
  for (const Json& layer : *layers) {
    HPCENV_ASSIGN(Descriptor descriptor, descriptor_of(layer, name));
    manifest.layers.push_back(std::move(descriptor));
  }
  if (document.contains("subject")) {
    HPCENV_ASSIGN(manifest.subject, descriptor_of(document["subject"], name));
  }
  return manifest;
}

Result<Index> parse_index(std::string_view text, const std::string& name) {
  HPCENV_ASSIGN(const Json document, document_of(text, name));
  Index index;
  index.annotations = annotations_of(document, "annotations");
  const auto manifests = document.find("manifests");
  if (manifests == document.end() || !manifests->is_array()) {
    return malformed(name, "it lists no manifests");
  }
  for (const Json& item : *manifests) {
    IndexEntry entry;
    HPCENV_ASSIGN(entry.descriptor, descriptor_of(item, name));
    if (const auto platform = item.find("platform");
        platform != item.end() && platform->is_object()) {
      entry.platform = platform_of(*platform);
    }
    index.manifests.push_back(std::move(entry));
  }
  return index;
}

Result<ImageConfig> parse_config(std::string_view text, const std::string& name) {
  HPCENV_ASSIGN(const Json document, base::parse_json(text, name));
  if (!document.is_object()) return malformed(name, "its configuration is no JSON object");
  ImageConfig config;
  config.created = base::string_or(document, "created");
  config.platform = platform_of(document);
  const Json rootfs = document.value("rootfs", Json::object());
  config.diff_ids = base::strings_or_empty(rootfs, "diff_ids");
  for (const std::string& diff_id : config.diff_ids) {
    if (!is_digest(diff_id)) return malformed(name, fmt::format("'{}' is no digest", diff_id));
  }
  config.history = history_of(document);
  const Json run = document.value("config", Json::object());
  if (!run.is_object()) return config;
  config.environment = base::strings_or_empty(run, "Env");
  config.entrypoint = base::strings_or_empty(run, "Entrypoint");
  config.command = base::strings_or_empty(run, "Cmd");
  config.user = base::string_or(run, "User");
  config.working_directory = base::string_or(run, "WorkingDir");
  config.labels = annotations_of(run, "Labels");
  return config;
}

std::string manifest_text(const Manifest& manifest) {
  Json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = manifest.media_type;
  if (!manifest.artifact_type.empty()) json["artifactType"] = manifest.artifact_type;
  json["config"] = descriptor_json(manifest.config);
  json["layers"] = Json::array();
  for (const Descriptor& layer : manifest.layers) json["layers"].push_back(descriptor_json(layer));
  if (manifest.subject) json["subject"] = descriptor_json(*manifest.subject);
  if (!manifest.annotations.empty()) json["annotations"] = manifest.annotations;
  return base::dump_json_line(json);
}

std::string index_text(const Index& index) {
  Json json;
  json["schemaVersion"] = 2;
  json["mediaType"] = media_type::index;
  json["manifests"] = Json::array();
  for (const IndexEntry& entry : index.manifests) {
    Json item = descriptor_json(entry.descriptor);
    if (entry.platform) item["platform"] = platform_json(*entry.platform);
    json["manifests"].push_back(std::move(item));
  }
  if (!index.annotations.empty()) json["annotations"] = index.annotations;
  return base::dump_json_line(json);
}

std::string config_text(const ImageConfig& config) {
  Json json = platform_json(config.platform);
  if (!config.created.empty()) json["created"] = config.created;
  json["config"] = run_json(config);
  json["rootfs"] = {{"type", "layers"}, {"diff_ids", config.diff_ids}};
  if (!config.history.empty()) json["history"] = history_json(config.history);
  return base::dump_json_line(json);
}

}  // namespace hpcenv::image
