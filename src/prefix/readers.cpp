#include "prefix/readers.hpp"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/lock_holder.hpp"
#include "prefix/place.hpp"
#include "prefix/prefix_lock.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

enum class Trouble { none, commit, scripts, create };

Result<Trouble> look(const fs::path& prefix) {
  const fs::path folder = prefix / own_folder;
  const Result<std::vector<std::string>> names = base::list_directory(folder);
  if (!names.has_value()) {
    if (names.error().kind == ErrorKind::not_found) return Trouble::none;
    return Failure(names.error());
  }
  const bool has_commit = std::ranges::any_of(*names, [&](const std::string& name) {
    return base::path_exists(folder / name / record_name);
  });
  if (has_commit) return Trouble::commit;
  if (is_unfinished_create(prefix)) return Trouble::create;
  return has_pending_scripts(prefix) ? Trouble::scripts : Trouble::none;
}

struct Writer {
  bool may_live = false;
  std::string description;
};

Writer writer_at(const fs::path& file) {
  const Result<std::string> text = base::read_file(file);
  if (!text.has_value()) return {text.error().kind != ErrorKind::not_found, file.native()};
  const std::optional<LockHolder> holder = parse_holder(*text, file);
  if (!holder.has_value()) return {true, file.native()};
  return {!is_gone(*holder), describe(*holder)};
}

/// A change holds the lock inside, a create that runs its link scripts the one beside.
Writer writer_of(const fs::path& prefix) {
  Writer inside = writer_at(prefix / own_folder / lock_name);
  if (inside.may_live) return inside;
  return writer_at(lock_beside(base::resolve_path(prefix).value_or(prefix)));
}

std::string completing_hint(const fs::path& prefix, Trouble trouble) {
  const std::string command = trouble == Trouble::create
                                  ? std::string("the same hpcenv create again")
                                  : fmt::format("hpcenv install -p {}", prefix.native());
  if (access(prefix.c_str(), W_OK) == 0) {
    return trouble == Trouble::create ? "run " + command + "; it starts over"
                                      : command + " completes it";
  }
  return fmt::format("you cannot write it: ask its owner {} to run {}", owner_of(prefix), command);
}

Failure refusal(const fs::path& prefix, Trouble trouble) {
  const std::string what =
      trouble == Trouble::commit
          ? fmt::format("a change of {} is unfinished", prefix.native())
          : fmt::format("{} is unfinished: link scripts of its packages have not run",
                        prefix.native());
  return fail_hint(ErrorKind::refused, what, completing_hint(prefix, trouble));
}

void warn_of_failed_scripts(const fs::path& prefix, base::Reporter& reporter) {
  const std::vector<std::string> failed = failed_scripts(prefix);
  if (failed.empty()) return;
  reporter.warning(fmt::format("link scripts failed, so these may not work: {}; {}",
                               base::join(failed, ", "),
                               completing_hint(prefix, Trouble::scripts)));
}

}  // namespace

Result<> require_usable(const fs::path& prefix, const ReaderPatience& patience,
                        base::Reporter& reporter) {
  const auto end = std::chrono::steady_clock::now() + patience.wait;
  bool announced = false;
  for (;;) {
    HPCENV_ASSIGN(const Trouble trouble, look(prefix));
    if (trouble == Trouble::none) break;
    const Writer writer = writer_of(prefix);
    if (!writer.may_live || std::chrono::steady_clock::now() >= end) {
      return refusal(prefix, trouble);
    }
    if (!announced) {
      reporter.warning(fmt::format("waiting for the end of a change of {}: {}", prefix.native(),
                                   writer.description));
    }
    announced = true;
    std::this_thread::sleep_for(patience.poll);
    HPCENV_TRY(base::check_interrupt());
  }
  warn_of_failed_scripts(prefix, reporter);
  return {};
}

Result<> require_usable(const fs::path& prefix) {
  base::NullReporter reporter;
  return require_usable(prefix, {.wait = std::chrono::milliseconds{0}}, reporter);
}

}  // namespace hpcenv::prefix
