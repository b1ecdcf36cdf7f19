// info/paths.json of a package (CEP 34), with the legacy trio files, has_prefix, no_link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

enum class PathType { hardlink, softlink, directory };
enum class FileMode { none, text, binary };

struct PackagePath {
  std::string path;  ///< relative, proven to stay inside: no `..`, not absolute, not empty
  PathType type = PathType::hardlink;
  FileMode mode = FileMode::none;
  std::string placeholder;  ///< empty: nothing to replace
  bool no_link = false;
  std::string sha256;
  std::optional<std::uint64_t> size;
};

/// `name` (package) stands in messages. Kind refused: unknown type, a path that leaves the prefix
/// ("leads out of the prefix").
Result<std::vector<PackagePath>> parse_paths_json(std::string_view text, std::string_view name);
/// The legacy form: `files`, `has_prefix`, `no_link` as texts (empty where the file is missing).
Result<std::vector<PackagePath>> parse_legacy_paths(std::string_view files,
                                                    std::string_view has_prefix,
                                                    std::string_view no_link,
                                                    std::string_view name);
/// True for a relative path without `..`, empty or `.` components, control characters.
bool is_safe_relative_path(std::string_view path);

}  // namespace hpcenv::conda
