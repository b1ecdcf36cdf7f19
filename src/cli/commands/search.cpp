// hpcenv search
#include <algorithm>
#include <array>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/error_report.hpp"
#include "cli/render.hpp"
#include "cli/session.hpp"
#include "conda/platform.hpp"
#include "conda/timestamp.hpp"
#include "ops/search.hpp"

namespace hpcenv::cli {
namespace {

constexpr std::array options{
    OptionSpec{"-c,--channel", "CHANNEL", "search here; earlier ones win", OptionSpec::Kind::many},
    OptionSpec{"--override-channels", "", "only the channels of -c", OptionSpec::Kind::flag},
    OptionSpec{"--platform,--subdir", "PLATFORM", "search the packages for e.g. linux-aarch64"},
    OptionSpec{"--channel-priority", "MODE", "which records are marked as hidden"},
    OptionSpec{"--exclude-newer", "DATE", "ignore packages that are newer (2026-11-26, or 7d)"},
    OptionSpec{"--offline", "", "search what is in the index cache", OptionSpec::Kind::flag},
    OptionSpec{"-i,--info", "", "show what each record says", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv search numpy",
    "hpcenv search 'numpy>=2,<2.3'",
    "hpcenv search '*cudnn*'",
    "hpcenv search 'bioconda::samtools[build_number=1]' --info",
    "hpcenv search 'pytorch=2.*=*cuda*' --platform linux-aarch64 --json",
};

Result<> add_channels(const std::string& word, const conda::ChannelRules& rules,
                      std::vector<conda::Channel>& channels) {
  HPCENV_ASSIGN(const std::vector<conda::Channel> expanded, conda::expand_channel(word, rules));
  for (const conda::Channel& channel : expanded) {
    const auto same = [&](const conda::Channel& other) {
      return other.base_url == channel.base_url;
    };
    if (std::ranges::none_of(channels, same)) {
      channels.push_back(channel);
    }
  }
  return {};
}

// The channels of -c and the settings; a channel that a spec names itself is searched too.
Result<std::vector<conda::Channel>> channels_of(const Arguments& arguments, const Session& session,
                                                const std::vector<conda::MatchSpec>& specs) {
  HPCENV_ASSIGN(const conda::ChannelRules rules, session.channel_rules());
  std::vector<conda::Channel> channels;
  for (const std::string& word : arguments.values("channel")) {
    HPCENV_TRY(add_channels(word, rules, channels));
  }
  if (!arguments.has("override-channels")) {
    for (const std::string& word : session.settings().list("channels")) {
      HPCENV_TRY(add_channels(word, rules, channels));
    }
  }
  for (const conda::MatchSpec& spec : specs) {
    const auto is_meant = [&](const conda::Channel& channel) {
      return conda::channel_matches(channel, spec.channel, rules.alias);
    };
    if (!spec.channel.empty() && std::ranges::none_of(channels, is_meant)) {
      HPCENV_TRY(add_channels(spec.channel, rules, channels));
    }
  }
  if (channels.empty()) {
    return fail_hint(ErrorKind::usage, "no channel is left to search",
                     "name one with -c CHANNEL, or leave --override-channels out");
  }
  return channels;
}

std::vector<std::string> subdirs_of(const Session& session,
                                    const std::vector<conda::MatchSpec>& specs) {
  const std::string& asked = session.settings().value("subdir");
  std::vector<std::string> subdirs =
      conda::subdirs_for(asked.empty() ? std::string(conda::native_subdir()) : asked);
  for (const conda::MatchSpec& spec : specs) {
    if (conda::is_known_subdir(spec.subdir) &&
        std::ranges::find(subdirs, spec.subdir) == subdirs.end()) {
      subdirs.push_back(spec.subdir);
    }
  }
  return subdirs;
}

Result<ops::SearchRequest> request_of(const Arguments& arguments, const Session& session) {
  ops::SearchRequest request;
  for (const std::string& text : arguments.operands()) {
    HPCENV_ASSIGN(conda::MatchSpec spec, conda::MatchSpec::parse(text));
    request.specs.push_back(std::move(spec));
  }
  HPCENV_ASSIGN(request.channels, channels_of(arguments, session, request.specs));
  request.subdirs = subdirs_of(session, request.specs);
  const Settings& settings = session.settings();
  request.channel_alias = settings.value("channel_alias");
  if (settings.value("channel_priority") != "strict") {
    request.priority = solve::ChannelPriority::flexible;
  }
  request.index_fresh_seconds = session.index_fresh_seconds();
  if (settings.flag("offline")) {
    request.offline = index::IndexRequest::Offline::yes;
  }
  if (const std::string& date = settings.value("exclude_newer"); !date.empty()) {
    HPCENV_ASSIGN(request.exclude_newer, conda::parse_exclude_newer(date, session.clock().now()));
  }
  return request;
}

base::Json found_to_json(const ops::FoundRecord& found) {
  base::Json value = package_to_json(found.record);
  value["depends"] = found.record.depends;
  value["constrains"] = found.record.constrains;
  value["license"] = found.record.license;
  if (found.record.timestamp) {
    value["timestamp"] = *found.record.timestamp;
  }
  value["hidden_by_priority"] = found.is_hidden;
  return value;
}

std::string date_of(const conda::PackageRecord& record) {
  return record.timestamp ? base::utc_text(*record.timestamp / 1000).substr(0, 10) : "";
}

std::string table_of(const ops::SearchResult& result) {
  const bool hidden = std::ranges::any_of(result.records, &ops::FoundRecord::is_hidden);
  std::vector<std::vector<std::string>> rows{
      {"Package", "Version", "Build", "Channel", "Size", "Date", hidden ? "Hidden" : ""}};
  for (const ops::FoundRecord& found : result.records) {
    const conda::PackageRecord& record = found.record;
    rows.push_back({record.name, record.version, record.build,
                    short_channel(record.channel) + "/" + record.subdir,
                    record.size ? base::human_bytes(*record.size) : "", date_of(record),
                    found.is_hidden ? "by priority" : ""});
  }
  return table_text(rows);
}

std::string details_of(const ops::FoundRecord& found) {
  const conda::PackageRecord& record = found.record;
  std::vector<std::vector<std::string>> rows{
      {"file", record.file_name},  {"url", conda::without_credentials(record.url)},
      {"license", record.license}, {"size", record.size ? base::human_bytes(*record.size) : ""},
      {"date", date_of(record)},   {"sha256", record.sha256},
  };
  if (found.is_hidden) {
    rows.push_back({"hidden", "by channel priority"});
  }
  for (const std::string& need : record.depends) {
    rows.push_back({&need == record.depends.data() ? "needs" : "", need});
  }
  for (const std::string& limit : record.constrains) {
    rows.push_back({&limit == record.constrains.data() ? "limits" : "", limit});
  }
  std::erase_if(rows, [](const auto& row) { return row[1].empty(); });
  return fmt::format("{} {} {}\n{}\n", record.name, record.version, record.build, table_text(rows));
}

Error nothing_found(const Arguments& arguments, const ops::SearchResult& result) {
  Error error{
      ErrorKind::not_found,
      fmt::format("no channel has a package that fits: {}", base::join(arguments.operands(), " ")),
      {},
      {}};
  if (!result.nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(result.nearest, ", "));
  }
  error.hints.emplace_back("a part of a name is found with stars: hpcenv search '*PART*'");
  return error;
}

Result<int> run(const Arguments& arguments, Session& session) {
  if (arguments.operands().empty()) {
    return fail_hint(ErrorKind::usage, "no package is named", "hpcenv search SPEC");
  }
  HPCENV_ASSIGN(const ops::SearchRequest request, request_of(arguments, session));
  HPCENV_ASSIGN(const ops::Locations locations, session.locations());
  HPCENV_ASSIGN(const ops::Seams seams, session.seams());
  HPCENV_ASSIGN(const ops::SearchResult result, ops::search(request, locations, seams));
  session.end_progress();
  const Output& output = session.output();
  const bool empty = result.records.empty();
  if (empty && !output.json()) {
    return Failure(nothing_found(arguments, result));
  }
  if (output.json()) {
    base::Json body;
    body["packages"] = base::Json::array();
    for (const ops::FoundRecord& found : result.records) {
      body["packages"].push_back(found_to_json(found));
    }
    if (empty) {
      body["error"] = error_to_json(nothing_found(arguments, result));
    }
    output.print_json(body, !empty);
    return empty ? 1 : 0;
  }
  if (!arguments.has("info")) {
    output.print(table_of(result));
    return 0;
  }
  for (const ops::FoundRecord& found : result.records) {
    output.print(details_of(found));
  }
  return 0;
}

}  // namespace

constexpr CommandSpec search_command{
    .name = "search",
    .summary = "list the packages of channels that a spec fits",
    .synopsis = "[-c CHANNEL]... SPEC...",
    .details =
        "A spec may be all that a spec can be: '*part*', 'name>=1', 'channel::name', "
        "'name[build=*cuda*]'.\n"
        "Every record of every channel is shown, in version order; those that channel priority "
        "keeps from\n"
        "being installed are marked. Nothing found: exit code 1.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(search_command));

}  // namespace hpcenv::cli
