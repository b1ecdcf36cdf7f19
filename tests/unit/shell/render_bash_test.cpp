#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "shell/activation.hpp"
#include "unit/shell/nasty_words.hpp"

namespace hpcenv::shell {
namespace {

// A directory with an environment in it that is gone at the end of the test.
class Fixture {
 public:
  Fixture() : root_(*base::make_private_directory("/tmp", "hpcenv-shell-")) {
    write("env/conda-meta/history", "");
    write("other/conda-meta/history", "");
    write("other/bin/tool", "");
    input.prefix = root_ / "env";
    input.environment_name = "e";
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() { (void)base::remove_tree(root_); }

  std::string write(const std::string& name, std::string_view text) const {
    const auto path = root_ / name;
    REQUIRE(base::make_directories(path.parent_path()));
    REQUIRE(base::write_file(path, text));
    return path.string();
  }
  void script(const std::string& name, std::string_view text) {
    input.live_scripts.push_back(write("env/etc/conda/activate.d/" + name, text));
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

  // `before` + the activation + `after`, by a bash with these variables only.
  base::ProcessResult run(const std::string& before, const std::string& after,
                          const std::map<std::string, std::string, std::less<>>& variables = {
                              {"PATH", "/usr/bin:/bin"}}) const {
    base::ProcessRequest request;
    request.argv = {"/bin/bash", "--noprofile", "--norc", "-c",
                    before + "\n" + render_bash(activation_of(input)) + after};
    request.environment = base::Environment(variables);
    auto result = base::make_process_runner()->run(request);
    REQUIRE(result);
    return *result;
  }

  ActivationInput input;

 private:
  std::filesystem::path root_;
};

}  // namespace

TEST_CASE("quoted words reach a program as they were") {
  std::string command = "printf '%s\\0'";
  std::string expected;
  for (const std::string& word : nasty_words) {
    command += " " + quote_posix(word);
    expected += word + std::string(1, '\0');
  }
  for (const char* shell : {"/bin/bash", "/bin/sh"}) {
    base::ProcessRequest request;
    request.argv = {shell, "-eu", "-c", command};
    const auto result = base::make_process_runner()->run(request);
    REQUIRE(result);
    CHECK(result->output == expected);
  }
  CHECK(quote_posix("/usr/bin/python3.12") == "/usr/bin/python3.12");
  CHECK(quote_posix("a b") == "'a b'");
}

TEST_CASE("words quoted for fish reach a program as they were") {
  std::string command = "printf '%s\\0'";
  std::string expected;
  for (const std::string& word : nasty_words) {
    command += " " + quote_fish(word);
    expected += word + std::string(1, '\0');
  }
  base::ProcessRequest request;
  request.argv = {"fish", "--no-config", "-c", command};
  request.environment.set("PATH", "/usr/bin:/bin");
  request.environment.set("LC_ALL", "C.UTF-8");
  const auto result = base::make_process_runner()->run(request);
  if (!result && result.error().kind == ErrorKind::not_found) SKIP("no fish");
  REQUIRE(result);
  CHECK(result->output == expected);
}

TEST_CASE("words quoted for csh reach a program as they were") {
  std::string script;
  std::string expected;
  for (std::size_t i = 0; i < nasty_words.size(); ++i) {
    script += fmt::format("setenv WORD_{} {}\n", i, quote_csh(nasty_words[i]));
    expected += fmt::format("{}|", nasty_words[i]);
  }
  std::string print = "printf '%s|'";
  for (std::size_t i = 0; i < nasty_words.size(); ++i) print += fmt::format(" \"$WORD_{}\"", i);
  script += "exec /bin/sh \"$PRINT\"\n";
  const Fixture fixture;
  int tried = 0;
  const std::vector<std::pair<const char*, const char*>> shells{
      {"tcsh", ""}, {"tcsh", "set backslash_quote\n"}, {"bsd-csh", ""}};
  for (const auto& [shell, before] : shells) {
    INFO(shell << " " << before);
    base::ProcessRequest request;
    request.argv = {shell, "-f", fixture.write("words.csh", before + script)};
    request.environment.set("PATH", "/usr/bin:/bin");
    request.environment.set("LC_ALL", "C.UTF-8");
    request.environment.set("PRINT", fixture.write("print.sh", print));
    const auto result = base::make_process_runner()->run(request);
    if (!result && result.error().kind == ErrorKind::not_found) continue;
    REQUIRE(result);
    ++tried;
    CHECK(result->errors.empty());
    CHECK(result->output == expected);
  }
  if (tried == 0) SKIP("no csh");
}

TEST_CASE("values of an environment arrive as they were") {
  Fixture fixture;
  std::string expected;
  std::string print = "printf '%s\\0'";
  int number = 0;
  for (const std::string& word : nasty_words) {
    const std::string name = "VALUE_" + std::to_string(number++);
    fixture.input.variables.emplace_back(name, word);
    print.append(" \"$").append(name).append("\"");
    expected += word + std::string(1, '\0');
  }
  const auto result = fixture.run("", print);
  CHECK(result.errors.empty());
  CHECK(result.output == expected);
}

TEST_CASE("activation survives strict shells and gives their options back") {
  Fixture fixture;
  fixture.script("a.sh", "false\necho \"$UNSET_NAME\" noise\nfalse | true\nexport A=1\n");
  fixture.script("b.sh", "IFS=,\ncd /\nset -e\nset -f\nexport B=$A$A\n");
  const std::string show = "echo \"$A $B $- $SHELLOPTS $CONDA_PREFIX\"; pwd; printf %q \"$IFS\"";
  for (const char* options : {"set -euo pipefail", "set -euf", "set -o posix", "shopt -s failglob",
                              "set -eu -o noclobber", "unset PATH", ":"}) {
    INFO(options);
    const std::string before = std::string("cd /tmp\n") + options;
    base::ProcessRequest plain;
    plain.argv = {
        "/bin/bash", "--noprofile", "--norc", "-c",
        fmt::format("{}\nA=1 B=11 CONDA_PREFIX={}\n{}", before, fixture.path("env"), show)};
    plain.environment.set("PATH", "/usr/bin:/bin");
    const auto expected = base::make_process_runner()->run(plain);
    REQUIRE(expected);
    const auto result = fixture.run(before, show);
    CHECK(result.output == expected->output);
    CHECK(result.errors == " noise\n");
    CHECK(result.succeeded());
  }
}

TEST_CASE("activation survives what a login environment exports") {
  Fixture fixture;
  fixture.script("a.sh", "export A=1\n");
  const std::string rc = fixture.write("rc", "set -eu\nshopt -s expand_aliases\nalias cd=false\n");
  const auto result = fixture.run(
      "", "type conda 2>/dev/null; echo \"$A ${CONDA_EXE-none}\"; module; hash -r",
      {{"PATH", fixture.path("other/bin") + ":/usr/bin:/bin:" + fixture.path("env/bin")},
       {"BASH_ENV", rc},
       {"SHELLOPTS", "errexit:nounset"},
       {"BASHOPTS", "failglob"},
       {"POSIXLY_CORRECT", "1"},
       {"BASH_FUNC_conda%%", "() {  echo broken; return 1\n}"},
       {"BASH_FUNC_module%%", "() {  echo \"modules $PATH\"\n}"},
       {"CONDA_EXE", "/opt/conda/bin/conda"},
       {"CONDA_SHLVL", "1"},
       {"CONDA_PREFIX", fixture.path("env")}});
  CHECK(result.errors.empty());
  CHECK(result.output == "1 none\nmodules " + fixture.path("env/bin") + ":/usr/bin:/bin\n");
}

TEST_CASE("a function that bash cannot import is no obstacle") {
  Fixture fixture;
  const auto result =
      fixture.run("", "echo \"$CONDA_PREFIX\"",
                  {{"PATH", "/usr/bin:/bin"}, {"BASH_FUNC_conda%%", "() { syntax ("}});
  CHECK(result.output == fixture.path("env") + "\n");
  CHECK(result.succeeded());
}

TEST_CASE("libraries that hide the environment's leave the loader's lists, with a word") {
  Fixture fixture;
  fixture.write("env/lib/libcudart.so.12", "");
  fixture.write("env/lib/libgomp.so.1", "");
  fixture.write("cuda/libcudart.so.12", "");
  fixture.write("driver/libcuda.so.1", "");
  fixture.write("pre/libgomp.so.1", "");
  const std::string driver = fixture.path("driver");
  const std::string preload = "/usr/lib/x86_64-linux-gnu/libdl.so.2";
  const std::map<std::string, std::string, std::less<>> variables = {
      {"PATH", "/usr/bin:/bin"},
      {"LD_LIBRARY_PATH", fixture.path("cuda") + ":" + driver},
      {"LD_PRELOAD", fixture.path("pre/libgomp.so.1") + " " + preload}};
  const auto result = fixture.run(
      "", "echo \"$LD_LIBRARY_PATH $LD_PRELOAD\"; declare -p LD_LIBRARY_PATH", variables);
  CHECK(result.output ==
        driver + " " + preload + "\ndeclare -x LD_LIBRARY_PATH=\"" + driver + "\"\n");
  CHECK(result.errors.find("hpcenv: not in LD_LIBRARY_PATH: " + fixture.path("cuda") +
                           " (its libcudart.so.12 hides") != std::string::npos);
  CHECK(result.errors.find("hpcenv: not in LD_PRELOAD: " + fixture.path("pre/libgomp.so.1")) !=
        std::string::npos);
  const auto applied =
      apply(activation_of(fixture.input), base::Environment(variables), look_at_disk());
  CHECK(applied.get("LD_LIBRARY_PATH") == driver);
  CHECK(applied.get("LD_PRELOAD") == preload);
  const auto emptied = fixture.run("", "declare -p LD_LIBRARY_PATH",
                                   {{"PATH", "/bin"}, {"LD_LIBRARY_PATH", fixture.path("cuda")}});
  CHECK_FALSE(emptied.succeeded());
}

TEST_CASE("bash and apply give the same variables") {
  Fixture fixture;
  fixture.write("env/lib/libx.so.1", "");
  fixture.write("hide/libx.so.1", "");
  fixture.input.variables = {{"OWN", "it's"}, {"LD_LIBRARY_PATH", "/mine"}, {"DROP", std::nullopt}};
  const std::map<std::string, std::string, std::less<>> variables = {
      {"PATH", fixture.path("other/bin") + "::/usr/bin:/opt/x/condabin:/usr/local/bin:/bin"},
      {"CONDA_PREFIX", "/gone"},
      {"CONDA_OVERRIDE_CUDA", "12"},
      {"MAMBA_EXE", "x"},
      {"DROP", "1"},
      {"HPCENV_ROOT", "/r"},
      {"LD_LIBRARY_PATH", fixture.path("hide")}};
  auto expected = apply(activation_of(fixture.input), base::Environment(variables), look_at_disk());
  const auto result = fixture.run("", "unset -v PWD OLDPWD; exec /usr/bin/env", variables);
  std::string text;
  for (const auto& [name, value] : expected.all())
    text.append(name).append("=").append(value).append("\n");
  std::vector<std::string> lines;
  for (const auto line : base::split_lines(result.output)) {
    if (!line.starts_with("_=") && !line.starts_with("SHLVL=")) lines.emplace_back(line);
  }
  std::ranges::sort(lines);
  CHECK(base::join(lines, "\n") + "\n" == text);
}

TEST_CASE("a script that calls exit ends the shell with a sentence and 125") {
  Fixture fixture;
  fixture.script("bad.sh", "exit 0\n");
  const auto result = fixture.run("", "echo started");
  CHECK(result.code == 125);
  CHECK(result.output.empty());
  CHECK(result.errors == "hpcenv: the activation script " +
                             fixture.path("env/etc/conda/activate.d/bad.sh") +
                             " called exit; nothing was started\n");
}

TEST_CASE("scripts that are gone, broken, or read stdin do not stop the shell") {
  Fixture fixture;
  fixture.input.live_scripts.push_back(fixture.path("env/gone.sh"));
  fixture.script("x.sh", "if then\n");
  fixture.script("y.sh", "cat\nread -r line\n");
  fixture.script("z.sh", "return 3\n");
  const auto result = fixture.run("set -e", "echo started");
  CHECK(result.output == "started\n");
  CHECK(result.errors.find("env/gone.sh is gone: the environment was changed") !=
        std::string::npos);
}

TEST_CASE("a name that no shell has is left out, in a comment that stays one") {
  Fixture fixture;
  fixture.input.variables = {{"A.B", "1"}, {"X\necho injected", "1"}, {"Y;id", std::nullopt}};
  const auto result = fixture.run("", "echo done");
  CHECK(result.output == "done\n");
  CHECK(result.errors.empty());
  const std::string text = render_bash(activation_of(fixture.input));
  CHECK(text.find("# Left out, because a shell cannot name it: A.B\n") != std::string::npos);
}

TEST_CASE("nothing of the activation's own stays") {
  Fixture fixture;
  fixture.script("a.sh", "true\n");
  const auto result = fixture.run("", "echo \"${!hpcenv_@}\"; trap -p; declare -F");
  CHECK(result.output == "\n");
}

TEST_CASE("activation starts no process") {
  Fixture fixture;
  fixture.script("a.sh", "export A=1\n");
  const auto result = fixture.run("ulimit -u 0 2>/dev/null; enable -n kill", "echo \"$A\"",
                                  {{"PATH", "/nonexistent"}, {"LD_LIBRARY_PATH", "/usr/lib"}});
  CHECK(result.output == "1\n");
}

TEST_CASE("rendered lines are shellcheck clean") {
  Fixture fixture;
  fixture.input.prefix = "/envs/it's $x";
  fixture.input.variables = {{"A", "$(id)"}, {"A.B", "c"}, {"C", std::nullopt}};
  fixture.script("a.sh", "");
  fixture.script("b c.sh", "");
  base::ProcessRequest request;
  request.argv = {"shellcheck", "--shell=bash", "-"};
  request.environment.set("PATH", "/usr/bin:/bin");
  request.input = "#!/bin/bash\n# shellcheck disable=SC1003,SC2016\n:\n" +
                  render_bash(activation_of(fixture.input));
  const auto result = base::make_process_runner()->run(request);
  if (!result) SKIP("no shellcheck");
  CHECK(result->output.empty());
  CHECK(result->code == 0);
}

TEST_CASE("scripts do not see PKG_NAME, with which conda-build speaks to them, and programs do") {
  Fixture fixture;
  fixture.script("a.sh", "export SEEN=${PKG_NAME-nothing}\n");
  const auto result = fixture.run("", "echo \"$SEEN $PKG_NAME\"\nenv | grep -c '^PKG_NAME='",
                                  {{"PATH", "/usr/bin:/bin"}, {"PKG_NAME", "mine"}});
  CHECK(result.output == "nothing mine\n1\n");
}

}  // namespace hpcenv::shell
