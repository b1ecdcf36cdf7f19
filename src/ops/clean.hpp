// Giving space back: cached packages that no environment uses, archives that other tools left, the
// index cache, pulled base images, leftovers of killed runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "prefix/prefix_lock.hpp"

namespace hpcenv::ops {

enum class CleanPart { packages, archives, index, images, trash };
const char* name_of(CleanPart part);

struct CleanRequest {
  std::vector<CleanPart> parts;
  /// Packages that environments hold as copies or by symbolic links: their files do not tell that
  /// they are in use.
  enum class Copied { keep, remove };
  Copied copied = Copied::keep;
  /// Where a file system has no locks.
  prefix::LockRequest::Missing no_lock = prefix::LockRequest::Missing::refuse;
};

struct CleanItem {
  CleanPart part = CleanPart::packages;
  std::filesystem::path path;
  std::uint64_t bytes = 0;  ///< that come free
};

struct CleanPlan {
  std::vector<CleanItem> items;
  std::vector<std::string> notes;  ///< what stays and why, one sentence each
  std::uint64_t bytes() const;
};

/// Looks only. An environment that cannot be read is an error: what it uses is not known.
Result<CleanPlan> plan_clean(const CleanRequest& request, const Locations& locations);

/// Deletes the items, each out of sight by one rename first. What cannot be deleted is a warning;
/// gives the bytes that came free. Leftovers in and beside environments are swept under their
/// locks, and so are left where somebody is at work.
Result<std::uint64_t> carry_out_clean(const CleanPlan& plan, const CleanRequest& request,
                                      const Locations& locations,
                                      const base::Environment& environment, const Seams& seams);

}  // namespace hpcenv::ops
