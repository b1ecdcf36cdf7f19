// The parts of the loader's order that need no program; the whole is tested against the loader
// itself: tests/host/loader_order_test.py.
#include <catch2/catch_test_macros.hpp>

#include "base/fs.hpp"
#include "host/elf.hpp"
#include "host/loader.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using Paths = std::vector<std::string>;

TEST_CASE("run paths and LD_LIBRARY_PATH as directories", "[loader]") {
  CHECK(host::run_path_directories("$ORIGIN/../lib:${ORIGIN}:/opt/x:relative:", "/p/bin/prog") ==
        Paths{"/p/bin/../lib", "/p/bin", "/opt/x"});
  CHECK(host::run_path_directories("", "/p/bin/prog").empty());
  CHECK(host::library_path_directories("/a:/b;/c::relative") == Paths{"/a", "/b", "/c"});
  CHECK(host::with_hardware_directories("/a", 3) ==
        Paths{"/a/glibc-hwcaps/x86-64-v3", "/a/glibc-hwcaps/x86-64-v2", "/a"});
  CHECK(host::with_hardware_directories("/a", 1) == Paths{"/a"});
}

TEST_CASE("what the loader reads of a real program: versions and interpreter", "[loader]") {
  const tests::TemporaryDirectory directory;
  const base::fs::path source = directory.path() / "main.c";
  const base::fs::path program = directory.path() / "program";
  REQUIRE(base::write_file(source, "#include <stdio.h>\nint main(void) { puts(\"\"); }\n"));
  tests::run_gcc({"-o", program.native(), source.native()});
  const auto mapped = host::MappedFile::open(program);
  REQUIRE(mapped);
  const auto facts = host::read_elf_dynamic(mapped->bytes());
  REQUIRE(facts);
  CHECK(facts->has_interpreter);
  REQUIRE_FALSE(facts->version_needs.empty());
  CHECK(facts->version_needs[0].library == "libc.so.6");
  CHECK(facts->version_needs[0].version.starts_with("GLIBC_2."));
  CHECK(facts->sections.empty());
  // Whatever is cut off, nothing is read behind the end.
  for (std::size_t size = 0; size < mapped->bytes().size(); size += 97) {
    static_cast<void>(host::read_elf_dynamic(mapped->bytes().first(size)));
  }
}

TEST_CASE("files that are no objects, and none at all", "[loader]") {
  const tests::TemporaryDirectory directory;
  REQUIRE(base::write_file(directory.path() / "text", "no library"));
  REQUIRE(base::write_file(directory.path() / "empty", ""));
  const auto reader = host::make_linux_reader({});
  host::LoaderFiles files(*reader, "/nowhere");
  REQUIRE(files.file((directory.path() / "text").native()) != nullptr);
  CHECK(files.file((directory.path() / "text").native())->kind ==
        host::LoaderFile::Kind::no_object);
  CHECK(files.file((directory.path() / "empty").native())->kind ==
        host::LoaderFile::Kind::no_object);
  CHECK(files.file((directory.path() / "missing").native()) == nullptr);
  CHECK(files.names(directory.path().native() + "/") == std::set<std::string>{"empty", "text"});
  host::LoaderQuestion question;
  question.program = (directory.path() / "text").native();
  CHECK(host::loaded_objects(files, question).empty());
}

}  // namespace
