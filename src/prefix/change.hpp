// A change inside an existing directory: prepared under PREFIX/.hpcenv/<token>/, then committed
// step by step. Parts of transaction.hpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "prefix/change_record.hpp"
#include "prefix/transaction.hpp"

namespace hpcenv::prefix {

/// What lies ready inside a prefix.
struct InnerChange {
  Workplace work;
  ChangeRecord record;
  LinkOptions options;
  ChangeReport report;         ///< what it will have done
  std::filesystem::path made;  ///< PREFIX itself, or a directory above, where it had to be made
  std::shared_ptr<const PrefixLock> lock;
};

/// The record that the commit of an inner change will write.
ChangeRecord record_of(const PreparedChange& change);

/// Everything but the commit. The lock is held, leftovers are settled; `change.work` names the
/// folder. On failure the caller removes the folder.
Result<> prepare_inside(InnerChange& change, const Plan& plan,
                        const std::vector<conda::UnpackedPackage>& packages,
                        base::ProcessRunner& runner, base::Reporter& reporter);

/// From the record to its removal: scripts, steps, syncs; then the trash. Kind refused where a
/// file of conda-meta is neither the old nor the planned one.
Result<> run_commit(const ChangeRecord& record, const Workplace& work, const LinkOptions& options,
                    base::ProcessRunner& runner, base::Reporter& reporter);
/// The same for a record that a killed writer left.
Result<> redo_commit(const Workplace& work, const LinkOptions& options, base::ProcessRunner& runner,
                     base::Reporter& reporter);

/// Completes or removes what dead writers left in PREFIX/.hpcenv; the lock is held under `token`.
Result<> settle(const std::filesystem::path& prefix, const std::string& token,
                const LinkOptions& options, base::ProcessRunner& runner, base::Reporter& reporter);
/// Whether `settle` would find something, pending scripts included.
bool has_leftovers(const std::filesystem::path& prefix, const LinkOptions& options);

}  // namespace hpcenv::prefix
