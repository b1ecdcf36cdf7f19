#include "cli/render.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"

namespace hpcenv::cli {

base::Json package_to_json(const conda::PackageRecord& record) {
  base::Json value;
  value["name"] = record.name;
  value["version"] = record.version;
  value["build"] = record.build;
  value["build_number"] = record.build_number;
  value["channel"] = conda::without_credentials(record.channel);
  value["subdir"] = record.subdir;
  value["fn"] = record.file_name;
  value["url"] = conda::without_credentials(record.url);
  value["sha256"] = record.sha256;
  if (record.size) {
    value["size"] = *record.size;
  }
  return value;
}

const char* name_of(host::VirtualPackage::Origin origin) {
  switch (origin) {
    case host::VirtualPackage::Origin::detected:
      return "detected";
    case host::VirtualPackage::Origin::overridden:
      return "overridden";
    case host::VirtualPackage::Origin::assumed:
      return "assumed";
  }
  return "detected";
}

base::Json virtual_packages_to_json(const host::VirtualPackages& virtual_packages) {
  base::Json list = base::Json::array();
  for (const host::VirtualPackage& package : virtual_packages.packages) {
    base::Json value;
    value["name"] = package.name;
    value["version"] = package.version;
    value["build"] = package.build;
    value["origin"] = name_of(package.origin);
    value["source"] = package.source;
    list.push_back(std::move(value));
  }
  return list;
}

base::Json rc_value_to_json(const conda::RcValue& value, conda::RcKind kind) {
  if (conda::holds_list(kind)) {
    return value.list;
  }
  if (kind == conda::RcKind::boolean) {
    return value.text == "true";
  }
  if (kind == conda::RcKind::table) {
    base::Json table = base::Json::object();
    for (const auto& [name, texts] : value.table) {
      table[name] = texts.size() == 1 ? base::Json(texts.front()) : base::Json(texts);
    }
    return table;
  }
  const auto number = base::parse_json(value.text, "");
  const bool is_number = kind == conda::RcKind::number && number && number->is_number();
  return is_number ? *number : base::Json(value.text);
}

base::Json setting_to_json(const Setting& setting) {
  base::Json json;
  json["value"] = rc_value_to_json(setting.value, setting.kind);
  json["source"] = setting.source;
  if (setting.is_final()) {
    json["final"] = true;
  }
  return json;
}

std::string short_channel(const std::string& channel) {
  const std::string clean = conda::without_credentials(channel);
  const std::string alias = std::string(conda::default_channel_alias) + "/";
  return clean.starts_with(alias) ? clean.substr(alias.size()) : clean.substr(clean.rfind('/') + 1);
}

}  // namespace hpcenv::cli
