#include "prefix/prefix_lock.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"
#include "base/text.hpp"
#include "prefix/create.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
using prefix::PrefixLock;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

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
            auto* kept =
                new Result<std::shared_ptr<const PrefixLock>>(PrefixLock::acquire(prefix, "test"));
            return kept->has_value() ? 0 : 1;
          }) == 0);
}

Error refusal(const fs::path& prefix) {
  const auto lock = PrefixLock::acquire(prefix, "test");
  REQUIRE_FALSE(lock.has_value());
  CHECK(lock.error().kind == ErrorKind::refused);
  return lock.error();
}

void rewrite(const fs::path& file, const std::string& key, const base::Json& value) {
  base::Json holder = base::parse_json(text_of(file), "lock").value();
  holder[key] = value;
  put_file(file, base::dump_json_line(holder));
}

}  // namespace

TEST_CASE("lock: a file beside the prefix, gone with the holder") {
  const TemporaryDirectory directory;
  {
    const auto lock = PrefixLock::acquire(directory / "env", "test");
    REQUIRE(lock.has_value());
    CHECK(names_in(directory.path()) == Names{".env.hpcenv-lock"});
    CHECK_FALSE((*lock)->swept());
  }
  CHECK(names_in(directory.path()).empty());
}

TEST_CASE("lock: the second writer is refused and told who, where, since when and what to do") {
  const TemporaryDirectory directory;
  const auto lock = PrefixLock::acquire(directory / "env", "hpcenv create");
  REQUIRE(lock.has_value());
  const Error error = refusal(directory / "env");
  const std::string prefix = (directory / "env").string();
  CHECK(error.message.starts_with("another process is at work on " + prefix +
                                  ": hpcenv create, process " + std::to_string(getpid()) +
                                  " of user " + std::to_string(getuid()) + " on "));
  CHECK(error.message.ends_with(" UTC"));
  CHECK(error.hints == Names{"wait for it; if it is gone for certain, remove " +
                             (directory / ".env.hpcenv-lock").string()});
  // Other prefixes beside it are not concerned.
  CHECK(PrefixLock::acquire(directory / "env2", "test").has_value());
}

TEST_CASE("lock: a dead holder's is taken over and what it left is swept, nothing else") {
  const TemporaryDirectory directory;
  leave_lock(directory / "env");
  const auto left = base::make_private_directory(directory.path(), ".env.hpcenv-").value();
  put_file(left / "half/made", "");
  const auto others = base::make_private_directory(directory.path(), ".env2.hpcenv-").value();
  put_file(directory / ".env.hpcenv-notes", "the user's");
  {
    const auto lock = PrefixLock::acquire(directory / "env", "test");
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
  CHECK(names_in(directory.path()) == Names{".env.hpcenv-lock"});
}

TEST_CASE("lock: a process that got the dead holder's number does not keep it") {
  const TemporaryDirectory directory;
  leave_lock(directory / "env");
  rewrite(directory / ".env.hpcenv-lock", "pid", getpid());
  CHECK(PrefixLock::acquire(directory / "env", "test").has_value());
}

TEST_CASE("lock: a lock that was taken over is not removed by its former holder") {
  const TemporaryDirectory directory;
  {
    const auto lock = PrefixLock::acquire(directory / "env", "test");
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
  const auto lock = PrefixLock::acquire(a, "test");
  CHECK(lock.has_value());
  CHECK(PrefixLock::acquire(b, "test").has_value());
}

TEST_CASE("lock: of many takers of a dead holder's lock at once, one gets it") {
  const TemporaryDirectory directory;
  for (int round = 0; round < 10; ++round) {
    leave_lock(directory / "env");
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        const auto lock = PrefixLock::acquire(directory / "env", "test");
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

TEST_CASE("remove: gone at once, with all that is in it") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, {unpack({"a", {{"share/x", "x"}, {"bin/y", "y"}}}, directory / "cache")})
              .has_value());
  fs::create_directory(prefix / "locked");
  put_file(prefix / "locked/file", "");
  chmod((prefix / "locked").c_str(), 0555);
  CHECK(prefix::remove_environment(prefix).has_value());
  CHECK(names_in(directory.path()) == Names{"cache"});
  CHECK(fs::exists(directory / "cache/a-1.0-0/share/x"));
  const auto again = prefix::remove_environment(prefix);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().kind == ErrorKind::not_found);
  CHECK(again.error().message == prefix.string() + " is no environment");
  CHECK(prefix::remove_environment(directory / "no/such/place").error().kind ==
        ErrorKind::not_found);
}

TEST_CASE("remove: only environments, and not while somebody is at work") {
  const TemporaryDirectory directory;
  put_file(directory / "data/precious", "x");
  CHECK(prefix::remove_environment(directory / "data").error().kind == ErrorKind::not_found);
  CHECK(fs::exists(directory / "data/precious"));
  put_file(directory / "env/conda-meta/history", "");
  const auto lock = PrefixLock::acquire(directory / "env", "test");
  REQUIRE(lock.has_value());
  CHECK(prefix::remove_environment(directory / "env").error().kind == ErrorKind::refused);
  CHECK(fs::exists(directory / "env/conda-meta/history"));
}
