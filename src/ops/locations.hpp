// Where things lie on disk (design.md section 8), and which prefix a name means.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::ops {

struct Locations {
  std::filesystem::path root;   ///< $HPCENV_ROOT
  std::filesystem::path home;   ///< $HOME, may be empty
  std::filesystem::path state;  ///< job copies and logs
  std::filesystem::path working_directory;
  std::filesystem::path environments() const { return root / "envs"; }
  std::filesystem::path packages() const { return root / "pkgs"; }
  std::filesystem::path index() const { return root / "index"; }
};

/// An environment as commands name it: `-n NAME` or `-p PREFIX`.
struct EnvironmentRef {
  std::filesystem::path prefix;  ///< absolute, symlinks resolved
  std::string name;              ///< the name, or the prefix where it was given by path
};

/// Kind usage for a name with `/`, blanks or control characters, or when both or neither are given.
Result<EnvironmentRef> environment_ref(const Locations& locations, const std::string& name,
                                       const std::string& prefix);

/// The same, for one that has to exist: not_found with the nearest names and `hpcenv env list`.
Result<EnvironmentRef> existing_environment(const Locations& locations, const std::string& name,
                                            const std::string& prefix);

struct KnownEnvironment {
  std::string name;  ///< empty where it lies outside the root
  std::filesystem::path prefix;
};

/// Those below the root, then those that ~/.conda/environments.txt lists and that exist.
std::vector<KnownEnvironment> known_environments(const Locations& locations);

/// Adds to or removes from ~/.conda/environments.txt, as conda keeps it; a foreign or unwritable
/// file is left alone (a failure that the caller may say).
Result<> register_environment(const Locations& locations, const std::filesystem::path& prefix);
Result<> unregister_environment(const Locations& locations, const std::filesystem::path& prefix);

}  // namespace hpcenv::ops
