// PREFIX/.hpcenv and what lies in it while a prefix changes (transactions.md, "Layout").
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::prefix {

/// The folder of one writer, PREFIX/.hpcenv/<token>/. Names only; everything is reached by its path
/// from the prefix, so that a writer whose folder was renamed away can do nothing more.
struct Workplace {
  std::filesystem::path prefix;
  std::string token;

  std::filesystem::path folder() const;
  std::filesystem::path fresh() const { return folder() / "new"; }      ///< prepared files
  std::filesystem::path trash() const { return folder() / "trash"; }    ///< by number
  std::filesystem::path kept() const { return folder() / "kept"; }      ///< kept/DATE/PATH
  std::filesystem::path record() const { return folder() / "record"; }  ///< the commit record
  std::filesystem::path ballast() const { return folder() / "ballast"; }
  std::filesystem::path copies() const { return folder() / "copies"; }  ///< of files to be kept
  std::filesystem::path probes() const { return folder() / "probes"; }  ///< where names are tried
};

/// Makes PREFIX/.hpcenv where it is missing, with the mode and group of PREFIX: whoever may read
/// the prefix sees whether a change of it is unfinished.
Result<> make_own_folder(const std::filesystem::path& prefix);
/// Gives a new folder in there the mode and group of PREFIX too.
Result<> share_as_prefix(const std::filesystem::path& prefix, const std::filesystem::path& folder);
/// Removes PREFIX/.hpcenv if nothing is in it.
void remove_empty_own_folder(const std::filesystem::path& prefix);

/// Makes a directory below the writer's folder, with those above it, but never that folder itself:
/// where it is gone another writer has taken over, and it must not come back.
Result<> make_below(const Workplace& work, const std::filesystem::path& directory);

/// Tokens of all writers' folders in PREFIX/.hpcenv; empty where that is missing.
Result<std::vector<std::string>> writers_folders(const std::filesystem::path& prefix);
/// Whether a folder of `writers_folders` holds a commit record.
bool has_record(const Workplace& work);

}  // namespace hpcenv::prefix
