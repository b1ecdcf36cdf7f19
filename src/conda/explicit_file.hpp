// Text files of specs, one a line, explicit (`@EXPLICIT`, archives' addresses) or not (CEP 23).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace hpcenv::conda {

/// One archive that is to be installed as it is.
struct ExplicitPackage {
  std::string url;        ///< without the anchor; file:// for a path
  std::string file_name;  ///< "numpy-2.0-py312_0.conda"
  std::string md5;        ///< lower-case hex; empty: not said
  std::string sha256;
  std::size_t line = 0;
};

struct SpecFile {
  bool is_explicit = false;
  std::string platform;                   ///< of a comment `# platform: linux-64`, may be empty
  std::vector<ExplicitPackage> packages;  ///< explicit: in the file's order
  std::vector<std::string> specs;         ///< not explicit: match specs, each proven readable
  std::vector<std::string> warnings;      ///< what the file asks for in comments of other tools
};

/// What a file is read for.
struct SpecFileReading {
  base::Environment environment;  ///< for a leading `~` and `$NAME`
  std::string working_directory;  ///< relative paths start here, not at the file
};

/// True where a line of its own says `@EXPLICIT`.
bool is_explicit_file(std::string_view text);
/// Kind refused, with file and line: a line of an explicit file that names no archive, or has a
/// malformed hash; bad_spec for a line of another that is no match spec.
Result<SpecFile> parse_spec_file(std::string_view text, std::string_view source,
                                 const SpecFileReading& reading);

}  // namespace hpcenv::conda
