#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/clock.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "host/reader.hpp"
#include "ops/activate.hpp"
#include "ops/known_scripts.hpp"
#include "unit/support/temporary_directory.hpp"
#include "unit/support/warnings.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using test::put_file;
using test::TemporaryDirectory;
using test::Warnings;

// An environment, a root and a home, with the real seams.
struct Ground {
  TemporaryDirectory folder;
  fs::path prefix = folder / "env";
  Locations locations;
  Warnings reporter;
  base::SystemClock clock;
  std::unique_ptr<base::ProcessRunner> runner = base::make_process_runner();

  Ground() {
    put_file(prefix / "conda-meta/history", "==> 2026-01-01 00:00:00 <==\n");
    fs::create_directories(prefix / "etc/conda/activate.d");
    locations.root = folder / "root";
    fs::create_directories(folder / "tmp");
  }
  void script(const std::string& name, const std::string& text) const {
    put_file(prefix / "etc/conda/activate.d" / name, text);
  }
  base::Environment variables() const {
    base::Environment environment;
    environment.set("PATH", "/usr/bin:/bin");
    environment.set("HOME", folder / "home");
    environment.set("TMPDIR", folder / "tmp");
    return environment;
  }
  KnownActivation known(ForNode node = ForNode::this_one) {
    const auto reader = host::make_linux_reader(variables());
    auto result =
        known_activation({prefix, "e"}, node, locations, {*reader, *runner, reporter, clock});
    REQUIRE(result);
    CHECK(fs::is_empty(folder / "tmp"));
    return *std::move(result);
  }
  fs::path record() const { return record_in_prefix(prefix); }
};

// Root may write everywhere: as long as this lives, its process is somebody who owns `folder`.
class OtherThanRoot {
 public:
  explicit OtherThanRoot(const fs::path& folder) : root_(geteuid() == 0) {
    constexpr uid_t nobody = 64321;
    if (!root_) return;
    REQUIRE(chown(folder.c_str(), nobody, nobody) == 0);
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      REQUIRE(lchown(entry.path().c_str(), nobody, nobody) == 0);
    }
    REQUIRE(setresuid(nobody, nobody, 0) == 0);
  }
  OtherThanRoot(const OtherThanRoot&) = delete;
  OtherThanRoot& operator=(const OtherThanRoot&) = delete;
  ~OtherThanRoot() {
    if (root_) CHECK(setresuid(0, 0, 0) == 0);
  }

 private:
  bool root_;
};

// From now on landlock_create_ruleset answers ENOSYS, in this process and its children.
void forbid_landlock() {
  constexpr unsigned create_ruleset = 444;
  std::array<sock_filter, 4> filter{
      sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, create_ruleset},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog program{filter.size(), filter.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(2);
}

ScriptVerdict verdict_of(const KnownActivation& known, const std::string& name) {
  REQUIRE(known.record);
  for (const ScriptVerdict& verdict : known.record->scripts) {
    if (verdict.path.ends_with("/" + name)) return verdict;
  }
  FAIL("no verdict on " << name);
  return {};
}

shell::RuleClass class_of(const KnownActivation& known, const std::string& variable) {
  for (const shell::Rule& rule : known.activation.recorded.rules) {
    if (rule.name == variable) return shell::class_of(rule);
  }
  FAIL("no rule for " << variable);
  return {};
}

}  // namespace

TEST_CASE("scripts that set variables are recorded and no shell is needed any more") {
  Ground ground;
  ground.script("a.sh",
                "export TOOL=$CONDA_PREFIX/bin/tool\nexport FLAGS=\"$FLAGS -O2\"\n"
                "export CACHE=${CACHE:-$HOME/cache}\nunset GONE\n");
  ground.script("b.sh", "export LIST=/x${LIST:+:$LIST}\nexport OF_A=$TOOL\n");
  const KnownActivation known = ground.known();
  CHECK(verdict_of(known, "a.sh").kind == ScriptClass::recorded);
  CHECK(class_of(known, "TOOL") == shell::RuleClass::set);
  CHECK(class_of(known, "FLAGS") == shell::RuleClass::append);
  CHECK(class_of(known, "LIST") == shell::RuleClass::prepend);
  CHECK(class_of(known, "OF_A") == shell::RuleClass::set);
  CHECK(known.activation.live_scripts.empty());
  base::Environment before = ground.variables();
  before.set("FLAGS", "-g `touch /tmp/never`");
  before.set("GONE", "1");
  const Started started = start_in(known.activation, {"env"}, before);
  CHECK(started.argv == std::vector<std::string>{"env"});
  CHECK(started.environment.get("FLAGS") == "-g `touch /tmp/never` -O2");
  CHECK(started.environment.get("CACHE") == (ground.folder / "home/cache").string());
  CHECK_FALSE(started.environment.has("GONE"));
  CHECK(started.warnings.empty());
}

TEST_CASE("a record is used again, until something that it rests on has changed") {
  Ground ground;
  ground.script("a.sh", "[ -d $CONDA_PREFIX/share/x ] && export HAS_X=1 || export HAS_X=0\n");
  const auto seen = [&] {
    return start_in(ground.known().activation, {"env"}, ground.variables())
        .environment.get_or("HAS_X", "");
  };
  CHECK(seen() == "0");
  const auto first = path_fact(ground.record().string());
  CHECK(seen() == "0");
  CHECK(path_fact(ground.record().string()) == first);
  fs::create_directories(ground.prefix / "share/x");
  CHECK(seen() == "1");
  ground.script("a.sh", "export HAS_X=script changed\n");
  CHECK(seen() == "script");
  ground.script("b.sh", "export HAS_X=another\n");
  CHECK(seen() == "another");
  put_file(ground.prefix / "conda-meta/state", R"({"env_vars":{"HAS_X":"kept"}})");
  ground.script("b.sh", "export HAS_X=${HAS_X}2\n");
  CHECK(seen() == "script2");
}

TEST_CASE("scripts that act do it once, and their variables are recorded") {
  Ground ground;
  ground.script("a.sh",
                "mkdir -p $CONDA_PREFIX/made && echo x >>$CONDA_PREFIX/made/count\n"
                "export MADE=$CONDA_PREFIX/made\n");
  CHECK(verdict_of(ground.known(), "a.sh").kind == ScriptClass::acts);
  const auto count = [&] { return base::read_file(ground.prefix / "made/count").value_or(""); };
  CHECK(count() == "x\n");
  const KnownActivation again = ground.known();
  CHECK(class_of(again, "MADE") == shell::RuleClass::set);
  CHECK(again.record->acted == std::vector<std::string>{"a.sh"});
  fs::remove(ground.record());
  ground.known();
  CHECK(count() == "x\nx\n");
}

TEST_CASE("a prefix that cannot be written is recorded in the user's cache, and nothing acts") {
  Ground ground;
  ground.script("a.sh", "mkdir $CONDA_PREFIX/made 2>/dev/null\nexport A=1\n");
  fs::permissions(ground.prefix, fs::perms::owner_read | fs::perms::owner_exec);
  const KnownActivation known = [&] {
    const OtherThanRoot user(ground.folder.path());
    return ground.known();
  }();
  fs::permissions(ground.prefix, fs::perms::owner_all);
  CHECK_FALSE(base::path_exists(ground.record()));
  CHECK(base::path_exists(record_in_cache(ground.locations, ground.prefix.string())));
  CHECK_FALSE(base::path_exists(ground.prefix / "made"));
  CHECK(class_of(known, "A") == shell::RuleClass::set);
  CHECK(ground.reporter.texts.empty());
}

TEST_CASE("what ends the shell, hangs or leaves a process is never run, and named") {
  Ground ground;
  ground.script("a-exit.sh", "export A=1\nexit 3\n");
  ground.script("b-child.sh", "sleep 300 & export B=1\n");
  ground.script("c-hidden.sh", "(setsid -w sleep 0; sleep 300 &) ; export C=1\n");
  ground.script("d-fine.sh", "export D=1\n");
  const KnownActivation known = ground.known();
  CHECK(verdict_of(known, "a-exit.sh").reason == "ends the shell (exit)");
  CHECK(verdict_of(known, "b-child.sh").kind == ScriptClass::refused);
  CHECK(verdict_of(known, "c-hidden.sh").kind == ScriptClass::refused);
  CHECK(known.activation.live_scripts.empty());
  CHECK(class_of(known, "D") == shell::RuleClass::set);
  CHECK(ground.reporter.texts.size() == 3);
  CHECK(ground.reporter.texts.front() ==
        "the activation script " + (ground.prefix / "etc/conda/activate.d/a-exit.sh").string() +
            " is never run: it ends the shell (exit)");
}

TEST_CASE("what cannot be foreseen is live, and the reason is said") {
  Ground ground;
  const auto reason = [&](const std::string& text) {
    ground.script("x.sh", text);
    const ScriptVerdict verdict = verdict_of(ground.known(), "x.sh");
    CHECK(verdict.kind == ScriptClass::live);
    return verdict.reason;
  };
  CHECK(reason("export A=$$\n") == "sets A by what cannot be foreseen");
  CHECK(reason("export A=$PWD/x\n") == "sets A by what cannot be foreseen");
  CHECK(reason("export A=$(date +%s)\n") == "reads the time or the host");
  CHECK(reason("export A=$(env | grep -c A)\n") == "reads the whole environment");
  CHECK(reason("[ -f ./.env ] && . ./.env\ntrue\n") == "looks at the current directory");
  CHECK(reason("[ -t 1 ] && export A=1\ntrue\n") == "looks at the terminal");
  CHECK(reason("umask 077\n") == "changes the umask, limits or signals");
  CHECK(reason(". $CONDA_PREFIX/missing.sh\n").starts_with("complains: "));
  CHECK(reason("export A=1; false\n") == "ends with 1");
}

TEST_CASE("rules that hold in one state alone are guarded, and scripts run where it is another") {
  Ground ground;
  ground.script("n.sh", "[ -z \"$CXX\" ] || export PREPEND=\"-ccbin=$(basename $CXX)\"\ntrue\n");
  const KnownActivation known = ground.known();
  REQUIRE(known.activation.recorded.guards.size() == 1);
  CHECK(known.activation.recorded.guards.front() == shell::Guard{"CXX", shell::Incoming::unset});
  const auto seen = [&](const base::Environment& before) {
    const Started started =
        start_in(known.activation, {"/bin/sh", "-c", "echo \"$PREPEND\""}, before);
    base::ProcessRequest request;
    request.argv = started.argv;
    request.environment = started.environment;
    return ground.runner->run(request).value().output;
  };
  base::Environment before = ground.variables();
  CHECK(seen(before) == "\n");
  before.set("CXX", "/a/g++");
  CHECK(seen(before) == "-ccbin=g++\n");
  // Without bash the rules do not hold either, and that is said.
  before.set("PATH", ground.folder / "tmp");
  shell::Activation other = known.activation;
  other.recorded.rules.push_back({"B", "B", {}, {}, {shell::Outcome::Kind::unset, {}}, {}});
  before.set("B", "mine");
  const Started bare = start_in(other, {"/bin/true"}, before);
  CHECK(bare.environment.get("B") == "mine");
  CHECK(bare.warnings.size() == 1);
}

TEST_CASE("a script that depends on a live one runs in its place beside it") {
  Ground ground;
  ground.script("a.sh", "export A=$(env | grep -c '^CONDA_PREFIX=')\n");
  ground.script("b.sh", "export B=\"of $A\"\n");
  ground.script("c.sh", "export C=1\n");
  const KnownActivation known = ground.known();
  CHECK(verdict_of(known, "b.sh").reason == "has to run in its place beside a.sh");
  CHECK(verdict_of(known, "c.sh").kind == ScriptClass::recorded);
  CHECK(known.activation.live_scripts.size() == 2);
  ground.script("a.sh", "export A=$$\n");
  const KnownActivation random = ground.known();
  CHECK(verdict_of(random, "b.sh").reason == "sets B by what cannot be foreseen");
  CHECK(verdict_of(random, "c.sh").kind == ScriptClass::recorded);
}

TEST_CASE("what looks at the processor is recorded for such nodes, and live for unknown ones") {
  Ground ground;
  ground.script("g.sh", "grep -q flags /proc/cpuinfo && export SIMD=some\ntrue\n");
  const KnownActivation here = ground.known();
  CHECK(verdict_of(here, "g.sh").kind == ScriptClass::node);
  CHECK_FALSE(here.record->key.node.empty());
  CHECK(class_of(here, "SIMD") == shell::RuleClass::set);
  const KnownActivation anywhere = ground.known(ForNode::any);
  CHECK(anywhere.activation.recorded.rules.empty());
  CHECK(anywhere.activation.live_scripts.size() == 1);
}

TEST_CASE("conda-build's variables change nothing") {
  Ground ground;
  ground.script(
      "o.sh",
      "if [ -n \"$CONDA_BUILD\" ] || [ -n \"$PKG_NAME\" ]; then export A=build; fi\ntrue\n");
  const KnownActivation known = ground.known();
  CHECK(known.activation.recorded.guards.empty());
  CHECK(known.activation.recorded.rules.empty());
}

TEST_CASE("a record that says nothing usable is made anew, with a word on why") {
  Ground ground;
  ground.script("a.sh", "export A=1\n");
  const auto warning_for = [&](const std::string& text) {
    put_file(ground.record(), text);
    ground.reporter.texts.clear();
    CHECK(class_of(ground.known(), "A") == shell::RuleClass::set);
    REQUIRE(ground.reporter.texts.size() == 1);
    return ground.reporter.texts.front();
  };
  const std::string file = ground.record().string();
  CHECK(warning_for(R"({"schema": 2, "prefix": ")" + ground.prefix.string() + R"("})") ==
        file +
            " was written by a newer hpcenv (schema 2, this one knows 1): the activation "
            "scripts are recorded anew");
  CHECK(warning_for(R"({"schema": 1, "prefix": "/elsewhere", "records": []})") ==
        file + " is of another prefix: /elsewhere: the activation scripts are recorded anew");
  CHECK(warning_for("{").find("not valid JSON") != std::string::npos);
  CHECK(warning_for(R"({"schema": 1, "prefix": ")" + ground.prefix.string() +
                    R"(", "records": [{}]})") ==
        file + " is damaged: the activation scripts are recorded anew");
}

TEST_CASE("functions and aliases do not keep the variables of a script from being recorded") {
  Ground ground;
  ground.script("w.sh", "which() { type \"$@\"; }\nalias ll='ls -l'\nexport W=1\n");
  ground.script("h.sh", "_helper() { export H=1; }\n_helper\n");
  const KnownActivation known = ground.known();
  CHECK(verdict_of(known, "w.sh").interactive);
  CHECK(verdict_of(known, "w.sh").kind == ScriptClass::recorded);
  CHECK_FALSE(verdict_of(known, "h.sh").interactive);
  CHECK(class_of(known, "W") == shell::RuleClass::set);
}

TEST_CASE("where the kernel has no Landlock what acts does so once, and its variables are known") {
  Ground ground;
  ground.script("a.sh",
                "mkdir -p $CONDA_PREFIX/made && echo x >>$CONDA_PREFIX/made/count\n"
                "export MADE=$CONDA_PREFIX/made LIST=/a${LIST:+:$LIST}\n");
  ground.script("b.sh", "export B=1\n");
  const pid_t child = fork();
  if (child == 0) {
    forbid_landlock();
    const KnownActivation known = ground.known();
    base::Environment before = ground.variables();
    const Started started = start_in(known.activation, {"env"}, before);
    const bool right = known.activation.live_scripts.empty() &&
                       started.environment.get("MADE") == (ground.prefix / "made").string() &&
                       started.environment.get("LIST") == "/a" &&
                       started.environment.get("B") == "1" &&
                       verdict_of(known, "a.sh").kind == ScriptClass::acts;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  // Once to see what it is, and once under the lock.
  CHECK(base::read_file(ground.prefix / "made/count").value_or("") == "x\nx\n");
}

TEST_CASE("a value that no program can be started with refuses its script") {
  Ground ground;
  ground.script("l.sh", "printf -v LONG '%200000s' x\nexport LONG\n");
  ground.script("m.sh", "export M=1\n");
  const KnownActivation known = ground.known();
  CHECK(verdict_of(known, "l.sh").reason ==
        "sets a value that is too long for any program to start with");
  CHECK(class_of(known, "M") == shell::RuleClass::set);
}

TEST_CASE("without bash what is declared works, and the rest is said") {
  Ground ground;
  ground.script("a.sh", "export A=1\n");
  put_file(ground.prefix / "etc/conda/env_vars.d/x.json", R"({"DECLARED": "it's"})");
  base::Environment variables = ground.variables();
  fs::create_directories(ground.folder / "no-bash");
  variables.set("PATH", ground.folder / "no-bash");
  const auto reader = host::make_linux_reader(variables);
  const auto known = known_activation({ground.prefix, "e"}, ForNode::this_one, ground.locations,
                                      {*reader, *ground.runner, ground.reporter, ground.clock});
  REQUIRE(known);
  CHECK_FALSE(known->record);
  const Started started = start_in(known->activation, {"/bin/true"}, variables);
  CHECK(started.argv == std::vector<std::string>{"/bin/true"});
  CHECK(started.environment.get("DECLARED") == "it's");
  REQUIRE(started.warnings.size() == 1);
  CHECK(started.warnings.front().starts_with("no bash on this machine"));
}

TEST_CASE("a job's own choice that an environment overrides is said") {
  Ground ground;
  ground.script("c.sh", "export OMP_NUM_THREADS=1\n");
  base::Environment before = ground.variables();
  before.set("OMP_NUM_THREADS", "8");
  const Started started = start_in(ground.known().activation, {"env"}, before);
  CHECK(started.warnings ==
        std::vector<std::string>{"the environment sets OMP_NUM_THREADS to 1, in place of 8"});
}

}  // namespace hpcenv::ops
