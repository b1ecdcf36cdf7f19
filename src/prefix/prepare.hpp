// The tree of an environment, or of what is new in one, filled beside its place.
#pragma once

#include <vector>

#include "base/reporter.hpp"
#include "prefix/create.hpp"
#include "prefix/layout.hpp"
#include "prefix/link.hpp"
#include "prefix/noarch_python.hpp"

namespace hpcenv::prefix {

/// What is to be made, settled before a byte is written.
struct Blueprint {
  const Plan& plan;
  const std::vector<conda::UnpackedPackage>& packages;
  const LinkOptions& options;
  std::optional<PythonFacts> python;
  Layout layout;
  std::size_t jobs = 1;
  std::filesystem::path python_home;  ///< where python's program lies; empty: in the tree itself
  std::string library_path;           ///< where its libraries are looked for besides, or empty
};

/// Kind bug where the packages are not those of `plan.link`, in its order.
Result<> check_packages(const Plan& plan, const std::vector<conda::UnpackedPackage>& packages);

/// Reads what the packages list and settles every path. `installed` is the prefix's python where
/// the plan brings none.
Result<Blueprint> draw_blueprint(const Plan& plan,
                                 const std::vector<conda::UnpackedPackage>& packages,
                                 const LinkOptions& options, const std::filesystem::path& prefix,
                                 const std::optional<PythonFacts>& installed = {});

/// Fills `prepared.directory`: directories, files, bytecode; adds to `prepared` what came of it.
/// Gives the packages' records. Interrupts are obeyed.
Result<std::vector<conda::PrefixRecord>> fill_directory(const Blueprint& blueprint,
                                                        Prepared& prepared,
                                                        base::ProcessRunner& runner,
                                                        base::Reporter& reporter);
/// The rest of a new environment: conda-meta, pending link scripts, the mode of the directory.
Result<> finish_directory(const Blueprint& blueprint, const Prepared& prepared,
                          const std::vector<conda::PrefixRecord>& records);

}  // namespace hpcenv::prefix
