#include "ops/site_profile.hpp"

#include <chrono>
#include <optional>

#include "base/beside.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "ops/slurm_programs.hpp"
#include "slurm/site_json.hpp"
#include "slurm/site_show.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using base::Environment;
using base::Json;
using std::chrono::seconds;

constexpr std::int64_t recent_seconds = 3600;
constexpr seconds scontrol_patience{60};
constexpr seconds database_patience{10};
constexpr std::string_view file_start = "site-";
constexpr std::string_view file_end = ".json";
constexpr std::int64_t format = 1;

// Which cluster is asked, before anybody has answered.
std::string asked_through(const Environment& environment) {
  return environment.get_or("SLURM_CONF", "") + "|" + environment.get_or("SLURM_CLUSTERS", "");
}

std::optional<slurm::SiteProfile> read_kept(const fs::path& file, const Environment& environment) {
  const auto text = base::read_file(file);
  if (!text) return std::nullopt;
  const auto json = base::parse_json(*text, file.native());
  if (!json || !json->is_object() || base::integer_or(*json, "format") != format) {
    return std::nullopt;
  }
  if (base::string_or(*json, "asked_through") != asked_through(environment)) return std::nullopt;
  const auto site = json->find("site");
  if (site == json->end()) return std::nullopt;
  return slurm::site_from_json(*site);
}

// The newest that was asked the same way.
std::optional<slurm::SiteProfile> kept_site(const Environment& environment) {
  std::optional<slurm::SiteProfile> best;
  const fs::path folder = cache_folder(environment);
  const auto names = base::list_directory(folder);
  if (folder.empty() || !names) return best;
  for (const std::string& name : *names) {
    if (!name.starts_with(file_start) || !name.ends_with(file_end)) continue;
    auto site = read_kept(folder / name, environment);
    if (site && (!best || site->taken_at > best->taken_at)) best = std::move(site);
  }
  return best;
}

void keep(const slurm::SiteProfile& site, const Environment& environment) {
  const fs::path folder = cache_folder(environment);
  const bool is_file_name = site.cluster.find('/') == std::string::npos;
  if (folder.empty() || !is_file_name || !base::make_directories(folder)) return;
  Json json;
  json["format"] = format;
  json["asked_through"] = asked_through(environment);
  json["site"] = slurm::site_to_json(site);
  const fs::path file = folder / (std::string(file_start) + site.cluster + std::string(file_end));
  static_cast<void>(base::write_file(file, base::dump_json_line(json) + "\n", 0600));
}

Result<std::string> answer_of(const Result<base::ProcessResult>& result, std::string_view what) {
  if (!result) return Failure(result.error());
  if (result->succeeded()) return result->output;
  const std::string said(base::trim(result->errors));
  return fail_hint(ErrorKind::network,
                   fmt::format("{} gives no answer{}{}", what, said.empty() ? "" : ": ", said),
                   "`scontrol ping` shows whether the controller is up");
}

std::string user_name(const LocalSeams& seams, const Environment& environment) {
  const auto said = ask_slurm_program(seams.runner, environment, {"id", "-un"}, seconds(5));
  if (said && said->succeeded()) return std::string(base::trim(said->output));
  return environment.get_or("USER", environment.get_or("LOGNAME", ""));
}

void ask_database(const LocalSeams& seams, const Environment& environment,
                  slurm::SiteProfile& site) {
  const std::string who = "user=" + user_name(seams, environment);
  const auto question = [&](const char* what, const char* format_word) {
    return slurm_question(environment, {"sacctmgr", "-nP", "show", what, who, format_word},
                          database_patience);
  };
  const auto answers = base::run_beside(
      seams.runner, {question("assoc", "format=cluster,account,partition,qos,defaultqos"),
                     question("user", "format=defaultaccount")});
  if (answers[0] && answers[0]->succeeded()) {
    slurm::parse_associations(answers[0]->output, site);
  }
  if (answers[1] && answers[1]->succeeded()) {
    slurm::parse_default_account(answers[1]->output, site);
  }
}

Result<slurm::SiteProfile> ask_site(const LocalSeams& seams, const Environment& environment) {
  const auto question = [&](std::vector<std::string> words) {
    return slurm_question(environment, std::move(words), scontrol_patience);
  };
  const auto answers =
      base::run_beside(seams.runner, {question({"scontrol", "show", "config"}),
                                      question({"scontrol", "-o", "show", "partition"}),
                                      question({"scontrol", "-o", "show", "node"})});
  HPCENV_ASSIGN(const std::string configuration, answer_of(answers[0], "scontrol show config"));
  HPCENV_ASSIGN(const std::string partitions, answer_of(answers[1], "scontrol show partition"));
  HPCENV_ASSIGN(const std::string nodes, answer_of(answers[2], "scontrol show node"));
  slurm::SiteProfile site;
  slurm::parse_configuration(configuration, site);
  HPCENV_TRY(slurm::parse_partitions(partitions, nodes, site));
  if (site.has_database) ask_database(seams, environment, site);
  site.taken_at = seams.clock.now();
  return site;
}

}  // namespace

fs::path cache_folder(const Environment& environment) {
  const fs::path cache = environment.get_or("XDG_CACHE_HOME", "");
  if (cache.is_absolute()) return cache / "hpcenv";
  const fs::path home = environment.get_or("HOME", "");
  return home.empty() ? fs::path() : home / ".cache/hpcenv";
}

Result<SiteAnswer> site_profile(SiteAge age, const LocalSeams& seams) {
  const Environment& environment = seams.reader.environment();
  auto kept = kept_site(environment);
  if (age == SiteAge::recent && kept) {
    const std::int64_t old = seams.clock.now() - kept->taken_at;
    if (old >= 0 && old < recent_seconds) return SiteAnswer{*std::move(kept), true, ""};
  }
  const auto up = check_controller(seams.runner, environment);
  if (up) {
    HPCENV_ASSIGN(slurm::SiteProfile site, ask_site(seams, environment));
    keep(site, environment);
    return SiteAnswer{std::move(site), false, ""};
  }
  if (up.error().kind != ErrorKind::network || !kept) return Failure(up.error());
  return SiteAnswer{*std::move(kept), true, up.error().message};
}

}  // namespace hpcenv::ops
