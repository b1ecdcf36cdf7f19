// Jupyter kernels whose variables are those of an environment, also where Jupyter itself lives in
// another one or on another node.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "ops/wrappers.hpp"

namespace hpcenv::ops {

/// Where Jupyter looks for a user's kernels: $JUPYTER_DATA_DIR/kernels, else jupyter/kernels in
/// $XDG_DATA_HOME or ~/.local/share. Kind usage where no variable says.
Result<std::filesystem::path> user_kernels(const base::Environment& environment);

struct KernelWish {
  EnvironmentRef environment;
  std::filesystem::path folder;  ///< that of all kernels
  std::string name;              ///< empty: the environment's, as far as Jupyter allows
  std::string display_name;      ///< empty: "Python (NAME)"
  ForeignFile foreign = ForeignFile::keep;
};

struct WrittenKernel {
  std::string name;
  std::string display_name;
  std::filesystem::path folder;
  std::vector<std::string> argv;
};

/// Writes folder/NAME with kernel.json and a wrapper that enters the environment where the kernel
/// starts. Refused without ipykernel in the environment, and for a kernel that hpcenv did not
/// write; usage for a name that Jupyter does not know. Kinds of wrap_programs.
Result<WrittenKernel> install_kernel(const KernelWish& wish, const Locations& locations,
                                     const LocalSeams& seams);

struct KnownKernel {
  std::string name;
  std::string display_name;
  std::filesystem::path folder;
  std::string prefix;
  WrapperState state = WrapperState::unknown;
};

/// Those that hpcenv wrote, by name; none where there is no such folder.
Result<std::vector<KnownKernel>> known_kernels(const std::filesystem::path& folder,
                                               const Locations& locations, const LocalSeams& seams);

/// Kinds not_found, with the nearest names, and refused for one that hpcenv did not write.
Result<> remove_kernel(const std::filesystem::path& folder, const std::string& name);

}  // namespace hpcenv::ops
