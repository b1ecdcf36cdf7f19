#include "prefix/layout.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/fs.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/relocate.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Empty where the file is missing.
Result<std::string> read_if_there(const fs::path& path) {
  Result<std::string> text = base::read_file(path);
  if (!text.has_value() && text.error().kind == ErrorKind::not_found) return std::string();
  return text;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

/// Paths that no package may bring: they say what is installed, or are hpcenv's own.
bool is_reserved(std::string_view target) {
  if (target == own_folder || target.starts_with(fmt::format("{}/", own_folder))) return true;
  if (!target.starts_with(fmt::format("{}/", meta_folder))) return target == meta_folder;
  return target == history_file || target.ends_with(".json");
}

Result<> check_path(const PlannedPath& path, const conda::UnpackedPackage& package,
                    const fs::path& prefix) {
  const std::string name = package.record.dist_name();
  if (!conda::is_safe_relative_path(path.target)) {
    return fail(ErrorKind::refused, "{}: the path '{}' leads out of the prefix", name, path.target);
  }
  if (is_reserved(path.target)) {
    return fail(ErrorKind::refused, "{}: the path '{}' is not for packages to write", name,
                path.target);
  }
  const Relocation relocation{path.source.placeholder, prefix.native()};
  if (path.source.mode == conda::FileMode::binary && !path.source.placeholder.empty() &&
      !fits(relocation)) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{}: '{}' has room for a prefix of {} bytes, but {} has {}", name, path.target,
                    relocation.placeholder.size(), prefix.native(), prefix.native().size()),
        "choose a shorter path with -p PREFIX");
  }
  return {};
}

/// Reading a listed path must not be led elsewhere by a link among its directories: in a foreign
/// cache that would link any file of the user's into the prefix.
class SourceDirectories {
 public:
  explicit SourceDirectories(const conda::UnpackedPackage& package) : package_(package) {}

  Result<> check(std::string_view directory) {
    if (directory.empty() || !seen_.emplace(directory).second) return {};
    HPCENV_TRY(check(parent_of(directory)));
    struct stat status{};
    const fs::path path = package_.directory / directory;
    if (lstat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
      return fail(ErrorKind::refused, "{}: {} is no directory, but the package lists files in it",
                  package_.record.dist_name(), path.native());
    }
    return {};
  }

 private:
  const conda::UnpackedPackage& package_;
  std::unordered_set<std::string> seen_;
};

Result<> add_entry_points(std::vector<PlannedPath>& paths, const conda::UnpackedPackage& package,
                          std::size_t index) {
  const fs::path file = package.directory / "info/link.json";
  HPCENV_ASSIGN(const std::string text, read_if_there(file));
  if (text.empty()) return {};
  HPCENV_ASSIGN(std::vector<conda::EntryPoint> entry_points,
                conda::parse_link_json(text, package.record.dist_name()));
  for (conda::EntryPoint& entry_point : entry_points) {
    PlannedPath path;
    path.package = index;
    path.target = "bin/" + entry_point.command;
    path.entry_point = std::move(entry_point);
    // A package that brings the script as well means its entry point (conda's builds drop such).
    std::erase_if(paths, [&](const PlannedPath& other) { return other.target == path.target; });
    paths.push_back(std::move(path));
  }
  return {};
}

std::string parked(std::string_view target, const conda::UnpackedPackage& package) {
  return fmt::format("{}/{}/{}", clobbered_folder, package.record.dist_name(), target);
}

/// Losers of one pair of packages, for one sentence.
struct Clobbers {
  std::size_t count = 0;
  std::string first;
};

class Merger {
 public:
  explicit Merger(const std::vector<conda::UnpackedPackage>& packages) : packages_(packages) {}

  Result<Layout> merge(std::vector<std::vector<PlannedPath>> layouts) {
    std::size_t count = 0;
    for (const std::vector<PlannedPath>& paths : layouts) count += paths.size();
    layout_.paths.reserve(count);
    owners_.reserve(count);
    for (std::vector<PlannedPath>& paths : layouts) {
      for (PlannedPath& path : paths) layout_.paths.push_back(std::move(path));
    }
    settle_owners();
    HPCENV_TRY(collect_directories());
    describe_clobbers();
    return std::move(layout_);
  }

 private:
  void settle_owners() {
    for (const PlannedPath& path : layout_.paths) {
      if (!path.is_directory()) owners_[path.target] = &path;
    }
    std::vector<std::pair<PlannedPath*, const PlannedPath*>> losers;
    for (PlannedPath& path : layout_.paths) {
      if (path.is_directory()) continue;
      const PlannedPath* owner = owners_.at(path.target);
      if (owner != &path) losers.emplace_back(&path, owner);
    }
    for (const auto& [loser, owner] : losers) park(*loser, *owner);
  }

  void park(PlannedPath& loser, const PlannedPath& owner) {
    const bool equal = !loser.source.sha256.empty() && loser.source.sha256 == owner.source.sha256;
    if (!equal) {
      Clobbers& clobbers = clobbers_[{loser.package, owner.package}];
      if (++clobbers.count == 1) clobbers.first = loser.target;
    }
    loser.target = parked(loser.target, packages_.at(loser.package));
  }

  Result<> collect_directories() {
    std::set<std::string, std::less<>> directories;
    for (const PlannedPath& path : layout_.paths) {
      HPCENV_TRY(add_directory(directories, path,
                               path.is_directory() ? path.target : parent_of(path.target)));
    }
    // Bytewise order puts every parent before its children.
    layout_.directories.assign(directories.begin(), directories.end());
    return {};
  }

  Result<> add_directory(std::set<std::string, std::less<>>& directories, const PlannedPath& user,
                         std::string_view directory) {
    if (directory.empty() || directories.contains(directory)) return {};
    HPCENV_TRY(add_directory(directories, user, parent_of(directory)));
    const auto owner = owners_.find(std::string(directory));
    if (owner != owners_.end()) {
      return fail(ErrorKind::refused,
                  "{} has '{}' as a file or link, but {} needs it as a directory for '{}'",
                  name_of_package(owner->second->package), directory, name_of_package(user.package),
                  user.target);
    }
    directories.emplace(directory);
    return {};
  }

  void describe_clobbers() {
    for (const auto& [pair, clobbers] : clobbers_) {
      const std::string loser = name_of_package(pair.first);
      const std::string more = clobbers.count == 1
                                   ? std::string()
                                   : fmt::format(" (and {} more paths)", clobbers.count - 1);
      layout_.messages.push_back(fmt::format(
          "{} and {} both bring '{}'{}: the file of {} is used, the other lies in {}/{}", loser,
          name_of_package(pair.second), clobbers.first, more, name_of_package(pair.second),
          clobbered_folder, loser));
    }
  }

  std::string name_of_package(std::size_t index) const {
    return packages_.at(index).record.dist_name();
  }

  const std::vector<conda::UnpackedPackage>& packages_;
  Layout layout_;
  std::unordered_map<std::string, const PlannedPath*> owners_;  ///< of files and links
  std::map<std::pair<std::size_t, std::size_t>, Clobbers> clobbers_;
};

}  // namespace

Result<std::vector<conda::PackagePath>> listed_paths(const conda::UnpackedPackage& package) {
  if (package.paths.has_value()) return *package.paths;
  const std::string name = package.record.dist_name();
  const fs::path info = package.directory / "info";
  Result<std::string> text = base::read_file(info / "paths.json");
  if (text.has_value()) return conda::parse_paths_json(*text, name);
  if (text.error().kind != ErrorKind::not_found) return Failure(std::move(text).error());
  HPCENV_ASSIGN(const std::string has_prefix, read_if_there(info / "has_prefix"));
  HPCENV_ASSIGN(const std::string no_link, read_if_there(info / "no_link"));
  Result<std::string> files = base::read_file(info / "files");
  if (files.has_value()) return conda::parse_legacy_paths(*files, has_prefix, no_link, name);
  if (files.error().kind != ErrorKind::not_found) return Failure(std::move(files).error());
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} has neither info/paths.json nor info/files in {}", name,
                               package.directory.native()),
                   fmt::format("remove {} and try again", package.directory.native()));
}

Result<std::vector<PlannedPath>> package_layout(const conda::UnpackedPackage& package,
                                                std::size_t index,
                                                const std::optional<PythonFacts>& python,
                                                const fs::path& prefix) {
  const bool is_python = package.record.noarch == conda::Noarch::python;
  if (is_python && !python.has_value()) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} is a noarch python package, but python is not among the packages",
                    package.record.dist_name()),
        "add python to what is wanted");
  }
  HPCENV_ASSIGN(std::vector<conda::PackagePath> listed, listed_paths(package));
  std::vector<PlannedPath> paths;
  paths.reserve(listed.size());
  SourceDirectories directories(package);
  std::unordered_set<std::string> targets;
  targets.reserve(listed.size());
  for (conda::PackagePath& source : listed) {
    HPCENV_TRY(directories.check(parent_of(source.path)));
    PlannedPath path;
    path.package = index;
    path.target = is_python ? noarch_target(source.path, *python) : source.path;
    if (!targets.insert(path.target).second) continue;
    path.source = std::move(source);
    paths.push_back(std::move(path));
  }
  if (is_python) HPCENV_TRY(add_entry_points(paths, package, index));
  for (const PlannedPath& path : paths) HPCENV_TRY(check_path(path, package, prefix));
  return paths;
}

Result<Layout> merge_layouts(std::vector<std::vector<PlannedPath>> layouts,
                             const std::vector<conda::UnpackedPackage>& packages) {
  return Merger(packages).merge(std::move(layouts));
}

}  // namespace hpcenv::prefix
