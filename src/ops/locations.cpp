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
  HPCENV_ASSIGN(fs::path resolved, base::resolve_path(locations.environments() / name));
  return EnvironmentRef{resolved, name};
}

Result<EnvironmentRef> existing_environment(const Locations& locations, const std::string& name,
                                            const std::string& prefix) {
  HPCENV_ASSIGN(EnvironmentRef ref, environment_ref(locations, name, prefix));
  if (prefix::is_environment(ref.prefix)) {
    return ref;
  }
  Error error{ErrorKind::not_found,
              fmt::format("there is no environment at {}", ref.prefix.string()),
              {},
              {}};
  std::vector<std::string> names;
  for (const KnownEnvironment& known : known_environments(locations)) {
    names.push_back(known.name);
  }
  if (auto nearest = base::nearest_words(name, names, 3); !name.empty() && !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  error.hints.emplace_back("list all environments with: hpcenv env list");
  return Failure(std::move(error));
}

std::vector<KnownEnvironment> known_environments(const Locations& locations) {
  std::vector<KnownEnvironment> known;
  if (auto names = base::list_directory(locations.environments())) {
    for (const std::string& name : *names) {
      if (prefix::is_environment(locations.environments() / name)) {
        known.push_back({name, locations.environments() / name});
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
