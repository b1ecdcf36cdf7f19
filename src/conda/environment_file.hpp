// environment.yml (CEP 24).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "conda/platform.hpp"

namespace hpcenv::conda {

struct EnvironmentFile {
  std::string name;                   ///< empty for conda's own names, base and root
  std::string prefix;                 ///< `~` and variables expanded
  std::vector<std::string> channels;  ///< in order; "nodefaults" is not a channel and is not here
  bool no_defaults = false;
  std::vector<std::string> dependencies;  ///< match specs, each proven readable
  std::vector<std::string> pip;           ///< lines of a `pip:` section
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<std::string> platforms;
  std::string category;
};

/// What a file is read for.
struct EnvironmentFileReading {
  std::string subdir{native_subdir()};  ///< decides selectors
  base::Environment environment;        ///< for `~` and `$NAME` in `prefix`
};

/// `source` (a path) stands in messages with line and column. Selectors of both kinds are
/// evaluated. Kind refused; bad_spec for a dependency that is no match spec; unknown keys at the
/// top and names of conda's own are listed in `warnings`; an unknown mapping under dependencies is
/// an error.
Result<EnvironmentFile> parse_environment_file(std::string_view text, std::string_view source,
                                               const EnvironmentFileReading& reading,
                                               std::vector<std::string>& warnings);
/// For this machine, with no variables.
Result<EnvironmentFile> parse_environment_file(std::string_view text, std::string_view source,
                                               std::vector<std::string>& warnings);

}  // namespace hpcenv::conda
