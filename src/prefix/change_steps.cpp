#include "prefix/change_steps.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <set>
#include <string_view>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "prefix/change_trial.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Handing out single steps would cost more than doing them.
constexpr std::size_t batch_size = 64;

bool is_full(const Error& error) { return error.kind == ErrorKind::no_space; }

/// A rename of a directory to another parent writes its "..", which takes rights on itself.
void make_movable(const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return;
  base::fault_point("commit.chmod");
  chmod(path.c_str(), (status.st_mode & 07777U) | S_IRWXU);
}

int rename_movable(const fs::path& from, const fs::path& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return 0;
  if (errno != EACCES && errno != EPERM) return errno;
  make_movable(from);
  base::fault_point("commit.rename_again");
  return rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

/// Something lies where a new name has to go, or is of another type than planned.
bool is_in_the_way(int error_number) {
  return error_number == EEXIST || error_number == ENOTEMPTY || error_number == EISDIR ||
         error_number == ENOTDIR;
}

bool is_missing(int error_number) { return error_number == ENOENT; }

bool is_empty_directory(const fs::path& path) {
  const Result<std::vector<std::string>> names = base::list_directory(path);
  return names.has_value() && names->empty();
}

class Commit {
 public:
  Commit(const ChangeRecord& record, const Workplace& work, const StepOptions& options,
         base::Reporter& reporter)
      : record_(record), work_(work), options_(options), reporter_(reporter) {
    for (const std::vector<Step>& steps : record.phases) total_ += steps.size();
  }

  Result<> run() {
    for (std::size_t i = 0; i < phase_count; ++i) {
      // Inner directories are emptied before the outer ones, so the order counts there.
      const bool ordered = static_cast<Phase>(i) == Phase::empties;
      HPCENV_TRY(run_phase(record_.phases.at(i), ordered ? 1 : options_.jobs));
    }
    return {};
  }

 private:
  Result<> run_phase(const std::vector<Step>& steps, std::size_t jobs) {
    const std::size_t batches = (steps.size() + batch_size - 1) / batch_size;
    return base::parallel_for(batches, jobs, [&](std::size_t batch) -> Result<> {
      const std::size_t end = std::min((batch + 1) * batch_size, steps.size());
      for (std::size_t i = batch * batch_size; i < end; ++i) HPCENV_TRY(run_step(steps[i]));
      done_ += end - batch * batch_size;
      reporter_.progress(done_, total_, base::Unit::items);
      return {};
    });
  }

  Result<> run_step(const Step& step) {
    Result<> ran = try_step(step, options_.pass);
    if (ran.has_value() || !is_full(ran.error())) return ran;
    if (!freed_.exchange(true)) {
      free_ballast(work_);
    }
    return try_step(step, Pass::again);
  }

  Result<> try_step(const Step& step, Pass pass) {
    switch (step.kind) {
      case Step::Kind::trash:
        return move_away(step, trash_of(step), pass);
      case Step::Kind::clear:
        return clear_way(step, trash_of(step), pass);
      case Step::Kind::prune:
        return prune(step, pass);
      case Step::Kind::keep:
        return move_away(step, kept_of(step), pass);
      case Step::Kind::keep_clear:
        return clear_way(step, kept_of(step), pass);
      case Step::Kind::keep_link:
        return keep_link(step, pass);
      case Step::Kind::keep_copy:
        return keep_copy(step);
      case Step::Kind::place:
        return place(step, pass);
      case Step::Kind::replace:
        return replace(step, pass);
    }
    return fail(ErrorKind::bug, "a step of kind '{}'", static_cast<char>(step.kind));
  }

  fs::path here(const Step& step) const { return work_.prefix / step.path; }
  fs::path fresh(const Step& step) const { return work_.fresh() / step.path; }
  fs::path trash_of(const Step& step) const {
    return work_.trash() / fmt::format("{}", step.number);
  }
  fs::path kept_of(const Step& step) const { return kept_place(work_, record_, step.path); }

  /// After ENOENT: the folder of this writer is where it was, or another has it now.
  Result<> still_ours() const {
    if (has_record(work_)) return {};
    return fail_hint(
        ErrorKind::refused,
        fmt::format("another process took over the change of {} while this one stood "
                    "still; this one stops",
                    work_.prefix.native()),
        fmt::format("hpcenv verify -p {} shows whether all is well", work_.prefix.native()));
  }

  static Failure failed(int error_number, const Step& step) {
    return fail_errno(error_number, fmt::format("cannot change '{}'", step.path));
  }

  /// Gone already is as good: nobody has it any more.
  Result<> move_away(const Step& step, const fs::path& target, Pass pass) {
    if (pass == Pass::again && base::path_exists(target)) return {};
    base::fault_point("commit.move_away");
    const int error_number = rename_movable(here(step), target);
    if (error_number == 0) return {};
    if (is_missing(error_number) || error_number == ENOTDIR) return still_ours();
    return failed(error_number, step);
  }

  /// Where the new name is there already, what lies there is not in the way any more.
  Result<> clear_way(const Step& step, const fs::path& target, Pass pass) {
    if (pass == Pass::again && !base::path_exists(fresh(step))) return {};
    return move_away(step, target, pass);
  }

  /// Looked at before and after: what somebody puts there in between goes back.
  Result<> prune(const Step& step, Pass pass) {
    const fs::path target = trash_of(step);
    if (pass == Pass::again && base::path_exists(target)) return {};
    struct stat status{};
    if (lstat(here(step).c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
    if (!is_empty_directory(here(step))) return {};
    HPCENV_TRY(move_away(step, target, pass));
    if (!base::path_exists(target) || is_empty_directory(target)) return {};
    base::fault_point("commit.put_back");
    return base::rename_path(target, here(step));
  }

  Result<> keep_link(const Step& step, Pass pass) {
    const fs::path target = kept_of(step);
    if (pass == Pass::again && !base::path_exists(fresh(step))) return {};
    base::fault_point("commit.keep_link");
    if (link(here(step).c_str(), target.c_str()) == 0 || errno == EEXIST) return {};
    if (is_missing(errno)) return still_ours();
    if (errno == ENOSPC || errno == EDQUOT) return failed(errno, step);
    // A file of another owner, or one that has become a directory.
    return move_away(step, target, pass);
  }

  Result<> keep_copy(const Step& step) {
    base::fault_point("commit.keep_copy");
    const fs::path copy = work_.copies() / step.path;
    if (rename(copy.c_str(), kept_of(step).c_str()) == 0) return {};
    if (is_missing(errno)) return still_ours();
    return failed(errno, step);
  }

  Result<> place(const Step& step, Pass pass) {
    if (pass == Pass::again && !base::path_exists(fresh(step))) return {};
    base::fault_point("commit.place");
    int error_number = renameat2(AT_FDCWD, fresh(step).c_str(), AT_FDCWD, here(step).c_str(),
                                 RENAME_NOREPLACE) == 0
                           ? 0
                           : errno;
    if (error_number == 0) return {};
    // A directory that came without rights for its owner.
    if (error_number == EACCES || error_number == EPERM) {
      make_movable(fresh(step));
      return rename_fresh(step);
    }
    // NFS and old file systems have no such flag.
    if (error_number == EINVAL || error_number == ENOSYS) {
      if (base::path_exists(here(step))) return take_place(step);
      return rename_fresh(step);
    }
    if (is_in_the_way(error_number)) return take_place(step);
    if (is_missing(error_number)) return placed_or_lost(step);
    return failed(error_number, step);
  }

  Result<> replace(const Step& step, Pass pass) {
    if (pass == Pass::again && !base::path_exists(fresh(step))) return {};
    base::fault_point("commit.link_to_trash");
    // Without a second name the old file is only gone a little earlier.
    if (link(here(step).c_str(), trash_of(step).c_str()) != 0 && is_missing(errno)) {
      HPCENV_TRY(still_ours());
    }
    return rename_fresh(step);
  }

  Result<> rename_fresh(const Step& step) {
    base::fault_point("commit.rename");
    if (rename(fresh(step).c_str(), here(step).c_str()) != 0) {
      if (is_in_the_way(errno)) return take_place(step);
      if (is_missing(errno)) return placed_or_lost(step);
      return failed(errno, step);
    }
    // Of two names of one file rename leaves both.
    if (!base::path_exists(fresh(step))) return {};
    base::fault_point("commit.unlink_twin");
    if (unlink(fresh(step).c_str()) == 0 || is_missing(errno)) return {};
    return failed(errno, step);
  }

  /// ENOENT on the way from new/: it is done (a lost reply), or the folder was taken over, or
  /// somebody removed the directory that it goes to.
  Result<> placed_or_lost(const Step& step) {
    HPCENV_TRY(still_ours());
    if (!base::path_exists(fresh(step))) return {};
    HPCENV_TRY(base::make_directories(here(step).parent_path()));
    base::fault_point("commit.rename");
    if (rename(fresh(step).c_str(), here(step).c_str()) == 0) return {};
    return failed(errno, step);
  }

  /// What came to lie there after the plan was made is the user's: it is kept.
  Result<> take_place(const Step& step) {
    const fs::path target = kept_of(step);
    HPCENV_TRY(still_ours());
    HPCENV_TRY(make_below(work_, target.parent_path()));
    HPCENV_TRY(move_away(step, target, Pass::first));
    base::fault_point("commit.rename");
    if (rename(fresh(step).c_str(), here(step).c_str()) == 0) return {};
    return failed(errno, step);
  }

  const ChangeRecord& record_;
  const Workplace& work_;
  const StepOptions& options_;
  base::Reporter& reporter_;
  std::size_t total_ = 0;
  std::atomic<std::size_t> done_{0};
  std::atomic<bool> freed_{false};
};

}  // namespace

Result<> carry_out(const ChangeRecord& record, const Workplace& work, const StepOptions& options,
                   base::Reporter& reporter) {
  return Commit(record, work, options, reporter).run();
}

std::vector<std::string> touched_directories(const ChangeRecord& record) {
  std::set<std::string, std::less<>> directories;
  for (const std::vector<Step>& steps : record.phases) {
    for (const Step& step : steps) {
      const std::size_t slash = step.path.rfind('/');
      const std::string_view parent = slash == std::string::npos
                                          ? std::string_view()
                                          : std::string_view(step.path).substr(0, slash);
      if (!directories.contains(parent)) directories.emplace(parent);
    }
  }
  return {directories.begin(), directories.end()};
}

fs::path kept_place(const Workplace& work, const ChangeRecord& record, std::string_view path) {
  return work.kept() / record.date / path;
}

}  // namespace hpcenv::prefix
