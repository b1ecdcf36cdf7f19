#include "ops/smoke_test.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/support/temporary_directory.hpp"

namespace hpcenv::ops {
namespace {

using End = CheckOutcome::End;
using Texts = std::vector<std::string>;

/// An environment without packages, and where its checks run.
struct Case {
  test::TemporaryDirectory folder;
  SmokeTest test;
  Case() {
    test.environment = {folder / "env", "env"};
    history("");
    std::filesystem::create_directories(folder / "tmp");
    test.variables.set("PATH", "/usr/bin:/bin");
    test.variables.set("TMPDIR", folder / "tmp");
    test.variables.set("PYTHONPATH", "/elsewhere");
    test.gpu.text = "there is none in this machine";
    test.activation = shell::activation_of({(folder / "env").string(), "e", {}, {}, {}});
  }
  void history(const std::string& text) const {
    test::put_file(folder / "env/conda-meta/history", "==> 2026-01-01 00:00:00 <==\n" + text);
  }
  Result<std::vector<CheckOutcome>> run(std::vector<conda::RecipeCheck> checks) const {
    FoundRecipe found;
    found.recipe.name = "r";
    found.recipe.checks = std::move(checks);
    std::vector<CheckOutcome> outcomes;
    const auto runner = base::make_process_runner();
    base::NullReporter reporter;
    HPCENV_TRY(run_smoke_test(test, {found}, *runner, reporter,
                              [&](const CheckOutcome& outcome) { outcomes.push_back(outcome); }));
    CHECK(std::filesystem::is_empty(folder / "tmp"));
    return outcomes;
  }
};

conda::RecipeCheck command(const std::string& text) {
  conda::RecipeCheck check;
  check.name = "c";
  check.text = text;
  return check;
}

CheckOutcome outcome_of(const Case& with, const conda::RecipeCheck& check) {
  const auto outcomes = with.run({check});
  REQUIRE(outcomes.has_value());
  REQUIRE(outcomes->size() == 1);
  return outcomes->front();
}

TEST_CASE("a check runs as a program of the environment, in an empty directory") {
  const Case with;
  const CheckOutcome passed = outcome_of(
      with,
      command("test -z \"$(ls -A)\" && test -z \"$PYTHONPATH\" && test $PYTHONNOUSERSITE = 1\n"
              "touch left-behind\necho in $CONDA_PREFIX\n"));
  CHECK(passed.end == End::passed);
  CHECK(passed.reason == "in " + (with.folder / "env").string());
  CHECK(passed.output.empty());
  CHECK(passed.recipe == "r");
  CHECK(passed.check == "c");
}

TEST_CASE("activation scripts count for checks") {
  Case with;
  const auto script = with.folder / "env/etc/conda/activate.d/a.sh";
  test::put_file(script, "export FROM_SCRIPT=yes\n");
  with.test.activation.live_scripts = {script.string()};
  CHECK(outcome_of(with, command("echo $FROM_SCRIPT")).reason == "yes");
}

TEST_CASE("a check that fails says how, with its last lines") {
  const Case with;
  const CheckOutcome failed =
      outcome_of(with, command("for i in $(seq 30); do echo line $i; done; echo why >&2; exit 3"));
  CHECK(failed.end == End::failed);
  CHECK(failed.reason == "exit code 3");
  REQUIRE(failed.output.size() == 15);
  CHECK(failed.output.front() == "line 17");
  CHECK(failed.output.back() == "why");
  CHECK(outcome_of(with, command("false\ntrue\n")).end == End::failed);
  CHECK(outcome_of(with, command("kill -SEGV $$")).reason == "ended by signal 11");
}

TEST_CASE("a check that takes too long is ended, with its children") {
  Case with;
  conda::RecipeCheck slow = command("sleep 600 & sleep 600");
  slow.timeout = std::chrono::seconds(1);
  CheckOutcome outcome = outcome_of(with, slow);
  CHECK(outcome.end == End::failed);
  CHECK(outcome.reason == "not done within 1 s");
  slow.timeout = std::chrono::seconds(600);
  with.test.timeout = std::chrono::seconds(1);
  CHECK(outcome_of(with, slow).reason == "not done within 1 s");
}

TEST_CASE("what a machine cannot do is not possible, and says why") {
  Case with;
  const CheckOutcome said = outcome_of(with, command("echo only with two sockets; exit 77"));
  CHECK(said.end == End::not_possible);
  CHECK(said.reason == "only with two sockets");
  conda::RecipeCheck gpu = command("touch /never");
  gpu.needs = conda::Needs::gpu;
  const CheckOutcome lacks = outcome_of(with, gpu);
  CHECK(lacks.end == End::not_possible);
  CHECK(lacks.reason == "it needs a GPU: there is none in this machine");
  CHECK(lacks.needs == conda::Needs::gpu);
  gpu.text = "echo on it";
  with.test.gpu.is_usable = true;
  CHECK(outcome_of(with, gpu).reason == "on it");
}

TEST_CASE("an environment of another platform is not run") {
  const Case with;
  test::put_file(with.folder / "env/conda-meta/a-1-0.json",
                 R"({"name":"a","version":"1","build":"0","build_number":0,"subdir":"osx-arm64",)"
                 R"("fn":"a-1-0.conda","url":"https://x/osx-arm64/a-1-0.conda","depends":[]})");
  const CheckOutcome outcome = outcome_of(with, command("exit 1"));
  CHECK(outcome.end == End::not_possible);
  CHECK(outcome.reason == "the environment is for osx-arm64");
}

TEST_CASE("a program that is not there fails the check") {
  const Case with;
  conda::RecipeCheck check = command("print(1)");
  check.language = conda::RecipeCheck::Language::python;
  Case without;
  without.test.variables.set("PATH", "/nonexistent");
  const CheckOutcome outcome = outcome_of(without, check);
  CHECK(outcome.end == End::failed);
  CHECK(outcome.reason == "python: no such program in PATH");
}

TEST_CASE("where no directory can be made the test stops") {
  Case with;
  with.test.variables.set("TMPDIR", "/nonexistent");
  const auto outcomes = with.run({command("true")});
  REQUIRE_FALSE(outcomes.has_value());
  CHECK(outcomes.error().message.starts_with("cannot make directory /nonexistent/"));
}

TEST_CASE("an environment knows what it was made from") {
  const Case with;
  const EnvironmentRef& environment = with.test.environment;
  const auto none = recipes_to_test(environment, {}, RecipeShelf{});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().kind == ErrorKind::not_found);
  CHECK(none.error().message ==
        environment.prefix.string() + " was made from no recipe, so no smoke test is known for it");
  with.history("# recipes: ['python', 'jupyter']\n");
  const auto both = recipes_to_test(environment, {}, RecipeShelf{});
  REQUIRE(both.has_value());
  REQUIRE(both->size() == 2);
  CHECK(both->back().recipe.name == "jupyter");
  CHECK(recipes_to_test(environment, {"r"}, RecipeShelf{})->front().recipe.name == "r");
  with.history("# recipes: ['gone']\n");
  CHECK(recipes_to_test(environment, {}, RecipeShelf{}).error().message ==
        "there is no recipe 'gone'");
}

host::NodeProfile machine_with(std::optional<int> visible, int devices) {
  host::NodeProfile profile;
  host::LibcudaCandidate library;
  library.end = host::ProbeEnd::answered;
  library.version_code = 0;
  library.cuda_version = 13000;
  library.init_end = host::ProbeEnd::answered;
  library.visible_devices = visible;
  library.devices.resize(static_cast<std::size_t>(devices));
  for (host::CudaDevice& device : library.devices) device.name = "NVIDIA A100";
  profile.nvidia.libcuda.push_back(library);
  profile.nvidia.winner = 0;
  profile.nvidia.device_nodes = {"/dev/nvidiactl"};
  return profile;
}

TEST_CASE("a GPU counts where programs get one") {
  CHECK(gpu_here(host::NodeProfile{}).text == "there is no NVIDIA driver on this machine");
  CHECK(gpu_here(machine_with(std::nullopt, 1)).text == "NVIDIA A100");
  CHECK(gpu_here(machine_with(std::nullopt, 4)).text == "4 x NVIDIA A100");
  CHECK(gpu_here(machine_with(1, 4)).text == "NVIDIA A100");
  CHECK(gpu_here(machine_with(1, 4)).is_usable);
  const GpuHere hidden = gpu_here(machine_with(0, 2));
  CHECK_FALSE(hidden.is_usable);
  CHECK(hidden.text == "CUDA_VISIBLE_DEVICES hides all that there are");
  CHECK(gpu_here(machine_with(std::nullopt, 0)).text ==
        "the driver gives none to this process (in a Slurm job: ask for one with --gpus 1)");
  host::NodeProfile login = machine_with(std::nullopt, 0);
  login.nvidia.device_nodes.clear();
  CHECK(gpu_here(login).text == "there is none in this machine");
  login.nvidia.libcuda.front().init_end = host::ProbeEnd::timed_out;
  CHECK(gpu_here(login).text == "its driver does not answer");
}

}  // namespace
}  // namespace hpcenv::ops
