#include "host/target.hpp"

#include <algorithm>
#include <utility>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/version.hpp"
#include "host/configuration_folders.hpp"
#include "host/cpu.hpp"

namespace hpcenv::host {

namespace {

namespace fs = std::filesystem;

/// Raised when a reader of the old format would decide wrongly on the new one.
constexpr std::int64_t target_format = 1;
constexpr std::string_view extension = ".json";

bool is_file_name(const std::string& wanted) {
  return wanted.find('/') != std::string::npos || wanted.ends_with(extension);
}

Result<std::vector<NodeProfile>> nodes_of(const base::Json& document, const std::string& name) {
  std::vector<NodeProfile> nodes;
  const auto list = document.find("nodes");
  if (list == document.end()) {
    const auto profile = document.find("profile");
    HPCENV_ASSIGN(NodeProfile node,
                  profile_from_json(profile == document.end() ? document : *profile, name));
    nodes.push_back(std::move(node));
    return nodes;
  }
  const std::int64_t format = base::integer_or(document, "format");
  if (format != target_format) {
    return fail(ErrorKind::refused, "{}: target of format {}, this hpcenv reads {}", name, format,
                target_format);
  }
  if (!list->is_array() || list->empty()) {
    return fail(ErrorKind::refused, "{}: 'nodes' is no list of node profiles", name);
  }
  for (const base::Json& profile : *list) {
    HPCENV_ASSIGN(NodeProfile node, profile_from_json(profile, name));
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::vector<std::string> known_targets(const std::vector<fs::path>& directories) {
  std::vector<std::string> names;
  for (const fs::path& directory : directories) {
    const auto files = base::list_directory(directory);
    if (!files.has_value()) continue;
    for (const std::string& file : *files) {
      if (file.ends_with(extension))
        names.push_back(file.substr(0, file.size() - extension.size()));
    }
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

Error unknown_target(const std::string& wanted, const std::vector<fs::path>& directories) {
  Error error{ErrorKind::not_found, fmt::format("there is no target '{}'", wanted), {}, {}};
  const std::vector<std::string> known = known_targets(directories);
  std::vector<std::string> places;
  places.reserve(directories.size());
  for (const fs::path& directory : directories) places.push_back(directory.string());
  error.context.push_back("looked in " + base::join(places, ", "));
  if (!known.empty()) error.hints.push_back("there are: " + base::join(known, ", "));
  error.hints.emplace_back(
      "or give a file: run `hpcenv probe --json > node.json` on the machine, then --on node.json");
  return error;
}

Result<Target> read_target(const fs::path& file) {
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  return parse_target(text, file);
}

/// Whether `one` offers less than `other`.
bool is_less(const VirtualPackage& one, const VirtualPackage& other) {
  const auto a = conda::Version::parse(one.version);
  const auto b = conda::Version::parse(other.version);
  return a.has_value() && b.has_value() && *a < *b;
}

/// Lowers `least` to what `other`, of the same machine, has too.
void lower(std::vector<VirtualPackage>& least, const std::vector<VirtualPackage>& other,
           const std::string& machine) {
  std::erase_if(least, [&](VirtualPackage& package) {
    const auto found = std::ranges::find(other, package.name, &VirtualPackage::name);
    if (found == other.end()) return true;
    if (package.name == "__archspec" && package.build != found->build) {
      package.build = common_microarchitecture(package.build, found->build, machine);
      package.source = "what all nodes can run";
    } else if (is_less(*found, package)) {
      package = *found;
    }
    return false;
  });
}

VirtualPackages of_node(const NodeProfile& node, const base::Environment& environment,
                        std::string_view subdir) {
  VirtualPackages found = virtual_packages(node, environment, subdir);
  for (VirtualPackage& package : found.packages) {
    const bool seen_there = package.origin == VirtualPackage::Origin::detected;
    if (seen_there && package.name != "__unix" && !node.hostname.empty()) {
      package.source += " on " + node.hostname;
    }
  }
  return found;
}

}  // namespace

std::vector<fs::path> target_directories(const base::Environment& environment) {
  std::vector<fs::path> directories = configuration_folders(environment);
  for (fs::path& directory : directories) directory /= "targets";
  return directories;
}

Result<Target> parse_target(std::string_view text, const fs::path& file) {
  HPCENV_ASSIGN(const base::Json document, base::parse_json(text, file.string()));
  if (!document.is_object()) {
    return fail(ErrorKind::refused, "{}: a target is a JSON object", file.string());
  }
  Target target;
  target.file = file;
  target.name = file.stem().string();
  HPCENV_ASSIGN(target.nodes, nodes_of(document, file.string()));
  const auto reach = document.find("reach");
  const bool has_reach = reach != document.end() && reach->is_object();
  target.reach = std::make_shared<const base::Json>(has_reach ? *reach : base::Json::object());
  return target;
}

Result<Target> load_target(const std::string& wanted, const std::vector<fs::path>& directories,
                           const fs::path& working_directory) {
  if (is_file_name(wanted)) {
    auto target = read_target(working_directory / wanted);
    if (target.has_value() || target.error().kind != ErrorKind::not_found) return target;
    return Failure(with_hint(std::move(target).error(),
                             "--on takes the name of a target or a file of `hpcenv probe --json`"));
  }
  for (const fs::path& directory : directories) {
    auto target = read_target(directory / (wanted + std::string(extension)));
    if (target.has_value() || target.error().kind != ErrorKind::not_found) return target;
  }
  return Failure(unknown_target(wanted, directories));
}

Result<std::string> subdir_of(const Target& target) {
  const std::string& machine = target.nodes.front().machine;
  for (const NodeProfile& node : target.nodes) {
    if (node.machine == machine) continue;
    return fail_hint(ErrorKind::refused,
                     fmt::format("the nodes of target {} have different processors: {} and {}",
                                 target.name, machine, node.machine),
                     "make one target for each kind: an environment fits one of them");
  }
  if (machine == "x86_64") return std::string("linux-64");
  if (machine == "aarch64" || machine == "ppc64le") return "linux-" + machine;
  return fail(ErrorKind::refused, "the nodes of target {} are of no platform that is known: {}",
              target.name, machine);
}

VirtualPackages virtual_packages(const Target& target, const base::Environment& environment,
                                 std::string_view subdir) {
  VirtualPackages least = of_node(target.nodes.front(), environment, subdir);
  for (std::size_t i = 1; i < target.nodes.size(); ++i) {
    VirtualPackages found = of_node(target.nodes[i], environment, subdir);
    lower(least.packages, found.packages, target.nodes[i].machine);
    for (std::string& warning : found.warnings) {
      const bool said = std::ranges::find(least.warnings, warning) != least.warnings.end();
      if (!said) least.warnings.push_back(std::move(warning));
    }
  }
  return least;
}

}  // namespace hpcenv::host
