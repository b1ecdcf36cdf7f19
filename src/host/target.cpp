#include "host/target.hpp"

#include <algorithm>
#include <cctype>
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

/// Which no shell reads otherwise.
bool is_plain_word(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
  });
}

Error unknown_target(const std::string& wanted, const std::vector<fs::path>& directories) {
  Error error{ErrorKind::not_found, fmt::format("there is no target '{}'", wanted), {}, {}};
  std::vector<std::string> known;
  for (TargetFile& target : stored_targets(directories)) known.push_back(std::move(target.name));
  std::vector<std::string> places;
  places.reserve(directories.size());
  for (const fs::path& directory : directories) places.push_back(directory.string());
  error.context.push_back("looked in " + base::join(places, ", "));
  if (!known.empty()) error.hints.push_back("there are: " + base::join(known, ", "));
  error.hints.push_back("make it: " +
                        profile_command(check_target_name(wanted) ? wanted : "NAME", ""));
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

Result<> check_target_name(const std::string& name) {
  const bool is_name = is_plain_word(name) &&
                       std::isalnum(static_cast<unsigned char>(name[0])) != 0 &&
                       !name.ends_with(extension);
  if (is_name) return {};
  return fail_hint(ErrorKind::usage, fmt::format("'{}' is no name for a target", name),
                   "take letters, digits, - and _: a100, gpu_long");
}

std::int64_t oldest_profile(const Target& target) {
  std::int64_t oldest = 0;
  for (const NodeProfile& node : target.nodes) {
    const bool older = oldest == 0 || node.taken_at < oldest;
    if (node.taken_at > 0 && older) oldest = node.taken_at;
  }
  return oldest;
}

std::optional<std::int64_t> age_in_days(std::int64_t taken_at, std::int64_t now) {
  constexpr std::int64_t day = 86400;
  if (taken_at <= 0) return std::nullopt;
  return std::max<std::int64_t>(now - taken_at, 0) / day;
}

std::string age_text(std::optional<std::int64_t> days) {
  if (!days) return "nobody knows when";
  if (*days == 0) return "today";
  return fmt::format("{} day{} ago", *days, *days == 1 ? "" : "s");
}

bool is_old(std::optional<std::int64_t> days) { return days && *days > old_profile_days; }

std::string profile_command(const std::string& target, const std::string& partition) {
  return fmt::format("hpcenv target add {} --partition {}", is_plain_word(target) ? target : "NAME",
                     is_plain_word(partition) ? partition : "PARTITION");
}

std::string renew_command(const Target& target) {
  if (!target.probed.empty()) return "hpcenv target refresh " + target.name;
  const auto partition =
      target.reach ? target.reach->find("partition") : base::Json::const_iterator();
  if (target.reach && partition != target.reach->end() && partition->is_string()) {
    return profile_command(target.name, partition->get<std::string>());
  }
  return fmt::format("hpcenv target add {} --here --replace", target.name);
}

std::vector<TargetFile> stored_targets(const std::vector<fs::path>& directories) {
  std::vector<TargetFile> targets;
  for (const fs::path& directory : directories) {
    const auto files = base::list_directory(directory);
    if (!files.has_value()) continue;
    for (const std::string& file : *files) {
      if (!file.ends_with(extension) || file.starts_with('.')) continue;
      std::string name = file.substr(0, file.size() - extension.size());
      const bool is_known = std::ranges::find(targets, name, &TargetFile::name) != targets.end();
      if (!is_known) targets.push_back({std::move(name), directory / file});
    }
  }
  std::ranges::sort(targets, {}, &TargetFile::name);
  return targets;
}

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
  target.probed = base::string_or(document, "probed");
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
