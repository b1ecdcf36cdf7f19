#include "cli/render.hpp"

#include <set>

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

base::Json plan_to_json(const ops::CreateDecision& decision) {
  base::Json plan;
  plan["link"] = base::Json::array();
  plan["unlink"] = base::Json::array();
  plan["fetch"] = base::Json::array();
  const std::set<std::string> fetch(decision.fetch.begin(), decision.fetch.end());
  for (const conda::PackageRecord& record : decision.plan.link) {
    plan["link"].push_back(package_to_json(record));
    if (fetch.contains(record.file_name)) {
      plan["fetch"].push_back(package_to_json(record));
    }
  }
  for (const conda::PackageRecord& record : decision.plan.unlink) {
    plan["unlink"].push_back(package_to_json(record));
  }
  plan["budget"]["download_bytes"] = decision.download_bytes;
  plan["solved_for"]["machine"] = decision.machine;
  plan["solved_for"]["virtual_packages"] = virtual_packages_to_json(decision.virtual_packages);
  plan["notes"] = decision.notes;
  return plan;
}

std::string short_channel(const std::string& channel) {
  const std::string clean = conda::without_credentials(channel);
  const std::string alias = std::string(conda::default_channel_alias) + "/";
  return clean.starts_with(alias) ? clean.substr(alias.size()) : clean.substr(clean.rfind('/') + 1);
}

std::string plan_text(const ops::CreateDecision& decision, const Output& output) {
  std::string machine;
  for (const host::VirtualPackage& package : decision.virtual_packages.packages) {
    if (package.name == "__unix") {
      continue;
    }
    machine += fmt::format("{}{} {}", machine.empty() ? "" : ", ", package.name,
                           package.name == "__archspec" ? package.build : package.version);
    if (package.origin != host::VirtualPackage::Origin::detected) {
      machine += fmt::format(" ({})", name_of(package.origin));
    }
  }
  std::string text = fmt::format("Environment  {}\nSolved for   {} ({})\n\n",
                                 output.styled(Style::bold, decision.plan.prefix.string()),
                                 decision.machine, machine);
  std::vector<std::vector<std::string>> rows{{"Package", "Version", "Build", "Channel", "Size"}};
  for (const conda::PackageRecord& record : decision.plan.link) {
    rows.push_back({record.name, record.version, record.build,
                    short_channel(record.channel) + "/" + record.subdir,
                    record.size ? base::human_bytes(*record.size) : ""});
  }
  text += table_text(rows);
  text += fmt::format("\n{} packages, {} to download ({})\n", decision.plan.link.size(),
                      decision.fetch.size(), base::human_bytes(decision.download_bytes));
  for (const std::string& note : decision.notes) {
    text += output.styled(Style::yellow, "note:") + " " + note + "\n";
  }
  return text;
}

}  // namespace hpcenv::cli
