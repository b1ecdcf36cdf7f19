// What the packages of a plan put where, settled before a byte is written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/link_json.hpp"
#include "conda/paths_json.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/noarch_python.hpp"

namespace hpcenv::prefix {

/// One path that a package brings.
struct PlannedPath {
  std::size_t package = 0;                       ///< index into the packages
  std::string target;                            ///< relative to the prefix
  conda::PackagePath source;                     ///< as the package describes it
  std::optional<conda::EntryPoint> entry_point;  ///< then there is no source
  bool is_directory() const { return source.type == conda::PathType::directory; }
  /// The prefix is written into the file.
  bool is_patched() const {
    return !source.placeholder.empty() && source.mode != conda::FileMode::none;
  }
};

struct Layout {
  std::vector<PlannedPath> paths;        ///< by package, then in the package's order
  std::vector<std::string> directories;  ///< all that are needed, parents first
  std::vector<std::string> messages;     ///< clobbers, one sentence each
};

/// The paths that a package lists: where nobody has looked at them yet, out of info/paths.json,
/// else the legacy files.
Result<std::vector<conda::PackagePath>> listed_paths(const conda::UnpackedPackage& package);

/// One package's paths with their places. Kind refused: a path that leaves the prefix or lies
/// where only hpcenv and conda write, a binary placeholder shorter than the prefix, a link in the
/// unpacked package that leads the reading elsewhere, a `noarch: python` package without python.
Result<std::vector<PlannedPath>> package_layout(const conda::UnpackedPackage& package,
                                                std::size_t index,
                                                const std::optional<PythonFacts>& python,
                                                const std::filesystem::path& prefix);

/// All packages' paths together. Where several bring one path the last in the order has it, as
/// with conda's own tools; the others' files are parked in .hpcenv/clobbered/PACKAGE/. Kind
/// refused: a path that one package needs as a file or link and another as a directory.
Result<Layout> merge_layouts(std::vector<std::vector<PlannedPath>> layouts,
                             const std::vector<conda::UnpackedPackage>& packages);

}  // namespace hpcenv::prefix
