// hpcenv info
#include <array>

#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/render.hpp"
#include "cli/session.hpp"
#include "conda/platform.hpp"
#include "host/node_profile.hpp"
#include "ops/locations.hpp"
#include "prefix/state.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "also facts of this environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or of the one at this path"},
};

constexpr std::array examples{"hpcenv info", "hpcenv info -n work", "hpcenv info --json"};

struct Info {
  ops::Locations locations;
  std::string machine;
  host::VirtualPackages virtual_packages;
  std::string prefix;  ///< empty without -n
  std::size_t packages = 0;
};

Result<Info> gather(const Arguments& arguments, Session& session) {
  Info info;
  HPCENV_ASSIGN(info.locations, session.locations());
  HPCENV_ASSIGN(const host::NodeProfile profile,
                host::probe_node(session.reader(), session.runner(), session.clock(),
                                 host::ProbeDepth::automatic));
  info.machine = profile.hostname;
  info.virtual_packages =
      host::virtual_packages(profile, session.environment(), conda::native_subdir());
  if (arguments.has("name") || arguments.has("prefix")) {
    HPCENV_ASSIGN(const ops::EnvironmentRef environment,
                  ops::existing_environment(info.locations, arguments.value("name"),
                                            arguments.value("prefix")));
    HPCENV_ASSIGN(const prefix::PrefixState state,
                  prefix::read_state(environment.prefix, prefix::Detail::without_paths));
    info.prefix = environment.prefix.string();
    info.packages = state.packages.size();
  }
  return info;
}

base::Json to_json(const Info& info, const Settings& settings) {
  base::Json body;
  body["version"] = HPCENV_VERSION;
  body["subdir"] = conda::native_subdir();
  body["machine"] = info.machine;
  body["root"] = info.locations.root.string();
  body["package_cache"] = info.locations.packages().string();
  for (const SettingSpec& spec : all_settings()) {
    body["settings"][spec.key]["value"] = settings.value(spec.key);
    body["settings"][spec.key]["source"] = settings.setting(spec.key).source;
  }
  body["virtual_packages"] = virtual_packages_to_json(info.virtual_packages);
  if (!info.prefix.empty()) {
    body["environment"]["prefix"] = info.prefix;
    body["environment"]["packages"] = info.packages;
  }
  return body;
}

std::string to_text(const Info& info, const Settings& settings) {
  std::vector<std::vector<std::string>> facts{{"version", HPCENV_VERSION},
                                              {"platform", std::string(conda::native_subdir())},
                                              {"machine", info.machine}};
  for (const SettingSpec& spec : all_settings()) {
    facts.push_back(
        {spec.key, settings.value(spec.key), "(" + settings.setting(spec.key).source + ")"});
  }
  if (!info.prefix.empty()) {
    facts.push_back({"environment", info.prefix});
    facts.push_back({"packages", std::to_string(info.packages)});
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(info.virtual_packages.packages.size());
  for (const host::VirtualPackage& package : info.virtual_packages.packages) {
    rows.push_back(
        {package.name, package.version, package.build, name_of(package.origin), package.source});
  }
  return table_text(facts) + "\nVirtual packages of this machine:\n" + table_text(rows);
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const Info info, gather(arguments, session));
  for (const std::string& warning : info.virtual_packages.warnings) {
    session.reporter().warning(warning);
  }
  if (session.output().json()) {
    session.output().print_json(to_json(info, session.settings()), true);
  } else {
    session.output().print(to_text(info, session.settings()));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec info_command{
    .name = "info",
    .summary = "show settings, this machine's virtual packages, an environment",
    .synopsis = "[-n NAME | -p PREFIX]",
    .details = "",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(info_command));

}  // namespace hpcenv::cli
