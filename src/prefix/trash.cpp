#include "prefix/trash.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <system_error>
#include <vector>

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/change_trial.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t one_day = 86'400;  // seconds

/// Empty directories among what was kept say nothing.
void drop_empty_directories(const fs::path& root) {
  const Result<std::vector<std::string>> names = base::list_directory(root);
  if (!names.has_value()) return;
  for (const std::string& name : *names) {
    std::error_code error;
    if (fs::is_directory(fs::symlink_status(root / name, error))) {
      drop_empty_directories(root / name);
      base::fault_point("kept.rmdir");
      rmdir((root / name).c_str());
    }
  }
}

/// kept/DATE moves to .hpcenv/kept/DATE: nothing of the user's lies in a folder that is emptied.
Result<> rescue_kept(const Workplace& work) {
  drop_empty_directories(work.kept());
  Result<std::vector<std::string>> dates = base::list_directory(work.kept());
  if (!dates.has_value()) return {};
  for (const std::string& date : *dates) {
    const fs::path place = work.prefix / own_folder / "kept";
    HPCENV_TRY(base::make_directories(place));
    const std::string name =
        base::path_exists(place / date) ? fmt::format("{}-{}", date, work.token) : date;
    base::fault_point("kept.rename");
    HPCENV_TRY(base::rename_path(work.kept() / date, place / name));
  }
  return {};
}

bool is_young(const fs::path& trash, std::int64_t now) {
  struct stat status{};
  if (lstat(trash.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return status.st_mtim.tv_sec + one_day > now;
}

bool must_wait(const Workplace& work, const TrashRule& rule) {
  if (rule.emptied == TrashRule::Emptied::at_once || !is_young(work.trash(), rule.now))
    return false;
  const Result<std::vector<std::string>> names = base::list_directory(work.trash());
  return names.has_value() && !names->empty();
}

Result<> save_and_free(const Workplace& work) {
  // A record that could not be made durable decided nothing; it must not outlive what it names.
  if (has_record(work)) {
    base::fault_point("workplace.unlink_record");
    unlink(work.record().c_str());
  }
  forget_trial(work);
  if (base::path_exists(work.ballast())) free_ballast(work);
  return rescue_kept(work);
}

Result<> remove_but_trash(const Workplace& work) {
  HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(work.folder()));
  for (const std::string& name : names) {
    if (work.folder() / name != work.trash()) HPCENV_TRY(base::remove_tree(work.folder() / name));
  }
  return {};
}

}  // namespace

TrashRule trash_rule(const fs::path& prefix, LinkOptions::Trash trash) {
  TrashRule rule;
  rule.now = base::SystemClock().now();
  if (trash == LinkOptions::Trash::goes) return rule;
  const Result<base::FileSystemFacts> facts = base::file_system_facts(prefix);
  if (facts.has_value() && facts->type == "nfs") rule.emptied = TrashRule::Emptied::after_a_day;
  return rule;
}

bool is_waiting_trash(const Workplace& work, const TrashRule& rule) {
  if (!must_wait(work, rule)) return false;
  const Result<std::vector<std::string>> names = base::list_directory(work.folder());
  return names.has_value() && names->size() == 1;
}

Result<> remove_workplace(const Workplace& work, const TrashRule& rule) {
  HPCENV_TRY(save_and_free(work));
  if (!must_wait(work, rule)) return base::remove_tree(work.folder());
  return remove_but_trash(work);
}

Result<> empty_workplace(const Workplace& work, const TrashRule& rule) {
  HPCENV_TRY(save_and_free(work));
  if (must_wait(work, rule)) {
    const Workplace waiting{work.prefix, work.token + "-old"};
    HPCENV_TRY(base::make_directories(waiting.folder()));
    base::fault_point("trash.rename");
    HPCENV_TRY(base::rename_path(work.trash(), waiting.trash()));
  }
  HPCENV_TRY(remove_but_trash(work));
  return base::remove_tree(work.trash());
}

}  // namespace hpcenv::prefix
