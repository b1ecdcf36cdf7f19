// hpcenv slurm site
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/session.hpp"
#include "cli/site_report.hpp"
#include "ops/site_profile.hpp"
#include "slurm/site_json.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"--refresh", "", "ask Slurm now, whatever was kept", OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv slurm site", "hpcenv slurm site --refresh --json"};

Result<int> run(const Arguments& arguments, Session& session) {
  const auto age = arguments.has("refresh") ? ops::SiteAge::fresh : ops::SiteAge::recent;
  HPCENV_ASSIGN(const ops::SiteAnswer answer, ops::site_profile(age, session.local_seams()));
  session.end_progress();
  const std::int64_t now = session.clock().now();
  if (!answer.problem.empty()) {
    session.reporter().warning(fmt::format("{}; this is what was seen {}", answer.problem,
                                           elapsed_text(now - answer.site.taken_at)));
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["site"] = slurm::site_to_json(answer.site);
    body["age_seconds"] = std::max<std::int64_t>(now - answer.site.taken_at, 0);
    body["problem"] = answer.problem;
    output.print_json(body, true);
    return 0;
  }
  output.print(site_text(answer, now, output));
  return 0;
}

}  // namespace

constexpr CommandSpec slurm_site_command{
    .name = "slurm site",
    .summary = "show what the cluster offers: partitions, GPUs, limits, accounts",
    .synopsis = "[--refresh]",
    .details =
        "What Slurm said is kept for an hour in ~/.cache/hpcenv, and longer for when the\n"
        "controller does not answer. Accounts are known where there is an accounting database.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(slurm_site_command));

}  // namespace hpcenv::cli
