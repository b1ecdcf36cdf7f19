#include "ops/shell_init.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/fs.hpp"
#include "base/process.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

constexpr const char* by_hand =
    "`hpcenv init SHELL --dry-run` prints the lines: put them where you want them";

/// Under the name csh there may be a tcsh.
bool csh_is_tcsh(const base::Environment& environment) {
  const auto csh = base::find_program("csh", environment);
  const auto real = csh ? base::resolve_path(*csh) : Result<fs::path>(fs::path());
  return real && real->filename() == "tcsh";
}

fs::path csh_file(const fs::path& home, bool reads_tcshrc) {
  const bool other = !base::path_exists(home / ".tcshrc") && base::path_exists(home / ".cshrc");
  return home / (reads_tcshrc && !other ? ".tcshrc" : ".cshrc");
}

/// Follows links to a file that may not be there yet.
Result<fs::path> behind_links(const fs::path& file) {
  fs::path path = file;
  for (int steps = 0; steps < 40; ++steps) {
    std::error_code failure;
    const fs::path next = fs::read_symlink(path, failure);
    if (failure) return base::resolve_path(path);
    path = path.parent_path() / next;
  }
  return fail_errno(ELOOP, fmt::format("cannot open {}", file.native()));
}

Result<> check_writable(const fs::path& file, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::refused, "{} is no file", file.native());
  }
  if (status.st_uid != geteuid() && geteuid() != 0) {
    return fail_hint(ErrorKind::refused, fmt::format("{} belongs to another user", file.native()),
                     by_hand);
  }
  if (status.st_nlink > 1) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} has {} names (hard links), which a new file would part",
                                 file.native(), status.st_nlink),
                     by_hand);
  }
  if (access(file.c_str(), W_OK) != 0) {
    return Failure(with_hint(
        fail_errno(errno, fmt::format("cannot write {}", file.native())).error(), by_hand));
  }
  return {};
}

Result<std::optional<struct stat>> status_of(const fs::path& file) {
  struct stat status{};
  if (stat(file.c_str(), &status) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  return fail_errno(errno, fmt::format("cannot look at {}", file.native()));
}

bool same_file(const std::optional<struct stat>& a, const std::optional<struct stat>& b) {
  if (!a || !b) return !a && !b;
  return a->st_ino == b->st_ino && a->st_size == b->st_size &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

Result<> fill(const fs::path& aside, const InitPlan& plan) {
  constexpr mode_t private_mode = 0600;
  constexpr mode_t new_mode = 0644;
  constexpr mode_t permissions = 07777;
  HPCENV_ASSIGN(const base::Fd fd, base::create_new(aside, private_mode));
  HPCENV_TRY(base::write_all(fd.get(), *plan.edit.text, plan.target));
  const mode_t mode = plan.existing ? plan.existing->st_mode & permissions : new_mode;
  const bool owned =
      !plan.existing || fchown(fd.get(), plan.existing->st_uid, plan.existing->st_gid) == 0;
  if (!owned || fchmod(fd.get(), mode) != 0 || fsync(fd.get()) != 0) {
    return fail_errno(errno, fmt::format("cannot write {}", plan.target.native()));
  }
  return {};
}

Result<> rename_over(const fs::path& aside, const InitPlan& plan) {
  HPCENV_ASSIGN(const std::optional<struct stat> now, status_of(plan.target));
  if (!same_file(now, plan.existing)) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} was changed meanwhile", plan.target.native()),
                     "do the same again");
  }
  return base::rename_path(aside, plan.target);
}

}  // namespace

Result<fs::path> start_up_file(shell::Dialect dialect, const base::Environment& environment) {
  const fs::path home = environment.get_or("HOME", "");
  if (home.empty()) {
    return fail_hint(ErrorKind::usage, "no HOME says where your start-up files lie", "set HOME");
  }
  const auto folder_of = [&](const char* variable, const fs::path& otherwise) {
    const fs::path named = environment.get_or(variable, "");
    return named.is_absolute() ? named : otherwise;
  };
  switch (dialect) {
    case shell::Dialect::bash:
      return home / ".bashrc";
    case shell::Dialect::zsh:
      return folder_of("ZDOTDIR", home) / ".zshrc";
    case shell::Dialect::fish:
      return folder_of("XDG_CONFIG_HOME", home / ".config") / "fish" / "config.fish";
    case shell::Dialect::tcsh:
      return csh_file(home, true);
    case shell::Dialect::csh:
      return csh_file(home, csh_is_tcsh(environment));
    case shell::Dialect::posix:
      break;
  }
  return home / ".profile";
}

Result<InitPlan> plan_init(const InitRequest& request, const base::Environment& environment) {
  InitPlan plan;
  HPCENV_ASSIGN(plan.file, start_up_file(request.dialect, environment));
  HPCENV_ASSIGN(plan.target, behind_links(plan.file));
  HPCENV_ASSIGN(plan.existing, status_of(plan.target));
  std::optional<std::string> before;
  if (plan.existing) {
    HPCENV_TRY(check_writable(plan.target, *plan.existing));
    HPCENV_ASSIGN(before, base::read_file(plan.target));
  }
  if (request.act == InitRequest::Act::remove) {
    HPCENV_ASSIGN(plan.edit, shell::without_block(before, plan.file.native()));
    return plan;
  }
  const auto lines = shell::init_lines(request.program.native(), request.dialect, request.shell);
  HPCENV_ASSIGN(plan.edit, shell::with_block(before, lines, plan.file.native()));
  return plan;
}

Result<> write_init(const InitPlan& plan) {
  if (plan.edit.change == shell::BlockEdit::Change::none) return {};
  if (!plan.edit.text) return base::remove_tree(plan.target);
  if (!plan.existing && plan.target == plan.file) {
    HPCENV_TRY(base::make_directories(plan.file.parent_path()));
  }
  const fs::path aside = plan.target.parent_path() /
                         fmt::format(".{}.hpcenv-{}", plan.target.filename().native(), getpid());
  Result<> written = fill(aside, plan);
  if (written) written = rename_over(aside, plan);
  if (!written) {
    unlink(aside.c_str());
    return Failure(with_hint(std::move(written).error(), by_hand));
  }
  return {};
}

bool has_init(shell::Dialect dialect, const base::Environment& environment) {
  const auto file = start_up_file(dialect, environment);
  const auto text = file ? base::read_file(*file) : Result<std::string>(std::string());
  const auto edit = text ? shell::without_block(*text, file->native())
                         : Result<shell::BlockEdit>(shell::BlockEdit{});
  return edit && edit->change == shell::BlockEdit::Change::removed;
}

}  // namespace hpcenv::ops
