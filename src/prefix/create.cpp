#include "prefix/create.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/place.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/prepare.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// The tree in the folder of who makes it. It is not that folder itself, which has to outlive the
/// rename: all that leaves the prefix later goes through it, so a woken holder's step fails.
constexpr std::string_view tree_name = "environment";
constexpr std::string_view scripts_name = "scripts";

Failure taken_over(const fs::path& prefix) {
  return fail_hint(ErrorKind::refused,
                   fmt::format("another process took over the making of {} while this one stood "
                               "still; this one stops",
                               prefix.native()),
                   fmt::format("hpcenv verify -p {} shows whether all is well", prefix.native()));
}

/// Takes what marks the link scripts as not yet run, in one step: renamed out of the prefix, then
/// removed there.
Result<> forget_scripts(const Prepared& prepared) {
  const bool has_more = base::path_exists(prepared.prefix / clobbered_folder);
  const fs::path aside = prepared.lock->workplace() / scripts_name;
  base::fault_point("commit.forget_scripts");
  HPCENV_TRY(base::rename_path(prepared.prefix / (has_more ? scripts_folder : own_folder), aside));
  return base::remove_tree(aside);
}

std::vector<std::string> messages_of(const Prepared& prepared) {
  const fs::path aside = prepared.lock->workplace() / "messages";
  if (!base::path_exists(prepared.prefix / messages_file)) return {};
  base::fault_point("commit.messages");
  if (rename((prepared.prefix / messages_file).c_str(), aside.c_str()) != 0) return {};
  return messages_from(aside);
}

/// Runs the post-link scripts in the prefix; gives their messages. The mark goes last: killed
/// before, the same create starts over.
Result<std::vector<std::string>> finish_scripts(const Prepared& prepared,
                                                base::ProcessRunner& runner) {
  Result<> ran = run_scripts(prepared.scripts, runner);
  if (!prepared.lock->still_held()) return taken_over(prepared.prefix);
  if (!ran.has_value()) {
    const Result<> removed = remove_place(prepared.prefix, *prepared.lock);
    if (removed.has_value()) return Failure(std::move(ran).error());
    if (!prepared.lock->still_held()) return taken_over(prepared.prefix);
    return Failure(with_context(std::move(ran).error(), removed.error().message));
  }
  std::vector<std::string> messages = messages_of(prepared);
  const Result<> forgotten = forget_scripts(prepared);
  if (forgotten.has_value()) return messages;
  if (!prepared.lock->still_held()) return taken_over(prepared.prefix);
  return Failure(forgotten.error());
}

}  // namespace

Result<Prepared> prepare_create(const Plan& plan,
                                const std::vector<conda::UnpackedPackage>& packages,
                                const LinkOptions& options, base::ProcessRunner& runner,
                                base::Reporter& reporter) {
  HPCENV_TRY(check_packages(plan, packages));
  Prepared prepared;
  HPCENV_ASSIGN(prepared.prefix, base::resolve_path(plan.prefix));
  HPCENV_TRY(check_prefix_text(prepared.prefix));
  HPCENV_ASSIGN(Blueprint blueprint, draw_blueprint(plan, packages, options, prepared.prefix));
  HPCENV_ASSIGN(prepared.scripts,
                post_link_scripts(blueprint.layout, packages, prepared.prefix, options));
  prepared.messages = blueprint.layout.messages;
  const fs::path parent = prepared.prefix.parent_path();
  prepared.made_parent = topmost_missing(parent);
  HPCENV_TRY(base::make_directories(parent));
  Result<> filled = [&]() -> Result<> {
    HPCENV_ASSIGN(prepared.lock,
                  PrefixLock::acquire_beside(prepared.prefix, options.lock, reporter));
    HPCENV_TRY(check_prefix_place(prepared.prefix));
    prepared.directory = prepared.lock->workplace() / tree_name;
    base::fault_point("create.mkdir");
    if (mkdir(prepared.directory.c_str(), 0777) != 0) {
      return fail_errno(errno, fmt::format("cannot make {}", prepared.directory.native()));
    }
    HPCENV_ASSIGN(const std::vector<conda::PrefixRecord> records,
                  fill_directory(blueprint, prepared, runner, reporter));
    return finish_directory(blueprint, prepared, records);
  }();
  if (filled.has_value()) return prepared;
  discard(prepared);
  return Failure(std::move(filled).error());
}

Result<std::vector<std::string>> commit_create(const Prepared& prepared,
                                               base::ProcessRunner& runner) {
  // The last moment at which nothing has happened yet.
  HPCENV_TRY(base::check_interrupt());
  if (is_unfinished_create(prepared.prefix)) {
    HPCENV_TRY(remove_place(prepared.prefix, *prepared.lock));
  }
  const Result<> placed = take_place(prepared.directory, prepared.prefix);
  if (!placed.has_value()) {
    return prepared.lock->still_held() ? Failure(placed.error()) : taken_over(prepared.prefix);
  }
  // The environment is there; that a node crash could still lose its name is no failure of create.
  static_cast<void>(base::sync_directory(prepared.prefix.parent_path()));
  std::vector<std::string> messages;
  if (!prepared.scripts.empty()) {
    HPCENV_ASSIGN(messages, finish_scripts(prepared, runner));
  }
  prepared.lock->release();
  return messages;
}

void discard(const Prepared& prepared) {
  if (!prepared.directory.empty()) static_cast<void>(base::remove_tree(prepared.directory));
  if (prepared.lock != nullptr) prepared.lock->release();
  if (prepared.made_parent.empty()) return;
  for (fs::path at = prepared.prefix.parent_path(); rmdir(at.c_str()) == 0; at = at.parent_path()) {
    if (at == prepared.made_parent) return;
  }
}

}  // namespace hpcenv::prefix
