#include "ops/asked_facts.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <set>

#include "base/beside.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "host/nvidia_kernel.hpp"
#include "host/proxy.hpp"
#include "net/ca_bundle.hpp"
#include "net/reach.hpp"
#include "net/url.hpp"
#include "slurm/site.hpp"

namespace hpcenv::ops {

namespace {

using doctor::Asked;
using std::chrono::milliseconds;

constexpr milliseconds program_patience{5000};
constexpr milliseconds server_patience{10000};
constexpr milliseconds connect_patience{5000};
constexpr std::size_t output_limit = 64U << 20U;  ///< ten thousand nodes in many partitions

base::ProcessRequest question(std::vector<std::string> argv, const base::Environment& environment,
                              milliseconds patience) {
  base::ProcessRequest request;
  request.argv = std::move(argv);
  request.environment = environment;
  request.environment.set("LC_ALL", "C");
  request.deadline = patience;
  request.output_limit = output_limit;
  return request;
}

Asked outcome_of(const Result<base::ProcessResult>& result) {
  using End = base::ProcessResult::End;
  if (!result) {
    return result.error().kind == ErrorKind::not_found ? Asked::not_there : Asked::failed;
  }
  if (result->end == End::timed_out) return Asked::no_answer;
  return result->succeeded() ? Asked::answered : Asked::failed;
}

std::string words_of(const Result<base::ProcessResult>& result) {
  if (!result) return result.error().message;
  const std::string& said = result->errors.empty() ? result->output : result->errors;
  const auto lines = base::split_lines(said);
  return lines.empty() ? fmt::format("it ended with {}", result->code)
                       : std::string(base::trim(lines.front()));
}

/// The value of "SelectType              = select/cons_tres".
std::string configuration_value(std::string_view text, std::string_view key) {
  for (const std::string_view line : base::split_lines(text)) {
    const auto words = base::split_words(line);
    if (words.size() == 3 && words[0] == key && words[1] == "=") return std::string(words[2]);
  }
  return "";
}

/// sinfo takes 9 s and more to find out that the controller is down, so ping comes first.
doctor::SlurmFacts ask_slurm(const base::Environment& environment, base::ProcessRunner& runner) {
  const auto end = std::chrono::steady_clock::now() + program_patience;
  const auto first = base::run_beside(
      runner, {question({"scontrol", "ping"}, environment, program_patience),
               question({"scontrol", "--version"}, environment, program_patience)});
  doctor::SlurmFacts slurm;
  slurm.ping = outcome_of(first[0]);
  if (first[0]) slurm.ping_text = first[0]->output.empty() ? first[0]->errors : first[0]->output;
  if (first[1] && first[1]->succeeded()) {
    const auto words = base::split_words(first[1]->output);
    if (!words.empty()) slurm.version = words.back();
  }
  // The programs of Slurm on a machine that is part of no cluster.
  const std::string said = first[0] ? first[0]->errors : "";
  if (said.find("configuration source") != std::string::npos) slurm.ping = Asked::not_there;
  const auto left =
      std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
  const bool is_up = slurm.ping_text.find(" UP") != std::string::npos;
  if (!is_up || left.count() <= 0) return slurm;
  const auto second =
      base::run_beside(runner, {question(slurm::sinfo_arguments(), environment, left),
                                question({"scontrol", "show", "config"}, environment, left)});
  slurm.partitions = outcome_of(second[0]);
  if (slurm.partitions == Asked::answered) {
    auto site = slurm::parse_sinfo(second[0]->output, slurm.version);
    if (site) {
      slurm.site = *std::move(site);
    } else {
      slurm.partitions = Asked::failed;
      slurm.problem = site.error().message;
    }
  } else {
    slurm.problem = words_of(second[0]);
  }
  if (second[1]) slurm.select_type = configuration_value(second[1]->output, "SelectType");
  return slurm;
}

doctor::CertificateFacts certificates_at(std::string named_by, std::string path) {
  using State = doctor::CertificateFacts::State;
  doctor::CertificateFacts facts{std::move(named_by), std::move(path), State::usable, 0, false};
  std::error_code error;
  const auto status = std::filesystem::status(facts.path, error);
  if (!std::filesystem::exists(status)) {
    facts.state = State::missing;
  } else if (!std::filesystem::is_directory(status)) {
    const auto text = base::read_file(facts.path);
    facts.count = text ? net::certificates_in(*text) : 0;
    if (!text) facts.state = State::unreadable;
    if (text && facts.count == 0) facts.state = State::no_certificates;
  }
  return facts;
}

std::vector<doctor::CertificateFacts> certificates(const NetworkRequest& request,
                                                   const base::Environment& environment) {
  std::vector<doctor::CertificateFacts> places;
  if (!request.ca_setting.empty()) {
    places.push_back(certificates_at("ssl_verify", request.ca_setting));
  }
  for (const net::CaPlace& place : net::ca_places(environment)) {
    places.push_back(certificates_at(place.variable, place.path));
  }
  if (places.empty()) {
    const auto system = net::ca_bundle(environment);
    if (system && !system->empty()) places.push_back(certificates_at("", *system));
  }
  if (!places.empty()) places.front().used = true;
  return places;
}

doctor::ReachFacts::End end_of(net::Reach::End end) {
  using Ours = doctor::ReachFacts::End;
  using Theirs = net::Reach::End;
  switch (end) {
    case Theirs::answered:
      return Ours::answered;
    case Theirs::untrusted:
      return Ours::untrusted;
    case Theirs::bad_certificates:
      return Ours::bad_certificates;
    case Theirs::unreachable:
      return Ours::unreachable;
    case Theirs::failed:
      break;
  }
  return Ours::failed;
}

/// One channel of each server is enough.
std::vector<std::string> servers_of(const std::vector<std::string>& channels) {
  constexpr std::size_t most = 8;
  std::set<std::string> seen;
  std::vector<std::string> urls;
  for (const std::string& channel : channels) {
    if (!net::is_http_url(channel)) continue;
    const std::size_t end = channel.find('/', channel.find("://") + 3);
    if (urls.size() < most && seen.insert(channel.substr(0, end)).second) urls.push_back(channel);
  }
  return urls;
}

void ask_servers(const NetworkRequest& request, doctor::NetworkFacts& facts) {
  const std::vector<std::string> channels = servers_of(request.channels);
  std::vector<std::string> urls;
  for (const std::string& channel : channels) {
    facts.channels.push_back({conda::without_credentials(channel), "", {}, 0, ""});
    urls.push_back(net::join_url(channel, "noarch/repodata.json"));
  }
  if (!request.options) {
    for (doctor::ReachFacts& channel : facts.channels) {
      channel.end = doctor::ReachFacts::End::bad_certificates;
      channel.words = request.options.error().message;
    }
    return;
  }
  net::HttpOptions options = *request.options;
  options.connect_timeout = std::min(options.connect_timeout, connect_patience);
  facts.offline = options.offline == net::HttpOptions::Offline::yes;
  facts.verifies = options.verify == net::HttpOptions::Verify::yes;
  const auto answers = facts.offline ? Result<std::vector<net::Reach>>{}
                                     : net::reach(urls, options, server_patience);
  for (std::size_t i = 0; i < urls.size(); ++i) {
    doctor::ReachFacts& channel = facts.channels[i];
    channel.proxy = host::masked_proxy(net::proxy_for(urls[i], options));
    if (facts.offline) {
      channel.end = doctor::ReachFacts::End::offline;
    } else if (!answers) {
      channel.words = answers.error().message;
    } else {
      channel.end = end_of((*answers)[i].end);
      channel.status = (*answers)[i].status;
      channel.words = (*answers)[i].words;
    }
  }
}

doctor::NetworkFacts ask_network(const NetworkRequest& request,
                                 const base::Environment& environment) {
  doctor::NetworkFacts facts;
  facts.certificates = certificates(request, environment);
  ask_servers(request, facts);
  return facts;
}

std::string driver_here(const host::HostReader& reader) {
  const std::string version = reader.read_text("/sys/module/nvidia/version").value_or("");
  if (!version.empty()) return std::string(base::trim(version));
  return host::parse_kernel_module(reader.read_text("/proc/driver/nvidia/version").value_or(""))
      .version;
}

}  // namespace

void ask_others(std::span<const doctor::Check> checks, const AskRequest& request,
                const LocalSeams& seams, doctor::Subject& subject) {
  using doctor::Asks;
  const base::Environment& environment = seams.reader.environment();
  const bool slurm = doctor::anyone_asks(checks, Asks::slurm, subject);
  const bool storage = slurm || doctor::anyone_asks(checks, Asks::storage, subject);
  const bool network =
      request.network != nullptr && doctor::anyone_asks(checks, Asks::network, subject);
  std::vector<std::function<void()>> questions;
  if (storage && subject.target.empty()) {
    questions.emplace_back(
        [&] { subject.places = host::storage_at(request.places, seams.reader, seams.runner); });
  }
  if (slurm) {
    questions.emplace_back([&] { subject.slurm = ask_slurm(environment, seams.runner); });
  }
  if (network) {
    questions.emplace_back([&] { subject.network = ask_network(*request.network, environment); });
  }
  static_cast<void>(
      base::parallel_for(questions.size(), questions.size(), [&](std::size_t i) -> Result<> {
        questions[i]();
        return {};
      }));
}

doctor::StoredTarget stored_target(const host::Target& target, const host::HostReader& reader) {
  doctor::StoredTarget stored;
  stored.name = target.name;
  stored.file = target.file.string();
  stored.renew = host::renew_command(target);
  stored.oldest = host::oldest_profile(target);
  for (const host::NodeProfile& node : target.nodes) {
    if (node.hostname != reader.hostname()) continue;
    stored.driver_then = node.nvidia.kernel_module;
    stored.driver_now = driver_here(reader);
  }
  return stored;
}

std::vector<doctor::StoredTarget> stored_targets(const host::HostReader& reader) {
  const auto directories = host::target_directories(reader.environment());
  std::vector<doctor::StoredTarget> targets;
  for (const host::TargetFile& known : host::stored_targets(directories)) {
    const auto target = host::load_target(known.name, directories, "/");
    if (target) {
      targets.push_back(stored_target(*target, reader));
      continue;
    }
    doctor::StoredTarget broken;
    broken.name = known.name;
    broken.file = known.file.string();
    broken.problem = target.error().message;
    targets.push_back(std::move(broken));
  }
  return targets;
}

}  // namespace hpcenv::ops
