// hpcenv wrap
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/wrappers.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"--bin", "DIR", "where the files go; it is made where it is missing"},
    OptionSpec{"--force", "", "overwrite files that hpcenv did not write", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv wrap -n work --bin ~/bin python",
    "hpcenv wrap -p /scratch/me/env --bin /scratch/me/bin python mpirun lmp",
    "hpcenv wrap --bin ~/bin --json",
};

Result<int> list_wrappers(const std::filesystem::path& folder, const ops::Locations& locations,
                          Session& session) {
  HPCENV_ASSIGN(const auto found, ops::known_wrappers(folder, locations, session.local_seams()));
  session.end_progress();
  base::Json list = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"File", "State", "Program"}};
  for (const ops::KnownWrapper& wrapper : found) {
    base::Json entry;
    entry["file"] = wrapper.file.string();
    entry["program"] = wrapper.program;
    entry["prefix"] = wrapper.prefix;
    entry["state"] = ops::name_of(wrapper.state);
    list.push_back(std::move(entry));
    rows.push_back({wrapper.file.string(), std::string(ops::name_of(wrapper.state)),
                    wrapper.prefix + "/bin/" + wrapper.program});
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["wrappers"] = std::move(list);
    output.print_json(body, true);
  } else if (found.empty()) {
    output.say(fmt::format("No wrappers in {}\n", folder.string()));
  } else {
    output.print(table_text(rows));
  }
  return 0;
}

void show(const ops::WrapAnswer& answer, const std::string& prefix, const Output& output) {
  base::Json list = base::Json::array();
  for (const ops::WrittenWrapper& written : answer.written) {
    base::Json entry;
    entry["file"] = written.file.string();
    entry["program"] = written.program;
    entry["prefix"] = prefix;
    list.push_back(std::move(entry));
    if (!output.json()) output.say(fmt::format("Wrote {}\n", written.file.string()));
  }
  if (!output.json()) return;
  base::Json body;
  body["wrappers"] = std::move(list);
  body["shell"] = answer.shell;
  body["live_scripts"] = answer.live_scripts;
  output.print_json(body, true);
}

Result<int> run(const Arguments& arguments, Session& session) {
  const std::string bin = arguments.value("bin");
  if (bin.empty()) {
    return fail_hint(ErrorKind::usage, "where the files go is not said",
                     "hpcenv wrap -n NAME --bin DIR PROGRAM...");
  }
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  const std::filesystem::path folder = locations.working_directory / bin;
  if (arguments.operands().empty()) return list_wrappers(folder, locations, session);
  ops::WrapWish wish;
  HPCENV_ASSIGN(wish.environment, named_environment(arguments, locations));
  const std::string name = ops::name_of(locations, wish.environment.prefix);
  if (!name.empty()) wish.environment.name = name;
  wish.folder = folder;
  wish.programs = arguments.operands();
  if (arguments.has("force")) wish.foreign = ops::ForeignFile::overwrite;
  HPCENV_ASSIGN(const ops::WrapAnswer answer,
                ops::wrap_programs(wish, locations, session.local_seams()));
  session.end_progress();
  show(answer, wish.environment.prefix.string(), session.output());
  return 0;
}

}  // namespace

constexpr CommandSpec wrap_command{
    .name = "wrap",
    .summary = "write small files that start programs inside an environment",
    .synopsis = "(-n NAME | -p PREFIX) --bin DIR PROGRAM... | --bin DIR",
    .details =
        "DIR/PROGRAM enters the environment and becomes its PROGRAM: for srun, editors, cron and "
        "other\n"
        "users, from any folder and with any variables, also none. hpcenv is not needed there. "
        "Signals and\n"
        "exit code are the program's own; 127 if it is gone, 125 while a change is unfinished.\n"
        "The files are of what the environment is now: without a PROGRAM it lists those in DIR, "
        "and which\n"
        "of them would be written otherwise now. They are plain sh; where activation scripts have "
        "to run at\n"
        "each start they are bash, and it says so.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(wrap_command));

}  // namespace hpcenv::cli
