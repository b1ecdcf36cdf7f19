#include "ops/environment_export.hpp"

#include <algorithm>
#include <set>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "conda/channel.hpp"
#include "conda/history.hpp"
#include "conda/install_order.hpp"
#include "conda/platform.hpp"

namespace hpcenv::ops {
namespace {

std::vector<std::string> channels_of(const prefix::PrefixState& state, const ExportWish& wish) {
  std::set<std::string> used;
  for (const conda::PrefixRecord& package : state.packages) {
    used.insert(conda::without_credentials(package.record.channel));
  }
  std::vector<std::string> names;
  const auto take = [&](const std::string& url) {
    if (!url.empty() && used.erase(url) > 0) {
      names.push_back(conda::channel_name_of(url, wish.channel_alias));
    }
  };
  for (const std::string& url : wish.channel_order) {
    take(conda::without_credentials(url));
  }
  while (!used.empty()) {
    const std::string url = *used.begin();
    if (url.empty()) {
      used.erase(url);
    }
    take(url);
  }
  return names;
}

std::vector<std::string> requested_of(const prefix::PrefixState& state) {
  const auto text = base::read_file(state.prefix / "conda-meta/history");
  const auto blocks = conda::parse_history(text ? *text : "");
  std::vector<std::string> specs;
  for (const conda::RequestedSpec& spec : conda::requested_specs(blocks)) {
    const auto has_name = [&](const conda::PrefixRecord& package) {
      return package.record.name == spec.name;
    };
    if (std::ranges::any_of(state.packages, has_name)) {
      specs.push_back(spec.text);
    }
  }
  return specs;
}

std::string dependency_of(const conda::PackageRecord& record, ExportWish::Specs specs) {
  std::string text = record.name + "=" + record.version;
  return specs == ExportWish::Specs::exact ? text + "=" + record.build : text;
}

std::string requirement_of(const prefix::PythonPackage& package) {
  if (package.editable) {
    return "-e " + package.origin;
  }
  return package.origin.empty() ? package.name + "==" + package.version
                                : package.name + " @ " + package.origin;
}

void add_list(std::string& text, std::string_view key, const std::vector<std::string>& items) {
  if (items.empty()) {
    return;
  }
  text += fmt::format("{}:\n", key);
  for (const std::string& item : items) {
    text += fmt::format("  - {}\n", base::yaml_scalar(item));
  }
}

}  // namespace

Result<ExportedEnvironment> export_environment(const prefix::PrefixState& state,
                                               const std::vector<prefix::PythonPackage>& python,
                                               const ExportWish& wish) {
  ExportedEnvironment environment;
  environment.prefix = state.prefix.string();
  if (wish.channels == ExportWish::Channels::name) {
    environment.channels = channels_of(state, wish);
  }
  if (wish.specs == ExportWish::Specs::requested) {
    environment.dependencies = requested_of(state);
  } else {
    for (const conda::PrefixRecord& package : state.packages) {
      environment.dependencies.push_back(dependency_of(package.record, wish.specs));
    }
  }
  for (const prefix::PythonPackage& package : python) {
    environment.pip.push_back(requirement_of(package));
  }
  // Variables that packages bring (env_vars.d) come with the packages again.
  HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                prefix::own_variables(state.prefix));
  for (const prefix::StateVariable& variable : variables) {
    if (variable.value) {
      environment.variables.emplace_back(variable.name, *variable.value);
    }
  }
  return environment;
}

std::string to_yaml(const ExportedEnvironment& environment) {
  std::string text;
  if (!environment.name.empty()) {
    text += fmt::format("name: {}\n", base::yaml_scalar(environment.name));
  }
  add_list(text, "channels", environment.channels);
  if (environment.dependencies.empty() && environment.pip.empty()) {
    text += "dependencies: []\n";
  } else {
    text += "dependencies:\n";
  }
  for (const std::string& dependency : environment.dependencies) {
    text += fmt::format("  - {}\n", base::yaml_scalar(dependency));
  }
  if (!environment.pip.empty()) {
    text += "  - pip:\n";
    for (const std::string& requirement : environment.pip) {
      text += fmt::format("      - {}\n", base::yaml_scalar(requirement));
    }
  }
  if (!environment.variables.empty()) {
    text += "variables:\n";
    for (const auto& [name, value] : environment.variables) {
      text += fmt::format("  {}: {}\n", base::yaml_scalar(name), base::yaml_scalar(value));
    }
  }
  return text + fmt::format("prefix: {}\n", base::yaml_scalar(environment.prefix));
}

base::Json to_json(const ExportedEnvironment& environment) {
  base::Json body;
  body["name"] = environment.name;
  body["prefix"] = environment.prefix;
  body["channels"] = environment.channels;
  body["dependencies"] = environment.dependencies;
  body["pip"] = environment.pip;
  body["variables"] = base::Json::object();
  for (const auto& [name, value] : environment.variables) {
    body["variables"][name] = value;
  }
  return body;
}

Result<std::string> explicit_text(const prefix::PrefixState& state, ExplicitHash hash) {
  std::vector<const conda::PackageRecord*> records;
  records.reserve(state.packages.size());
  for (const conda::PrefixRecord& package : state.packages) {
    records.push_back(&package.record);
  }
  std::string text = fmt::format(
      "# This file makes the same environment again:\n"
      "# $ hpcenv create -n NAME -f FILE\n# platform: {}\n@EXPLICIT\n",
      conda::native_subdir());
  for (const std::size_t i : conda::install_order(records)) {
    const conda::PackageRecord& record = *records[i];
    if (record.url.empty()) {
      return fail_hint(
          ErrorKind::refused,
          fmt::format("{} has no url in its record, so no file can name it", record.dist_name()),
          "hpcenv env export writes an environment.yml, which needs none");
    }
    text += conda::without_credentials(record.url);
    if (hash == ExplicitHash::md5 && !record.md5.empty()) {
      text += "#" + record.md5;
    } else if (hash == ExplicitHash::sha256 && !record.sha256.empty()) {
      text += "#sha256:" + record.sha256;
    }
    text += '\n';
  }
  return text;
}

std::string spec_lines(const prefix::PrefixState& state) {
  std::string text = fmt::format(
      "# This file makes such an environment again:\n"
      "# $ hpcenv create -n NAME -f FILE\n# platform: {}\n",
      conda::native_subdir());
  for (const conda::PrefixRecord& package : state.packages) {
    text += dependency_of(package.record, ExportWish::Specs::exact) + "\n";
  }
  return text;
}

}  // namespace hpcenv::ops
