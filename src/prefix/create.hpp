// CONTRACT. A new environment: made whole beside its place, with its final path written in, then
// renamed once (transactions.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/plan.hpp"

namespace hpcenv::prefix {

struct LinkOptions {
  std::size_t jobs = 0;  ///< 0: as many as processors
  enum class Bytecode { compile, leave };
  Bytecode bytecode = Bytecode::compile;
  base::Environment
      environment;  ///< for children (bytecode, link scripts); tokens and passwords are taken out
};

/// Facts of a prefix that all packages have to live with; checked before anything is fetched.
/// Refused: longer than 255 bytes, a control character, `:`; not empty; parent not writable.
Result<> check_new_prefix(const std::filesystem::path& prefix);

struct Prepared {
  std::filesystem::path directory;  ///< where it was made, beside the prefix
  std::filesystem::path prefix;     ///< where it goes
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> messages;  ///< clobbers, link scripts' messages
};

/// What the packages will take, from their paths.json; for the check against free space (decision
/// 7).
struct Budget {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};
Result<Budget> exact_budget(const std::vector<conda::UnpackedPackage>& packages);

/// Makes the whole environment aside. `packages` are the unpacked ones of `plan.link`, in its
/// order. On failure nothing is left.
Result<Prepared> prepare_create(const Plan& plan,
                                const std::vector<conda::UnpackedPackage>& packages,
                                const LinkOptions& options, base::ProcessRunner& runner,
                                base::Reporter& reporter);
/// One rename onto a missing or empty prefix, then the parent is synced.
Result<> commit_create(const Prepared& prepared);
/// Removes what prepare made (after a failure between prepare and commit).
void discard(const Prepared& prepared);

/// Removes an environment: renamed aside first, then emptied; not_found where there is none.
Result<> remove_environment(const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
