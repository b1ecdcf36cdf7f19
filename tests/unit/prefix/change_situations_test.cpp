// What an environment and its place may be like when it changes.
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <functional>
#include <iostream>

#include "base/interrupt.hpp"
#include "prefix/change.hpp"
#include "prefix/change_steps.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"
#include "prefix/trash.hpp"
#include "unit/prefix/change_case.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

struct Case {
  TemporaryDirectory directory;
  fs::path prefix = directory / "env";

  conda::UnpackedPackage made(const TreePackage& package) const {
    return unpack(package, directory / "cache");
  }
  void start(const Packages& packages) const {
    REQUIRE(message_of(create(prefix, packages)) == no_failure);
  }
  Result<prefix::ChangeReport> change(const Packages& packages) const {
    return change_to(prefix, packages);
  }
  /// The one folder in .hpcenv/kept.
  fs::path kept() const {
    const Names dates = names_in(prefix / ".hpcenv/kept");
    REQUIRE(dates.size() == 1);
    return prefix / ".hpcenv/kept" / dates.front();
  }
};

Names paths_of(const fs::path& prefix, const std::string& package) {
  Names paths;
  const prefix::PrefixState state = prefix::read_state(prefix).value();
  for (const conda::PrefixRecord& installed : state.packages) {
    if (installed.record.name != package) continue;
    for (const conda::InstalledPath& path : installed.paths) paths.push_back(path.path);
  }
  return paths;
}

/// What `act` says (empty: nothing went wrong), done by a user without rights.
std::string as_nobody(const std::function<std::string()>& act) {
  int ends[2] = {-1, -1};
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool dropped = setgroups(0, nullptr) == 0 && setgid(65534) == 0 && setuid(65534) == 0;
    const std::string said = dropped ? act() : "cannot become another user";
    [[maybe_unused]] const ssize_t written = write(ends[1], said.data(), said.size());
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  return said;
}

void give_to_nobody(const fs::path& root) {
  REQUIRE(chmod(root.parent_path().c_str(), 0755) == 0);
  REQUIRE(lchown(root.c_str(), 65534, 65534) == 0);
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    REQUIRE(lchown(entry.path().c_str(), 65534, 65534) == 0);
  }
}

}  // namespace

TEST_CASE("change: the loser of a path gets it back when the winner leaves") {
  const Case c;
  const auto loser = c.made({"loser", {{"share/clash", "of the loser"}, {"share/loser", "x"}}});
  const auto winner = c.made({"winner", {{"share/clash", "of the winner"}}});
  c.start({loser});
  auto changed = c.change({loser, winner});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(changed->messages ==
        Names{"loser-1.0-0 and winner-1.0-0 both bring 'share/clash': the file of winner-1.0-0 is "
              "used, the other lies in .hpcenv/clobbered/loser-1.0-0"});
  CHECK(changed->kept.empty());
  CHECK(text_of(c.prefix / "share/clash") == "of the winner");
  CHECK(paths_of(c.prefix, "loser") ==
        Names{".hpcenv/clobbered/loser-1.0-0/share/clash", "share/loser"});
  CHECK(disagreeing_paths(c.prefix).empty());

  // Its next version loses again: who has a path does not flip with each update.
  const auto next = c.made({"loser", {{"share/clash", "of the next"}}, "2.0"});
  REQUIRE(message_of(c.change({next, winner})) == no_failure);
  CHECK(text_of(c.prefix / "share/clash") == "of the winner");
  CHECK(own_names(c.prefix) == Names{"clobbered"});
  CHECK(names_in(c.prefix / ".hpcenv/clobbered") == Names{"loser-2.0-0"});

  REQUIRE(message_of(c.change({next})) == no_failure);
  CHECK(text_of(c.prefix / "share/clash") == "of the next");
  CHECK(paths_of(c.prefix, "loser") == Names{"share/clash"});
  CHECK(own_names(c.prefix).empty());
  CHECK(disagreeing_paths(c.prefix).empty());
}

TEST_CASE("change: a directory with the user's files makes way for a file") {
  const Case c;
  const auto before = c.made({"a", {{"share/x/in/it", "1"}}, "1.0"});
  const auto after = c.made({"a", {{"share/x", "a file"}}, "2.0"});
  c.start({before});
  put_file(c.prefix / "share/x/mine/notes", "mine");
  const auto changed = c.change({after});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(changed->kept == Names{"share/x/mine/notes"});
  CHECK(text_of(c.prefix / "share/x") == "a file");
  CHECK(text_of(c.kept() / "share/x/mine/notes") == "mine");
  CHECK_FALSE(fs::exists(c.kept() / "share/x/in"));
}

TEST_CASE("change: what a package that stays needs is not taken from it") {
  const Case c;
  const auto stays = c.made({"stays", {{"share/x/in/it", "1"}, {"share/y", "a file"}}});
  c.start({stays});
  const auto before = snapshot(c.prefix);
  auto changed = c.change({stays, c.made({"a", {{"share/x", "a file"}}})});
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().kind == ErrorKind::refused);
  CHECK(changed.error().message ==
        "stays-1.0-0 has 'share/x/in/it' in a directory where a new package brings a file "
        "('share/x')");
  changed = c.change({stays, c.made({"b", {{"share/y/in/it", "2"}}})});
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().message ==
        "stays-1.0-0 has 'share/y' as a file, but a new package needs a directory");
  CHECK(snapshot(c.prefix) == before);
}

TEST_CASE("change: files that the user changed are kept when their package leaves") {
  const Case c;
  const auto a = c.made({"a",
                         {{"etc/edited", "as built"},
                          {"etc/same-size", "as built"},
                          {"etc/touched", "as built"},
                          {"etc/link", "", "", 0, "edited"},
                          {"etc/plain", "as built"}}});
  c.start({a});
  for (const char* name : {"etc/edited", "etc/same-size", "etc/touched", "etc/link"}) {
    fs::remove(c.prefix / name);
  }
  put_file(c.prefix / "etc/edited", "much longer now");
  put_file(c.prefix / "etc/same-size", "AS BUILT");
  // Another file with the same bytes: not a change.
  put_file(c.prefix / "etc/touched", "as built");
  fs::create_symlink("elsewhere", c.prefix / "etc/link");
  const auto changed = c.change({});
  REQUIRE(message_of(changed) == no_failure);
  CHECK(changed->kept == Names{"etc/edited", "etc/link", "etc/same-size"});
  CHECK(text_of(c.kept() / "etc/same-size") == "AS BUILT");
  CHECK(fs::read_symlink(c.kept() / "etc/link") == "elsewhere");
  CHECK_FALSE(fs::exists(c.prefix / "etc"));
}

TEST_CASE("change: bytecode that python wrote goes with its module, other files stay") {
  const Case c;
  const auto python = c.made(python_package());
  TreePackage module{"module", {{"site-packages/m/a.py", "x = 1\n"}}};
  module.noarch = conda::Noarch::python;
  c.start({python, c.made(module)});
  const fs::path folder = c.prefix / ("lib/python" + python_minor()) / "site-packages/m";
  put_file(folder / "__pycache__/a.cpython-311.pyc", "written by python");
  put_file(folder / "__pycache__/mine.cpython-311.pyc", "of a module of the user's");
  REQUIRE(message_of(c.change({python})) == no_failure);
  CHECK(names_in(folder) == Names{"__pycache__"});
  CHECK(names_in(folder / "__pycache__") == Names{"mine.cpython-311.pyc"});
}

TEST_CASE("change: links that lead out of the environment are not followed") {
  const Case c;
  const auto a = c.made({"a", {{"share/a/x", "1"}}});
  c.start({a});
  fs::create_directories(c.directory / "home/a");
  put_file(c.directory / "home/a/x", "of somebody else");
  fs::remove_all(c.prefix / "share/a");
  fs::create_symlink(c.directory / "home/a", c.prefix / "share/a");
  const auto before = snapshot(c.prefix);
  const auto changed = c.change({});
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().kind == ErrorKind::refused);
  CHECK(changed.error().message ==
        (c.prefix / "share/a").string() + " leads out of the environment, to " +
            (c.directory / "home/a").string() + ": nothing is changed there");
  CHECK(text_of(c.directory / "home/a/x") == "of somebody else");
  CHECK(snapshot(c.prefix) == before);
}

TEST_CASE("change: a symlinked prefix is the environment that it leads to") {
  const Case c;
  const auto a = c.made({"a", {{"share/a", placeholder(), "text"}}});
  const auto b = c.made({"b", {{"share/b", placeholder(), "text"}}});
  c.start({a});
  fs::create_directory_symlink(c.prefix, c.directory / "link");
  REQUIRE(message_of(change_to(c.directory / "link", {a, b})) == no_failure);
  CHECK(text_of(c.prefix / "share/b") == c.prefix.string());
  CHECK(own_names(c.prefix).empty());
}

TEST_CASE("change: a mount inside the environment is refused before anything changes") {
  const Case c;
  const auto a = c.made({"a", {{"share/a/x", "1"}}});
  const auto b = c.made({"b", {{"share/a/y", "2"}}});
  c.start({a});
  const fs::path place = c.prefix / "share/a";
  if (mount("tmpfs", place.c_str(), "tmpfs", 0, "size=1m") != 0)
    SKIP("no right to mount a file system");
  const auto before = snapshot(c.prefix);
  const auto changed = c.change({a, b});
  const auto after = snapshot(c.prefix);
  umount2(place.c_str(), MNT_DETACH);
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().kind == ErrorKind::refused);
  CHECK(changed.error().message == place.string() +
                                       " is on another file system or under another project quota "
                                       "than the environment: nothing can be renamed into it");
  CHECK(after == before);
}

TEST_CASE("change: directories without write permission are named before anything changes") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  const Case c;
  const auto a = c.made({"a", {{"share/a/x", "1"}}});
  const auto b = c.made({"b", {{"share/b", "2"}, {"share/a/y", "2"}}});
  c.start({a});
  give_to_nobody(c.prefix);
  REQUIRE(chmod((c.prefix / "share/a").c_str(), 0555) == 0);
  const auto before = snapshot(c.prefix);
  const std::string said = as_nobody([&] {
    const auto changed = change_to(c.prefix, {a, b});
    return changed.has_value() ? std::string("changed") : changed.error().message;
  });
  CHECK(said == (c.prefix / "share/a").string() + " cannot be changed: Permission denied");
  CHECK(snapshot(c.prefix) == before);
}

TEST_CASE("change: an unwritable parent is no hindrance, nor is a 0555 directory in the way") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  const Case c;
  const auto a = c.made({"a", {{"share/a", "1"}}});
  put_file(c.prefix / "share/a/mine", "mine");
  give_to_nobody(c.prefix);
  REQUIRE(chmod((c.prefix / "share/a").c_str(), 0555) == 0);
  const std::string said = as_nobody([&] { return message_of(change_to(c.prefix, {a})); });
  CHECK(said == no_failure);
  CHECK(text_of(c.prefix / "share/a") == "1");
  CHECK(text_of(c.kept() / "share/a/mine") == "mine");
}

TEST_CASE("change: what another tool did while a commit lay unfinished stops it, by name") {
  const Case c;
  const auto a = c.made({"a", {{"share/a", "1"}}});
  const auto b = c.made({"b", {{"share/b", "2"}}});
  c.start({a});
  const ChangePlan change = plan_change(c.prefix, {a, b});
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  auto prepared = prefix::prepare(change.plan, change.packages, plain_options(), *runner, reporter);
  REQUIRE(message_of(prepared) == no_failure);
  auto ready = std::get<std::shared_ptr<prefix::PreparedChange>>(*prepared);
  // A writer that was killed right after its record: the folder as it lay then.
  const auto folders = prefix::writers_folders(c.prefix).value();
  REQUIRE(folders.size() == 1);
  const fs::path own = c.prefix / ".hpcenv";
  fs::copy(own / folders.front(), c.directory / "saved",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const auto record = prefix::record_of(*ready);
  prefix::discard(*ready);
  fs::create_directories(own);
  fs::rename(c.directory / "saved", own / "dead");
  // The copy has other times than the record says.
  REQUIRE(message_of(prefix::write_record(record, {c.prefix, "dead"})) == no_failure);
  const std::string foreign =
      R"({"name": "other", "version": "1", "build": "0", "build_number": 0})";
  put_file(c.prefix / "conda-meta/other-1-0.json", foreign);
  CHECK(prefix::is_unfinished(c.prefix));
  const auto before = snapshot(c.prefix);
  auto changed = c.change({a, b});
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().kind == ErrorKind::refused);
  CHECK(changed.error().message.starts_with((c.prefix / "conda-meta/other-1-0.json").string() +
                                            " is neither as it was before"));
  CHECK(text_of(c.prefix / "conda-meta/other-1-0.json") == foreign);
  CHECK_FALSE(fs::exists(c.prefix / "share/b"));
  fs::remove(c.prefix / "conda-meta/other-1-0.json");
  REQUIRE(message_of(c.change({a, b})) == no_failure);
  CHECK(text_of(c.prefix / "share/b") == "2");
  CHECK(own_names(c.prefix).empty());
}

TEST_CASE("change: a writer whose folder was taken over stops at its next step") {
  const Case c;
  const auto a = c.made({"a", {{"share/a", "1"}}});
  const auto b = c.made({"b", {{"share/b", "2"}, {"share/a", "clobber"}}});
  c.start({a});
  const ChangePlan change = plan_change(c.prefix, {a, b});
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  auto prepared = prefix::prepare(change.plan, change.packages, plain_options(), *runner, reporter);
  REQUIRE(message_of(prepared) == no_failure);
  auto ready = std::get<std::shared_ptr<prefix::PreparedChange>>(*prepared);
  const auto folders = prefix::writers_folders(c.prefix).value();
  const auto record = prefix::record_of(*ready);
  REQUIRE(prefix::write_record(record, {c.prefix, folders.front()}).has_value());
  fs::rename(c.prefix / ".hpcenv" / folders.front(), c.prefix / ".hpcenv/other");
  const auto before = snapshot(c.prefix);
  const auto carried =
      prefix::carry_out(record, {c.prefix, folders.front()}, prefix::StepOptions(), reporter);
  REQUIRE_FALSE(carried.has_value());
  CHECK(carried.error().kind == ErrorKind::refused);
  CHECK(carried.error().message == "another process took over the change of " + c.prefix.string() +
                                       " while this one stood still; this one stops");
  CHECK(snapshot(c.prefix) == before);
}

TEST_CASE("change: a post-link script that fails leaves the packages and is tried again") {
  const Case c;
  const auto a = c.made({"a", {{"share/a", "1"}}});
  const auto scripted = c.made(
      {"s", {{"bin/.s-post-link.sh", "echo trying; test -e \"$PREFIX/may-work\" || exit 7\n"}}});
  c.start({a});
  auto changed = c.change({a, scripted});
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().kind == ErrorKind::refused);
  CHECK(changed.error().message == "the post-link script of s-1.0-0 left with code 7");
  CHECK(changed.error().context == Names{"its output: trying"});
  CHECK(fs::exists(c.prefix / "conda-meta/s-1.0-0.json"));
  CHECK(prefix::require_usable(c.prefix).has_value());
  CHECK(prefix::failed_scripts(c.prefix) == Names{"s-1.0-0"});
  put_file(c.prefix / "may-work", "");
  REQUIRE(message_of(c.change({a, scripted})) == no_failure);
  CHECK(prefix::failed_scripts(c.prefix).empty());
  CHECK(own_names(c.prefix).empty());
}

TEST_CASE(
    "change: a python minor update links noarch packages anew, with bytecode of the new one") {
  const Case c;
  TreePackage old_python = python_package();
  old_python.version = "3.7.1";
  for (TreeFile& file : old_python.files) {
    if (file.path.starts_with("bin/python3")) file.path = "bin/python3.7";
    if (!file.target.empty()) file.target = "python3.7";
  }
  TreePackage module{"module", {{"site-packages/m/a.py", "x = 1\n"}}};
  module.noarch = conda::Noarch::python;
  module.entry_points = {"tool = m.a:main"};
  const auto noarch = c.made(module);
  prefix::LinkOptions options = plain_options();
  options.bytecode = prefix::LinkOptions::Bytecode::compile;
  REQUIRE(message_of(create(c.prefix, {c.made(old_python), noarch}, options)) == no_failure);
  const auto changed = change_to(c.prefix, {c.made(python_package()), noarch}, options);
  REQUIRE(message_of(changed) == no_failure);
  CHECK(changed->messages.empty());
  CHECK(names_in(c.prefix / "lib") == Names{"python" + python_minor()});
  const fs::path folder = c.prefix / ("lib/python" + python_minor()) / "site-packages/m";
  CHECK(names_in(folder) == Names{"__pycache__", "a.py"});
  CHECK(names_in(folder / "__pycache__").size() == 1);
  CHECK(text_of(c.prefix / "bin/tool").find("/bin/python" + python_minor()) != std::string::npos);
  CHECK(disagreeing_paths(c.prefix).empty());
}

TEST_CASE("change: the same package again, file by file the same inodes") {
  const Case c;
  const auto a = c.made({"a", {{"share/a", "1"}, {"share/b", placeholder(), "text"}}});
  c.start({a});
  ChangePlan change = plan_change(c.prefix, {a});
  change.plan.unlink = {a.record};
  change.plan.link = {a.record};
  change.packages = {a};
  REQUIRE(message_of(carry_out_plan(change)) == no_failure);
  CHECK(names_in(c.prefix / "share") == Names{"a", "b"});
  CHECK(own_names(c.prefix).empty());
  CHECK(disagreeing_paths(c.prefix).empty());
}

TEST_CASE("change: trash that waits for a day is no leftover, and goes after it") {
  const Case c;
  c.start({c.made({"a", {{"share/a", "1"}}})});
  const prefix::Workplace work{c.prefix, "old"};
  put_file(work.trash() / "1", "mapped by another node");
  put_file(work.fresh() / "x", "");
  put_file(work.kept() / "2026-01-01-000000/etc/x", "mine");
  struct stat status{};
  REQUIRE(stat(work.trash().c_str(), &status) == 0);
  prefix::TrashRule rule{prefix::TrashRule::Emptied::after_a_day, status.st_mtim.tv_sec + 60};
  REQUIRE(message_of(prefix::remove_workplace(work, rule)) == no_failure);
  CHECK(names_in(work.folder()) == Names{"trash"});
  CHECK(prefix::is_waiting_trash(work, rule));
  CHECK(text_of(c.prefix / ".hpcenv/kept/2026-01-01-000000/etc/x") == "mine");
  rule.now += 86'400;
  CHECK_FALSE(prefix::is_waiting_trash(work, rule));
  REQUIRE(message_of(prefix::remove_workplace(work, rule)) == no_failure);
  CHECK(own_names(c.prefix) == Names{"kept"});
}

TEST_CASE("remove: an environment that cannot be renamed is emptied, conda-meta first") {
  const Case c;
  const auto a = c.made({"a", {{"share/a", "1"}, {"lib/deep/er/and/deeper/x", "2"}}});
  fs::create_directories(c.prefix);
  if (mount("tmpfs", c.prefix.c_str(), "tmpfs", 0, "size=4m") != 0)
    SKIP("no right to mount a file system");
  base::NullReporter reporter;
  std::string made = message_of(change_to(c.prefix, {a}));
  put_file(c.prefix / ".hpcenv/kept/x/mine", "mine");
  const auto removed =
      prefix::remove_environment(c.prefix, {.purpose = "hpcenv env remove"}, reporter);
  const Names left = names_in(c.prefix);
  umount2(c.prefix.c_str(), MNT_DETACH);
  CHECK(made == no_failure);
  CHECK(message_of(removed) == no_failure);
  CHECK(left.empty());
}

TEST_CASE("remove: an interrupt stops it after the environment is gone; the next one ends it") {
  const Case c;
  fs::create_directory(c.directory / "place");
  const fs::path prefix = c.directory / "place/env";
  TreePackage many{"many"};
  for (int i = 0; i < 300; ++i) many.files.push_back({"share/" + std::to_string(i) + "/x", "x"});
  REQUIRE(message_of(create(prefix, {c.made(many)})) == no_failure);
  class Interrupting final : public base::Reporter {
   public:
    void step(std::string_view) override {}
    void progress(std::uint64_t done, std::uint64_t total, base::Unit) override {
      most_ = total;
      if (done == 10) base::set_interrupt(SIGINT);
    }
    void warning(std::string_view) override {}
    void detail(std::string_view) override {}
    std::uint64_t most_ = 0;
  };
  Interrupting reporter;
  const prefix::LockRequest request{.purpose = "hpcenv env remove"};
  const auto stopped = prefix::remove_environment(prefix, request, reporter);
  base::set_interrupt(0);
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().kind == ErrorKind::interrupted);
  CHECK(reporter.most_ > 300);
  CHECK_FALSE(fs::exists(prefix));
  CHECK_FALSE(names_in(c.directory / "place").empty());
  CHECK(message_of(prefix::remove_environment(prefix, request, reporter)) == no_failure);
  CHECK(names_in(c.directory / "place").empty());
}

TEST_CASE("budget: files of another owner are copies where links to them are protected") {
  if (geteuid() != 0) SKIP("no right to act as another user");
  if (text_of("/proc/sys/fs/protected_hardlinks").starts_with('0'))
    SKIP("no right to act as another user");
  const Case c;
  const auto package = c.made({"a", {{"share/a", std::string(8192, 'x')}}});
  const fs::path prefix = c.directory / "not/yet/there";
  REQUIRE(chmod(c.directory.path().c_str(), 0755) == 0);
  const auto as_root = prefix::exact_budget({package}, prefix).value();
  const std::string said = as_nobody([&] {
    return std::to_string(prefix::exact_budget({package}, prefix).value().bytes - as_root.bytes);
  });
  CHECK(said == "8192");
}
