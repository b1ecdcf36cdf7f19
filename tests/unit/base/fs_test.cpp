#include "base/fs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>

#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::base;
using test::TemporaryDirectory;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("a descriptor is closed with its owner, once") {
  int number = -1;
  {
    Fd first = open_read("/dev/null").value();
    number = first.get();
    CHECK((fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    Fd second = std::move(first);
    CHECK(second.get() == number);
  }
  CHECK(fcntl(number, F_GETFD) == -1);
  CHECK(errno == EBADF);
}

TEST_CASE("a missing file is not_found, a directory is io") {
  const TemporaryDirectory directory;
  const Error missing = read_file(directory / "none").error();
  CHECK(missing.kind == ErrorKind::not_found);
  CHECK(missing.message.find("none: No such file or directory") != std::string::npos);
  CHECK(read_file(directory.path()).error().kind == ErrorKind::io);
  CHECK(read_file("/proc/self/status").value().starts_with("Name:"));
}

TEST_CASE("a new file is never an old one, nor behind a link") {
  const TemporaryDirectory directory;
  CHECK(create_new(directory / "new", 0600).has_value());
  CHECK(create_new(directory / "new", 0600).error().kind == ErrorKind::io);
  fs::create_symlink(directory / "elsewhere", directory / "link");
  CHECK_FALSE(create_new(directory / "link", 0600).has_value());
  CHECK_FALSE(path_exists(directory / "elsewhere"));
}

TEST_CASE("a written file appears at once and leaves nothing beside it") {
  const TemporaryDirectory directory;
  for (const Durable durable : {Durable::no, Durable::yes}) {
    const std::string text(300'000, durable == Durable::yes ? 'y' : 'n');
    REQUIRE(write_file(directory / "file", text, 0640, durable).has_value());
    CHECK(read_file(directory / "file").value() == text);
    CHECK(mode_of(directory / "file") == 0640);
  }
  fs::create_directory(directory / "directory");
  CHECK_FALSE(write_file(directory / "directory", "x").has_value());
  CHECK(list_directory(directory.path()).value() == std::vector<std::string>{"directory", "file"});
  CHECK(write_file(directory / "none/file", "x").error().message.find("none/") !=
        std::string::npos);
}

TEST_CASE("directories are made with those above them") {
  const TemporaryDirectory directory;
  CHECK(make_directories(directory / "a/b/c/").has_value());
  CHECK(make_directories(directory / "a/b/c").has_value());
  CHECK(fs::is_directory(directory / "a/b/c"));
  test::put_file(directory / "file", "");
  const Error error = make_directories(directory / "file/x").error();
  CHECK(error.message.find("Not a directory") != std::string::npos);
}

TEST_CASE("a tree is removed with its unreadable parts, links are not followed") {
  const TemporaryDirectory directory;
  test::put_file(directory / "kept/file", "x");
  test::put_file(directory / "tree/a/b/file", "x");
  test::put_file(directory / "tree/.hidden", "x");
  fs::create_directory_symlink(directory / "kept", directory / "tree/link");
  REQUIRE(chmod((directory / "tree/a/b").c_str(), 0) == 0);
  REQUIRE(chmod((directory / "tree/a").c_str(), 0555) == 0);
  CHECK(remove_tree(directory / "tree").has_value());
  CHECK_FALSE(path_exists(directory / "tree"));
  CHECK(test::text_of(directory / "kept/file") == "x");
  CHECK(remove_tree(directory / "tree").has_value());
  fs::create_directory_symlink(directory / "kept", directory / "link");
  CHECK(remove_tree(directory / "link").has_value());
  CHECK(path_exists(directory / "kept/file"));
  CHECK(remove_tree(directory / "kept/file").has_value());
  CHECK_FALSE(path_exists(directory / "kept/file"));
}

TEST_CASE("names come sorted bytewise") {
  const TemporaryDirectory directory;
  for (const char* name : {"b", "B", "\xc3\xa4", "a", ".x"}) test::put_file(directory / name, "");
  CHECK(list_directory(directory.path()).value() ==
        std::vector<std::string>{".x", "B", "a", "b", "\xc3\xa4"});
  CHECK(list_directory(directory / "none").error().kind == ErrorKind::not_found);
}

TEST_CASE("a dangling link is there") {
  const TemporaryDirectory directory;
  fs::create_symlink("nowhere", directory / "link");
  CHECK(path_exists(directory / "link"));
  CHECK_FALSE(path_exists(directory / "nowhere"));
}

TEST_CASE("private directories are private and each its own") {
  const TemporaryDirectory directory;
  const fs::path first = make_private_directory(directory.path(), "x-").value();
  const fs::path second = make_private_directory(directory.path(), "x-").value();
  CHECK(first != second);
  CHECK(first.filename().native().starts_with("x-"));
  CHECK(mode_of(first) == 0700);
  CHECK_FALSE(make_private_directory(directory / "none", "x-").has_value());
}

TEST_CASE("a path is resolved as far as it exists") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "real");
  fs::create_directory_symlink(directory / "real", directory / "link");
  CHECK(resolve_path(directory / "link/new/../other").value() == directory / "real/other");
  CHECK(resolve_path(directory / "link/").value() == directory / "real");
  CHECK(resolve_path("/").value() == "/");
  fs::create_symlink("loop", directory / "loop");
  CHECK_FALSE(resolve_path(directory / "loop/x").has_value());
}

TEST_CASE("a rename that cannot be says both names") {
  const TemporaryDirectory directory;
  const Error error = rename_path(directory / "a", directory / "b").error();
  CHECK(error.message.find("/a to ") != std::string::npos);
  CHECK(error.kind == ErrorKind::io);
}

TEST_CASE("facts of a file system, also of one whose directory does not exist yet") {
  const FileSystemFacts facts = file_system_facts("/proc/self/none/none").value();
  CHECK(facts.type == "0x9fa0");
  const TemporaryDirectory directory;
  const FileSystemFacts here = file_system_facts(directory / "not/yet").value();
  CHECK(here.total_bytes >= here.free_bytes);
  CHECK(here.total_bytes > 0);
  CHECK_FALSE(here.read_only);
  CHECK_FALSE(here.type.empty());
}
