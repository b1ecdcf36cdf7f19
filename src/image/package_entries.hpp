// What packages put into an image's layers: their planned paths as entries, and what conda-meta
// says of them there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/prefix_record.hpp"
#include "image/layer_entry.hpp"
#include "prefix/layout.hpp"

namespace hpcenv::image {

/// The environment's tree as it will lie in the image.
struct ImageTree {
  const prefix::Layout& layout;
  const std::vector<conda::UnpackedPackage>& packages;
  std::optional<prefix::PythonFacts> python;
  std::string prefix;       ///< absolute
  bool is_slim = false;     ///< without what only who builds against the packages needs
  std::int64_t newest = 0;  ///< no file is dated later; 0: as they are
};

/// Whether the path is in the image: files that lost their place to another package's are not, nor
/// what a slim image leaves out (static libraries, manuals, CMake files, Python's own tests).
bool is_kept(const ImageTree& tree, const prefix::PlannedPath& path);

/// Paths of the package that are not in the image for another package has them.
std::vector<std::string> lost_paths(const ImageTree& tree, std::size_t package);

/// Of one package, not yet `complete`. Modes are 755 and 644, as every user has to read them.
/// Symlinks stay as they are. Kind refused where the unpacked package lacks a file, or holds what
/// is neither file nor link.
Result<std::vector<LayerEntry>> package_entries(const ImageTree& tree, std::size_t package);

/// Bytecode that was compiled for the image: where it lies on this disk and in the environment.
struct CompiledFile {
  std::size_t package = 0;
  std::filesystem::path source;
  std::string path;  ///< relative to the prefix
};
/// Takes the place of bytecode that the package itself brings. `entries` are the package's.
Result<> add_bytecode(const ImageTree& tree, const CompiledFile& file,
                      std::vector<LayerEntry>& entries);

/// conda-meta of a package in the image: nothing of the machine that built it. `noted` are the
/// digests of files that the package does not list as they are.
conda::PrefixRecord image_record(const ImageTree& tree, std::size_t package,
                                 const std::map<std::string, std::string>& noted);

}  // namespace hpcenv::image
