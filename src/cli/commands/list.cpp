// hpcenv list
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/named_environment.hpp"
#include "cli/render.hpp"
#include "cli/session.hpp"
#include "conda/text_pattern.hpp"
#include "ops/environment_export.hpp"
#include "ops/locations.hpp"
#include "prefix/python_packages.hpp"
#include "prefix/state.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-n,--name", "NAME", "name of the environment"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path; without both: the active one"},
    OptionSpec{"-f,--full-name", "", "REGEX has to match the whole name", OptionSpec::Kind::flag},
    OptionSpec{"--no-pip", "", "leave out what pip or uv installed", OptionSpec::Kind::flag},
    OptionSpec{"-e,--export", "", "print lines name=version=build", OptionSpec::Kind::flag},
    OptionSpec{"--explicit", "", "print an @EXPLICIT file of the packages' urls",
               OptionSpec::Kind::flag},
    OptionSpec{"--md5", "", "with --explicit: add md5 hashes", OptionSpec::Kind::flag},
    OptionSpec{"--sha256", "", "with --explicit: add sha256 hashes", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv list -n work",
    "hpcenv list -n work '^cuda-'",
    "hpcenv list -p /scratch/me/env --json",
    "hpcenv list -n work --explicit --sha256 > work.txt",
};

// A regular expression that is found in the name, or has to be the whole of it.
Result<conda::TextPattern> pattern_of(const std::string& text, bool whole) {
  auto pattern = conda::TextPattern::parse(whole ? "^(" + text + ")$" : "^.*(" + text + ").*$");
  if (!pattern) {
    pattern.error().kind = ErrorKind::usage;
    pattern.error().message = fmt::format("'{}' is no regular expression", text);
    return Failure(with_hint(std::move(pattern).error(), "in one, any run of characters is '.*'"));
  }
  return pattern;
}

class Filter {
 public:
  static Result<Filter> from(const Arguments& arguments) {
    Filter filter;
    for (const std::string& text : arguments.operands()) {
      HPCENV_ASSIGN(conda::TextPattern pattern, pattern_of(text, arguments.has("full-name")));
      filter.patterns_.push_back(std::move(pattern));
    }
    return filter;
  }

  bool wants(const std::string& name) const {
    for (const conda::TextPattern& pattern : patterns_) {
      if (pattern.matches(name)) {
        return true;
      }
    }
    return patterns_.empty();
  }

 private:
  std::vector<conda::TextPattern> patterns_;
};

struct Listing {
  base::Json packages = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Package", "Version", "Build", "Channel"}};
};

void add_packages(const prefix::PrefixState& state, const Filter& filter, Listing& listing) {
  for (const conda::PrefixRecord& installed : state.packages) {
    const conda::PackageRecord& record = installed.record;
    if (!filter.wants(record.name)) {
      continue;
    }
    listing.packages.push_back(package_to_json(record));
    listing.packages.back()["requested_specs"] = installed.requested_specs;
    listing.rows.push_back({record.name, record.version, record.build,
                            short_channel(record.channel) + "/" + record.subdir});
  }
}

void add_python_packages(const prefix::PrefixState& state, const Filter& filter, Listing& listing) {
  for (const prefix::PythonPackage& package : prefix::python_packages(state)) {
    if (!filter.wants(package.name)) {
      continue;
    }
    base::Json value;
    value["name"] = package.name;
    value["version"] = package.version;
    value["channel"] = "pypi";
    value["installer"] = package.installer;
    value["url"] = package.origin;
    value["editable"] = package.editable;
    listing.packages.push_back(std::move(value));
    listing.rows.push_back(
        {package.name, package.version, package.editable ? "editable" : "", "pypi"});
  }
}

// What makes the same environment again, in one of the two forms.
Result<int> print_file(const Arguments& arguments, const prefix::PrefixState& state,
                       const Output& output) {
  std::string text = ops::spec_lines(state);
  if (arguments.has("explicit")) {
    ops::ExplicitHash hash =
        arguments.has("md5") ? ops::ExplicitHash::md5 : ops::ExplicitHash::none;
    if (arguments.has("sha256")) {
      hash = ops::ExplicitHash::sha256;
    }
    HPCENV_ASSIGN(text, ops::explicit_text(state, hash));
  }
  if (output.json()) {
    base::Json body;
    body["prefix"] = state.prefix.string();
    body["text"] = text;
    output.print_json(body, true);
  } else {
    output.print(text);
  }
  return 0;
}

Result<int> run(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(const Filter filter, Filter::from(arguments));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  auto found = installed_in_named(arguments, locations);
  if (!found && found.error().kind == ErrorKind::usage && arguments.operands().size() == 1) {
    // As with conda the word is what names are looked for, but a name may have been meant.
    found.error().hints.insert(
        found.error().hints.begin(),
        fmt::format("to list the environment {0}: hpcenv list -n {0}", arguments.operands()[0]));
  }
  HPCENV_ASSIGN(const prefix::PrefixState state, std::move(found));
  const Output& output = session.output();
  if (arguments.has("explicit") || arguments.has("export")) {
    return print_file(arguments, state, output);
  }
  Listing listing;
  add_packages(state, filter, listing);
  if (!arguments.has("no-pip")) {
    add_python_packages(state, filter, listing);
  }
  if (output.json()) {
    base::Json body;
    body["prefix"] = state.prefix.string();
    body["packages"] = std::move(listing.packages);
    output.print_json(body, true);
    return 0;
  }
  output.print(fmt::format("# packages in environment at {}:\n#\n{}", state.prefix.string(),
                           table_text(listing.rows)));
  return 0;
}

}  // namespace

constexpr CommandSpec list_command{
    .name = "list",
    .summary = "list the packages of an environment",
    .synopsis = "[-n NAME | -p PREFIX] [REGEX...]",
    .details =
        "With REGEX: packages in whose name it is found. What pip or uv installed has the channel "
        "pypi.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(list_command));

}  // namespace hpcenv::cli
