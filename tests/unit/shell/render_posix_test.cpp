#include "shell/render_posix.hpp"
#include "shell/rule_lines.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <set>

#include "base/text.hpp"
#include "unit/shell/every_rule.hpp"
#include "unit/shell/nasty_words.hpp"
#include "unit/shell/posix_shells.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::shell {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

// An environment on disk, another one, and libraries that hide each other.
class Fixture {
 public:
  Fixture() {
    for (const char* folder : {"env/conda-meta", "env/lib", "env/bin", "other/conda-meta",
                               "other/bin", "other/lib", "my env/bin", "plain/lib"}) {
      REQUIRE(base::make_directories(directory_.path() / folder));
    }
    for (const char* file : {"env/conda-meta/history", "other/conda-meta/history",
                             "env/lib/libz.so.1", "other/lib/libz.so.1", "plain/lib/libq.so"}) {
      REQUIRE(base::write_file(directory_.path() / file, ""));
    }
    input.prefix = at("env");
    input.environment_name = "e";
  }
  std::string at(const std::string& name) const { return (directory_.path() / name).string(); }

  base::ProcessResult run(const PosixShell& shell, const std::string& script,
                          const Variables& before) const {
    const std::string file = at("script");
    REQUIRE(base::write_file(file, script));
    base::ProcessRequest request;
    request.argv = shell.argv;
    request.argv.push_back(file);
    request.environment = base::Environment(before);
    auto result = base::make_process_runner()->run(request);
    REQUIRE(result);
    return *result;
  }

  std::vector<Variables> incoming_states() const {
    const std::string mine = at("other");
    return {
        {},
        {{"PATH", ""},
         {"LD_LIBRARY_PATH", ""},
         {"CFLAGS", ""},
         {"CXX", ""},
         {"LDFLAGS", ""},
         {"A_CONST", ""}},
        {{"PATH", ":/usr/bin::/bin:"},
         {"CFLAGS", "`touch /tmp/never` $ORIGIN"},
         {"CXX", "my c++"},
         {"LDFLAGS", "-Wl,-rpath,$ORIGIN"},
         {"A_CONST", "a"},
         {"B_GONE", "b"},
         {"CARGO_HOME", "/c"}},
        {{"PATH", mine + "/bin:/opt/conda/condabin:/usr/bin:" + at("env/bin") + ":/x"},
         {"CONDA_PREFIX", mine},
         {"CONDA_SHLVL", "2"},
         {"CONDA_PREFIX_1", "/my conda"},
         {"CONDA_OVERRIDE_CUDA", "12"},
         {"_CE_CONDA", ""},
         {"MAMBA_X", "export CONDA_OVERRIDE_GLIBC=2 CONDA_FAKE=1"},
         {"VIRTUAL_ENV", "/v"},
         {"PYTHONPATH", "/p"},
         {"CFLAGS", "-O2 -g"},
         {"CMAKE_PREFIX_PATH", "/a:/e:/b"},
         {"LDFLAGS", "-L/e"}},
        {{"PATH", "/v/bin:/my conda/bin:/bin:" + at("env/bin")},
         {"VIRTUAL_ENV", "/v"},
         {"CONDA_PREFIX_2", "/my conda"},
         {"LD_LIBRARY_PATH", at("other/lib") + ":" + at("plain/lib") + "::/none"},
         {"LD_PRELOAD", "/x/libz.so.1 /y/libq.so"},
         {"CMAKE_PREFIX_PATH", "/e:/z"},
         {"CFLAGS", "-g"}},
        {{"PATH", "/usr/bin"},
         {"LD_LIBRARY_PATH", at("other/lib")},
         {"LD_PRELOAD", at("other/lib") + "/libz.so.1"},
         {"CFLAGS", "a*b [c] ?\n-O2 x"},
         {"CXX", "\xff\x81'\"\\"},
         {"LDFLAGS", "\t -L/e"},
         {"X_COPY", "old"},
         {"OLD_CXX", "old"},
         {"ZZ_SWAP", "x"},
         {"HPCENV_X", "y"},
         {"AROUND", "<x>"},
         {"LIST_ODD", "/a:/o:/b:/o"}},
    };
  }

  ActivationInput input;

 private:
  test::TemporaryDirectory directory_;
};

// What a shell exports on its own account is not compared; some export their own PATH.
Variables comparable(const Variables& variables) {
  Variables kept;
  for (const auto& [name, value] : variables) {
    if (!is_variable_name(name) || is_shells_own(name)) continue;
    if (name != "LOGNAME" && name != "A__z") kept[name] = value;
  }
  return kept;
}

Variables printed(const std::string& output) {
  Variables found;
  for (const std::string_view entry : base::split(output, '\0')) {
    const std::size_t equal = entry.find('=');
    if (equal != std::string_view::npos) {
      found[std::string(entry.substr(0, equal))] = std::string(entry.substr(equal + 1));
    }
  }
  return comparable(found);
}

// What differs, as people read it; empty where nothing does.
std::string difference(const Variables& found, const Variables& expected) {
  std::string text;
  for (const auto& [name, value] : expected) {
    const auto there = found.find(name);
    if (there == found.end()) {
      text += "missing: " + name + "\n";
    } else if (there->second != value) {
      text += fmt::format("{} is <{}>, not <{}>\n", name, there->second, value);
    }
  }
  for (const auto& [name, value] : found) {
    if (!expected.contains(name)) text += fmt::format("too much: {}={}\n", name, value);
  }
  return text;
}

// The loader of the shell itself finds that the LD_PRELOAD of this test holds no libraries.
std::string without_loader(const std::string& errors) {
  std::string kept;
  for (const std::string_view line : base::split_lines(errors)) {
    if (!line.starts_with("ERROR: ld.so: ")) kept += std::string(line) + "\n";
  }
  return kept;
}

constexpr const char* print_all = "exec /usr/bin/env -0\n";

}  // namespace

TEST_CASE("lines for sh make of the variables what apply makes of them") {
  Fixture fixture;
  fixture.input.recorded.rules = every_rule();
  fixture.input.variables = {{"SAID", "a b"}, {"NOT_SAID", std::nullopt}};
  Activation activation = activation_of(fixture.input);
  activation.last_operations = {{Operation::Kind::set, "CXX", "mine"},
                                {Operation::Kind::prepend, "LD_LIBRARY_PATH", "/compat"}};
  const std::string script = render_posix(activation) + print_all;
  for (const PosixShell& shell : posix_shells()) {
    for (const Variables& before : fixture.incoming_states()) {
      INFO(base::join(shell.argv, " "));
      const auto result = fixture.run(shell, script, before);
      const auto expected = apply(activation, base::Environment(before), look_at_disk());
      Variables found = printed(result.output);
      const bool own_path = before.empty() && (shell.name == "busybox" || shell.name == "mksh");
      if (own_path) found["PATH"] = expected.get_or("PATH", "");
      CHECK(difference(found, comparable(expected.all())) == nothing);
      CHECK(without_loader(result.errors) == nothing);
    }
  }
}

TEST_CASE("to enter twice through sh doubles nothing") {
  Fixture fixture;
  fixture.input.recorded.rules = every_rule();
  const Activation activation = activation_of(fixture.input);
  const std::string once = render_posix(activation);
  for (const PosixShell& shell : posix_shells()) {
    INFO(base::join(shell.argv, " "));
    const Variables before{{"PATH", "/usr/bin:/bin"},
                           {"CFLAGS", "-g"},
                           {"LDFLAGS", "-s"},
                           {"CMAKE_PREFIX_PATH", "/a"}};
    const Variables first = printed(fixture.run(shell, once + print_all, before).output);
    const Variables second = printed(fixture.run(shell, once + once + print_all, before).output);
    CHECK(first.at("CFLAGS") == "-O2 -g");
    for (const char* name : {"PATH", "CFLAGS", "LDFLAGS", "CMAKE_PREFIX_PATH"}) {
      CHECK(second.at(name) == first.at(name));
    }
  }
}

TEST_CASE("values of every kind go through sh, as what is set and as what comes in") {
  Fixture fixture;
  Variables before{{"PATH", "/usr/bin"}};
  for (std::size_t i = 0; i < nasty_words.size(); ++i) {
    const std::string number = std::to_string(i);
    fixture.input.variables.emplace_back("VALUE_" + number, nasty_words[i]);
    before["IN_" + number] = nasty_words[i];
    fixture.input.recorded.rules.push_back(
        rule("IN_" + number, set("x"), set(nasty_words[i]),
             set({text(nasty_words[i] + "|"), incoming("IN_" + number)})));
    fixture.input.recorded.rules.push_back({"OUT_" + number,
                                            "IN_" + number,
                                            unset(),
                                            keep(),
                                            set({incoming("IN_" + number), text(nasty_words[i])}),
                                            {}});
  }
  const Activation activation = activation_of(fixture.input);
  const std::string script = render_posix(activation) + print_all;
  const auto expected = comparable(apply(activation, base::Environment(before)).all());
  for (const PosixShell& shell : posix_shells()) {
    INFO(base::join(shell.argv, " "));
    const auto result = fixture.run(shell, "set -eu\n" + script, before);
    CHECK(difference(printed(result.output), expected) == nothing);
    CHECK(result.errors == nothing);
  }
}

TEST_CASE("strict options of sh are survived and given back, and so is IFS") {
  Fixture fixture;
  fixture.input.recorded.rules = every_rule();
  const std::string lines = render_posix(activation_of(fixture.input));
  const Variables before{{"PATH", "/usr/bin:/bin"}, {"CONDA_PREFIX", "/c"}};
  for (const PosixShell& shell : posix_shells()) {
    INFO(base::join(shell.argv, " "));
    const std::string look = "echo \"$-|$IFS|$(set | grep -ac '^hpcenv_')\"\n";
    for (const std::string options :
         {"", "set -euf\n", "set -e\n", "set -u\n", "set -f\n", "IFS=:x\n", "unset -v IFS\n"}) {
      INFO(options);
      // An IFS that is not set does what the usual one does.
      const std::string same = options.find("unset") == std::string::npos ? options : "";
      const std::string expected = fixture.run(shell, same + look, before).output;
      const auto result = fixture.run(shell, fmt::format("{}{}{}", options, lines, look), before);
      CHECK(result.output == expected);
      CHECK(result.errors == nothing);
    }
    CHECK(fixture.run(shell, "set -e\n" + lines + "false\necho no\n", before).output.empty());
    CHECK(fixture.run(shell, "set -u\n" + lines + "echo \"$NOBODY\"\necho no\n", before)
              .output.find("no\n") == std::string::npos);
  }
}

TEST_CASE("a readonly variable stays as it is and ends no sh") {
  Fixture fixture;
  fixture.input.variables = {{"TMOUT", "5"}, {"UID", "7"}, {"GOOD", "1"}, {"GONE", std::nullopt}};
  const std::string script = render_posix(activation_of(fixture.input)) + print_all;
  CHECK(script.find("# Left out, because the shell keeps it for itself: UID\n") !=
        std::string::npos);
  for (const PosixShell& shell : posix_shells()) {
    INFO(base::join(shell.argv, " "));
    const auto result = fixture.run(
        shell, "set -eu\nreadonly TMOUT=900 GONE CONDA_EXE\nexport TMOUT GONE\n" + script,
        {{"PATH", "/usr/bin:/bin"},
         {"GONE", "here"},
         {"CONDA_EXE", "/c"},
         {"CONDA_SHLVL", "2"},
         {"CONDA_X", ""}});
    const Variables after = printed(result.output);
    REQUIRE(after.contains("GOOD"));
    CHECK(after.at("TMOUT") == "900");
    CHECK(after.at("GONE") == "here");
    CHECK(after.at("CONDA_EXE") == "/c");
    CHECK(after.at("CONDA_SHLVL") == "1");
    CHECK_FALSE(after.contains("CONDA_X"));
    for (const char* name : {"TMOUT", "GONE", "CONDA_EXE"}) {
      CHECK(result.errors.find(std::string("left as it is: ") + name + "\n") != std::string::npos);
    }
    CHECK(base::split_lines(result.errors).size() == 3);
  }
}

TEST_CASE("lines for sh start no program") {
  Fixture fixture;
  fixture.input.recorded.rules = every_rule();
  const std::string script = render_posix(activation_of(fixture.input)) + "echo reached\n";
  for (const PosixShell& shell : posix_shells()) {
    INFO(base::join(shell.argv, " "));
    const auto result =
        fixture.run(shell, script, {{"PATH", fixture.at("my env/bin")}, {"CONDA_PREFIX_1", "x"}});
    CHECK(result.output == "reached\n");
    CHECK(result.errors == nothing);
  }
}

TEST_CASE("names that a shell cannot hold are left out in a comment that runs nothing") {
  Fixture fixture;
  fixture.input.variables = {{"A.B", "x"}, {"BAD\nid", "x"},    {"", "x"},
                             {"IFS", "x"}, {"hpcenv_set", "x"}, {"GOOD", "1"}};
  fixture.input.recorded.rules = {rule("R-R", set("x"), set("x"), set("x")),
                                  rule("PWD", set("/"), set("/"), set("/"))};
  const std::string script = render_posix(activation_of(fixture.input));
  for (const char* name : {"A.B", "BAD?id", "IFS", "R-R", "PWD"}) {
    CHECK(script.find(std::string(": ") + name + "\n") != std::string::npos);
  }
  for (const PosixShell& shell : posix_shells()) {
    const auto result = fixture.run(shell, "set -eu\n" + script + print_all, {{"PATH", "/bin"}});
    CHECK(printed(result.output).at("GOOD") == "1");
    CHECK(result.errors == nothing);
  }
}

TEST_CASE("shellcheck finds nothing in lines for sh") {
  Fixture fixture;
  fixture.input.recorded.rules = every_rule();
  fixture.input.variables = {{"A.B", "x"}, {"EMPTY", ""}};
  const std::string file = fixture.at("lines.sh");
  REQUIRE(base::write_file(file, render_posix(activation_of(fixture.input))));
  base::ProcessRequest request;
  request.argv = {"shellcheck", "--norc", "-s", "sh", "-e", "SC1003,SC2016", file};
  request.environment.set("PATH", "/usr/bin:/bin");
  const auto result = base::make_process_runner()->run(request);
  if (!result && result.error().kind == ErrorKind::not_found) SKIP("no shellcheck");
  REQUIRE(result);
  CHECK(result->output == nothing);
}

TEST_CASE("sh suffices unless something is sourced or guarded") {
  Activation activation;
  CHECK(sh_suffices(activation));
  activation.recorded.guards = {{"CXX", Incoming::unset}};
  CHECK_FALSE(sh_suffices(activation));
  activation.recorded.guards.clear();
  activation.live_scripts = {"/e/a.sh"};
  CHECK_FALSE(sh_suffices(activation));
}

}  // namespace hpcenv::shell
