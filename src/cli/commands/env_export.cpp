// hpcenv env export
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/session.hpp"
#include "ops/environment_export.hpp"
#include "ops/locations.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"-f,--file", "FILE", "write there, not to stdout"},
    OptionSpec{"--no-builds", "", "versions only", OptionSpec::Kind::flag},
    OptionSpec{"--from-history", "", "only what was asked for, as it was asked for",
               OptionSpec::Kind::flag},
    OptionSpec{"--ignore-channels", "", "name no channels", OptionSpec::Kind::flag},
    OptionSpec{"-e,--explicit", "", "an @EXPLICIT file of urls, with sha256 hashes",
               OptionSpec::Kind::flag},
    OptionSpec{"--md5", "", "with --explicit: md5 hashes", OptionSpec::Kind::flag},
    OptionSpec{"--no-hashes", "", "with --explicit: none", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv env export -n work > environment.yml",
    "hpcenv env export -n work --from-history",
    "hpcenv env export -n work --explicit -f work.txt",
};

Result<ops::ExportWish> wish_of(const Arguments& arguments, const Session& session) {
  ops::ExportWish wish;
  if (arguments.has("no-builds")) {
    wish.specs = ops::ExportWish::Specs::no_builds;
  }
  if (arguments.has("from-history")) {
    wish.specs = ops::ExportWish::Specs::requested;
  }
  if (arguments.has("ignore-channels")) {
    wish.channels = ops::ExportWish::Channels::ignore;
  }
  HPCENV_ASSIGN(const conda::ChannelRules rules, session.channel_rules());
  wish.channel_alias = rules.alias;
  for (const std::string& word : session.settings().list("channels")) {
    // A channel that cannot be used now may still be where packages came from.
    if (const auto channels = conda::expand_channel(word, rules)) {
      for (const conda::Channel& channel : *channels) {
        wish.channel_order.push_back(channel.base_url);
      }
    }
  }
  return wish;
}

// The text of the file, and its parts for --json.
struct Exported {
  std::string text;
  base::Json parts;
};

Result<Exported> export_explicit(const Arguments& arguments, const prefix::PrefixState& state,
                                 Session& session) {
  ops::ExplicitHash hash = ops::ExplicitHash::sha256;
  if (arguments.has("md5")) {
    hash = ops::ExplicitHash::md5;
  }
  if (arguments.has("no-hashes")) {
    hash = ops::ExplicitHash::none;
  }
  if (const auto python = prefix::python_packages(state); !python.empty()) {
    session.reporter().warning(
        fmt::format("{} packages that pip installed cannot stand in an @EXPLICIT file, {} among "
                    "them",
                    python.size(), python.front().name));
  }
  HPCENV_ASSIGN(std::string text, ops::explicit_text(state, hash));
  return Exported{std::move(text), base::Json::object()};
}

Result<Exported> export_yaml(const Arguments& arguments, const prefix::PrefixState& state,
                             const std::string& name, Session& session) {
  HPCENV_ASSIGN(const ops::ExportWish wish, wish_of(arguments, session));
  const auto python = wish.specs == ops::ExportWish::Specs::requested
                          ? std::vector<prefix::PythonPackage>{}
                          : prefix::python_packages(state);
  HPCENV_ASSIGN(ops::ExportedEnvironment exported, ops::export_environment(state, python, wish));
  exported.name = name;
  if (wish.specs == ops::ExportWish::Specs::requested && exported.dependencies.empty()) {
    session.reporter().warning("the history of this environment names no wishes");
  }
  return Exported{ops::to_yaml(exported), ops::to_json(exported)};
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const prefix::PrefixState state, installed_in_named(arguments, locations));
  HPCENV_ASSIGN(
      Exported exported,
      arguments.has("explicit")
          ? export_explicit(arguments, state, session)
          : export_yaml(arguments, state, ops::name_of(locations, state.prefix), session));
  if (const std::string file = arguments.value("file"); !file.empty()) {
    HPCENV_TRY(base::write_file(locations.working_directory / file, exported.text));
    session.output().say(fmt::format("Wrote {}\n", file));
    if (!session.output().json()) {
      return 0;
    }
  }
  if (session.output().json()) {
    base::Json body = std::move(exported.parts);
    body["text"] = exported.text;
    session.output().print_json(body, true);
  } else {
    session.output().print(exported.text);
  }
  return 0;
}

}  // namespace

constexpr CommandSpec env_export_command{
    .name = "env export",
    .summary = "write an environment as a file from which it can be made again",
    .synopsis = "[-n NAME | -p PREFIX] [-f FILE] [--no-builds | --from-history | --explicit]",
    .details =
        "An environment.yml with every package at its version and build. On another platform, or "
        "in a\n"
        "year, --from-history is what still solves; --explicit gives the very same packages again.",
    .operands = CommandSpec::Operands::none,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(env_export_command));

}  // namespace hpcenv::cli
