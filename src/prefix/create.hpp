// A new environment: made whole beside its place, with its final path written in, then
// renamed once (transactions.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/plan.hpp"
#include "prefix/prefix_lock.hpp"

namespace hpcenv::prefix {

struct LinkOptions {
  std::size_t jobs = 0;  ///< 0: as many as processors
  enum class Bytecode { compile, leave };
  Bytecode bytecode = Bytecode::compile;
  enum class Files { link, copy };
  Files files = Files::link;  ///< copy: hard links are not even tried (always_copy)
  enum class Scripts { run, leave };
  Scripts scripts = Scripts::run;  ///< leave: link scripts are not run, now or later
  /// What a change replaced on NFS stays a day, since other nodes may have it mapped; `goes`: not.
  enum class Trash { waits, goes };
  Trash trash = Trash::waits;
  /// For children (bytecode, link scripts); tokens and passwords are taken out.
  base::Environment environment;
  std::int64_t now = 0;         ///< seconds since the epoch, for the history; 0: the clock's
  std::string tool = "hpcenv";  ///< name and version, for the history
  /// For what is made beside its place.
  LockRequest lock{.purpose = "hpcenv create", .wait = patient_wait};
};

/// Facts of a prefix that all packages have to live with; checked before anything is fetched.
/// Refused: longer than 255 bytes, a control character or one of `:"$\` and backquote; an
/// environment already; a file or link; not writable. A directory with other files in it is none of
/// these: what is in the way is kept.
Result<> check_new_prefix(const std::filesystem::path& prefix);

/// A package whose post-link script has to run in the finished prefix.
struct PendingScript {
  std::string package;  ///< name-version-build
  std::string action;   ///< "post-link" and the like
  std::string text;     ///< the same for a file in .hpcenv/scripts/
  base::ProcessRequest request;
};

struct Prepared {
  std::filesystem::path directory;  ///< where it was made, beside the prefix
  std::filesystem::path prefix;     ///< where it goes, symlinks resolved
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;            ///< written: hard links cost none
  std::vector<std::string> messages;  ///< clobbers and the like, one sentence each
  std::vector<PendingScript> scripts;
  std::filesystem::path made_parent;  ///< topmost directory above the prefix that had to be made
  std::shared_ptr<const PrefixLock> lock;  ///< held until the commit or `discard`
};

/// `tried`: a link is made and removed where the environment will lie, one for each package cache
/// and one for each file with hundreds of names. `assumed`: nothing is written. `none`: all is
/// copied.
enum class Links { assumed, tried, none };

/// What the packages will take, from their paths.json; for the check against free space (decision
/// 7). Where `prefix` is given and a package lies on its file system and may be linked by this
/// user, files that can be hard links count nothing; bytecode is counted as large as its source.
/// Nothing is set off for what leaves: it lies in the trash until all is done, on NFS a day. A
/// change of an environment reserves a little more.
struct Budget {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
};
Result<Budget> exact_budget(const std::vector<conda::UnpackedPackage>& packages,
                            const std::filesystem::path& prefix = {}, Links links = Links::assumed);

/// Makes the whole environment aside. `packages` are the unpacked ones of `plan.link`, in its
/// order. On failure nothing is left. Kind refused: another process is at work on this prefix
/// (named), a path that leaves the prefix, packages that need one path as file and as directory, a
/// placeholder too short, a pre-link script.
Result<Prepared> prepare_create(const Plan& plan,
                                const std::vector<conda::UnpackedPackage>& packages,
                                const LinkOptions& options, base::ProcessRunner& runner,
                                base::Reporter& reporter);
/// One rename onto a missing or empty prefix, then the parent is synced, then post-link scripts
/// run. Gives what the scripts left in .messages.txt, to be shown to the user. A script that fails
/// makes it kind refused with the script's output, and the prefix is renamed away and removed.
Result<std::vector<std::string>> commit_create(const Prepared& prepared,
                                               base::ProcessRunner& runner);
/// Removes what prepare made (after a failure between prepare and commit).
void discard(const Prepared& prepared);

/// Removes an environment: renamed aside first, then emptied; not_found where there is none. Takes
/// both locks, beside and inside, waiting as `request` says.
Result<> remove_environment(const std::filesystem::path& prefix, const LockRequest& request,
                            base::Reporter& reporter);

}  // namespace hpcenv::prefix
