// How a prefix changes: everything is prepared aside, one record is written, then only renames
// follow, which can be done again (transactions.md). Serves create, install, update and remove.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/process.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/create.hpp"
#include "prefix/plan.hpp"
#include "prefix/prefix_lock.hpp"

namespace hpcenv::prefix {

/// A change that lies ready in PREFIX/.hpcenv/<token>/ (or a whole prefix beside PREFIX). At its
/// end all is given back as by `discard`, unless it was committed.
class PreparedChange;

/// Somebody changed conda-meta since the plan was made: read the prefix again and plan again.
struct PlanIsStale {};

using PrepareOutcome = std::variant<std::shared_ptr<PreparedChange>, PlanIsStale>;

/// What a change did, or is about to do to files that are not the packages'.
struct ChangeReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> messages;  ///< clobbers, link scripts' messages, one sentence each
  std::vector<std::string> kept;      ///< files of the user's that were moved to .hpcenv/kept/DATE/
};

/// Takes the lock (waiting as `options.lock` says), completes what a killed writer left, checks
/// that the plan still fits, and prepares everything aside. `packages` are the unpacked ones of
/// `plan.link`, in its order. On failure the prefix is as before and nothing temporary is left.
/// Chooses itself between a prefix made aside and renamed once (new or empty place) and a change
/// inside it.
Result<PrepareOutcome> prepare(const Plan& plan,
                               const std::vector<conda::UnpackedPackage>& packages,
                               const LinkOptions& options, base::ProcessRunner& runner,
                               base::Reporter& reporter);
/// What `commit` will do, the user's files that it moves aside among it.
const ChangeReport& forecast(const PreparedChange& change);
/// The commit record, then renames. Killed at any instant, `complete_unfinished` ends it. No space
/// after the record: kind no_space, and the next writing command with space goes on.
Result<ChangeReport> commit(PreparedChange& change, base::ProcessRunner& runner,
                            base::Reporter& reporter);
/// Removes what `prepare` made and gives the lock back.
void discard(PreparedChange& change);

/// Whether there is something to complete: one look.
bool is_unfinished(const std::filesystem::path& prefix);
/// First step of every command that writes: takes the lock, redoes a commit that a killed writer
/// left, runs its pending link scripts, sweeps trash and drafts of dead writers; gives the lock
/// back. Nothing unfinished: nothing is locked. Gives messages for the user.
Result<std::vector<std::string>> complete_unfinished(const std::filesystem::path& prefix,
                                                     const LinkOptions& options,
                                                     const LockRequest& lock,
                                                     base::ProcessRunner& runner,
                                                     base::Reporter& reporter);

}  // namespace hpcenv::prefix
