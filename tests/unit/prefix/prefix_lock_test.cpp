#include "prefix/prefix_lock.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "prefix/create.hpp"
#include "prefix/lock_holder.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/no_hard_links.hpp"
#include "unit/support/steps.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
using prefix::PrefixLock;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

Names sorted(Names names) {
  std::ranges::sort(names);
  return names;
}

/// Beside the prefix, without waiting.
PrefixLock::Taken beside(const fs::path& prefix, const std::string& purpose) {
  base::NullReporter reporter;
  return PrefixLock::acquire_beside(prefix, {.purpose = purpose}, reporter);
}

/// Runs in a child that leaves without unwinding, as if it had been killed.
template <class Act>
int in_child(const Act& act) {
  const pid_t child = fork();
  if (child == 0) _exit(act());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Keeps the lock in a child that then dies.
void leave_lock(const fs::path& prefix) {
  REQUIRE(in_child([&] {
            auto* kept = new PrefixLock::Taken(beside(prefix, "test"));
            return kept->has_value() ? 0 : 1;
          }) == 0);
}

Error refusal(const fs::path& prefix) {
  const auto lock = beside(prefix, "test");
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().kind == ErrorKind::refused);
  return lock.error();
}

void rewrite(const fs::path& file, const std::string& key, const base::Json& value) {
  base::Json holder = base::parse_json(text_of(file), "lock").value();
  holder[key] = value;
  put_file(file, base::dump_json_line(holder));
}

PrefixLock::Taken inside(const fs::path& prefix) {
  base::NullReporter reporter;
  return PrefixLock::acquire_inside(prefix, {.purpose = "test"}, reporter);
}

Error refusal_of(const PrefixLock::Taken& lock, ErrorKind kind = ErrorKind::refused) {
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().kind == kind);
  return lock.error();
}

/// A writer that dies with something prepared and a file of that name in its folder; its token.
std::string leave_lock_inside(const fs::path& prefix, const std::string& name) {
  REQUIRE(in_child([&] {
            auto* kept = new PrefixLock::Taken(inside(prefix));
            if (!kept->has_value()) return 1;
            put_file((**kept)->workplace() / "new/0", "prepared");
            put_file((**kept)->workplace() / name, "");
            return 0;
          }) == 0);
  for (const std::string& found : names_in(prefix / ".hpcenv")) {
    if (found != "lock") return found;
  }
  return {};
}

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

/// The same inode, so that its holder goes on touching it.
void rewrite_in_place(const fs::path& file, const std::string& key, const base::Json& value) {
  base::Json holder = base::parse_json(text_of(file), "lock").value();
  holder[key] = value;
  std::ofstream(file, std::ios::binary | std::ios::in | std::ios::trunc)
      << base::dump_json_line(holder);
}

}  // namespace

TEST_CASE("lock: a file beside the prefix, gone with the holder") {
  const TemporaryDirectory directory;
  {
    const auto lock = beside(directory / "env", "test");
    REQUIRE(lock.has_value());
    CHECK(names_in(directory.path()) == sorted({(*lock)->token(), ".env.hpcenv-lock"}));
    CHECK((*lock)->token().starts_with(".env.hpcenv-"));
    CHECK(names_in((*lock)->workplace()).empty());
    CHECK((*lock)->still_held());
    CHECK_FALSE((*lock)->swept());
  }
  CHECK(names_in(directory.path()).empty());
}

TEST_CASE("lock: a folder beside a prefix tells whose it is") {
  const TemporaryDirectory directory;
  for (const char* name : {"env", "a.b", ".hidden", "x.hpcenv-y"}) {
    const fs::path prefix = directory / name;
    const auto lock = beside(prefix, "test");
    REQUIRE(lock.has_value());
    CHECK(prefix::prefix_of_sibling((*lock)->workplace()) == prefix);
  }
  for (const char* name : {".env.hpcenv-lock", ".env.hpcenv-abc", "env.hpcenv-abcdefghijkl",
                           ".hpcenv-abcdefghijkl", ".env.hpcenv-ABCDEFGHIJKL", "env", ""}) {
    CHECK_FALSE(prefix::prefix_of_sibling(directory / name).has_value());
  }
}

TEST_CASE("lock: the second writer is refused and told who, where, since when and what to do") {
  const TemporaryDirectory directory;
  const auto lock = beside(directory / "env", "hpcenv create");
  REQUIRE(lock.has_value());
  const Error error = refusal(directory / "env");
  const std::string prefix = (directory / "env").string();
  CHECK(error.message.starts_with("another process is at work on " + prefix +
                                  ": hpcenv create, process " + std::to_string(getpid()) +
                                  " of user " + prefix::user_name(getuid()) + " on "));
  CHECK(error.message.ends_with(" UTC"));
  CHECK(error.hints == Names{"wait for it; if it is gone for certain, remove " +
                             (directory / ".env.hpcenv-lock").string()});
  // Other prefixes beside it are not concerned.
  CHECK(beside(directory / "env2", "test").has_value());
}

TEST_CASE("lock: a dead holder's is taken over and what it left is swept, nothing else") {
  const TemporaryDirectory directory;
  leave_lock(directory / "env");
  const auto left = base::make_private_directory(directory.path(), ".env.hpcenv-").value();
  put_file(left / "half/made", "");
  const auto others = base::make_private_directory(directory.path(), ".env2.hpcenv-").value();
  put_file(directory / ".env.hpcenv-notes", "the user's");
  {
    const auto lock = beside(directory / "env", "test");
    REQUIRE(lock.has_value());
    CHECK((*lock)->swept());
  }
  CHECK(names_in(directory.path()) == Names{".env.hpcenv-notes", others.filename().string()});
}

TEST_CASE("lock: a holder that cannot be proven dead keeps it") {
  const TemporaryDirectory directory;
  const fs::path file = directory / ".env.hpcenv-lock";
  for (const char* key : {"host", "boot", "pid_namespace"}) {
    leave_lock(directory / "env");
    rewrite(file, key, "another");
    CHECK(refusal(directory / "env").message.find("test, process ") != std::string::npos);
    fs::remove(file);
  }
  put_file(file, "");
  CHECK(refusal(directory / "env").message == "another process is at work on " +
                                                  (directory / "env").string() + " (" +
                                                  file.string() + " says not which)");
  put_file(file, "{\"pid\": ");
  refusal(directory / "env");
  CHECK(text_of(file) == "{\"pid\": ");
}

TEST_CASE("lock: a process that got the dead holder's number does not keep it") {
  const TemporaryDirectory directory;
  leave_lock(directory / "env");
  rewrite(directory / ".env.hpcenv-lock", "pid", getpid());
  CHECK(beside(directory / "env", "test").has_value());
}

TEST_CASE("lock: a lock that was taken over is not removed by its former holder") {
  const TemporaryDirectory directory;
  {
    const auto lock = beside(directory / "env", "test");
    REQUIRE(lock.has_value());
    fs::rename(directory / ".env.hpcenv-lock", directory / "moved");
    put_file(directory / ".env.hpcenv-lock", "the next holder's");
  }
  CHECK(text_of(directory / ".env.hpcenv-lock") == "the next holder's");
}

TEST_CASE("lock: names as long as file systems allow") {
  const TemporaryDirectory directory;
  const fs::path a = directory / std::string(255, 'n');
  const fs::path b = directory / (std::string(254, 'n') + "m");
  CHECK(prefix::sibling_stem(a) != prefix::sibling_stem(b));
  CHECK(prefix::sibling_stem(a).size() + 12 <= 255);
  const auto lock = beside(a, "test");
  CHECK(lock.has_value());
  CHECK(beside(b, "test").has_value());
}

TEST_CASE("lock: of many takers of a dead holder's lock at once, one gets it") {
  const TemporaryDirectory directory;
  for (int round = 0; round < 10; ++round) {
    leave_lock(directory / "env");
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        const auto lock = beside(directory / "env", "test");
        if (!lock.has_value()) {
          if (lock.error().kind == ErrorKind::refused) _exit(1);
          fmt::print(stderr, "{}\n", lock.error().message);
          _exit(2);
        }
        // Two holders would meet in this file.
        if (!base::create_new(directory / "held", 0600).has_value()) _exit(3);
        usleep(20000);
        unlink((directory / "held").c_str());
        (*lock)->release();
        _exit(0);
      }
      children.push_back(child);
    }
    int winners = 0;
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      REQUIRE(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) <= 1);
      if (WEXITSTATUS(status) == 0) ++winners;
    }
    CHECK(winners >= 1);
    CHECK(names_in(directory.path()).empty());
  }
}

TEST_CASE("lock inside: a folder of one's own and a file, gone with the holder") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  fs::create_directory(prefix);
  chmod(prefix.c_str(), 02770);
  {
    const auto lock = inside(prefix);
    REQUIRE(lock.has_value());
    CHECK(names_in(prefix / ".hpcenv") == sorted({(*lock)->token(), "lock"}));
    CHECK((*lock)->workplace() == prefix / ".hpcenv" / (*lock)->token());
    CHECK((*lock)->still_held());
    CHECK_FALSE((*lock)->took_over());
    // Others have to see that a commit is unfinished.
    CHECK(mode_of(prefix / ".hpcenv") == 02770);
    CHECK(mode_of((*lock)->workplace()) == 02770);
    const Error error = refusal_of(inside(prefix));
    CHECK(error.message.starts_with("another process is at work on " + prefix.string() + ": test"));
  }
  CHECK(names_in(prefix).empty());
}

TEST_CASE("lock inside: what holds more than the lock stays") {
  const TemporaryDirectory prefix;
  put_file(prefix / ".hpcenv/clobbered/a-1-0/x", "");
  put_file(prefix / ".hpcenv/scripts/pending", "");
  {
    const auto lock = inside(prefix.path());
    REQUIRE(lock.has_value());
    put_file((*lock)->workplace() / "record", "unfinished");
  }
  CHECK(names_in(prefix / ".hpcenv").size() == 3);  // the lock is gone
  const auto next = inside(prefix.path());
  REQUIRE(next.has_value());
  CHECK((*next)->took_over());
  CHECK(text_of((*next)->workplace() / "record") == "unfinished");
}

TEST_CASE("lock inside: a dead writer's folder comes under our token, with its record") {
  const TemporaryDirectory prefix;
  const std::string token = leave_lock_inside(prefix.path(), "record");
  const auto lock = inside(prefix.path());
  REQUIRE(lock.has_value());
  CHECK((*lock)->took_over());
  CHECK((*lock)->token() != token);
  CHECK(names_in((*lock)->workplace()) == Names{"new", "record"});
  CHECK(names_in(prefix / ".hpcenv") == sorted({(*lock)->token(), "lock"}));
}

TEST_CASE("lock inside: without a record a dead writer's folder gets another name") {
  const TemporaryDirectory prefix;
  const std::string token = leave_lock_inside(prefix.path(), "draft");
  const auto lock = inside(prefix.path());
  REQUIRE(lock.has_value());
  CHECK_FALSE((*lock)->took_over());
  CHECK(names_in((*lock)->workplace()).empty());
  CHECK_FALSE(fs::exists(prefix / ".hpcenv" / token));
  // It may hold files of the user's that were moved: who completes the change looks at that.
  CHECK(names_in(prefix / ".hpcenv").size() == 3);
}

TEST_CASE("lock inside: a prefix that is missing or cannot be written is said so") {
  const TemporaryDirectory directory;
  const Error missing = refusal_of(inside(directory / "env"), ErrorKind::not_found);
  CHECK(missing.message == (directory / "env").string() + " is no environment");
  if (geteuid() != 0) SKIP("no right to act as another user");
  chmod(directory.path().c_str(), 0755);
  const int code = in_child([&] {
    constexpr uid_t nobody = 65534;
    if (setgid(nobody) != 0 || setuid(nobody) != 0) return 1;
    const auto lock = inside(directory.path());
    if (lock.has_value() || lock.error().kind != ErrorKind::refused) return 2;
    return lock.error().hints == Names{directory.path().string() + " belongs to root"} ? 0 : 3;
  });
  CHECK(code == 0);
}

TEST_CASE("lock: who waits gets it when the holder is done, and was told who it is") {
  const TemporaryDirectory prefix;
  auto held = inside(prefix.path());
  REQUIRE(held.has_value());
  Steps steps;
  std::thread ending([&] {
    while (steps.count() == 0) std::this_thread::yield();
    (*held)->release();
  });
  prefix::LockRequest request{.purpose = "second", .wait = std::chrono::seconds(60)};
  request.timing.poll = std::chrono::milliseconds(5);
  const auto lock = PrefixLock::acquire_inside(prefix.path(), request, steps);
  ending.join();
  REQUIRE(lock.has_value());
  REQUIRE(steps.count() == 1);
  CHECK(steps.text(0).starts_with("waiting for another process at work on " +
                                  prefix.path().string() + ": test, process " +
                                  std::to_string(getpid()) + " of user "));
}

TEST_CASE("lock: waiting ends at its deadline and obeys an interrupt") {
  const TemporaryDirectory prefix;
  const auto held = inside(prefix.path());
  REQUIRE(held.has_value());
  Steps steps;
  prefix::LockRequest request{.purpose = "second", .wait = std::chrono::seconds(1)};
  request.timing.poll = std::chrono::milliseconds(5);
  refusal_of(PrefixLock::acquire_inside(prefix.path(), request, steps));
  CHECK(steps.count() == 1);
  request.wait = std::chrono::hours(1);
  std::thread interrupting([&] {
    while (steps.count() < 2) std::this_thread::yield();
    base::set_interrupt(SIGTERM);
  });
  const auto lock = PrefixLock::acquire_inside(prefix.path(), request, steps);
  interrupting.join();
  base::set_interrupt(0);
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().kind == ErrorKind::terminated);
  CHECK(names_in(prefix / ".hpcenv") == sorted({(*held)->token(), "lock"}));
}

TEST_CASE("lock: a silent holder of another host is taken over, one that beats is not") {
  const TemporaryDirectory prefix;
  const fs::path file = prefix / ".hpcenv/lock";
  prefix::LockRequest request{.purpose = "first"};
  request.timing.beat = std::chrono::milliseconds(10);
  base::NullReporter reporter;
  const auto beating = PrefixLock::acquire_inside(prefix.path(), request, reporter);
  REQUIRE(beating.has_value());
  rewrite_in_place(file, "host", "elsewhere");
  request.purpose = "second";
  request.wait = std::chrono::seconds(2);
  request.timing.poll = std::chrono::milliseconds(100);
  request.timing.silence = std::chrono::milliseconds(1500);
  refusal_of(PrefixLock::acquire_inside(prefix.path(), request, reporter));
  CHECK((*beating)->still_held());
  // Silent, and it still believes that it holds the lock.
  prefix::LockRequest silent{.purpose = "first"};
  silent.timing.beat = std::chrono::hours(1);
  (*beating)->release();
  const auto first = PrefixLock::acquire_inside(prefix.path(), silent, reporter);
  REQUIRE(first.has_value());
  rewrite_in_place(file, "host", "elsewhere");
  put_file((*first)->workplace() / "new/0", "prepared");
  request.wait = std::chrono::seconds(60);
  const auto second = PrefixLock::acquire_inside(prefix.path(), request, reporter);
  REQUIRE(second.has_value());
  CHECK_FALSE((*first)->still_held());
  CHECK_FALSE(fs::exists((*first)->workplace()));
  CHECK((*second)->still_held());
  // Its end does not touch the second one's.
  (*first)->release();
  CHECK((*second)->still_held());
}

TEST_CASE("lock: the silence counts only while the waiter itself is awake") {
  // Both stand still, as on a machine that slept; the waiter wakes first.
  const TemporaryDirectory prefix;
  const auto silent = inside(prefix.path());
  REQUIRE(silent.has_value());
  const pid_t child = fork();
  if (child == 0) {
    base::NullReporter quiet;
    prefix::LockRequest waiting{.purpose = "second", .wait = std::chrono::seconds(1)};
    waiting.timing.poll = std::chrono::milliseconds(20);
    waiting.timing.silence = std::chrono::milliseconds(1500);
    const auto lock = PrefixLock::acquire_inside(prefix.path(), waiting, quiet);
    _exit(lock.has_value() ? 1 : 0);
  }
  usleep(100'000);
  kill(child, SIGSTOP);
  usleep(2'000'000);
  kill(child, SIGCONT);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK((*silent)->still_held());
}

TEST_CASE("lock: where no hard links are the file is made by O_EXCL") {
  const TemporaryDirectory prefix;
  const int code = in_child([&] {
    if (!refuse_hard_links()) return 1;
    if (link("/proc/self/exe", (prefix / "x").c_str()) == 0 || errno != EPERM) return 2;
    const auto lock = inside(prefix.path());
    if (!lock.has_value()) return 3;
    const auto second = inside(prefix.path());
    if (second.has_value() || second.error().kind != ErrorKind::refused) return 4;
    if (second.error().message.find(": test, process ") == std::string::npos) return 5;
    if (names_in(prefix / ".hpcenv") != sorted({(*lock)->token(), "lock"})) return 6;
    return 0;
  });
  CHECK(code == 0);
  // The child died with it.
  CHECK(inside(prefix.path()).has_value());
  CHECK(names_in(prefix.path()).empty());
}

TEST_CASE("remove: gone at once, with all that is in it") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, {unpack({"a", {{"share/x", "x"}, {"bin/y", "y"}}}, directory / "cache")})
              .has_value());
  fs::create_directory(prefix / "locked");
  put_file(prefix / "locked/file", "");
  chmod((prefix / "locked").c_str(), 0555);
  CHECK(test::remove_environment(prefix).has_value());
  CHECK(names_in(directory.path()) == Names{"cache"});
  CHECK(fs::exists(directory / "cache/a-1.0-0/share/x"));
  const auto again = test::remove_environment(prefix);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().kind == ErrorKind::not_found);
  CHECK(again.error().message == prefix.string() + " is no environment");
  CHECK(test::remove_environment(directory / "no/such/place").error().kind == ErrorKind::not_found);
}

TEST_CASE("remove: only environments, and not while somebody is at work") {
  const TemporaryDirectory directory;
  put_file(directory / "data/precious", "x");
  CHECK(test::remove_environment(directory / "data").error().kind == ErrorKind::not_found);
  CHECK(fs::exists(directory / "data/precious"));
  put_file(directory / "env/conda-meta/history", "");
  const auto lock = beside(directory / "env", "test");
  REQUIRE(lock.has_value());
  CHECK(test::remove_environment(directory / "env").error().kind == ErrorKind::refused);
  CHECK(fs::exists(directory / "env/conda-meta/history"));
}
