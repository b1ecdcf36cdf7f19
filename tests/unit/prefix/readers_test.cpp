#include "prefix/readers.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <thread>

#include "base/interrupt.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/prefix_lock.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/steps.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
using prefix::require_usable;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

constexpr prefix::ReaderPatience long_patience{.wait = std::chrono::hours(1),
                                               .poll = std::chrono::milliseconds(5)};

Error refusal(const Result<>& usable) {
  REQUIRE_FALSE(usable.has_value());
  CHECK(usable.error().kind == ErrorKind::refused);
  return usable.error();
}

Error refusal(const fs::path& prefix) { return refusal(require_usable(prefix)); }

/// A lock whose process has ended.
void leave_dead_lock(const fs::path& prefix) {
  const pid_t child = fork();
  if (child == 0) {
    base::NullReporter reporter;
    auto* kept = new prefix::PrefixLock::Taken(
        prefix::PrefixLock::acquire_inside(prefix, {.purpose = "test"}, reporter));
    _exit(kept->has_value() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WEXITSTATUS(status) == 0);
}

}  // namespace

TEST_CASE("readers: a prefix in the middle of a change is not usable, and the command is named") {
  const TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/history", "");
  CHECK(require_usable(prefix.path()).has_value());
  put_file(prefix / ".hpcenv/clobbered/a-1-0/x", "");
  CHECK(require_usable(prefix.path()).has_value());
  put_file(prefix / ".hpcenv/change-abcdefghijkl/new/x", "");
  CHECK(require_usable(prefix.path()).has_value());
  put_file(prefix / ".hpcenv/change-abcdefghijkl/record", "");
  const Error error = refusal(prefix.path());
  CHECK(error.message == "a change of " + prefix.path().string() + " is unfinished");
  CHECK(error.hints == Names{"hpcenv install -p " + prefix.path().string() + " completes it"});
}

TEST_CASE("readers: link scripts that had no turn make a prefix not usable, failed ones warn") {
  const TemporaryDirectory prefix;
  put_file(prefix / "conda-meta/history", "");
  const prefix::LinkScript script{"post-link", "a", "1.0", "0", 0, {}};
  const fs::path file = prefix.path() / prefix::pending_script_file("x", 0);
  put_file(file, prefix::link_script_text(script));
  const Error error = refusal(prefix.path());
  CHECK(error.message ==
        prefix.path().string() + " is unfinished: link scripts of its packages have not run");
  CHECK(error.hints == Names{"hpcenv install -p " + prefix.path().string() + " completes it"});
  fs::rename(file, file.string() + ".failed");
  Steps reporter;
  CHECK(require_usable(prefix.path(), {}, reporter).has_value());
  CHECK(reporter.warnings() ==
        Names{"link scripts failed, so these may not work: a-1.0-0; hpcenv install -p " +
              prefix.path().string() + " completes it"});
}

TEST_CASE("readers: nobody waits for a writer that is gone") {
  const TemporaryDirectory prefix;
  leave_dead_lock(prefix.path());
  put_file(prefix / ".hpcenv/change-abcdefghijkl/record", "");
  Steps reporter;
  refusal(require_usable(prefix.path(), long_patience, reporter));
  CHECK(reporter.count() == 0);
}

TEST_CASE("readers: a writer that lives is waited for, and named") {
  const TemporaryDirectory prefix;
  Steps reporter;
  const auto lock =
      prefix::PrefixLock::acquire_inside(prefix.path(), {.purpose = "hpcenv update"}, reporter);
  REQUIRE(lock.has_value());
  const fs::path record = (*lock)->workplace() / "record";
  put_file(record, "");
  std::thread writer([&] {
    while (reporter.count() == 0) std::this_thread::yield();
    fs::remove(record);
  });
  const auto usable = require_usable(prefix.path(), long_patience, reporter);
  writer.join();
  CHECK(usable.has_value());
  REQUIRE(reporter.count() == 1);
  CHECK(reporter.text(0).starts_with("waiting for the end of a change of " +
                                     prefix.path().string() + ": hpcenv update, process " +
                                     std::to_string(getpid()) + " of user "));
}

TEST_CASE("readers: a create that runs its link scripts is waited for too") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  put_file(prefix / ".hpcenv/scripts/create", "a-1-0\n");
  CHECK(refusal(prefix).hints == Names{"run the same hpcenv create again; it starts over"});
  Steps reporter;
  const auto lock =
      prefix::PrefixLock::acquire_beside(prefix, {.purpose = "hpcenv create"}, reporter);
  REQUIRE(lock.has_value());
  std::thread writer([&] {
    while (reporter.count() == 0) std::this_thread::yield();
    fs::remove_all(prefix / ".hpcenv");
  });
  CHECK(require_usable(prefix, long_patience, reporter).has_value());
  writer.join();
}

TEST_CASE("readers: the wait has an end, and obeys an interrupt") {
  const TemporaryDirectory prefix;
  Steps reporter;
  const auto lock =
      prefix::PrefixLock::acquire_inside(prefix.path(), {.purpose = "hpcenv update"}, reporter);
  REQUIRE(lock.has_value());
  put_file((*lock)->workplace() / "record", "");
  refusal(require_usable(
      prefix.path(), {.wait = std::chrono::milliseconds(50), .poll = std::chrono::milliseconds(5)},
      reporter));
  base::set_interrupt(SIGINT);
  const auto interrupted = require_usable(prefix.path(), long_patience, reporter);
  base::set_interrupt(0);
  REQUIRE_FALSE(interrupted.has_value());
  CHECK(interrupted.error().kind == ErrorKind::interrupted);
}

TEST_CASE("readers: who cannot write the prefix is told its owner") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  const TemporaryDirectory prefix;
  chmod(prefix.path().c_str(), 0755);
  put_file(prefix / "conda-meta/history", "");
  put_file(prefix / ".hpcenv/change-abcdefghijkl/record", "");
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    const auto usable = require_usable(prefix.path());
    if (usable.has_value()) _exit(2);
    _exit(usable.error().hints == Names{"you cannot write it: ask its owner root to run hpcenv "
                                        "install -p " +
                                        prefix.path().string()}
              ? 0
              : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("readers: a read-only prefix is used as it is") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  put_file(prefix / "conda-meta/history", "");
  put_file(prefix / ".hpcenv/clobbered/a-1-0/x", "");
  if (mount(prefix.c_str(), prefix.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    SKIP("no right to mount a file system");
  }
  const int mounted =
      mount(nullptr, prefix.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr);
  const auto usable = require_usable(prefix);
  umount2(prefix.c_str(), MNT_DETACH);
  CHECK(mounted == 0);
  CHECK(usable.has_value());
}
