#include "prefix/change_draft.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <set>
#include <system_error>
#include <unordered_map>
#include <unordered_set>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string joined(std::string_view directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

bool is_bytecode(std::string_view path) {
  return path.ends_with(".pyc") && path.find("__pycache__/") != std::string_view::npos;
}

std::optional<struct stat> status_of(const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool is_directory(const std::optional<struct stat>& status) {
  return status.has_value() && S_ISDIR(status->st_mode);
}

bool is_same_content(const fs::path& a, const fs::path& b) {
  const auto first = status_of(a);
  const auto second = status_of(b);
  if (!first.has_value() || !second.has_value()) return false;
  if ((first->st_mode & S_IFMT) != (second->st_mode & S_IFMT)) return false;
  std::error_code error;
  if (S_ISLNK(first->st_mode)) return fs::read_symlink(a, error) == fs::read_symlink(b, error);
  if (!S_ISREG(first->st_mode) || first->st_size != second->st_size) return false;
  const auto one = base::hash_file(base::HashKind::sha256, a);
  const auto other = base::hash_file(base::HashKind::sha256, b);
  return one.has_value() && other.has_value() && *one == *other;
}

class Drafter {
 public:
  Drafter(const Workplace& work, const Owners& owners, const ClobberPlan& clobbers)
      : work_(work), owners_(owners), clobbers_(clobbers), changes_(work.prefix) {}

  Result<ChangeDraft> draft() {
    HPCENV_TRY(compare_directory(""));
    HPCENV_TRY(remove_leaving());
    HPCENV_TRY(remove_restored());
    HPCENV_TRY(remove_orphans());
    add_empties();
    number_steps();
    std::ranges::sort(draft_.kept);
    return std::move(draft_);
  }

 private:
  fs::path here(std::string_view path) const { return work_.prefix / path; }
  fs::path fresh(std::string_view path) const { return work_.fresh() / path; }

  void add(Phase phase, Step::Kind kind, std::string_view path) {
    draft_.record.steps(phase).push_back({kind, 0, std::string(path)});
  }

  /// Every directory of new/ that the prefix has too is looked into; one that it lacks moves whole.
  Result<> compare_directory(const std::string& directory) {
    HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(fresh(directory)));
    for (const std::string& name : names) {
      const std::string path = joined(directory, name);
      // conda-meta has phases of its own.
      if (path != meta_folder) HPCENV_TRY(compare(path));
    }
    return {};
  }

  Result<> compare(const std::string& path) {
    const bool wants_directory = is_directory(status_of(fresh(path)));
    const auto status = status_of(here(path));
    if (!status.has_value()) return place(path);
    if (wants_directory) return directory_meets(path, *status);
    if (S_ISDIR(status->st_mode)) return file_meets_directory(path);
    return file_meets_file(path, *status);
  }

  Result<> place(const std::string& path) {
    HPCENV_TRY(touch(parent_of(path)));
    add(Phase::arrivals, Step::Kind::place, path);
    return {};
  }

  Result<> directory_meets(const std::string& path, const struct stat& status) {
    if (S_ISDIR(status.st_mode)) return compare_directory(path);
    const auto owner = owners_.find(path);
    const bool stays = !owner.has_value() || !owner->leaves;
    std::error_code error;
    if (stays && S_ISLNK(status.st_mode) && fs::is_directory(here(path), error)) {
      return compare_directory(path);
    }
    if (owner.has_value() && !owner->leaves) {
      return fail(ErrorKind::refused, "{} has '{}' as a file, but a new package needs a directory",
                  owner->package->record.dist_name(), path);
    }
    HPCENV_TRY(touch(parent_of(path)));
    handled_.insert(path);
    if (owner.has_value() && !changes_.is_changed(*owner, status)) {
      add(Phase::removals, Step::Kind::clear, path);
    } else {
      add(Phase::keeps, Step::Kind::keep_clear, path);
      draft_.kept.push_back(path);
    }
    return place(path);
  }

  Result<> file_meets_directory(const std::string& path) {
    if (const auto owner = owners_.stays_below(path); owner.has_value()) {
      return fail(ErrorKind::refused,
                  "{} has '{}' in a directory where a new package brings a file ('{}')",
                  owner->package->record.dist_name(), owner->path->path, path);
    }
    HPCENV_TRY(touch(parent_of(path)));
    add(Phase::keeps, Step::Kind::keep_clear, path);
    cleared_.push_back(path);
    return place(path);
  }

  Result<> file_meets_file(const std::string& path, const struct stat& status) {
    HPCENV_TRY(touch(parent_of(path)));
    handled_.insert(path);
    const auto owner = owners_.find(path);
    const bool is_users = owner.has_value() ? owner->leaves && changes_.is_changed(*owner, status)
                                            : !is_bytecode(path);
    if (is_users && !is_same_content(here(path), fresh(path))) {
      add(Phase::keeps, Step::Kind::keep_link, path);
      draft_.kept.push_back(path);
    }
    add(Phase::arrivals, Step::Kind::replace, path);
    note_source(path);
    return {};
  }

  Result<> remove_leaving() {
    for (const conda::PrefixRecord* package : owners_.leaving()) {
      for (const conda::InstalledPath& path : package->paths) HPCENV_TRY(remove(path));
    }
    return {};
  }

  /// Names of parked files that have their path back.
  Result<> remove_restored() {
    for (const ClobberPlan::Move& move : clobbers_.moves) {
      const bool goes = move.old == ClobberPlan::Move::Old::goes;
      if (!goes || !status_of(here(move.from)).has_value()) continue;
      HPCENV_TRY(touch(parent_of(move.from)));
      add(Phase::removals, Step::Kind::trash, move.from);
      add_directory(parent_of(move.from));
    }
    return {};
  }

  Result<> remove(const conda::InstalledPath& installed) {
    const std::string& path = installed.path;
    if (!is_package_path(path)) return {};
    if (installed.path_type == "directory") {
      add_directory(path);
      return {};
    }
    const auto owner = owners_.find(path);
    if (handled_.contains(path) || !owner.has_value() || !owner->leaves) return {};
    const auto status = status_of(here(path));
    // A directory that came to be there is not the package's.
    if (!status.has_value() || is_directory(status)) return {};
    handled_.insert(path);
    HPCENV_TRY(touch(parent_of(path)));
    if (changes_.is_changed(*owner, *status)) {
      add(Phase::keeps, Step::Kind::keep, path);
      draft_.kept.push_back(path);
    } else {
      add(Phase::removals, Step::Kind::trash, path);
    }
    note_source(path);
    add_directory(parent_of(path));
    return {};
  }

  /// Bytecode that python wrote for a module goes with it.
  void note_source(std::string_view path) {
    if (!path.ends_with(".py")) return;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    sources_[joined(parent_of(path), "__pycache__")].emplace(name.substr(0, name.size() - 3));
  }

  Result<> remove_orphans() {
    for (const auto& [directory, modules] : sources_) {
      const Result<std::vector<std::string>> names = base::list_directory(here(directory));
      if (!names.has_value()) continue;
      for (const std::string& name : *names) {
        const std::string path = joined(directory, name);
        const bool is_orphan =
            is_bytecode(path) && modules.contains(name.substr(0, name.find('.')));
        if (!is_orphan || handled_.contains(path) || owners_.find(path).has_value()) continue;
        handled_.insert(path);
        HPCENV_TRY(touch(directory));
        add(Phase::removals, Step::Kind::trash, path);
        add_directory(directory);
      }
    }
    return {};
  }

  void add_directory(std::string_view directory) {
    for (; !directory.empty() && directory != own_folder; directory = parent_of(directory)) {
      if (!emptied_.emplace(directory).second) return;
    }
  }

  /// Directories that may be empty then, inner ones first. Bytewise descending order does that.
  void add_empties() {
    for (const std::string& directory : std::ranges::reverse_view(emptied_)) {
      if (is_directory(status_of(fresh(directory)))) continue;
      if (is_directory(status_of(here(directory)))) {
        add(Phase::empties, Step::Kind::prune, directory);
      }
    }
    for (const std::string& directory : cleared_) list_kept(directory);
  }

  /// What is left in a directory that makes way for a file.
  void list_kept(const std::string& directory) {
    std::error_code error;
    for (auto entry = fs::recursive_directory_iterator(here(directory), error);
         entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      if (error) return;
      const std::string path = entry->path().lexically_relative(work_.prefix).native();
      if (!handled_.contains(path) && !entry->is_directory(error)) draft_.kept.push_back(path);
    }
  }

  void number_steps() {
    std::uint32_t number = 0;
    for (std::vector<Step>& steps : draft_.record.phases) {
      for (Step& step : steps) step.number = ++number;
    }
  }

  /// Whether names of the directory may be changed: it has to lie in the prefix.
  Result<> touch(std::string_view directory) {
    if (!touched_.emplace(directory).second) return {};
    std::error_code error;
    const fs::path real = fs::canonical(here(directory), error);
    if (error == std::errc::no_such_file_or_directory) return {};
    if (error) {
      return fail_errno(error.value(), fmt::format("cannot examine {}", here(directory).native()));
    }
    const std::string inside = work_.prefix.native() + "/";
    if (real == work_.prefix || real.native().starts_with(inside)) return {};
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} leads out of the environment, to {}: nothing is changed there",
                                 here(directory).native(), real.native()),
                     fmt::format("replace the link among the directories of {} by a directory",
                                 here(directory).native()));
  }

  const Workplace& work_;
  const Owners& owners_;
  const ClobberPlan& clobbers_;
  ChangeFinder changes_;
  ChangeDraft draft_;
  std::unordered_set<std::string> handled_;  ///< paths of the prefix that have a step
  std::unordered_set<std::string> touched_;
  std::vector<std::string> cleared_;  ///< directories that make way for files
  std::set<std::string> emptied_;
  std::map<std::string, std::set<std::string>> sources_;  ///< __pycache__ -> modules
};

}  // namespace

Result<ChangeDraft> draft_change(const Workplace& work, const Owners& owners,
                                 const ClobberPlan& clobbers) {
  return Drafter(work, owners, clobbers).draft();
}

}  // namespace hpcenv::prefix
