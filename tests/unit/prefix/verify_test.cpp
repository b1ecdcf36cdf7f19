#include "prefix/verify.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <functional>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
using prefix::Damage;
using prefix::VerifyDepth;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

prefix::VerifyReport verify(const fs::path& prefix, VerifyDepth depth = VerifyDepth::hashes) {
  base::NullReporter reporter;
  return prefix::verify(prefix::read_state(prefix).value(), depth, 2, reporter).value();
}

/// An environment with everything that a record can hold.
class Fixture {
 public:
  Fixture() {
    TreePackage module{"module"};
    module.noarch = conda::Noarch::python;
    module.files = {{"site-packages/module/__init__.py", "def main():\n    pass\n"}};
    module.entry_points = {"tool = module:main"};
    prefix::LinkOptions options = plain_options();
    options.bytecode = prefix::LinkOptions::Bytecode::compile;
    const auto made = create(
        prefix,
        {unpack(python_package(), directory_ / "cache"), unpack(module, directory_ / "cache"),
         unpack({"a",
                 {{"share/plain", "plain"},
                  {"share/empty/", ""},
                  {"bin/script", "#!" + placeholder() + "/bin/sh\n", "text", 0755},
                  {"lib/a.so", "\1" + placeholder() + "/x" + std::string(1, '\0'), "binary"},
                  {"lib/a.so.1", "", "", 0, "a.so"}}},
                directory_ / "cache")},
        options);
    REQUIRE(made.has_value());
  }

  fs::path cache() const { return directory_ / "cache"; }

 private:
  TemporaryDirectory directory_;

 public:
  fs::path prefix = directory_ / "env";
};

/// Hard links share their bytes with the cache: written anew, not in place.
void rewrite(const fs::path& path, std::string_view text) {
  fs::remove(path);
  put_file(path, text);
}

/// The one thing that is wrong.
Damage only_damage(const prefix::VerifyReport& report) {
  REQUIRE(report.damage.size() == 1);
  return report.damage.front();
}

void edit_record(const fs::path& file, const std::function<void(base::Json&)>& edit) {
  base::Json record = base::parse_json(text_of(file), "record").value();
  edit(record);
  rewrite(file, base::dump_json(record));
}

}  // namespace

TEST_CASE("verify: a fresh environment is whole, and nothing is written") {
  const Fixture fixture;
  const auto before = snapshot(fixture.prefix);
  const auto report = verify(fixture.prefix);
  CHECK(report.damage.empty());
  CHECK(report.notes.empty());
  CHECK(report.files >= 9);
  CHECK(verify(fixture.prefix, VerifyDepth::sizes).damage.empty());
  CHECK(snapshot(fixture.prefix) == before);
}

TEST_CASE("verify: a file that is missing") {
  const Fixture fixture;
  fs::remove(fixture.prefix / "share/plain");
  const Damage damage = only_damage(verify(fixture.prefix, VerifyDepth::sizes));
  CHECK(damage.kind == Damage::Kind::missing);
  CHECK(damage.package == "a-1.0-0");
  CHECK(damage.path == "share/plain");
  CHECK(damage.detail == "it is not there");
}

TEST_CASE("verify: changed contents are found by hashes, changed lengths by sizes too") {
  const Fixture fixture;
  rewrite(fixture.prefix / "share/plain", "plaiN");
  CHECK(verify(fixture.prefix, VerifyDepth::sizes).damage.empty());
  const Damage damage = only_damage(verify(fixture.prefix));
  CHECK(damage.kind == Damage::Kind::changed);
  CHECK(damage.detail == "its contents are not what was installed");
  rewrite(fixture.prefix / "share/plain", "longer");
  CHECK(only_damage(verify(fixture.prefix, VerifyDepth::sizes)).detail == "it has 6 bytes, not 5");
}

TEST_CASE("verify: a patched file is compared with what was written, not with the package") {
  const Fixture fixture;
  rewrite(fixture.prefix / "bin/script", "#!/bin/sh\n");
  CHECK(only_damage(verify(fixture.prefix)).path == "bin/script");
  rewrite(fixture.prefix / "bin/script", "#!" + fixture.prefix.string() + "/bin/sh\n");
  CHECK(verify(fixture.prefix).damage.empty());
  std::string library = text_of(fixture.prefix / "lib/a.so");
  library[0] = '\2';
  rewrite(fixture.prefix / "lib/a.so", library);
  CHECK(only_damage(verify(fixture.prefix)).path == "lib/a.so");
}

TEST_CASE("verify: another type than was installed") {
  const Fixture fixture;
  fs::remove(fixture.prefix / "share/plain");
  fs::create_directory(fixture.prefix / "share/plain");
  CHECK(only_damage(verify(fixture.prefix)).detail == "it is a directory, not a file");
  fs::remove(fixture.prefix / "share/plain");
  fs::create_symlink("/etc/passwd", fixture.prefix / "share/plain");
  CHECK(only_damage(verify(fixture.prefix)).kind == Damage::Kind::wrong_type);
  fs::remove(fixture.prefix / "share/plain");
  mkfifo((fixture.prefix / "share/plain").c_str(), 0600);
  CHECK(only_damage(verify(fixture.prefix)).detail == "it is a special file, not a file");
  rewrite(fixture.prefix / "share/plain", "plain");
  fs::remove(fixture.prefix / "share/empty");
  put_file(fixture.prefix / "share/empty", "");
  CHECK(only_damage(verify(fixture.prefix)).detail == "it is a file, not a directory");
}

TEST_CASE("verify: where a link leads, as far as the unpacked package tells") {
  const Fixture fixture;
  fs::remove(fixture.prefix / "lib/a.so.1");
  fs::create_symlink("b.so", fixture.prefix / "lib/a.so.1");
  const Damage damage = only_damage(verify(fixture.prefix));
  CHECK(damage.kind == Damage::Kind::changed);
  CHECK(damage.detail == "it leads to 'b.so', not to 'a.so'");
  fs::remove_all(fixture.cache());
  const auto report = verify(fixture.prefix);
  CHECK(report.damage.empty());
  const std::string unknown =
      ": links whose targets cannot be checked, because the unpacked package is not there: ";
  CHECK(report.notes ==
        Names{"a-1.0-0" + unknown + "lib/a.so.1", "python-3.11.2-0" + unknown + "bin/python"});
  rewrite(fixture.prefix / "lib/a.so.1", "");
  CHECK(only_damage(verify(fixture.prefix)).detail == "it is a file, not a symbolic link");
}

TEST_CASE("verify: a file that cannot be read") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  const Fixture fixture;
  chmod(fixture.prefix.parent_path().c_str(), 0755);
  chmod(fixture.prefix.c_str(), 0755);
  rewrite(fixture.prefix / "share/plain", "plain");
  chmod((fixture.prefix / "share/plain").c_str(), 0600);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(1);
    const auto report = verify(fixture.prefix);
    const auto found = std::ranges::find(report.damage, "share/plain", &Damage::path);
    if (found == report.damage.end()) _exit(2);
    _exit(found->kind == Damage::Kind::unreadable ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("verify: bytecode is python's to renew, and is said to be missing") {
  const Fixture fixture;
  const fs::path folder =
      fixture.prefix / ("lib/python" + python_minor() + "/site-packages/module/__pycache__");
  const Names names = names_in(folder);
  REQUIRE(names.size() == 1);
  rewrite(folder / names.front(), "compiled anew");
  CHECK(verify(fixture.prefix).damage.empty());
  fs::remove(folder / names.front());
  const auto report = verify(fixture.prefix);
  CHECK(report.damage.empty());
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes.front().starts_with(
      "module-1.0-0: bytecode that is missing; python compiles it again: lib/python"));
}

TEST_CASE("verify: of two packages with one path one has it, and neither is damaged") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, {unpack({"a", {{"share/both", "from a"}}}, directory / "cache"),
                          unpack({"b", {{"share/both", "from b"}}}, directory / "cache")})
              .has_value());
  CHECK(verify(prefix).damage.empty());
  // As conda and mamba leave it: both records name the one path.
  edit_record(prefix / "conda-meta/a-1.0-0.json", [](base::Json& record) {
    record["files"] = {"share/both"};
    record["paths_data"]["paths"][0]["_path"] = "share/both";
  });
  auto report = verify(prefix);
  CHECK(report.damage.empty());
  CHECK(report.notes == Names{"b-1.0-0 has 'share/both', which a-1.0-0 brings too"});
  rewrite(prefix / "share/both", "from c");
  CHECK(verify(prefix).damage.size() == 2);
}

TEST_CASE("verify: records of others, with little or nothing to compare") {
  const Fixture fixture;
  const fs::path file = fixture.prefix / "conda-meta/a-1.0-0.json";
  // py-rattler gives digests of the package where nothing was patched.
  edit_record(file, [](base::Json& record) {
    for (base::Json& path : record["paths_data"]["paths"]) path.erase("sha256_in_prefix");
  });
  auto report = verify(fixture.prefix);
  CHECK(report.damage.empty());
  CHECK(report.notes == Names{"a-1.0-0: no checksum in the record, so only that it is there was "
                              "checked: bin/script, lib/a.so"});
  rewrite(fixture.prefix / "share/plain", "plaiN");
  CHECK(only_damage(verify(fixture.prefix)).path == "share/plain");
  // Old conda wrote nothing but names.
  edit_record(file, [](base::Json& record) { record.erase("paths_data"); });
  report = verify(fixture.prefix);
  CHECK(report.notes == Names{"a-1.0-0: no checksum in the record, so only that it is there was "
                              "checked: bin/script, lib/a.so, lib/a.so.1 and 1 more"});
  fs::remove(fixture.prefix / "share/plain");
  CHECK(only_damage(verify(fixture.prefix)).kind == Damage::Kind::missing);
}

TEST_CASE("verify: a record that names a path outside is damage, and nothing outside is read") {
  const Fixture fixture;
  edit_record(fixture.prefix / "conda-meta/a-1.0-0.json",
              [](base::Json& record) { record["paths_data"]["paths"][0]["_path"] = "../cache"; });
  const Damage damage = only_damage(verify(fixture.prefix));
  CHECK(damage.path == "../cache");
  CHECK(damage.detail == "it leads out of the prefix");
}

TEST_CASE("verify: an unfinished change is noted, an interrupt obeyed") {
  const Fixture fixture;
  put_file(fixture.prefix / ".hpcenv/change-abcdefghijkl/record", "");
  CHECK(verify(fixture.prefix).notes == Names{"a change is unfinished: hpcenv install -p " +
                                              fixture.prefix.string() + " completes it"});
  base::NullReporter reporter;
  const auto state = prefix::read_state(fixture.prefix).value();
  base::set_interrupt(SIGINT);
  const auto interrupted = prefix::verify(state, VerifyDepth::hashes, 2, reporter);
  base::set_interrupt(0);
  REQUIRE_FALSE(interrupted.has_value());
  CHECK(interrupted.error().kind == ErrorKind::interrupted);
}
