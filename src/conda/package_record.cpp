#include "conda/package_record.hpp"

#include <algorithm>
#include <cmath>

#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "conda/platform.hpp"

namespace hpcenv::conda {

namespace {

/// Times above the year 9999 in seconds are in milliseconds already.
constexpr std::int64_t largest_seconds = 253'402'300'799;

Noarch parse_noarch(const base::Json& entry) {
  const auto found = entry.find("noarch");
  if (found == entry.end() || found->is_null()) return Noarch::none;
  if (found->is_string()) return *found == "python" ? Noarch::python : Noarch::generic;
  return found->is_boolean() && found->get<bool>() ? Noarch::generic : Noarch::none;
}

/// A text, or a list of words (both are written for track_features).
std::string words_of(const base::Json& entry, std::string_view key) {
  const auto found = entry.find(key);
  if (found != entry.end() && found->is_array()) {
    return base::join(base::strings_or_empty(entry, key), " ");
  }
  std::vector<std::string> words;
  const std::string text = base::replace_all(base::string_or(entry, key), ",", " ");
  for (const std::string_view word : base::split_words(text)) words.emplace_back(word);
  return base::join(words, " ");
}

std::optional<std::int64_t> parse_timestamp(const base::Json& entry) {
  const auto found = entry.find("timestamp");
  if (found == entry.end() || !found->is_number()) return std::nullopt;
  // Both ends are checked before the cast: a number beyond them has no integer.
  const auto number = found->get<double>();
  if (std::isnan(number) || number < 1 || number >= 9e18) return std::nullopt;
  const auto value =
      found->is_number_float() ? static_cast<std::int64_t>(number) : found->get<std::int64_t>();
  return value > largest_seconds ? value : value * 1000;
}

std::string parse_subdir(const base::Json& entry, const std::string& base_url) {
  std::string subdir = base::string_or(entry, "subdir");
  if (!subdir.empty()) return subdir;
  std::string last = base_url.substr(base_url.rfind('/') + 1);
  if (is_known_subdir(last)) return last;
  return parse_noarch(entry) == Noarch::none ? "" : "noarch";
}

void put_text(base::Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

}  // namespace

std::string PackageRecord::dist_name() const {
  return fmt::format("{}-{}-{}", name, version, build);
}

Result<PackageRecord> record_from_json(const base::Json& entry, const std::string& file_name,
                                       const std::string& channel, const std::string& base_url) {
  if (!entry.is_object()) return fail(ErrorKind::refused, "{}: the record is no object", file_name);
  PackageRecord record;
  HPCENV_ASSIGN(record.name, base::require_string(entry, "name", file_name));
  HPCENV_ASSIGN(record.version, base::require_string(entry, "version", file_name));
  HPCENV_ASSIGN(record.build, base::require_string(entry, "build", file_name));
  record.build_number = base::integer_or(entry, "build_number");
  record.subdir = parse_subdir(entry, base_url);
  record.noarch = parse_noarch(entry);
  record.depends = base::strings_or_empty(entry, "depends");
  record.constrains = base::strings_or_empty(entry, "constrains");
  record.track_features = words_of(entry, "track_features");
  record.features = words_of(entry, "features");
  record.license = base::string_or(entry, "license");
  record.license_family = base::string_or(entry, "license_family");
  record.md5 = base::to_lower(base::string_or(entry, "md5"));
  record.sha256 = base::to_lower(base::string_or(entry, "sha256"));
  const std::int64_t size = base::integer_or(entry, "size", -1);
  if (size >= 0) record.size = static_cast<std::uint64_t>(size);
  record.timestamp = parse_timestamp(entry);
  record.python_site_packages_path = base::string_or(entry, "python_site_packages_path");
  record.file_name = file_name;
  record.channel = channel;
  if (!file_name.empty() && !base_url.empty()) record.url = base_url + "/" + file_name;
  return record;
}

base::Json record_to_json(const PackageRecord& record) {
  base::Json json = base::Json::object();
  json["name"] = record.name;
  json["version"] = record.version;
  json["build"] = record.build;
  json["build_number"] = record.build_number;
  put_text(json, "subdir", record.subdir);
  if (record.noarch == Noarch::python) json["noarch"] = "python";
  if (record.noarch == Noarch::generic) json["noarch"] = "generic";
  json["depends"] = record.depends;
  json["constrains"] = record.constrains;
  put_text(json, "track_features", record.track_features);
  put_text(json, "features", record.features);
  put_text(json, "license", record.license);
  put_text(json, "license_family", record.license_family);
  put_text(json, "md5", record.md5);
  put_text(json, "sha256", record.sha256);
  if (record.size.has_value()) json["size"] = *record.size;
  if (record.timestamp.has_value()) json["timestamp"] = *record.timestamp;
  put_text(json, "python_site_packages_path", record.python_site_packages_path);
  put_text(json, "fn", record.file_name);
  put_text(json, "channel", without_credentials(record.channel));
  put_text(json, "url", without_credentials(record.url));
  return json;
}

Result<DistName> parse_dist_name(std::string_view file_name) {
  std::string_view stem = file_name;
  for (const std::string_view suffix : {".conda", ".tar.bz2", ".json"}) {
    if (stem.ends_with(suffix)) {
      stem.remove_suffix(suffix.size());
      break;
    }
  }
  const std::size_t build = stem.rfind('-');
  const std::size_t version =
      build == std::string_view::npos || build == 0 ? build : stem.rfind('-', build - 1);
  if (build == std::string_view::npos || version == std::string_view::npos || version == 0 ||
      version + 1 >= build || build + 1 == stem.size()) {
    return fail(ErrorKind::refused, "'{}' is not of the form name-version-build", file_name);
  }
  return DistName{std::string(stem.substr(0, version)),
                  std::string(stem.substr(version + 1, build - version - 1)),
                  std::string(stem.substr(build + 1))};
}

}  // namespace hpcenv::conda
