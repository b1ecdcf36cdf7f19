// The smoke tests of recipes, run inside an environment on this machine.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "host/node_profile.hpp"
#include "ops/locations.hpp"
#include "ops/recipes.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

/// Whether programs get a GPU here.
struct GpuHere {
  bool is_usable = false;
  std::string text;  ///< its name, or why there is none, as a clause
};
GpuHere gpu_here(const host::NodeProfile& profile);

struct CheckOutcome {
  enum class End { passed, failed, not_possible };
  std::string recipe;
  std::string check;
  conda::Needs needs = conda::Needs::nothing;
  End end = End::passed;
  std::string reason;  ///< why it failed or is not possible; for one that passed, what it said last
  std::vector<std::string> output;  ///< the last lines of one that failed
  std::chrono::milliseconds took{0};
};

/// Those named; none named: those that the environment was made from, by its history. Kind
/// not_found where that knows none, or one is not on the shelf any more.
Result<std::vector<FoundRecipe>> recipes_to_test(const EnvironmentRef& environment,
                                                 const std::vector<std::string>& names,
                                                 const RecipeShelf& shelf);

struct SmokeTest {
  EnvironmentRef environment;
  shell::Activation activation;  ///< of it
  base::Environment variables;   ///< that the checks start from, before activation
  GpuHere gpu;
  std::optional<std::chrono::seconds> timeout;  ///< of each check, instead of its own
};

/// Runs every check in an empty directory of its own, which is removed, and tells each outcome as
/// it comes. A check that fails is no error; an interrupt is, and an environment that cannot be
/// used.
Result<> run_smoke_test(const SmokeTest& test, const std::vector<FoundRecipe>& recipes,
                        base::ProcessRunner& runner, base::Reporter& reporter,
                        const std::function<void(const CheckOutcome&)>& tell);

}  // namespace hpcenv::ops
