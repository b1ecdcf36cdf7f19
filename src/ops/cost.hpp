// What a plan costs: what has to be downloaded, and what it will take on disk (design.md decision
// 7).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "conda/package_record.hpp"
#include "packages/package_cache.hpp"
#include "prefix/create.hpp"
#include "prefix/plan.hpp"

namespace hpcenv::ops {

struct Cost {
  std::vector<conda::PackageRecord> fetch;  ///< those of `plan.link` that no cache holds
  std::uint64_t download_bytes = 0;         ///< of those whose size is known
  /// In the environment: what is added there, hard links not counted. Not exact where something has
  /// to be fetched: then archives are taken to unpack to four times their size.
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
  enum class Precision { estimated, exact };
  Precision precision = Precision::exact;
  std::uint64_t free_bytes = 0;              ///< where the environment lies
  std::optional<std::uint64_t> free_inodes;  ///< nullopt: nobody counts them
};

/// How quotas are asked for: by programs of the site.
struct QuotaSource {
  const base::Environment& environment;
  base::ProcessRunner& runner;
};

/// Before anything is fetched. `cache` may be null: nothing is cached. A plan that links nothing
/// asks for no quota.
Result<Cost> estimate_cost(const prefix::Plan& plan, const packages::PackageCache* cache,
                           const QuotaSource& quotas,
                           prefix::LinkOptions::Files files = prefix::LinkOptions::Files::link);

/// Kind no_space where the archives alone do not fit at the cache, by disk or quota. `cache` need
/// not exist.
Result<> require_room_to_fetch(const Cost& cost, const std::filesystem::path& cache,
                               const QuotaSource& quotas);
/// Kind no_space where the unpacked packages, counted exactly, do not fit at the prefix, by disk or
/// quota.
Result<> require_room_to_link(const std::vector<conda::UnpackedPackage>& packages,
                              const std::filesystem::path& prefix, const QuotaSource& quotas,
                              prefix::LinkOptions::Files files);

}  // namespace hpcenv::ops
