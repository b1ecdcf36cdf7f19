#include "ops/locations.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

bool is_plain_name(const std::string& name) {
  if (name.empty() || name.starts_with('.') || name.starts_with('-')) {
    return false;
  }
  return std::ranges::none_of(
      name, [](unsigned char c) { return c <= ' ' || c == '/' || c == ':' || c == 127; });
}

std::vector<fs::path> folders_of(const Locations& locations) {
  return locations.environment_folders.empty() ? std::vector<fs::path>{locations.environments()}
                                               : locations.environment_folders;
}

fs::path registry_file(const Locations& locations) {
  return locations.home / ".conda" / "environments.txt";
}

std::vector<std::string> registered_lines(const Locations& locations) {
  std::vector<std::string> lines;
  if (auto text = base::read_file(registry_file(locations))) {
    for (std::string_view line : base::split_lines(*text)) {
      if (!base::trim(line).empty()) {
        lines.emplace_back(base::trim(line));
      }
    }
  }
  return lines;
}

Result<> write_registry(const Locations& locations, const std::vector<std::string>& lines) {
  HPCENV_TRY(base::make_directories(registry_file(locations).parent_path()));
  std::string text = base::join(lines, "\n");
  if (!text.empty()) {
    text += '\n';
  }
  return base::write_file(registry_file(locations), text);
}

}  // namespace

std::vector<packages::CachePlace> cache_places(const Locations& locations) {
  std::vector<packages::CachePlace> places;
  places.reserve(locations.package_folders.size());
  for (const fs::path& folder : locations.package_folders) {
    places.push_back({folder, packages::CachePlace::Standing::named});
  }
  if (places.empty()) {
    places.push_back({locations.packages(), packages::CachePlace::Standing::named});
  }
  return places;
}

Result<EnvironmentRef> environment_ref(const Locations& locations, const std::string& name,
                                       const std::string& prefix) {
  if (name.empty() == prefix.empty()) {
    return fail_hint(
        ErrorKind::usage,
        name.empty() ? "no environment is named" : "both a name and a prefix are given",
        "give one of: -n NAME, -p PREFIX");
  }
  if (!prefix.empty()) {
    fs::path path = prefix;
    if (path.is_relative()) {
      path = locations.working_directory / path;
    }
    HPCENV_ASSIGN(fs::path resolved, base::resolve_path(path));
    return EnvironmentRef{resolved, resolved.string()};
  }
  if (!is_plain_name(name)) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("'{}' cannot be the name of an environment", name),
                     "use letters, digits, '-', '_' and '.'; or give a path with -p PREFIX");
  }
  fs::path place = locations.environments() / name;
  for (const fs::path& folder : locations.environment_folders) {
    if (prefix::is_environment(folder / name)) {
      place = folder / name;
      break;
    }
  }
  HPCENV_ASSIGN(fs::path resolved, base::resolve_path(place));
  return EnvironmentRef{resolved, name};
}

Result<EnvironmentRef> existing_environment(const Locations& locations, const std::string& name,
                                            const std::string& prefix) {
  if (name.empty() && prefix.empty() && locations.active_prefix.empty()) {
    return fail_hint(ErrorKind::usage, "no environment is named, and none is active",
                     "give one of: -n NAME, -p PREFIX");
  }
  const bool active = name.empty() && prefix.empty();
  HPCENV_ASSIGN(
      EnvironmentRef ref,
      environment_ref(locations, name, active ? locations.active_prefix.string() : prefix));
  if (const std::string known = active ? name_of(locations, ref.prefix) : ""; !known.empty()) {
    ref.name = known;
  }
  if (prefix::is_environment(ref.prefix)) {
    return ref;
  }
  Error error{ErrorKind::not_found,
              fmt::format("there is no environment at {}", ref.prefix.string()),
              {},
              {}};
  std::vector<std::string> names;
  for (const KnownEnvironment& known : known_environments(locations)) {
    if (!known.name.empty()) names.push_back(known.name);
  }
  if (auto nearest = base::nearest_words(name, names, 3); !name.empty() && !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  if (name == "base" || name == "root") {
    error.hints.emplace_back("hpcenv needs no base environment and has none");
  }
  error.hints.emplace_back("list all environments with: hpcenv env list");
  return Failure(std::move(error));
}

std::string name_of(const Locations& locations, const fs::path& prefix) {
  for (const fs::path& folder : folders_of(locations)) {
    const auto resolved = base::resolve_path(folder);
    if (prefix.parent_path() == folder || (resolved && prefix.parent_path() == *resolved)) {
      return prefix.filename().string();
    }
  }
  return "";
}

std::vector<KnownEnvironment> known_environments(const Locations& locations) {
  std::vector<KnownEnvironment> known;
  for (const fs::path& folder : folders_of(locations)) {
    const auto names = base::list_directory(folder);
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
      if (prefix::is_environment(folder / name)) {
        known.push_back({name, folder / name});
      }
    }
  }
  for (const std::string& line : registered_lines(locations)) {
    const auto same = [&](const KnownEnvironment& other) { return other.prefix == fs::path(line); };
    if (std::ranges::none_of(known, same) && prefix::is_environment(line)) {
      known.push_back({"", line});
    }
  }
  return known;
}

Result<> register_environment(const Locations& locations, const fs::path& prefix) {
  if (locations.home.empty()) {
    return {};
  }
  std::vector<std::string> lines = registered_lines(locations);
  if (std::ranges::find(lines, prefix.string()) != lines.end()) {
    return {};
  }
  lines.push_back(prefix.string());
  return write_registry(locations, lines);
}

Result<> unregister_environment(const Locations& locations, const fs::path& prefix) {
  std::vector<std::string> lines = registered_lines(locations);
  if (std::erase(lines, prefix.string()) == 0) {
    return {};
  }
  return write_registry(locations, lines);
}

}  // namespace hpcenv::ops
