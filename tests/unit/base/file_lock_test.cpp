#include "base/file_lock.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::base;
using std::chrono::milliseconds;

TEST_CASE("a lock excludes others until it is dropped, and waiting ends") {
  const test::TemporaryDirectory directory;
  {
    const Result<FileLock> held = FileLock::acquire(directory / "lock", milliseconds(0));
    REQUIRE(held.has_value());
    const auto start = std::chrono::steady_clock::now();
    const Result<FileLock> second = FileLock::acquire(directory / "lock", milliseconds(120));
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().kind == ErrorKind::refused);
    CHECK(second.error().message.find("is locked by another process") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - start >= milliseconds(120));
  }
  CHECK(FileLock::acquire(directory / "lock", milliseconds(0)).has_value());
  CHECK(FileLock::acquire(directory / "none/lock", milliseconds(0)).error().kind == ErrorKind::io);
}
