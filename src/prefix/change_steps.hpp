// The steps of a commit, done once or again: after a kill whoever comes next does all of them, and
// those that were done stay as they are.
#pragma once

#include <cstddef>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "prefix/change_record.hpp"

namespace hpcenv::prefix {

enum class Pass {
  first,  ///< nothing can have been done yet
  again,  ///< a killed writer may have done any of the steps
};

/// How far a commit goes and with what.
struct StepOptions {
  Pass pass = Pass::first;
  std::size_t jobs = 1;
};

/// All phases. Where the disk is full the ballast is freed, once. Kind refused: another process has
/// taken this change over (then nothing more was changed). The prefix's history comes last.
Result<> carry_out(const ChangeRecord& record, const Workplace& work, const StepOptions& options,
                   base::Reporter& reporter);

/// Directories of the prefix whose names the steps change, relative, each once; "" is the prefix.
std::vector<std::string> touched_directories(const ChangeRecord& record);

/// The folder in kept/ that holds what a step keeps.
std::filesystem::path kept_place(const Workplace& work, const ChangeRecord& record,
                                 std::string_view path);

}  // namespace hpcenv::prefix
