// An environment as a file from which another is made: environment.yml, @EXPLICIT, a list of specs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "prefix/python_packages.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

struct ExportWish {
  enum class Specs { exact, no_builds, requested };  ///< requested: what the user asked for
  Specs specs = Specs::exact;
  enum class Channels { name, ignore };
  Channels channels = Channels::name;
  std::string channel_alias;
  std::vector<std::string> channel_order;  ///< base urls; others follow by name
};

/// What an environment.yml says.
struct ExportedEnvironment {
  std::string name;    ///< empty: by path only
  std::string prefix;  ///< where it lies now
  std::vector<std::string> channels;
  std::vector<std::string> dependencies;
  std::vector<std::string> pip;  ///< requirements of what pip or uv installed
  std::vector<std::pair<std::string, std::string>> variables;
};

/// Variables that a file cannot say, because they are unset on entry, are left out.
Result<ExportedEnvironment> export_environment(const prefix::PrefixState& state,
                                               const std::vector<prefix::PythonPackage>& python,
                                               const ExportWish& wish);
std::string to_yaml(const ExportedEnvironment& environment);
base::Json to_json(const ExportedEnvironment& environment);

enum class ExplicitHash { none, md5, sha256 };
/// An @EXPLICIT file: what a package needs stands before it. Kind refused where a package has no
/// url, naming it.
Result<std::string> explicit_text(const prefix::PrefixState& state, ExplicitHash hash);

/// Lines `name=version=build` that every conda reads.
std::string spec_lines(const prefix::PrefixState& state);

}  // namespace hpcenv::ops
