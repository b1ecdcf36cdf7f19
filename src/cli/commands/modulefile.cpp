// hpcenv modulefile
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/module_files.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"--lmod", "", "a Lua file, for Lmod", OptionSpec::Kind::flag},
    OptionSpec{"--tcl", "", "a Tcl file, for environment-modules", OptionSpec::Kind::flag},
    OptionSpec{"-o,--output", "DIR",
               "write it there (without --lmod and --tcl: both files); -: stdout"},
    OptionSpec{"--module", "NAME", "what `module load` calls it (default: the environment's name)"},
    OptionSpec{"--force", "", "overwrite files that hpcenv did not write", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv modulefile -n work -o ~/modulefiles",
    "hpcenv modulefile -n work --lmod",
    "hpcenv modulefile -p /apps/torch -o /apps/modulefiles --module torch/2.9",
};

const char* word_of(shell::ModuleKind kind) {
  return kind == shell::ModuleKind::lmod ? "lmod" : "tcl";
}

Result<std::vector<shell::ModuleKind>> kinds_of(const Arguments& arguments, bool to_files) {
  std::vector<shell::ModuleKind> kinds;
  const bool both = to_files && !arguments.has("lmod") && !arguments.has("tcl");
  if (both || arguments.has("lmod")) kinds.push_back(shell::ModuleKind::lmod);
  if (both || arguments.has("tcl")) kinds.push_back(shell::ModuleKind::tcl);
  if (to_files || kinds.size() == 1) return kinds;
  return fail_hint(ErrorKind::usage, "one module file goes to stdout, and which is not said",
                   "give --lmod or --tcl; or -o DIR for both");
}

base::Json refused_json(const std::vector<shell::RefusedVariable>& refused) {
  base::Json list = base::Json::array();
  for (const shell::RefusedVariable& one : refused) {
    base::Json entry;
    entry["name"] = one.name;
    entry["reason"] = one.reason;
    list.push_back(std::move(entry));
  }
  return list;
}

void show_json(const ops::ModuleAnswer& answer, const Output& output) {
  base::Json list = base::Json::array();
  for (const ops::ModuleText& module : answer.modules) {
    base::Json entry;
    entry["kind"] = word_of(module.kind);
    entry["file"] = module.path.empty() ? base::Json(nullptr) : base::Json(module.path.string());
    entry["text"] = module.file.text;
    entry["left_out"] = refused_json(module.file.refused);
    entry["not_in_every_shell"] = refused_json(module.file.in_some_shells);
    list.push_back(std::move(entry));
  }
  base::Json body;
  body["modules"] = std::move(list);
  body["live_scripts"] = answer.live_scripts;
  output.print_json(body, true);
}

void show(const ops::ModuleAnswer& answer, const std::string& folder, const std::string& name,
          const Output& output) {
  if (output.json()) return show_json(answer, output);
  for (const ops::ModuleText& module : answer.modules) {
    if (module.path.empty()) {
      output.print(module.file.text);
    } else {
      output.say(fmt::format("Wrote {}\n", module.path.string()));
    }
  }
  if (!folder.empty()) {
    output.say(fmt::format("Load it with: module use {}; module load {}\n", folder, name));
  }
}

Result<int> run(const Arguments& arguments, Session& session) {
  const std::string wanted = arguments.value("output", "-");
  const bool to_files = wanted != "-";
  HPCENV_ASSIGN(const std::vector<shell::ModuleKind> kinds, kinds_of(arguments, to_files));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(ops::EnvironmentRef environment, named_environment(arguments, locations));
  const std::string known = ops::name_of(locations, environment.prefix);
  if (!known.empty()) environment.name = known;
  HPCENV_ASSIGN(ops::ModuleAnswer answer,
                ops::module_texts(environment, kinds, locations, session.local_seams()));
  const std::string name = arguments.value("module", ops::module_name_of(environment));
  std::string folder;
  if (to_files) {
    folder = (locations.working_directory / wanted).lexically_normal().string();
    const ops::ForeignFile foreign =
        arguments.has("force") ? ops::ForeignFile::overwrite : ops::ForeignFile::keep;
    HPCENV_TRY(ops::write_modules(answer, folder, name, foreign));
  }
  session.end_progress();
  show(answer, folder, name, session.output());
  return 0;
}

}  // namespace

constexpr CommandSpec modulefile_command{
    .name = "modulefile",
    .summary = "write module files that load an environment",
    .synopsis = "(-n NAME | -p PREFIX) (-o DIR | --lmod | --tcl)",
    .details =
        "`module load` then does what activation does, and `module unload` takes it back. Two of "
        "these\n"
        "modules are never loaded at once. Variables that a module command cannot set are left "
        "out and\n"
        "named: it writes shell code, and would change or even run a part of them. Activation "
        "scripts\n"
        "that were not recorded cannot run in a module; those are named too.\n"
        "The file is of what the environment is now: write it again after a change of packages.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(modulefile_command));

}  // namespace hpcenv::cli
