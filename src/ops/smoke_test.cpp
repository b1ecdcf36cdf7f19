#include "ops/smoke_test.hpp"

#include <algorithm>
#include <utility>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/history.hpp"
#include "conda/platform.hpp"
#include "ops/activate.hpp"
#include "ops/machine.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

using End = CheckOutcome::End;

/// What a check exits with where it cannot be done on this machine, as in automake's tests.
constexpr int not_possible_code = 77;
constexpr std::size_t lines_kept = 15;

/// An empty directory that is gone with the value.
class Scratch {
 public:
  static Result<Scratch> make(const base::Environment& environment) {
    const std::string folder = environment.get_or("TMPDIR", "");
    HPCENV_ASSIGN(fs::path path,
                  base::make_private_directory(folder.empty() ? "/tmp" : folder, "hpcenv-test-"));
    return Scratch(std::move(path));
  }
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, fs::path())) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (!path_.empty()) static_cast<void>(base::remove_tree(path_));
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> last_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : base::split_lines(text)) {
    if (!base::trim(line).empty()) lines.emplace_back(line);
  }
  if (lines.size() > lines_kept) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(lines_kept));
  }
  return lines;
}

std::string last_line(const std::string& text) {
  const std::vector<std::string> lines = last_lines(text);
  return lines.empty() ? "" : std::string(base::trim(lines.back()));
}

/// The subdir of packages that do not run here; empty where they do.
Result<std::string> foreign_subdir(const fs::path& prefix) {
  HPCENV_ASSIGN(const prefix::PrefixState state,
                prefix::read_state(prefix, prefix::Detail::without_paths));
  const std::string subdir = installed_subdir(state);
  return subdir == conda::native_subdir() ? std::string() : subdir;
}

void judge(const base::ProcessResult& result, std::chrono::seconds timeout, CheckOutcome& outcome) {
  using ProcessEnd = base::ProcessResult::End;
  if (result.succeeded()) {
    outcome.reason = last_line(result.output);
    return;
  }
  if (result.end == ProcessEnd::exited && result.code == not_possible_code) {
    outcome.end = End::not_possible;
    outcome.reason = last_line(result.output.empty() ? result.errors : result.output);
    return;
  }
  outcome.end = End::failed;
  outcome.output = last_lines(result.output + "\n" + result.errors);
  if (result.end == ProcessEnd::timed_out) {
    outcome.reason = fmt::format("not done within {} s", timeout.count());
  } else if (result.end == ProcessEnd::signalled) {
    outcome.reason = fmt::format("ended by signal {}", result.code);
  } else {
    outcome.reason = fmt::format("exit code {}", result.code);
  }
}

class Run {
 public:
  Run(const SmokeTest& test, base::ProcessRunner& runner, base::Reporter& reporter)
      : test_(test), runner_(runner), reporter_(reporter) {}

  Result<> begin() {
    HPCENV_ASSIGN(foreign_, foreign_subdir(test_.environment.prefix));
    return {};
  }

  Result<CheckOutcome> check(const std::string& recipe, const conda::RecipeCheck& check) {
    CheckOutcome outcome;
    outcome.recipe = recipe;
    outcome.check = check.name;
    outcome.needs = check.needs;
    if (!foreign_.empty()) {
      outcome.end = End::not_possible;
      outcome.reason = fmt::format("the environment is for {}", foreign_);
      return outcome;
    }
    if (check.needs == conda::Needs::gpu && !test_.gpu.is_usable) {
      outcome.end = End::not_possible;
      outcome.reason = "it needs a GPU: " + test_.gpu.text;
      return outcome;
    }
    HPCENV_TRY(start(check, outcome));
    return outcome;
  }

 private:
  Result<> start(const conda::RecipeCheck& check, CheckOutcome& outcome) {
    HPCENV_ASSIGN(const Scratch scratch, Scratch::make(test_.variables));
    const bool is_python = check.language == conda::RecipeCheck::Language::python;
    const std::vector<std::string> words =
        is_python ? std::vector<std::string>{"python", "-c", check.text}
                  : std::vector<std::string>{"/bin/sh", "-e", "-c", check.text};
    const Started started = start_in(test_.activation, words, test_.variables);
    if (!std::exchange(warned_, true)) {
      for (const std::string& warning : started.warnings) reporter_.warning(warning);
    }
    base::ProcessRequest request;
    request.argv = started.argv;
    request.environment = started.environment;
    request.directory = scratch.path();
    const std::chrono::seconds timeout = test_.timeout.value_or(check.timeout);
    request.deadline = timeout;
    reporter_.step(fmt::format("Testing {}: {}", outcome.recipe, outcome.check));
    const auto before = std::chrono::steady_clock::now();
    const auto result = runner_.run(request);
    outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - before);
    if (result.has_value()) {
      judge(*result, timeout, outcome);
      return {};
    }
    const ErrorKind kind = result.error().kind;
    if (kind == ErrorKind::interrupted || kind == ErrorKind::terminated) {
      return Failure(result.error());
    }
    outcome.end = End::failed;
    outcome.reason = result.error().message;
    return {};
  }

  const SmokeTest& test_;
  base::ProcessRunner& runner_;
  base::Reporter& reporter_;
  std::string foreign_;
  bool warned_ = false;
};

std::string why_no_device(const host::NvidiaFacts& nvidia, const host::LibcudaCandidate& library) {
  if (library.init_end == host::ProbeEnd::timed_out) return "its driver does not answer";
  if (nvidia.pci_gpus == 0 && nvidia.device_nodes.empty()) return "there is none in this machine";
  return "the driver gives none to this process (in a Slurm job: ask for one with --gpus 1)";
}

}  // namespace

GpuHere gpu_here(const host::NodeProfile& profile) {
  const host::LibcudaCandidate* library = host::driver_library(profile);
  if (library == nullptr) return {false, "there is no NVIDIA driver on this machine"};
  if (library->devices.empty()) return {false, why_no_device(profile.nvidia, *library)};
  if (library->visible_devices == 0) {
    return {false, "CUDA_VISIBLE_DEVICES hides all that there are"};
  }
  const auto count = static_cast<std::size_t>(
      library->visible_devices.value_or(static_cast<int>(library->devices.size())));
  const std::string& name = library->devices.front().name;
  return {true, count == 1 ? name : fmt::format("{} x {}", count, name)};
}

Result<std::vector<FoundRecipe>> recipes_to_test(const EnvironmentRef& environment,
                                                 const std::vector<std::string>& names,
                                                 const RecipeShelf& shelf) {
  std::vector<std::string> wanted = names;
  if (wanted.empty()) {
    HPCENV_ASSIGN(const std::string history,
                  base::read_file(environment.prefix / "conda-meta/history"));
    wanted = conda::recipes_of(conda::parse_history(history));
  }
  if (wanted.empty()) {
    return fail_hint(
        ErrorKind::not_found,
        fmt::format("{} was made from no recipe, so no smoke test is known for it",
                    environment.prefix.string()),
        "name the recipe whose test it shall pass: --recipe NAME (see: hpcenv recipes)");
  }
  std::vector<FoundRecipe> recipes;
  for (const std::string& name : wanted) {
    HPCENV_ASSIGN(FoundRecipe found, find_recipe(name, shelf));
    recipes.push_back(std::move(found));
  }
  return recipes;
}

Result<> run_smoke_test(const SmokeTest& test, const std::vector<FoundRecipe>& recipes,
                        base::ProcessRunner& runner, base::Reporter& reporter,
                        const std::function<void(const CheckOutcome&)>& tell) {
  Run run(test, runner, reporter);
  HPCENV_TRY(run.begin());
  for (const FoundRecipe& found : recipes) {
    for (const conda::RecipeCheck& check : found.recipe.checks) {
      HPCENV_ASSIGN(const CheckOutcome outcome, run.check(found.recipe.name, check));
      tell(outcome);
    }
  }
  return {};
}

}  // namespace hpcenv::ops
