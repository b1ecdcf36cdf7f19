// What can still go wrong with a change is found out before it is decided.
#pragma once

#include "base/result.hpp"
#include "prefix/change_record.hpp"

namespace hpcenv::prefix {

/// Renames a file into each directory that the steps will change, and back: rights, mounts and
/// project quotas show so. Kind refused, naming the directory.
Result<> try_directories(const ChangeRecord& record, const Workplace& work);
/// Removes what a trial that was killed left in directories of the prefix.
void forget_trial(const Workplace& work);

/// Room that is given up when the disk turns out to be full after the record: 1 MiB and 4 KiB for
/// each directory that is changed.
Result<> write_ballast(const ChangeRecord& record, const Workplace& work);
void free_ballast(const Workplace& work);

/// Where a second name for a file of the user's is refused, its copy is made now and the step is
/// changed so.
Result<> copy_unlinkable(ChangeRecord& record, const Workplace& work);

}  // namespace hpcenv::prefix
