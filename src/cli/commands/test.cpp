// hpcenv test
#include <array>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "host/node_profile.hpp"
#include "ops/activate.hpp"
#include "ops/smoke_test.hpp"

namespace hpcenv::cli {
namespace {

using End = ops::CheckOutcome::End;

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"--recipe", "NAME", "the test of this recipe, not of those it was made from",
               OptionSpec::Kind::many},
    OptionSpec{"--timeout", "SECONDS", "for each check, instead of what its recipe says"},
};

constexpr std::array examples{"hpcenv test -n work", "srun --gpus 1 hpcenv test -n torch",
                              "hpcenv test -n work --recipe jupyter"};

const char* name_of(End end) {
  switch (end) {
    case End::passed:
      return "passed";
    case End::failed:
      return "failed";
    case End::not_possible:
      return "not possible";
  }
  return "";
}

Style style_of(End end) {
  return end == End::passed ? Style::green : end == End::failed ? Style::red : Style::dim;
}

base::Json to_json(const ops::CheckOutcome& outcome) {
  base::Json value;
  value["recipe"] = outcome.recipe;
  value["name"] = outcome.check;
  value["needs"] = name_of(outcome.needs);
  value["result"] = outcome.end == End::not_possible ? "not_possible" : name_of(outcome.end);
  value["reason"] = outcome.reason;
  value["output"] = outcome.output;
  value["milliseconds"] = outcome.took.count();
  return value;
}

std::string to_text(const ops::CheckOutcome& outcome, const Output& output) {
  const std::string seconds =
      outcome.end == End::not_possible
          ? ""
          : fmt::format("{:.1f} s", static_cast<double>(outcome.took.count()) / 1000.0);
  std::string text =
      fmt::format("{}  {:<24}{:>8}{}{}\n",
                  output.styled(style_of(outcome.end), fmt::format("{:<12}", name_of(outcome.end))),
                  outcome.recipe + ": " + outcome.check, seconds,
                  outcome.reason.empty() ? "" : "  ", outcome.reason);
  for (const std::string& line : outcome.output) text += fmt::format("{:14}{}\n", "", line);
  return text;
}

/// The driver is asked for devices where there is one, by root, too: the checks will do so anyway.
Result<host::NodeProfile> look_at_machine(Session& session) {
  session.reporter().step("Looking at this machine");
  HPCENV_ASSIGN(host::NodeProfile profile,
                host::probe_node(session.reader(), session.runner(), session.clock(),
                                 host::ProbeDepth::automatic, host::ProbeScope::solving));
  if (profile.nvidia.device_nodes.empty() || ops::gpu_here(profile).is_usable) return profile;
  return host::probe_node(session.reader(), session.runner(), session.clock(),
                          host::ProbeDepth::devices, host::ProbeScope::solving);
}

Result<std::optional<std::chrono::seconds>> timeout_of(const Arguments& arguments) {
  std::optional<std::chrono::seconds> timeout;
  if (!arguments.has("timeout")) return timeout;
  const auto seconds = base::parse_unsigned(arguments.value("timeout"));
  if (!seconds || *seconds == 0 || *seconds > 86'400) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("'{}' is no number of seconds", arguments.value("timeout")),
                     "write --timeout 600");
  }
  timeout = std::chrono::seconds(*seconds);
  return timeout;
}

struct Tally {
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t not_possible = 0;
  bool lacks_gpu = false;
  base::Json checks = base::Json::array();

  void add(const ops::CheckOutcome& outcome, const ops::GpuHere& gpu) {
    passed += outcome.end == End::passed ? 1 : 0;
    failed += outcome.end == End::failed ? 1 : 0;
    not_possible += outcome.end == End::not_possible ? 1 : 0;
    lacks_gpu = lacks_gpu || (outcome.end == End::not_possible &&
                              outcome.needs == conda::Needs::gpu && !gpu.is_usable);
    checks.push_back(to_json(outcome));
  }
};

void print_json(const ops::SmokeTest& test, const std::string& machine, Tally tally,
                const Output& output) {
  base::Json body;
  body["machine"] = machine;
  body["prefix"] = test.environment.prefix.string();
  body["gpu"]["usable"] = test.gpu.is_usable;
  body["gpu"]["text"] = test.gpu.text;
  body["checks"] = std::move(tally.checks);
  body["passed"] = tally.passed;
  body["failed"] = tally.failed;
  body["not_possible"] = tally.not_possible;
  output.print_json(body, tally.failed == 0);
}

std::string end_text(const Tally& tally, const Arguments& arguments) {
  std::string text = fmt::format("\n{} passed, {} failed, {} not possible here\n", tally.passed,
                                 tally.failed, tally.not_possible);
  if (!tally.lacks_gpu) return text;
  const std::string which = arguments.has("prefix") ? " -p " + arguments.value("prefix")
                            : arguments.has("name") ? " -n " + arguments.value("name")
                                                    : "";
  return text +
         fmt::format("The rest runs on a machine with a GPU: srun --gpus 1 hpcenv test{}\n", which);
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  ops::SmokeTest test;
  HPCENV_ASSIGN(test.timeout, timeout_of(arguments));
  HPCENV_ASSIGN(test.environment, ops::existing_environment(locations, arguments.value("name"),
                                                            arguments.value("prefix")));
  HPCENV_ASSIGN(const std::vector<ops::FoundRecipe> recipes,
                ops::recipes_to_test(test.environment, arguments.values("recipe"),
                                     ops::recipe_shelf(session.environment())));
  HPCENV_ASSIGN(test.activation, ops::activation_for(test.environment, ops::ForNode::this_one,
                                                     locations, session.local_seams()));
  test.variables = session.environment();
  HPCENV_ASSIGN(const host::NodeProfile profile, look_at_machine(session));
  test.gpu = ops::gpu_here(profile);
  const Output& output = session.output();
  session.end_progress();
  if (!output.json()) {
    output.print(fmt::format("On {}. GPU: {}\n", profile.hostname, test.gpu.text));
  }
  Tally tally;
  HPCENV_TRY(ops::run_smoke_test(test, recipes, session.runner(), session.reporter(),
                                 [&](const ops::CheckOutcome& outcome) {
                                   session.end_progress();
                                   tally.add(outcome, test.gpu);
                                   if (!output.json()) output.print(to_text(outcome, output));
                                   flush_stdout();
                                 }));
  const int code = tally.failed == 0 ? 0 : 1;
  if (output.json()) {
    print_json(test, profile.hostname, std::move(tally), output);
  } else {
    output.print(end_text(tally, arguments));
  }
  return code;
}

}  // namespace

constexpr CommandSpec test_command{
    .name = "test",
    .summary = "run the smoke test of the recipe that an environment was made from",
    .synopsis = "[-n NAME | -p PREFIX] [--recipe NAME]...",
    .details =
        "Each check runs as `hpcenv run` would, in an empty directory. Checks that need a GPU run "
        "where\n"
        "there is one; elsewhere they are named as not possible, with the reason. Leaves with 1 "
        "where a\n"
        "check failed.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(test_command));

}  // namespace hpcenv::cli
