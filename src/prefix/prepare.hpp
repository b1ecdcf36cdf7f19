// The tree of a new environment, filled beside its place.
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
};

/// Reads what the packages list and settles every path.
Result<Blueprint> draw_blueprint(const Plan& plan,
                                 const std::vector<conda::UnpackedPackage>& packages,
                                 const LinkOptions& options, const std::filesystem::path& prefix);

/// Fills `prepared.directory`: directories, files, bytecode, conda-meta; adds to `prepared` what
/// came of it. Interrupts are obeyed.
Result<> fill_directory(const Blueprint& blueprint, Prepared& prepared, base::ProcessRunner& runner,
                        base::Reporter& reporter);

}  // namespace hpcenv::prefix
