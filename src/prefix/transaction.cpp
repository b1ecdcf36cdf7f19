#include "prefix/transaction.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "prefix/change.hpp"
#include "prefix/layout.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/own_folder.hpp"
#include "prefix/place.hpp"
#include "prefix/prepare.hpp"
#include "prefix/state.hpp"
#include "prefix/trash.hpp"

namespace hpcenv::prefix {

namespace fs = std::filesystem;

/// One of two ways: a whole prefix beside its place, or a change inside it.
class PreparedChange {
 public:
  PreparedChange() = default;
  PreparedChange(const PreparedChange&) = delete;
  PreparedChange& operator=(const PreparedChange&) = delete;
  ~PreparedChange() { give_back(); }

  void give_back() {
    if (done_) return;
    done_ = true;
    if (aside.has_value()) prefix::discard(*aside);
    if (!inside.has_value()) return;
    if (inside->lock != nullptr) static_cast<void>(remove_workplace(inside->work, {}));
    release_inside();
  }

  void release_inside() {
    done_ = true;
    if (inside->lock != nullptr) inside->lock->release();
    if (inside->made.empty() || is_environment(inside->work.prefix)) return;
    for (fs::path at = inside->work.prefix; rmdir(at.c_str()) == 0; at = at.parent_path()) {
      if (at == inside->made) return;
    }
  }

  std::optional<Prepared> aside;
  std::optional<InnerChange> inside;
  ChangeReport report;

 private:
  bool done_ = false;
};

namespace {

enum class Way { aside, inside };

bool has_pre_link(const std::vector<conda::UnpackedPackage>& packages) {
  return std::ranges::any_of(packages, [](const conda::UnpackedPackage& package) {
    LinkScript script;
    script.name = package.record.name;
    script.action = "pre-link";
    return base::path_exists(package.directory / script.path());
  });
}

bool is_mount_point(const fs::path& prefix) {
  struct stat status{};
  struct stat parent{};
  return stat(prefix.c_str(), &status) == 0 && stat(prefix.parent_path().c_str(), &parent) == 0 &&
         status.st_dev != parent.st_dev;
}

/// A new place that one rename can fill is filled so; everything else changes from inside.
Result<Way> way_of(const fs::path& prefix, const std::vector<conda::UnpackedPackage>& packages) {
  if (is_unfinished_create(prefix)) return Way::aside;
  if (is_environment(prefix)) return Way::inside;
  if (has_pre_link(packages)) return Way::inside;
  const Result<std::vector<std::string>> names = base::list_directory(prefix);
  if (!names.has_value()) return Way::aside;
  if (!names->empty() || is_mount_point(prefix)) return Way::inside;
  return access(prefix.parent_path().c_str(), W_OK | X_OK) == 0 ? Way::aside : Way::inside;
}

/// Fills `change.inside`; false where the plan is stale.
Result<bool> prepare_within(PreparedChange& change, const Plan& plan,
                            const std::vector<conda::UnpackedPackage>& packages,
                            base::ProcessRunner& runner, base::Reporter& reporter) {
  InnerChange& inner = *change.inside;
  const fs::path& prefix = inner.work.prefix;
  inner.made = topmost_missing(prefix);
  HPCENV_TRY(base::make_directories(prefix));
  HPCENV_ASSIGN(inner.lock, PrefixLock::acquire_inside(prefix, inner.options.lock, reporter));
  inner.work.token = inner.lock->token();
  HPCENV_TRY(settle(prefix, inner.work.token, inner.options, runner, reporter));
  const auto is_fresh = [&]() -> Result<bool> {
    HPCENV_ASSIGN(const MetaFingerprint now, fingerprint(prefix));
    return now == plan.based_on;
  };
  HPCENV_ASSIGN(const bool fits, is_fresh());
  if (!fits) return false;
  HPCENV_TRY(prepare_inside(inner, plan, packages, runner, reporter));
  change.report = inner.report;
  return is_fresh();
}

}  // namespace

Result<PrepareOutcome> prepare(const Plan& plan,
                               const std::vector<conda::UnpackedPackage>& packages,
                               const LinkOptions& options, base::ProcessRunner& runner,
                               base::Reporter& reporter) {
  HPCENV_TRY(check_packages(plan, packages));
  HPCENV_ASSIGN(const fs::path prefix, base::resolve_path(plan.prefix));
  HPCENV_TRY(check_prefix_text(prefix));
  HPCENV_ASSIGN(const Way way, way_of(prefix, packages));
  auto change = std::make_shared<PreparedChange>();
  if (way == Way::aside) {
    HPCENV_ASSIGN(change->aside, prepare_create(plan, packages, options, runner, reporter));
    change->report = {change->aside->files, change->aside->bytes, change->aside->messages, {}};
    return PrepareOutcome(std::move(change));
  }
  InnerChange& inner = change->inside.emplace();
  inner.work.prefix = prefix;
  inner.options = options;
  HPCENV_ASSIGN(const bool fits, prepare_within(*change, plan, packages, runner, reporter));
  if (!fits) return PrepareOutcome(PlanIsStale{});
  return PrepareOutcome(std::move(change));
}

ChangeRecord record_of(const PreparedChange& change) {
  return change.inside.has_value() ? change.inside->record : ChangeRecord();
}

const ChangeReport& forecast(const PreparedChange& change) { return change.report; }

namespace {

void add_messages(ChangeReport& report, std::vector<std::string> messages) {
  for (std::string& message : messages) report.messages.push_back(std::move(message));
}

/// After the record nothing is given back: what is not finished the next command finishes.
Result<ChangeReport> commit_inside(PreparedChange& change, base::ProcessRunner& runner,
                                   base::Reporter& reporter) {
  InnerChange& inner = *change.inside;
  // The last moment at which nothing has happened yet.
  HPCENV_TRY(base::check_interrupt());
  HPCENV_TRY(write_record(inner.record, inner.work));
  Result<> committed = run_commit(inner.record, inner.work, inner.options, runner, reporter);
  if (!committed.has_value()) {
    change.release_inside();
    return Failure(with_hint(std::move(committed).error(),
                             fmt::format("the change is decided: hpcenv install -p {} completes it",
                                         inner.work.prefix.native())));
  }
  if (const Result<> emptied =
          remove_workplace(inner.work, trash_rule(inner.work.prefix, inner.options.trash));
      !emptied.has_value()) {
    reporter.warning(emptied.error().message + "; a later command removes it");
  }
  const fs::path& prefix = inner.work.prefix;
  const Result<> ran = run_pending_scripts(prefix, inner.options.environment, runner);
  add_messages(change.report, take_messages(prefix));
  change.release_inside();
  if (!ran.has_value()) return Failure(ran.error());
  return change.report;
}

}  // namespace

Result<ChangeReport> commit(PreparedChange& change, base::ProcessRunner& runner,
                            base::Reporter& reporter) {
  if (change.inside.has_value()) return commit_inside(change, runner, reporter);
  HPCENV_ASSIGN(std::vector<std::string> messages, commit_create(*change.aside, runner));
  add_messages(change.report, std::move(messages));
  return change.report;
}

void discard(PreparedChange& change) { change.give_back(); }

bool is_unfinished(const fs::path& prefix) {
  const Result<std::vector<std::string>> tokens = writers_folders(prefix);
  const bool has_commit =
      tokens.has_value() && std::ranges::any_of(*tokens, [&](const std::string& token) {
        return has_record({prefix, token});
      });
  return has_commit || is_unfinished_create(prefix) || has_pending_scripts(prefix);
}

namespace {

/// A create or a removal that was killed at its very end leaves its folder and its lock beside the
/// prefix; whoever takes that lock removes them. A live one is left to itself.
void sweep_beside(const fs::path& prefix, LockRequest lock, base::Reporter& reporter) {
  const Result<std::vector<std::string>> names = base::list_directory(prefix.parent_path());
  const std::string stem = sibling_stem(prefix);
  const auto is_ours = [&](const std::string& name) { return name.starts_with(stem); };
  if (!names.has_value() || std::ranges::none_of(*names, is_ours)) return;
  lock.wait = std::chrono::seconds{0};
  const auto held = PrefixLock::acquire_beside(prefix, lock, reporter);
  if (held.has_value()) (*held)->release();
}

}  // namespace

Result<std::vector<std::string>> complete_unfinished(const fs::path& prefix,
                                                     const LinkOptions& options,
                                                     const LockRequest& lock,
                                                     base::ProcessRunner& runner,
                                                     base::Reporter& reporter) {
  HPCENV_ASSIGN(const fs::path resolved, base::resolve_path(prefix));
  std::shared_ptr<const PrefixLock> create;
  if (is_unfinished_create(resolved)) {
    // It may live and be at its link scripts.
    HPCENV_ASSIGN(create, PrefixLock::acquire_beside(resolved, lock, reporter));
  } else {
    sweep_beside(resolved, lock, reporter);
  }
  if (!has_leftovers(resolved, options)) return std::vector<std::string>();
  HPCENV_ASSIGN(const auto held, PrefixLock::acquire_inside(resolved, lock, reporter));
  HPCENV_TRY(settle(resolved, held->token(), options, runner, reporter));
  const Result<> ran = run_pending_scripts(resolved, options.environment, runner);
  std::vector<std::string> messages = take_messages(resolved);
  held->release();
  if (!ran.has_value()) return Failure(ran.error());
  return messages;
}

}  // namespace hpcenv::prefix
