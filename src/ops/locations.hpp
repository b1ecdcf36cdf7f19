// Where things lie on disk (design.md section 8), and which prefix a name means.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "packages/package_cache.hpp"

namespace hpcenv::ops {

struct Locations {
  std::filesystem::path root;   ///< $HPCENV_ROOT
  std::filesystem::path home;   ///< $HOME, may be empty
  std::filesystem::path state;  ///< job copies and logs
  std::filesystem::path working_directory;
  std::filesystem::path active_prefix;  ///< $CONDA_PREFIX, may be empty
  /// Where names are looked for, and package caches; the first is the one that is written to.
  /// Empty: root/envs, root/pkgs.
  std::vector<std::filesystem::path> environment_folders;
  std::vector<std::filesystem::path> package_folders;
  std::filesystem::path environments() const {
    return environment_folders.empty() ? root / "envs" : environment_folders.front();
  }
  std::filesystem::path packages() const {
    return package_folders.empty() ? root / "pkgs" : package_folders.front();
  }
  std::filesystem::path index() const { return root / "index"; }
  /// Images that others are built on, as they were pulled.
  std::filesystem::path base_images() const { return root / "images" / "bases"; }
};

/// The package caches as settings name them, the one that is written to first.
std::vector<packages::CachePlace> cache_places(const Locations& locations);

/// An environment as commands name it: `-n NAME` or `-p PREFIX`.
struct EnvironmentRef {
  std::filesystem::path prefix;  ///< absolute, symlinks resolved
  std::string name;              ///< the name, or the prefix where it was given by path
};

/// Kind usage for a name with `/`, blanks or control characters, or when both or neither are given.
/// A name that is found in one of the folders means that one, else its place in the first.
Result<EnvironmentRef> environment_ref(const Locations& locations, const std::string& name,
                                       const std::string& prefix);

/// The same, for one that has to exist: not_found with the nearest names and `hpcenv env list`.
/// Where neither is given the active environment is meant.
Result<EnvironmentRef> existing_environment(const Locations& locations, const std::string& name,
                                            const std::string& prefix);

/// The name by which `-n` finds a prefix; empty where it lies outside the folders.
std::string name_of(const Locations& locations, const std::filesystem::path& prefix);

struct KnownEnvironment {
  std::string name;  ///< empty where it lies outside the folders
  std::filesystem::path prefix;
};

/// Those in the folders, then those that ~/.conda/environments.txt lists and that exist.
std::vector<KnownEnvironment> known_environments(const Locations& locations);

/// Adds to or removes from ~/.conda/environments.txt, as conda keeps it; a foreign or unwritable
/// file is left alone (a failure that the caller may say).
Result<> register_environment(const Locations& locations, const std::filesystem::path& prefix);
Result<> unregister_environment(const Locations& locations, const std::filesystem::path& prefix);

}  // namespace hpcenv::ops
