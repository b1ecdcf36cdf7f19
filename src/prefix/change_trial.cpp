#include "prefix/change_trial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "prefix/change_steps.hpp"
#include "prefix/copy.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t ballast_base = 1U << 20U;
constexpr std::size_t ballast_a_directory = 4096;

std::string trial_name(const Workplace& work) { return fmt::format(".hpcenv-{}", work.token); }

/// The directories that are there; others move in whole.
std::vector<std::string> present_directories(const ChangeRecord& record, const Workplace& work) {
  std::vector<std::string> directories = touched_directories(record);
  std::erase_if(directories, [&](const std::string& directory) {
    std::error_code error;
    return !fs::is_directory(work.prefix / directory, error);
  });
  return directories;
}

Failure refused_by(int error_number, const fs::path& directory) {
  if (error_number == EXDEV) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} is on another file system or under another project quota than "
                                 "the environment: nothing can be renamed into it",
                                 directory.native()),
                     "unmount it, or make the environment anew");
  }
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} cannot be changed: {}", directory.native(),
                                 std::generic_category().message(error_number)),
                     fmt::format("chmod u+w {}", directory.native()));
  }
  return fail_errno(error_number, fmt::format("cannot change {}", directory.native()));
}

Result<> try_directory(const fs::path& probe, const fs::path& directory, const std::string& name) {
  const fs::path there = directory / name;
  base::fault_point("trial.rename");
  if (rename(probe.c_str(), there.c_str()) != 0) return refused_by(errno, directory);
  base::fault_point("trial.rename_back");
  if (rename(there.c_str(), probe.c_str()) == 0) return {};
  const int error_number = errno;
  base::fault_point("trial.unlink");
  unlink(there.c_str());
  return refused_by(error_number, directory);
}

/// Whether a second name can be made.
bool can_link(const fs::path& file, const Workplace& work) {
  const fs::path second = work.folder() / "second-name";
  base::fault_point("trial.link");
  if (link(file.c_str(), second.c_str()) != 0) return false;
  base::fault_point("trial.unlink");
  unlink(second.c_str());
  return true;
}

Result<> copy_kept(const fs::path& file, const fs::path& copy, const Workplace& work) {
  HPCENV_TRY(make_below(work, copy.parent_path()));
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(file, error))) {
    HPCENV_TRY(copy_contents(file, copy));
    return {};
  }
  const fs::path target = fs::read_symlink(file, error);
  base::fault_point("trial.symlink");
  if (!error && symlink(target.c_str(), copy.c_str()) == 0) return {};
  return fail_errno(errno, fmt::format("cannot make the link {}", copy.native()));
}

}  // namespace

Result<> try_directories(const ChangeRecord& record, const Workplace& work) {
  const std::vector<std::string> directories = present_directories(record, work);
  const std::string name = trial_name(work);
  std::string list = name + '\0';
  for (const std::string& directory : directories) list += directory + '\0';
  HPCENV_TRY(base::write_file(work.probes(), list));
  const fs::path probe = work.folder() / "probe";
  base::fault_point("trial.create");
  HPCENV_ASSIGN(const base::Fd fd, base::create_new(probe, 0666));
  for (const std::string& directory : directories) {
    HPCENV_TRY(try_directory(probe, work.prefix / directory, name));
  }
  base::fault_point("trial.forget");
  unlink(work.probes().c_str());
  return {};
}

void forget_trial(const Workplace& work) {
  const Result<std::string> list = base::read_file(work.probes());
  if (!list.has_value()) return;
  const std::vector<std::string_view> fields = base::split(*list, '\0');
  const std::string name(fields.front());
  for (std::size_t i = 1; i + 1 < fields.size(); ++i) {
    const fs::path left = work.prefix / fields[i] / name;
    if (!base::path_exists(left)) continue;
    base::fault_point("trial.unlink");
    unlink(left.c_str());
  }
}

Result<> write_ballast(const ChangeRecord& record, const Workplace& work) {
  const std::size_t size = ballast_base + ballast_a_directory * touched_directories(record).size();
  base::fault_point("ballast.create");
  HPCENV_ASSIGN(const base::Fd fd, base::create_new(work.ballast(), 0666));
  base::fault_point("ballast.allocate");
  if (fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) == 0) return {};
  if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) {
    return fail_errno(errno, fmt::format("cannot write {}", work.ballast().native()));
  }
  base::fault_point("ballast.write");
  return base::write_all(fd.get(), std::string(size, '\x5a'), work.ballast());
}

void free_ballast(const Workplace& work) {
  base::fault_point("ballast.unlink");
  unlink(work.ballast().c_str());
}

Result<> copy_unlinkable(ChangeRecord& record, const Workplace& work) {
  for (Step& step : record.steps(Phase::keeps)) {
    if (step.kind != Step::Kind::keep_link) continue;
    const fs::path file = work.prefix / step.path;
    if (can_link(file, work)) continue;
    HPCENV_TRY(copy_kept(file, work.copies() / step.path, work));
    step.kind = Step::Kind::keep_copy;
  }
  return {};
}

}  // namespace hpcenv::prefix
