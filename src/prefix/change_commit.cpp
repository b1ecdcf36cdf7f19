#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "prefix/change.hpp"
#include "prefix/change_steps.hpp"
#include "prefix/change_trial.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/state.hpp"
#include "prefix/trash.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Name -> size and time, of the text of a MetaFingerprint.
std::map<std::string, std::string, std::less<>> entries_of(std::string_view fingerprint) {
  std::map<std::string, std::string, std::less<>> entries;
  for (const std::string_view line : base::split_lines(fingerprint)) {
    const std::size_t slash = line.rfind('/');
    if (slash != std::string_view::npos) entries.emplace(line.substr(0, slash), line.substr(slash));
  }
  return entries;
}

/// Another tool that changed the prefix while a commit lay unfinished is not overwritten.
Result<> check_metadata(const ChangeRecord& record, const Workplace& work) {
  HPCENV_ASSIGN(const MetaFingerprint now, fingerprint(work.prefix));
  const auto before = entries_of(record.meta_before);
  const auto after = entries_of(record.meta_after);
  auto names = entries_of(now.text);
  names.insert(before.begin(), before.end());
  names.insert(after.begin(), after.end());
  const auto present = entries_of(now.text);
  const auto value = [](const auto& entries, const std::string& name) {
    const auto found = entries.find(name);
    return found == entries.end() ? std::string() : found->second;
  };
  for (const auto& [name, unused] : names) {
    const std::string is = value(present, name);
    if (is == value(before, name) || is == value(after, name)) continue;
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} is neither as it was before the unfinished change nor as it is to be: "
                    "another tool changed it meanwhile",
                    (work.prefix / meta_folder / name).native()),
        fmt::format("undo what that tool did, or make the environment anew; the unfinished change "
                    "lies in {}",
                    work.folder().native()));
  }
  return {};
}

/// pre-unlink and pre-link. A failure does not stop what is decided: those of new packages are
/// tried again with the next command, those of leaving ones are told of.
Result<> run_first_scripts(const ChangeRecord& record, const Workplace& work,
                           const LinkOptions& options, base::ProcessRunner& runner,
                           base::Reporter& reporter) {
  for (std::size_t i = 0; i < record.scripts.size(); ++i) {
    const fs::path mark = work.folder() / fmt::format("ran-{}", i);
    if (base::path_exists(mark)) continue;
    HPCENV_ASSIGN(const LinkScript script,
                  parse_link_script(record.scripts[i], work.record().native()));
    const bool is_fresh = base::path_exists(work.fresh() / script.path());
    const fs::path file = (is_fresh ? work.fresh() : work.prefix) / script.path();
    PendingScript pending;
    pending.package = script.package();
    pending.action = script.action;
    pending.request = script_request(script, file, work.prefix, options.environment);
    const Result<> ran = run_script(pending, runner);
    if (!ran.has_value() && ran.error().kind != ErrorKind::refused) return ran;
    if (!ran.has_value()) {
      reporter.warning(ran.error().message +
                       (ran.error().context.empty() ? "" : "; " + ran.error().context.front()));
    }
    base::fault_point("commit.mark_script");
    Result<base::Fd> fd = base::create_new(mark, 0666);
    if (!fd.has_value() && fd.error().kind == ErrorKind::no_space) free_ballast(work);
  }
  return {};
}

Result<> sync_touched(const ChangeRecord& record, const Workplace& work, std::size_t jobs) {
  const std::vector<std::string> directories = touched_directories(record);
  return base::parallel_for(directories.size(), jobs, [&](std::size_t index) -> Result<> {
    const fs::path directory = work.prefix / directories[index];
    // Some are gone now, or make way for a file.
    std::error_code error;
    if (!fs::is_directory(directory, error)) return {};
    return base::sync_directory(directory);
  });
}

Result<> remove_record(const Workplace& work) {
  base::fault_point("commit.unlink_record");
  if (unlink(work.record().c_str()) != 0) {
    return fail_errno(errno, fmt::format("cannot remove {}", work.record().native()));
  }
  return base::sync_directory(work.folder());
}

}  // namespace

Result<> run_commit(const ChangeRecord& record, const Workplace& work, const LinkOptions& options,
                    base::ProcessRunner& runner, base::Reporter& reporter) {
  StepOptions how;
  how.jobs = options.jobs != 0 ? options.jobs : base::available_processors();
  HPCENV_TRY(run_first_scripts(record, work, options, runner, reporter));
  HPCENV_TRY(carry_out(record, work, how, reporter));
  HPCENV_TRY(sync_touched(record, work, how.jobs));
  return remove_record(work);
}

Result<> redo_commit(const Workplace& work, const LinkOptions& options, base::ProcessRunner& runner,
                     base::Reporter& reporter) {
  HPCENV_ASSIGN(const ChangeRecord record, read_record(work));
  HPCENV_TRY(check_metadata(record, work));
  StepOptions how;
  how.pass = Pass::again;
  how.jobs = options.jobs != 0 ? options.jobs : base::available_processors();
  HPCENV_TRY(run_first_scripts(record, work, options, runner, reporter));
  HPCENV_TRY(carry_out(record, work, how, reporter));
  HPCENV_TRY(sync_touched(record, work, how.jobs));
  return remove_record(work);
}

bool has_leftovers(const fs::path& prefix, const LinkOptions& options) {
  const Result<std::vector<std::string>> names = base::list_directory(prefix / own_folder);
  if (!names.has_value()) return false;
  const TrashRule rule = trash_rule(prefix, options.trash);
  return std::ranges::any_of(*names, [&](const std::string& name) {
    if (name == "scripts") return has_pending_scripts(prefix) || !failed_scripts(prefix).empty();
    return name != "kept" && name != "clobbered" && !is_waiting_trash({prefix, name}, rule);
  });
}

Result<> settle(const fs::path& prefix, const std::string& token, const LinkOptions& options,
                base::ProcessRunner& runner, base::Reporter& reporter) {
  const TrashRule rule = trash_rule(prefix, options.trash);
  HPCENV_ASSIGN(const std::vector<std::string> tokens, writers_folders(prefix));
  const Workplace own{prefix, token};
  for (const std::string& name : tokens) {
    const Workplace work{prefix, name};
    if (!has_record(work)) {
      if (name == token) continue;
      HPCENV_TRY(remove_workplace(work, rule));
      continue;
    }
    // Before anything is touched.
    HPCENV_TRY(read_record(work));
    if (name != token) {
      base::fault_point("settle.take_over");
      HPCENV_TRY(base::rename_path(work.folder(), own.folder()));
    }
    reporter.step("Completing an unfinished change");
    HPCENV_TRY(redo_commit(own, options, runner, reporter));
    HPCENV_TRY(empty_workplace(own, rule));
  }
  return {};
}

}  // namespace hpcenv::prefix
