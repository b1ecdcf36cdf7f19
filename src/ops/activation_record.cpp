#include "ops/activation_record.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "shell/recorded_json.hpp"

namespace hpcenv::ops {
namespace {

using base::Json;

constexpr int schema = 1;

Json facts_to_json(const std::vector<PathFact>& facts) {
  Json json = Json::object();
  for (const PathFact& fact : facts) json[fact.path] = fact.state;
  return json;
}

std::vector<PathFact> facts_from_json(const Json& json, const char* member) {
  std::vector<PathFact> facts;
  const auto found = json.find(member);
  if (found == json.end() || !found->is_object()) return facts;
  for (const auto& [path, state] : found->items()) {
    facts.push_back({path, state.is_string() ? state.get<std::string>() : ""});
  }
  return facts;
}

Json verdict_to_json(const ScriptVerdict& verdict) {
  Json json;
  json["path"] = verdict.path;
  json["class"] = name_of(verdict.kind);
  if (!verdict.reason.empty()) json["reason"] = verdict.reason;
  if (verdict.interactive) json["interactive"] = true;
  return json;
}

std::optional<ScriptVerdict> verdict_from_json(const Json& json) {
  ScriptVerdict verdict;
  verdict.path = base::string_or(json, "path");
  verdict.reason = base::string_or(json, "reason");
  verdict.interactive = json.is_object() && json.value("interactive", Json(false)) == true;
  const std::string name = base::string_or(json, "class");
  for (const ScriptClass kind : {ScriptClass::recorded, ScriptClass::acts, ScriptClass::node,
                                 ScriptClass::live, ScriptClass::refused}) {
    if (name_of(kind) == name) {
      verdict.kind = kind;
      return verdict;
    }
  }
  return std::nullopt;
}

Json record_to_json(const ActivationRecord& record) {
  Json json;
  json["made_at"] = record.made_at;
  json["meta"] = record.key.meta;
  if (!record.key.node.empty()) json["node"] = record.key.node;
  json["activate_scripts"] = record.key.scripts;
  json["files"] = facts_to_json(record.files);
  json["outside"] = facts_to_json(record.outside);
  json["scripts"] = Json::array();
  for (const ScriptVerdict& verdict : record.scripts) {
    json["scripts"].push_back(verdict_to_json(verdict));
  }
  json["recorded"] = shell::recorded_to_json(record.recorded);
  if (!record.acted.empty()) {
    json["acted"] = record.acted;
    json["acted_for"] = record.acted_for;
  }
  return json;
}

std::optional<ActivationRecord> record_from_json(const Json& json, const std::string& prefix) {
  ActivationRecord record;
  if (!json.is_object()) return std::nullopt;
  record.made_at = base::integer_or(json, "made_at");
  record.key.prefix = prefix;
  record.key.meta = base::string_or(json, "meta");
  record.key.node = base::string_or(json, "node");
  record.key.scripts = base::strings_or_empty(json, "activate_scripts");
  record.files = facts_from_json(json, "files");
  record.outside = facts_from_json(json, "outside");
  record.acted = base::strings_or_empty(json, "acted");
  record.acted_for = base::string_or(json, "acted_for");
  const auto scripts = json.find("scripts");
  const auto recorded = json.find("recorded");
  if (scripts == json.end() || recorded == json.end()) return std::nullopt;
  for (const Json& one : *scripts) {
    auto verdict = verdict_from_json(one);
    if (!verdict) return std::nullopt;
    record.scripts.push_back(*std::move(verdict));
  }
  auto read = shell::recorded_from_json(*recorded);
  if (!read) return std::nullopt;
  record.recorded = *std::move(read);
  return record;
}

RecordsRead useless(std::string trouble) { return {{}, std::move(trouble)}; }

}  // namespace

PathFact path_fact(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {path, "missing"};
  if (S_ISDIR(status.st_mode)) return {path, "folder"};
  if (!S_ISREG(status.st_mode)) return {path, "other"};
  return {path, fmt::format("file {} {}.{:09}", status.st_size, status.st_mtim.tv_sec,
                            status.st_mtim.tv_nsec)};
}

PathFact presence_fact(const std::string& path) {
  return {path, base::path_exists(path) ? "there" : "missing"};
}

bool still_holds(const ActivationRecord& record, const RecordKey& now) {
  const RecordKey& then = record.key;
  if (then.prefix != now.prefix || then.meta != now.meta || then.scripts != now.scripts) {
    return false;
  }
  if (!then.node.empty() && then.node != now.node) return false;
  return std::ranges::all_of(record.files,
                             [](const PathFact& fact) { return path_fact(fact.path) == fact; }) &&
         std::ranges::all_of(record.outside,
                             [](const PathFact& fact) { return presence_fact(fact.path) == fact; });
}

RecordsRead read_records(const std::filesystem::path& file, const std::string& prefix) {
  const auto text = base::read_file(file);
  if (!text) {
    const bool missing = text.error().kind == ErrorKind::not_found;
    return missing ? RecordsRead{} : useless(text.error().message);
  }
  const auto json = base::parse_json(*text, file.string());
  if (!json) return useless(json.error().message);
  const std::int64_t version = json->is_object() ? base::integer_or(*json, "schema") : 0;
  if (version > schema) {
    return useless(fmt::format("{} was written by a newer hpcenv (schema {}, this one knows {})",
                               file.string(), version, schema));
  }
  if (base::string_or(*json, "prefix") != prefix) {
    return useless(fmt::format("{} is of another prefix: {}", file.string(),
                               base::string_or(*json, "prefix", "it does not say which")));
  }
  RecordsRead read;
  const auto list = json->find("records");
  const bool listed = list != json->end() && list->is_array();
  for (const Json& one : listed ? *list : Json::array()) {
    auto record = record_from_json(one, prefix);
    if (!record) return useless(fmt::format("{} is damaged", file.string()));
    read.records.push_back(*std::move(record));
  }
  if (!listed) read.trouble = fmt::format("{} is damaged", file.string());
  return read;
}

Result<> write_records(const std::filesystem::path& file,
                       const std::vector<ActivationRecord>& records) {
  Json json;
  json["schema"] = schema;
  json["prefix"] = records.empty() ? "" : records.front().key.prefix;
  json["records"] = Json::array();
  for (const ActivationRecord& record : records) json["records"].push_back(record_to_json(record));
  return base::write_file(file, base::dump_json(json));
}

}  // namespace hpcenv::ops
