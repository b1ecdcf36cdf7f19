// hpcenv info
#include <array>
#include <filesystem>
#include <map>

#include "base/json.hpp"
#include "cli/activation_report.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
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
    OptionSpec{"--activation", "", "what entering the environment sets, and which script makes it",
               OptionSpec::Kind::flag},
};

constexpr std::array examples{"hpcenv info", "hpcenv info -n work",
                              "hpcenv info -n work --activation", "hpcenv info --json"};

struct Info {
  ops::Locations locations;
  std::string machine;
  host::VirtualPackages virtual_packages;
  std::vector<std::string> channels;  ///< urls without credentials
  std::string prefix;                 ///< of -n or -p, else the active one; may be empty
  std::size_t packages = 0;
};

Result<> add_environment(const Arguments& arguments, Info& info) {
  const bool named = arguments.has("name") || arguments.has("prefix");
  if (!named && !prefix::is_environment(info.locations.active_prefix)) {
    return {};
  }
  HPCENV_ASSIGN(const prefix::PrefixState state, installed_in_named(arguments, info.locations));
  info.prefix = state.prefix.string();
  info.packages = state.packages.size();
  return {};
}

Result<Info> gather(const Arguments& arguments, Session& session) {
  Info info;
  HPCENV_ASSIGN(info.locations, session.locations());
  HPCENV_ASSIGN(const host::NodeProfile profile,
                host::probe_node(session.reader(), session.runner(), session.clock(),
                                 host::ProbeDepth::automatic, host::ProbeScope::solving));
  info.machine = profile.hostname;
  info.virtual_packages =
      host::virtual_packages(profile, session.reader().environment(), conda::native_subdir());
  HPCENV_ASSIGN(const conda::ChannelRules rules, session.channel_rules());
  for (const std::string& word : session.settings().list("channels")) {
    HPCENV_ASSIGN(const auto channels, conda::expand_channel(word, rules));
    for (const conda::Channel& channel : channels) {
      info.channels.push_back(conda::without_credentials(channel.base_url));
    }
  }
  HPCENV_TRY(add_environment(arguments, info));
  return info;
}

std::vector<std::string> texts_of(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> texts;
  texts.reserve(paths.size());
  for (const std::filesystem::path& path : paths) {
    texts.push_back(path.string());
  }
  return texts;
}

base::Json to_json(const Info& info, const Settings& settings) {
  base::Json body;
  body["version"] = HPCENV_VERSION;
  body["subdir"] = conda::native_subdir();
  body["machine"] = info.machine;
  body["root"] = info.locations.root.string();
  body["package_cache"] = info.locations.packages().string();
  body["package_caches"] = texts_of(info.locations.package_folders);
  body["environment_folders"] = texts_of(info.locations.environment_folders);
  body["active_prefix"] = info.locations.active_prefix.string();
  body["channels"] = info.channels;
  body["settings_files"] = settings.files();
  for (const SettingSpec& spec : all_settings()) {
    body["settings"][spec.key] = setting_to_json(settings.setting(spec.key));
  }
  body["virtual_packages"] = virtual_packages_to_json(info.virtual_packages);
  if (!info.prefix.empty()) {
    body["environment"]["prefix"] = info.prefix;
    body["environment"]["packages"] = info.packages;
  }
  return body;
}

using Rows = std::vector<std::vector<std::string>>;

// The first of several on the line of their name, the others below it.
void add_rows(Rows& rows, const std::string& name, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    rows.push_back({i == 0 ? name : "", values[i]});
  }
}

std::string to_text(const Info& info, const Settings& settings) {
  Rows facts{{"hpcenv", HPCENV_VERSION},
             {"platform", std::string(conda::native_subdir())},
             {"machine", info.machine},
             {"root", fmt::format("{} ({})", info.locations.root.string(),
                                  settings.setting("root").source)}};
  add_rows(facts, "environments", texts_of(info.locations.environment_folders));
  add_rows(facts, "package caches", texts_of(info.locations.package_folders));
  add_rows(facts, "channels", info.channels);
  add_rows(facts, "settings from", settings.files());
  if (!info.prefix.empty()) {
    facts.push_back({"environment", info.prefix});
    facts.push_back({"packages in it", std::to_string(info.packages)});
  }
  Rows rows;
  rows.reserve(info.virtual_packages.packages.size());
  for (const host::VirtualPackage& package : info.virtual_packages.packages) {
    rows.push_back(
        {package.name, package.version, package.build, name_of(package.origin), package.source});
  }
  return table_text(facts) + "\nVirtual packages of this machine:\n" + table_text(rows) +
         "\nAll settings: hpcenv config\n";
}

// Of which package each script in activate.d is.
Result<std::map<std::string, std::string>> packages_of_scripts(
    const std::filesystem::path& prefix) {
  constexpr std::string_view folder = "etc/conda/activate.d/";
  std::map<std::string, std::string> packages;
  HPCENV_ASSIGN(const prefix::PrefixState state, prefix::read_state(prefix));
  for (const conda::PrefixRecord& package : state.packages) {
    for (const conda::InstalledPath& path : package.paths) {
      if (!path.path.starts_with(folder)) continue;
      packages[path.path.substr(folder.size())] = package.record.dist_name();
    }
  }
  return packages;
}

Result<int> show_activation(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
  ActivationReport report;
  HPCENV_ASSIGN(report.known, ops::known_activation(environment, ops::ForNode::this_one, locations,
                                                    session.local_seams()));
  HPCENV_ASSIGN(report.packages, packages_of_scripts(environment.prefix));
  session.end_progress();
  if (session.output().json()) {
    base::Json body;
    body["prefix"] = environment.prefix.string();
    body["activation"] = activation_to_json(report);
    session.output().print_json(body, true);
  } else {
    session.output().print(activation_text(report));
  }
  return 0;
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.has("activation")) return show_activation(arguments, session);
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
    .summary = "show where things lie, this machine's virtual packages, an environment",
    .synopsis = "[-n NAME | -p PREFIX] [--activation]",
    .details =
        "Without -n and -p: of the active environment, if there is one.\n"
        "--activation shows each variable that entering sets, and by which package's script. What "
        "the\n"
        "scripts do is recorded once and set from then on without running them; what could not be\n"
        "recorded is named, with the reason.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(info_command));

}  // namespace hpcenv::cli
