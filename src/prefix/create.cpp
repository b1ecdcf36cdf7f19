#include "prefix/create.hpp"

#include <unistd.h>

#include <utility>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/place.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/prepare.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// The topmost directory that making `directory` would make; empty where all is there.
fs::path topmost_missing(const fs::path& directory) {
  fs::path missing;
  for (fs::path at = directory; !base::path_exists(at); at = at.parent_path()) missing = at;
  return missing;
}

Result<> check_packages(const Plan& plan, const std::vector<conda::UnpackedPackage>& packages) {
  bool agree = plan.link.size() == packages.size();
  for (std::size_t i = 0; agree && i < packages.size(); ++i) {
    agree = plan.link[i].dist_name() == packages[i].record.dist_name();
  }
  if (agree) return {};
  return fail(ErrorKind::bug, "the unpacked packages are not those of the plan");
}

/// Takes what marks the link scripts as not yet run, in one step: renamed out of the prefix, then
/// removed there.
Result<> forget_scripts(const fs::path& prefix) {
  const bool has_more = base::path_exists(prefix / clobbered_folder);
  const fs::path marked = prefix / (has_more ? scripts_folder : own_folder);
  HPCENV_ASSIGN(const fs::path aside,
                base::make_private_directory(prefix.parent_path(), sibling_stem(prefix)));
  base::fault_point("commit.forget_scripts");
  HPCENV_TRY(base::rename_path(marked, aside));
  return base::remove_tree(aside);
}

/// Runs the post-link scripts in the prefix; gives their messages. The mark goes last: killed
/// before, the same create starts over.
Result<std::vector<std::string>> finish_scripts(const Prepared& prepared,
                                                base::ProcessRunner& runner) {
  Result<> ran = run_scripts(prepared.scripts, runner);
  if (!ran.has_value()) {
    const Result<> removed = remove_place(prepared.prefix);
    if (removed.has_value()) return Failure(std::move(ran).error());
    return Failure(with_context(std::move(ran).error(), removed.error().message));
  }
  std::vector<std::string> messages = take_messages(prepared.prefix);
  HPCENV_TRY(forget_scripts(prepared.prefix));
  return messages;
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
    prepared.directory = prepared.lock->workplace();
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
  if (is_unfinished_create(prepared.prefix)) HPCENV_TRY(remove_place(prepared.prefix));
  HPCENV_TRY(take_place(prepared.directory, prepared.prefix));
  // The environment is there; that a node crash could still lose its name is no failure of create.
  static_cast<void>(base::sync_directory(prepared.prefix.parent_path()));
  std::vector<std::string> messages;
  if (!prepared.scripts.empty()) {
    HPCENV_ASSIGN(messages, finish_scripts(prepared, runner));
  }
  if (prepared.lock != nullptr) prepared.lock->release();
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
