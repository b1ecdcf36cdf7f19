// Virtual packages of a node (CEP 30, CEP 46) with CONDA_OVERRIDE_*.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "conda/package_record.hpp"
#include "host/node_profile.hpp"

namespace hpcenv::host {

struct VirtualPackage {
  std::string name;
  std::string version;
  std::string build;
  enum class Origin { detected, overridden, assumed };
  Origin origin = Origin::detected;
  std::string source;  ///< "cuDriverGetVersion of /usr/lib/x86_64-linux-gnu/libcuda.so.1",
                       ///< "CONDA_OVERRIDE_CUDA", ...
};

struct VirtualPackages {
  std::vector<VirtualPackage> packages;  ///< by name
  std::vector<std::string> warnings;     ///< overrides that were not used or cannot be read
};

/// `subdir` decides which exist; overrides come from `environment`. An empty CONDA_OVERRIDE_CUDA
/// removes `__cuda`.
VirtualPackages virtual_packages(const NodeProfile& profile, const base::Environment& environment,
                                 std::string_view subdir);

conda::PackageRecord to_record(const VirtualPackage& package);

}  // namespace hpcenv::host
