// Unpacked packages written file by file, and prefixes looked at whole.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/reporter.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/create.hpp"

namespace hpcenv::test {

/// 255 bytes, as conda's builds write it.
std::string placeholder();

/// One path of a package: `.target` makes a symlink, a trailing slash in `path` a directory.
struct TreeFile {
  std::string path;
  std::string text = {};
  std::string mode = {};  ///< "text" or "binary": the placeholder is in it
  mode_t permissions = 0644;
  std::string target = {};
  bool no_link = false;
};

struct TreePackage {
  std::string name;
  std::vector<TreeFile> files = {};
  std::string version = "1.0";
  conda::Noarch noarch = conda::Noarch::none;
  std::vector<std::string> entry_points = {};
};

/// Writes the package below `cache`, with info/paths.json and, where it has entry points,
/// info/link.json.
conda::UnpackedPackage unpack(const TreePackage& package, const std::filesystem::path& cache);

/// A `python` whose program hands over to the machine's python3, so that it runs from any place.
TreePackage python_package();

/// The machine's python3: its minor ("3.11").
std::string python_minor();

prefix::Plan plan_for(const std::filesystem::path& prefix,
                      const std::vector<conda::UnpackedPackage>& packages);

/// One job, a fixed time, no bytecode.
prefix::LinkOptions plain_options();

/// Prepare and commit; the failure of either, after which `discard` was called.
Result<prefix::Prepared> create(const std::filesystem::path& prefix,
                                const std::vector<conda::UnpackedPackage>& packages,
                                const prefix::LinkOptions& options = plain_options());

/// Without waiting for others.
Result<> remove_environment(const std::filesystem::path& prefix);

/// Path below `root` -> what is there: type, permission bits, contents or target.
std::map<std::string, std::string> snapshot(const std::filesystem::path& root);
/// Names in a directory, hidden ones too.
std::vector<std::string> names_in(const std::filesystem::path& directory);

/// Paths whose bytes do not have the digest that the prefix's records say.
std::vector<std::string> disagreeing_paths(const std::filesystem::path& prefix);

}  // namespace hpcenv::test
