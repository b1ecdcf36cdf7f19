// Does the prefix still hold what its records say? (facts/conda.md 4.7)
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

struct Damage {
  enum class Kind { missing, changed, wrong_type, unreadable };
  Kind kind = Kind::missing;
  std::string package;  ///< name-version-build
  std::string path;     ///< relative to the prefix
  std::string detail;   ///< one sentence
};

struct VerifyReport {
  std::uint64_t files = 0;         ///< looked at
  std::vector<Damage> damage;      ///< by package, then path
  std::vector<std::string> notes;  ///< what cannot be checked, foreign records, clobbers
};

enum class VerifyDepth { sizes, hashes };

/// Compares every file with `sha256_in_prefix` (or size, link target, presence). Reads in parallel
/// with `jobs` threads; obeys interrupts. Changes nothing.
Result<VerifyReport> verify(const PrefixState& state, VerifyDepth depth, std::size_t jobs,
                            base::Reporter& reporter);

}  // namespace hpcenv::prefix
