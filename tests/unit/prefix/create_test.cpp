#include "prefix/create.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "prefix/layout.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"
#include "unit/prefix/kill_sweep.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/no_hard_links.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

ino_t inode(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

mode_t permissions(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

base::ProcessResult run(std::vector<std::string> argv) {
  base::ProcessRequest request;
  request.argv = std::move(argv);
  request.environment.set("PATH", "/usr/bin:/bin");
  return base::make_process_runner()->run(request).value();
}

Error error_of(const Result<prefix::Prepared>& created) {
  REQUIRE_FALSE(created.has_value());
  return created.error();
}

using Names = std::vector<std::string>;

TreePackage click() {
  TreePackage package{"click"};
  package.noarch = conda::Noarch::python;
  package.files = {{"site-packages/click/__init__.py", "def main():\n    print(__file__)\n"},
                   {"site-packages/click/broken.py", "this is no python\n"},
                   {"python-scripts/click-old", "#!/bin/sh\n", "", 0755}};
  package.entry_points = {"click = click:main"};
  return package;
}

}  // namespace

TEST_CASE("create: files are linked, patched ones and no_link ones are copied, links stay links") {
  const TemporaryDirectory directory;
  const auto package = unpack(
      {"a",
       {{"share/plain", "plain"},
        {"share/own", "own", "", 0640, "", true},
        {"bin/tool", "#!/bin/sh\necho " + placeholder() + "\n", "text", 0755},
        {"lib/liba.so", "\1" + placeholder() + "/lib" + std::string(1, '\0') + "x", "binary"},
        {"lib/liba.so.1", "", "", 0, "liba.so"},
        {"lib/dangling", "", "", 0, "/nowhere/at/all"},
        {"share/empty/", ""}}},
      directory / "cache");
  const fs::path prefix = directory / "env";
  const auto created = create(prefix, {package});
  REQUIRE(created.has_value());
  CHECK(created->files == 6);
  CHECK(created->messages.empty());
  CHECK(inode(prefix / "share/plain") == inode(package.directory / "share/plain"));
  CHECK(inode(prefix / "share/own") != inode(package.directory / "share/own"));
  CHECK(permissions(prefix / "share/own") == 0640);
  CHECK(text_of(prefix / "bin/tool") == "#!/bin/sh\necho " + prefix.string() + "\n");
  CHECK(permissions(prefix / "bin/tool") == 0755);
  const std::string library = text_of(prefix / "lib/liba.so");
  CHECK(library.size() == 255 + 7);
  CHECK(library.substr(0, 1 + prefix.string().size() + 4) == "\1" + prefix.string() + "/lib");
  CHECK(fs::read_symlink(prefix / "lib/liba.so.1") == "liba.so");
  CHECK(fs::read_symlink(prefix / "lib/dangling") == "/nowhere/at/all");
  CHECK(fs::is_directory(prefix / "share/empty"));
  CHECK(names_in(directory.path()) == Names{"cache", "env"});
  CHECK(disagreeing_paths(prefix).empty());
}

TEST_CASE("create: a list that the cache has checked gives what the package's own gives") {
  const TemporaryDirectory directory;
  auto package = unpack({"a",
                         {{"share/plain", "plain"},
                          {"bin/tool", "#!/bin/sh\necho " + placeholder() + "\n", "text", 0755},
                          {"lib/liba.so.1", "", "", 0, "liba.so"},
                          {"share/own", "own", "", 0640, "", true},
                          {"share/empty/", ""}}},
                        directory / "cache");
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, {package}).has_value());
  const auto by_its_own = snapshot(prefix);
  REQUIRE(remove_environment(prefix).has_value());
  package.paths = prefix::listed_paths(package).value();
  SECTION("and its own is not read any more") {
    fs::remove(package.directory / "info/paths.json");
    REQUIRE(create(prefix, {package}).has_value());
    CHECK(snapshot(prefix) == by_its_own);
    CHECK(inode(prefix / "share/plain") == inode(package.directory / "share/plain"));
  }
  SECTION("a file that has gone since is missed") {
    fs::remove(package.directory / "share/plain");
    const Error error = error_of(create(prefix, {package}));
    CHECK(error.message.find("share/plain") != std::string::npos);
    CHECK(names_in(directory.path()) == Names{"cache"});
  }
}

TEST_CASE("create: the records say what was linked, how, and for whom") {
  const TemporaryDirectory directory;
  auto package =
      unpack({"a", {{"share/x", "x"}, {"etc/y", placeholder(), "text"}}}, directory / "cache");
  package.record.channel = "https://user:word@example.org/t/TOKEN/forge";
  package.record.url = package.record.channel + "/linux-64/a-1.0-0.conda";
  package.record.depends = {"b >=1"};
  const fs::path prefix = directory / "env";
  prefix::Plan plan = plan_for(prefix, {package});
  plan.requested_specs = {"a >=1", "other", "a*"};
  plan.command_line = "hpcenv create -c https://user:word@example.org/t/TOKEN/forge a";
  plan.variables = {{"ONE", "1"}, {"GONE", std::nullopt}};
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  const auto prepared = prefix::prepare_create(plan, {package}, plain_options(), *runner, reporter);
  REQUIRE(prepared.has_value());
  CHECK_FALSE(fs::exists(prefix));
  REQUIRE(prefix::commit_create(*prepared, *runner).has_value());

  const auto state = prefix::read_state(prefix).value();
  REQUIRE(state.packages.size() == 1);
  const conda::PrefixRecord& record = state.packages[0];
  CHECK(record.link_type == conda::LinkType::hardlink);
  CHECK(record.extracted_package_dir == package.directory.string());
  CHECK(record.package_tarball_full_path == package.archive.string());
  CHECK(record.requested_specs == Names{"a >=1"});
  CHECK(record.record.depends == Names{"b >=1"});
  REQUIRE(record.paths.size() == 2);
  CHECK(record.paths[0].path == "share/x");
  CHECK(record.paths[0].sha256_in_prefix == record.paths[0].sha256);
  CHECK(record.paths[1].file_mode == "text");
  CHECK(record.paths[1].placeholder == placeholder());
  CHECK(record.paths[1].sha256_in_prefix != record.paths[1].sha256);

  const auto variables = prefix::state_variables(prefix).value();
  REQUIRE(variables.size() == 2);
  CHECK(variables[0].value == "1");
  CHECK_FALSE(variables[1].value.has_value());

  const std::string history = text_of(prefix / "conda-meta/history");
  CHECK(history.find("==> 2023-11-14 22:13:20 <==\n") == 0);
  CHECK(history.find("+https://example.org/forge/linux-64::a-1.0-0\n") != std::string::npos);
  CHECK(history.find("# update specs: ['a >=1', 'other', 'a*']\n") != std::string::npos);
  for (const std::string& text : {history, text_of(prefix / "conda-meta/a-1.0-0.json")}) {
    CHECK(text.find("word") == std::string::npos);
    CHECK(text.find("TOKEN") == std::string::npos);
  }
}

TEST_CASE("create: noarch python is moved, its entry point runs, its bytecode names final paths") {
  const TemporaryDirectory directory;
  const std::string site = "lib/python" + python_minor() + "/site-packages/";
  const fs::path prefix = directory / "env";
  auto options = plain_options();
  options.bytecode = prefix::LinkOptions::Bytecode::compile;
  options.jobs = 2;
  const auto created = create(
      prefix, {unpack(python_package(), directory / "cache"), unpack(click(), directory / "cache")},
      options);
  REQUIRE(created.has_value());
  CHECK(created->messages.empty());
  CHECK(fs::exists(prefix / site / "click/__init__.py"));
  CHECK(permissions(prefix / "bin/click-old") == 0755);
  // The module is found by PYTHONPATH: this python belongs to the machine.
  base::ProcessRequest request;
  request.argv = {(prefix / "bin/click").string()};
  request.environment.set("PYTHONPATH", (prefix / site).string());
  request.environment.set("PYTHONDONTWRITEBYTECODE", "1");
  const auto result = base::make_process_runner()->run(request).value();
  CHECK(result.errors.empty());
  CHECK(result.output == (prefix / site / "click/__init__.py").string() + "\n");

  const Names compiled = names_in(prefix / site / "click/__pycache__");
  REQUIRE(compiled.size() == 1);  // broken.py gave none, and that is no failure
  CHECK(compiled[0].starts_with("__init__.cpython-"));
  const std::string bytecode = text_of(prefix / site / "click/__pycache__" / compiled[0]);
  CHECK(bytecode.find((prefix / site / "click/__init__.py").string()) != std::string::npos);
  CHECK(bytecode.find(".env.hpcenv-") == std::string::npos);

  const auto state = prefix::read_state(prefix).value();
  Names types;
  for (const conda::InstalledPath& path : state.packages[0].paths) types.push_back(path.path_type);
  CHECK(types == Names{"hardlink", "hardlink", "hardlink", "unix_python_entry_point", "pyc_file"});
  CHECK(state.packages[0].paths.back().path == site + "click/__pycache__/" + compiled[0]);
  CHECK(disagreeing_paths(prefix).empty());
}

TEST_CASE("create: bytecode that python writes is still fresh after the rename") {
  const TemporaryDirectory directory;
  auto options = plain_options();
  options.bytecode = prefix::LinkOptions::Bytecode::compile;
  const fs::path prefix = directory / "env";
  REQUIRE(
      create(prefix,
             {unpack(python_package(), directory / "cache"), unpack(click(), directory / "cache")},
             options)
          .has_value());
  const fs::path site = prefix / ("lib/python" + python_minor() + "/site-packages");
  const auto result =
      run({"/usr/bin/python3", "-v", "-c",
           "import sys; sys.path.insert(0, '" + site.string() + "'); import click"});
  CHECK(result.errors.find("code object from '" + site.string() + "/click/__init__.py'") ==
        std::string::npos);
  CHECK(result.errors.find(site.string() + "/click/__pycache__/__init__.cpython-") !=
        std::string::npos);
  CHECK(result.errors.find("wrote '") == std::string::npos);
}

TEST_CASE("create: bytecode that a package brings for a patched module is made anew") {
  const TemporaryDirectory directory;
  const fs::path cache = directory / "cache";
  const std::string stale =
      "lib/data/__pycache__/data.cpython-" + base::replace_all(python_minor(), ".", "") + ".pyc";
  const auto library = unpack({"library",
                               {{"lib/data/data.py", "where = '" + placeholder() + "'\n", "text"},
                                {stale, "of the build"},
                                {"lib/data/other.py", "x = 1\n"}}},
                              cache);
  auto options = plain_options();
  options.bytecode = prefix::LinkOptions::Bytecode::compile;
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, {unpack(python_package(), cache), library}, options).has_value());
  CHECK(text_of(prefix / stale).find(prefix.string()) != std::string::npos);
  CHECK(text_of(library.directory / stale) == "of the build");
  CHECK(names_in(prefix / "lib/data/__pycache__").size() == 1);
  CHECK(disagreeing_paths(prefix).empty());
}

TEST_CASE("create: a python that does not run is told of and no failure") {
  const TemporaryDirectory directory;
  TreePackage python = python_package();
  python.files[0].text = "#!/bin/sh\necho 'wrong machine' >&2; exit 1\n";
  auto options = plain_options();
  options.bytecode = prefix::LinkOptions::Bytecode::compile;
  const auto created =
      create(directory / "env",
             {unpack(python, directory / "cache"), unpack(click(), directory / "cache")}, options);
  REQUIRE(created.has_value());
  CHECK(created->messages ==
        Names{"Python files were not compiled ahead of their first use: wrong machine"});
}

TEST_CASE("create: of two packages with one path the last has it, the loser is named and kept") {
  const TemporaryDirectory directory;
  const fs::path cache = directory / "cache";
  const fs::path prefix = directory / "env";
  const auto created =
      create(prefix, {unpack({"a", {{"share/x", "from a"}, {"share/same", "same"}}}, cache),
                      unpack({"b", {{"share/x", "from b"}, {"share/same", "same"}}}, cache),
                      unpack({"c", {{"share/x", "from c"}}}, cache)});
  REQUIRE(created.has_value());
  CHECK(text_of(prefix / "share/x") == "from c");
  CHECK(text_of(prefix / ".hpcenv/clobbered/a-1.0-0/share/x") == "from a");
  CHECK(text_of(prefix / ".hpcenv/clobbered/b-1.0-0/share/x") == "from b");
  // Equal bytes are nothing to tell of.
  CHECK(created->messages ==
        Names{"a-1.0-0 and c-1.0-0 both bring 'share/x': the file of c-1.0-0 is used, the other "
              "lies in .hpcenv/clobbered/a-1.0-0",
              "b-1.0-0 and c-1.0-0 both bring 'share/x': the file of c-1.0-0 is used, the other "
              "lies in .hpcenv/clobbered/b-1.0-0"});
  CHECK(disagreeing_paths(prefix).empty());
}

TEST_CASE("create: a path that is a file here and a directory there is refused, nothing is left") {
  const TemporaryDirectory directory;
  const fs::path cache = directory / "cache";
  const auto file = unpack({"a", {{"share/x", "file"}}}, cache);
  const auto folder = unpack({"b", {{"share/x/y", "below"}}}, cache);
  const Error error = error_of(create(directory / "env", {file, folder}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message ==
        "a-1.0-0 has 'share/x' as a file or link, but b-1.0-0 needs it as a directory for "
        "'share/x/y'");
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("create: nothing is written through a link that a package brings") {
  const TemporaryDirectory directory;
  const fs::path cache = directory / "cache";
  fs::create_directory(directory / "victim");
  const auto link = unpack({"a", {{"share/x", "", "", 0, (directory / "victim").string()}}}, cache);
  const auto through = unpack({"b", {{"share/x/y", "through"}}}, cache);
  CHECK(error_of(create(directory / "env", {link, through})).kind == ErrorKind::refused);
  CHECK(error_of(create(directory / "env", {through, link})).kind == ErrorKind::refused);
  CHECK(names_in(directory / "victim").empty());
  CHECK(names_in(directory.path()) == Names{"cache", "victim"});
}

TEST_CASE("create: nothing is read through a link in the unpacked package") {
  const TemporaryDirectory directory;
  put_file(directory / "secret/key", "key");
  const auto package = unpack({"a", {{"share/key", "key"}}}, directory / "cache");
  fs::remove_all(package.directory / "share");
  fs::create_symlink(directory / "secret", package.directory / "share");
  const Error error = error_of(create(directory / "env", {package}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message == "a-1.0-0: " + (package.directory / "share").string() +
                             " is no directory, but the package lists files in it");
}

TEST_CASE("create: paths that leave the prefix or are not for packages are refused") {
  const TemporaryDirectory directory;
  for (const std::string path : {"../outside", "/etc/outside", "share/../../outside"}) {
    auto package = unpack({"a", {{"share/x", "x"}}}, directory / "cache");
    put_file(package.directory / "info/paths.json",
             R"({"paths": [{"_path": ")" + path + R"("}], "paths_version": 1})");
    const Error error = error_of(create(directory / "env", {package}));
    CHECK(error.kind == ErrorKind::refused);
    CHECK(error.message ==
          "a-1.0-0: info/paths.json: the path '" + path + "' leads out of the prefix");
  }
  for (const std::string path : {".hpcenv/x", "conda-meta/history", "conda-meta/b-1-0.json"}) {
    const auto package = unpack({"b", {{path, "x"}}}, directory / "cache2");
    const Error error = error_of(create(directory / "env", {package}));
    CHECK(error.kind == ErrorKind::refused);
    CHECK(error.message == "b-1.0-0: the path '" + path + "' is not for packages to write");
    fs::remove_all(directory / "cache2");
  }
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("create: a noarch path cannot climb out of site-packages' prefix") {
  const TemporaryDirectory directory;
  TreePackage python = python_package();
  auto unpacked = unpack(python, directory / "cache");
  unpacked.record.python_site_packages_path = "../../site";
  const Error error = error_of(create(directory / "env", {unpacked}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message.find("leads out of the prefix") != std::string::npos);
}

TEST_CASE("create: noarch python without python is refused") {
  const TemporaryDirectory directory;
  const Error error = error_of(create(directory / "env", {unpack(click(), directory / "cache")}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message ==
        "click-1.0-0 is a noarch python package, but python is not among the packages");
}

TEST_CASE("create: a placeholder shorter than the prefix is refused before anything is linked") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / std::string(200, 'e');
  auto package = unpack({"a", {{"share/x", "x"}}}, directory / "cache");
  put_file(package.directory / "lib/x.so", "/short/placeholder");
  put_file(package.directory / "info/paths.json",
           R"({"paths": [{"_path": "lib/x.so", "file_mode": "binary",
               "prefix_placeholder": "/short/placeholder"}], "paths_version": 1})");
  const Error error = error_of(create(prefix, {package}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message == "a-1.0-0: 'lib/x.so' has room for a prefix of 18 bytes, but " +
                             prefix.string() + " has " + std::to_string(prefix.string().size()));
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("create: packages from before paths.json, with the old placeholder") {
  const TemporaryDirectory directory;
  auto package =
      unpack({"old", {{"share/x", "x"}, {"bin/tool", "", "", 0755}}}, directory / "cache");
  const std::string old_placeholder = "/opt/anaconda1anaconda2anaconda3";
  put_file(package.directory / "bin/tool", "#!" + old_placeholder + "/bin/sh\n");
  fs::remove(package.directory / "info/paths.json");
  put_file(package.directory / "info/files", "share/x\nbin/tool\n");
  put_file(package.directory / "info/has_prefix", "bin/tool\n");
  put_file(package.directory / "info/no_link", "share/x\n");
  const fs::path prefix = directory / "env";
  REQUIRE(create(prefix, {package}).has_value());
  CHECK(text_of(prefix / "bin/tool") == "#!" + prefix.string() + "/bin/sh\n");
  CHECK(inode(prefix / "share/x") != inode(package.directory / "share/x"));
  CHECK(disagreeing_paths(prefix).empty());
  fs::remove(package.directory / "info/files");
  const Error error = error_of(create(directory / "env2", {package}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message ==
        "old-1.0-0 has neither info/paths.json nor info/files in " + package.directory.string());
}

TEST_CASE("create: an unpacked package that lacks a file is refused, naming it") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a", {{"share/x", "x"}}}, directory / "cache");
  fs::remove(package.directory / "share/x");
  const Error error = error_of(create(directory / "deep/er/env", {package}));
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message ==
        "the unpacked package " + package.directory.string() + " lacks 'share/x', which it lists");
  CHECK(error.context == Names{"linking a-1.0-0"});
  CHECK(error.hints == Names{"remove " + package.directory.string() + " and try again"});
  // Directories above the prefix that were made for it are gone as well.
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("create: a file changed in the cache is told of, and its record says what it is") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a", {{"share/x", "as built"}}}, directory / "cache");
  put_file(package.directory / "share/x", "edited by hand");
  const fs::path prefix = directory / "env";
  const auto created = create(prefix, {package});
  REQUIRE(created.has_value());
  CHECK(created->messages ==
        Names{(package.directory / "share/x").string() +
              " has 14 bytes, but its package lists 8: it was changed in the cache"});
  CHECK(disagreeing_paths(prefix).empty());
}

TEST_CASE("create: the place has to be free") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a", {{"share/x", "x"}}}, directory / "cache");
  fs::create_directory(directory / "empty");
  CHECK(create(directory / "empty", {package}).has_value());
  const Error again = error_of(create(directory / "empty", {package}));
  CHECK(again.kind == ErrorKind::refused);
  CHECK(again.message == (directory / "empty").string() + " is an environment already");
  CHECK(again.hints ==
        Names{"hpcenv env remove -p " + (directory / "empty").string() + " removes it"});
  put_file(directory / "full/data", "");
  CHECK(error_of(create(directory / "full", {package})).message ==
        (directory / "full").string() + " is not empty and no environment (it holds 'data')");
  put_file(directory / "file", "");
  CHECK(error_of(create(directory / "file", {package})).message ==
        (directory / "file").string() + " is there already and is no directory");
  CHECK(error_of(create(directory / "file/env", {package})).message.find("file") !=
        std::string::npos);
  CHECK(names_in(directory.path()) == Names{"cache", "empty", "file", "full"});
}

TEST_CASE("create: what is put to the place meanwhile is not overwritten") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a", {{"share/x", "x"}}}, directory / "cache");
  const fs::path prefix = directory / "env";
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  const auto prepared = prefix::prepare_create(plan_for(prefix, {package}), {package},
                                               plain_options(), *runner, reporter);
  REQUIRE(prepared.has_value());
  put_file(prefix / "mine", "mine");
  const auto committed = prefix::commit_create(*prepared, *runner);
  REQUIRE_FALSE(committed.has_value());
  CHECK(committed.error().kind == ErrorKind::refused);
  CHECK(committed.error().message ==
        "cannot put the environment at " + prefix.string() + ": something was put there meanwhile");
  prefix::discard(*prepared);
  CHECK(names_in(directory.path()) == Names{"cache", "env"});
  CHECK(names_in(prefix) == Names{"mine"});
}

TEST_CASE("create: check_new_prefix refuses paths that packages cannot live with") {
  const TemporaryDirectory directory;
  const auto refusal = [&](const fs::path& path) {
    const auto checked = prefix::check_new_prefix(path);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().kind == ErrorKind::refused);
    CHECK_FALSE(checked.error().message.empty());
    return checked.error().message;
  };
  CHECK(prefix::check_new_prefix(directory / "new").has_value());
  CHECK(prefix::check_new_prefix(directory / "a/b/with blank").has_value());
  const std::string base = directory.path().string() + "/";
  CHECK(prefix::check_new_prefix(base + std::string(255 - base.size(), 'x')).has_value());
  const std::string longer =
      base + std::string(100, 'x') + "/" + std::string(155 - base.size(), 'y');
  CHECK(refusal(longer) ==
        "the path of the environment has 256 bytes, but packages have room for 255: " + longer);
  CHECK(refusal(directory / "a:b").find("has the character :,") != std::string::npos);
  CHECK(refusal(directory / "a\nb").find("has a control character,") != std::string::npos);
  CHECK(refusal(directory / "a$b").find("has the character $,") != std::string::npos);
  CHECK(refusal("") == "the path of the environment is empty");
}

TEST_CASE("create: a symbolic link to the place is followed, its target's path is written in") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "real");
  fs::create_directory_symlink(directory / "real", directory / "link");
  const auto package = unpack({"a", {{"etc/x", placeholder(), "text"}}}, directory / "cache");
  const auto created = create(directory / "link/env", {package});
  REQUIRE(created.has_value());
  CHECK(created->prefix == directory / "real/env");
  CHECK(text_of(directory / "real/env/etc/x") == (directory / "real/env").string());
}

TEST_CASE("create: an interrupt stops it and leaves nothing") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a", {{"share/x", "x"}}}, directory / "cache");
  base::set_interrupt(SIGINT);
  const auto created = create(directory / "env", {package});
  base::set_interrupt(0);
  CHECK(error_of(created).kind == ErrorKind::interrupted);
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("create: the umask is honoured") {
  const TemporaryDirectory directory;
  const auto package =
      unpack({"a", {{"bin/x", placeholder(), "text", 0775}, {"share/y", "y", "", 0664, "", true}}},
             directory / "cache");
  const mode_t before = umask(027);
  const auto created = create(directory / "env", {package});
  umask(before);
  REQUIRE(created.has_value());
  CHECK(permissions(directory / "env") == 0750);
  CHECK(permissions(directory / "env/bin") == 0750);
  CHECK(permissions(directory / "env/bin/x") == 0750);
  CHECK(permissions(directory / "env/share/y") == 0640);
  CHECK(permissions(directory / "env/conda-meta/a-1.0-0.json") == 0640);
}

TEST_CASE("create: copies keep the time of modification, for which bytecode was made") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a", {{"share/y", "y", "", 0644, "", true}}}, directory / "cache");
  const auto time = fs::file_time_type::clock::now() - std::chrono::hours(1000);
  fs::last_write_time(package.directory / "share/y", time);
  REQUIRE(create(directory / "env", {package}).has_value());
  CHECK(fs::last_write_time(directory / "env/share/y") == time);
}

TEST_CASE("create: the same comes of any number of threads") {
  const TemporaryDirectory directory;
  std::vector<conda::UnpackedPackage> packages;
  for (const char* name : {"a", "b", "c", "d"}) {
    TreePackage package{name};
    for (int i = 0; i < 120; ++i) {
      const std::string file = std::to_string(i);
      package.files.push_back({std::string("share/") + name + "/deep/" + file, file});
      package.files.push_back({std::string("etc/") + name + file, name + placeholder(),
                               i % 2 == 0 ? "text" : "binary"});
    }
    package.files.push_back({"share/clash", name});
    packages.push_back(unpack(package, directory / "cache"));
  }
  auto options = plain_options();
  REQUIRE(create(directory / "env", packages, options).has_value());
  const auto alone = snapshot(directory / "env");
  REQUIRE(test::remove_environment(directory / "env").has_value());
  options.jobs = 8;
  REQUIRE(create(directory / "env", packages, options).has_value());
  CHECK(snapshot(directory / "env") == alone);
  CHECK(disagreeing_paths(directory / "env").empty());
}

TEST_CASE("create: the budget counts copies and links") {
  const TemporaryDirectory directory;
  const auto package = unpack({"a",
                               {{"share/x", std::string(10000, 'x')},
                                {"etc/y", placeholder(), "text"},
                                {"lib/z", "", "", 0, "../share/x"}}},
                              directory / "cache");
  const auto everything = prefix::exact_budget({package}).value();
  // Three directories, two files, a link, a record.
  CHECK(everything.inodes == 7);
  CHECK(everything.bytes >= 3 * 4096 + 12288 + 4096);
  const auto linked = prefix::exact_budget({package}, directory / "not/yet/there").value();
  CHECK(linked.inodes == 6);
  CHECK(everything.bytes - linked.bytes == 12288);
  auto broken = package;
  broken.directory = directory / "nowhere";
  CHECK(prefix::exact_budget({broken}).error().kind == ErrorKind::refused);
}

TEST_CASE("budget: links are tried where the environment will lie, and nothing is left of it") {
  const TemporaryDirectory directory;
  const auto package =
      unpack({"a", {{"share/x", std::string(10000, 'x')}, {"share/y", "y"}}}, directory / "cache");
  const fs::path old = directory / "old";
  REQUIRE(create(old, {package}).has_value());
  const auto before = snapshot(directory.path());
  for (const fs::path& prefix : {old, directory / "new"}) {
    const auto budget = [&](prefix::Links links) {
      return prefix::exact_budget({package}, prefix, links).value();
    };
    const prefix::Budget assumed = budget(prefix::Links::assumed);
    CHECK(budget(prefix::Links::tried).bytes == assumed.bytes);
    const Ending refused = in_child(
        [&] {
          if (!refuse_hard_links()) return false;
          const prefix::Budget tried = budget(prefix::Links::tried);
          return tried.bytes == assumed.bytes + std::uint64_t{4} * 4096 &&
                 tried.inodes == assumed.inodes + 2;
        },
        0);
    CHECK(refused.code == 0);
  }
  CHECK(snapshot(directory.path()) == before);
}
