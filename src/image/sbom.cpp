#include "image/sbom.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "image/spdx_license.hpp"

namespace hpcenv::image {

namespace {

using base::Json;
using conda::PackageRecord;

std::string percent_encode(std::string_view text, std::string_view kept) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kept.contains(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

/// One part of a url.
std::string percent_encode(std::string_view part) { return percent_encode(part, ".-_~:"); }

/// Where the archive comes from, without credentials; bytes that no url holds are encoded.
std::string location_of(const PackageRecord& record) {
  return percent_encode(conda::without_credentials(record.url), ".-_~:/?#[]@!$&'()*+,;=%");
}

std::string_view archive_type_of(const PackageRecord& record) {
  return record.file_name.ends_with(".tar.bz2") ? "tar.bz2" : "conda";
}

/// In the order that both documents name them.
std::vector<const PackageRecord*> sorted(const std::vector<PackageRecord>& packages) {
  std::vector<const PackageRecord*> records;
  records.reserve(packages.size());
  for (const PackageRecord& record : packages) records.push_back(&record);
  std::ranges::stable_sort(records, [](const PackageRecord* a, const PackageRecord* b) {
    return a->dist_name() < b->dist_name();
  });
  return records;
}

/// For each record the places, in `records`, of those that it depends on; virtual packages are no
/// records.
std::vector<std::vector<std::size_t>> needs_of(const std::vector<const PackageRecord*>& records) {
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < records.size(); ++i) places.emplace(records[i]->name, i);
  std::vector<std::vector<std::size_t>> needs;
  for (const PackageRecord* record : records) {
    std::set<std::size_t> found;
    for (const std::string& spec : record->depends) {
      const auto place =
          places.find(std::string_view(spec).substr(0, spec.find_first_of(" =<>!~[")));
      if (place != places.end()) found.insert(place->second);
    }
    needs.emplace_back(found.begin(), found.end());
  }
  return needs;
}

/// A UUID of version 8 (made by its maker's own rule) from what it names.
std::string uuid_of(std::string_view content) {
  std::string hex = base::hash_text(base::HashKind::sha256, content).substr(0, 32);
  hex[12] = '8';
  hex[16] = 'a';
  const std::string_view digits = hex;
  return fmt::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4),
                     digits.substr(12, 4), digits.substr(16, 4), digits.substr(20));
}

std::string image_name(const SbomInput& input) { return input.name.empty() ? "image" : input.name; }

std::string tool_name(const SbomInput& input) {
  return input.tool_version.empty() ? "hpcenv" : "hpcenv-" + input.tool_version;
}

// CycloneDX

Json cyclonedx_licenses(const PackageRecord& record) {
  const SpdxLicense license = spdx_license(record.license);
  Json entry;
  if (license.is_free_text) {
    entry["license"]["name"] = license.references.front().name;
  } else if (license.is_listed_id) {
    entry["license"]["id"] = license.expression;
  } else {
    entry["expression"] = license.expression;
  }
  return Json::array({entry});
}

Json cyclonedx_component(const PackageRecord& record) {
  Json component;
  component["type"] = "library";
  component["bom-ref"] = package_url_of(record);
  component["name"] = record.name;
  component["version"] = record.version;
  if (!record.sha256.empty()) {
    component["hashes"] = Json::array({{{"alg", "SHA-256"}, {"content", record.sha256}}});
  } else if (!record.md5.empty()) {
    component["hashes"] = Json::array({{{"alg", "MD5"}, {"content", record.md5}}});
  }
  if (!base::trim(record.license).empty()) component["licenses"] = cyclonedx_licenses(record);
  component["purl"] = package_url_of(record);
  if (!record.url.empty()) {
    component["externalReferences"] =
        Json::array({{{"type", "distribution"}, {"url", location_of(record)}}});
  }
  return component;
}

Json cyclonedx_metadata(const SbomInput& input) {
  Json tool{{"type", "application"}, {"name", "hpcenv"}};
  if (!input.tool_version.empty()) tool["version"] = input.tool_version;
  Json image{{"type", "container"}, {"bom-ref", "image"}, {"name", image_name(input)}};
  if (!input.version.empty()) image["version"] = input.version;
  Json metadata;
  metadata["timestamp"] = input.created;
  metadata["tools"]["components"] = Json::array({std::move(tool)});
  metadata["component"] = std::move(image);
  return metadata;
}

Json cyclonedx_dependencies(const std::vector<const PackageRecord*>& records) {
  const auto refs_of = [&](const std::vector<std::size_t>& places) {
    Json refs = Json::array();
    for (const std::size_t place : places) refs.push_back(package_url_of(*records[place]));
    return refs;
  };
  Json all = Json::array();
  Json dependencies = Json::array();
  const auto needs = needs_of(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    all.push_back(package_url_of(*records[i]));
    dependencies.push_back(
        {{"ref", package_url_of(*records[i])}, {"dependsOn", refs_of(needs[i])}});
  }
  dependencies.insert(dependencies.begin(), Json{{"ref", "image"}, {"dependsOn", std::move(all)}});
  return dependencies;
}

// SPDX

/// Ids in a document hold letters, digits, dots and dashes only.
std::string spdx_id(const PackageRecord& record) {
  std::string id = "SPDXRef-";
  for (const char c : record.dist_name()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-';
    id += plain ? c : '-';
  }
  return id + "-" + base::hash_text(base::HashKind::sha256, package_url_of(record)).substr(0, 8);
}

constexpr std::string_view no_assertion = "NOASSERTION";

/// A url that SPDX takes for a place to download from; its validator wants a host.
bool is_download_location(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

Json spdx_package(const PackageRecord& record) {
  const SpdxLicense license = spdx_license(record.license);
  const std::string url = location_of(record);
  Json package;
  package["SPDXID"] = spdx_id(record);
  package["name"] = record.name;
  package["versionInfo"] = record.version;
  package["downloadLocation"] = is_download_location(url) ? url : no_assertion;
  package["filesAnalyzed"] = false;
  package["licenseConcluded"] = no_assertion;
  package["licenseDeclared"] = license.expression.empty() ? no_assertion : license.expression;
  package["copyrightText"] = no_assertion;
  if (!record.sha256.empty()) {
    package["checksums"] =
        Json::array({{{"algorithm", "SHA256"}, {"checksumValue", record.sha256}}});
  } else if (!record.md5.empty()) {
    package["checksums"] = Json::array({{{"algorithm", "MD5"}, {"checksumValue", record.md5}}});
  }
  package["externalRefs"] = Json::array({{{"referenceCategory", "PACKAGE-MANAGER"},
                                          {"referenceType", "purl"},
                                          {"referenceLocator", package_url_of(record)}}});
  return package;
}

constexpr std::string_view image_id = "SPDXRef-image";

Json spdx_image(const SbomInput& input) {
  Json package;
  package["SPDXID"] = image_id;
  package["name"] = image_name(input);
  if (!input.version.empty()) package["versionInfo"] = input.version;
  package["downloadLocation"] = no_assertion;
  package["filesAnalyzed"] = false;
  package["licenseConcluded"] = no_assertion;
  package["licenseDeclared"] = no_assertion;
  package["copyrightText"] = no_assertion;
  package["primaryPackagePurpose"] = "CONTAINER";
  return package;
}

Json relationship(std::string_view from, std::string_view type, std::string_view to) {
  return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

Json spdx_relationships(const std::vector<const PackageRecord*>& records) {
  Json list = Json::array({relationship("SPDXRef-DOCUMENT", "DESCRIBES", image_id)});
  for (const PackageRecord* record : records) {
    list.push_back(relationship(image_id, "CONTAINS", spdx_id(*record)));
  }
  const auto needs = needs_of(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    for (const std::size_t place : needs[i]) {
      list.push_back(relationship(spdx_id(*records[i]), "DEPENDS_ON", spdx_id(*records[place])));
    }
  }
  return list;
}

Json spdx_references(const std::vector<const PackageRecord*>& records) {
  std::map<std::string, std::string> names;
  for (const PackageRecord* record : records) {
    for (const auto& reference : spdx_license(record->license).references) {
      names.emplace(reference.id, reference.name);
    }
  }
  Json list = Json::array();
  for (const auto& [id, name] : names) {
    const std::string text = fmt::format(
        "The package calls its licence \"{}\"; its text lies in info/licenses of the package",
        name);
    list.push_back({{"licenseId", id}, {"name", name}, {"extractedText", text}});
  }
  return list;
}

}  // namespace

std::string package_url_of(const PackageRecord& record) {
  std::string url =
      fmt::format("pkg:conda/{}@{}", percent_encode(record.name), percent_encode(record.version));
  std::string_view separator = "?";
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    url += fmt::format("{}{}={}", separator, key, percent_encode(value));
    separator = "&";
  };
  add("build", record.build);
  add("channel", conda::channel_name_of(record.channel, conda::default_channel_alias));
  add("subdir", record.subdir);
  add("type", archive_type_of(record));
  return url;
}

std::string cyclonedx_text(const SbomInput& input) {
  const std::vector<const PackageRecord*> records = sorted(input.packages);
  Json document;
  document["$schema"] = "http://cyclonedx.org/schema/bom-1.6.schema.json";
  document["bomFormat"] = "CycloneDX";
  document["specVersion"] = "1.6";
  document["version"] = 1;
  document["metadata"] = cyclonedx_metadata(input);
  document["components"] = Json::array();
  for (const PackageRecord* record : records) {
    document["components"].push_back(cyclonedx_component(*record));
  }
  document["dependencies"] = cyclonedx_dependencies(records);
  document["serialNumber"] = "urn:uuid:" + uuid_of(base::dump_json(document));
  return base::dump_json(document);
}

std::string spdx_text(const SbomInput& input) {
  const std::vector<const PackageRecord*> records = sorted(input.packages);
  Json document;
  document["spdxVersion"] = "SPDX-2.3";
  document["dataLicense"] = "CC0-1.0";
  document["SPDXID"] = "SPDXRef-DOCUMENT";
  document["name"] = image_name(input);
  document["creationInfo"]["created"] = input.created;
  document["creationInfo"]["creators"] = Json::array({"Tool: " + tool_name(input)});
  document["packages"] = Json::array({spdx_image(input)});
  for (const PackageRecord* record : records) document["packages"].push_back(spdx_package(*record));
  document["relationships"] = spdx_relationships(records);
  if (Json references = spdx_references(records); !references.empty()) {
    document["hasExtractedLicensingInfos"] = std::move(references);
  }
  document["documentNamespace"] =
      fmt::format("https://spdx.org/spdxdocs/{}-{}", percent_encode(image_name(input)),
                  uuid_of(base::dump_json(document)));
  return base::dump_json(document);
}

}  // namespace hpcenv::image
