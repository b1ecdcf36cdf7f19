#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

using End = ReachFacts::End;
using State = CertificateFacts::State;

constexpr std::array proxy_variables{"https_proxy", "HTTPS_PROXY", "http_proxy",
                                     "HTTP_PROXY",  "all_proxy",   "ALL_PROXY"};

/// What is wrong with a proxy's address (credentials are masked already); empty: nothing.
std::string wrong_with(std::string_view proxy) {
  constexpr std::array schemes{"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
  const std::size_t end = proxy.find("://");
  if (end != std::string_view::npos) {
    const std::string scheme = base::to_lower(proxy.substr(0, end));
    if (std::ranges::find(schemes, scheme) == schemes.end()) {
      return fmt::format("'{}' is no kind of proxy", scheme);
    }
    proxy.remove_prefix(end + 3);
  }
  proxy = proxy.substr(0, proxy.find('/'));
  if (const std::size_t at = proxy.rfind('@'); at != std::string_view::npos) {
    proxy.remove_prefix(at + 1);
  }
  if (proxy.find_first_of(" \t,;") != std::string_view::npos) return "it holds a blank or a list";
  const std::size_t bracket = proxy.starts_with('[') ? proxy.find(']') : 0;
  if (bracket == std::string_view::npos) return "its address is not closed";
  const std::size_t colon = proxy.find(':', bracket);
  if (proxy.substr(0, colon).empty()) return "it names no host";
  if (colon == std::string_view::npos) return "";
  constexpr std::uint64_t last_port = 65535;
  const auto port = base::parse_unsigned(proxy.substr(colon + 1));
  if (!port || *port == 0 || *port > last_port) return "its port is no number from 1 to 65535";
  return "";
}

struct Variables {
  std::vector<std::string> evidence;
  std::optional<Finding> finding;
};

std::optional<Finding> differing(const Subject& subject) {
  for (const auto& [lower, upper] :
       {std::pair{"https_proxy", "HTTPS_PROXY"}, std::pair{"http_proxy", "HTTP_PROXY"}}) {
    const std::string one = variable(subject, lower);
    const std::string other = variable(subject, upper);
    if (one.empty() || other.empty() || one == other) continue;
    return warning(
        fmt::format("{} and {} differ, and programs differ in which they read", lower, upper),
        {"Make them the same.", {fmt::format("export {}=\"${}\"", upper, lower)}});
  }
  return std::nullopt;
}

Variables judge_variables(const Subject& subject) {
  Variables variables;
  for (const char* name : proxy_variables) {
    const std::string value = variable(subject, name);
    if (value.empty()) continue;
    variables.evidence.push_back(fmt::format("{}={}", name, value));
    const std::string wrong = wrong_with(value);
    if (wrong.empty() || variables.finding) continue;
    variables.finding = failure(fmt::format("{} is not the address of a proxy: {}", name, wrong),
                                {"Correct it (http://HOST:PORT) where it is set, or do without.",
                                 {fmt::format("unset {}", name)}});
  }
  if (!variables.finding) variables.finding = differing(subject);
  return variables;
}

const Remedy set_proxy{
    "Ask which proxy this site has; on compute nodes there may be none: make environments on a "
    "login node, jobs need no network.",
    {"export https_proxy=http://HOST:PORT http_proxy=http://HOST:PORT"}};

Finding unreachable(const ReachFacts& channel, const Subject& subject) {
  const std::string all = variable(subject, "ALL_PROXY") + variable(subject, "all_proxy");
  const bool in_job = !variable(subject, "SLURM_JOB_ID").empty();
  if (!channel.proxy.empty()) {
    const std::string text = fmt::format("{} cannot be reached through the proxy {}: {}",
                                         channel.url, channel.proxy, channel.words);
    Remedy remedy{"Look whether the proxy is the right one.", {"env | grep -i _proxy"}};
    return in_job ? warning(text, std::move(remedy)) : failure(text, std::move(remedy));
  }
  if (!all.empty()) {
    return failure(fmt::format("{} cannot be reached, and ALL_PROXY is not read by hpcenv: {}",
                               channel.url, channel.words),
                   {"Set the variables that all programs read.",
                    {"export https_proxy=\"${ALL_PROXY:-$all_proxy}\" "
                     "http_proxy=\"${ALL_PROXY:-$all_proxy}\""}});
  }
  const std::string text = fmt::format("{} cannot be reached: {}", channel.url, channel.words);
  // Nothing that is installed needs it, and whole partitions have no way out.
  return warning(in_job ? text + "; on a compute node that is usual" : text, set_proxy);
}

Finding wrong_status(const ReachFacts& channel) {
  constexpr int wants_credentials = 401;
  constexpr int forbidden = 403;
  if (channel.status == wants_credentials || channel.status == forbidden) {
    return warning(fmt::format("{} wants credentials (status {})", channel.url, channel.status),
                   {"For a private channel set its token or password in the address.",
                    {"hpcenv config set channels https://USER:PASSWORD@HOST/CHANNEL"}});
  }
  if (channel.status < 500) {
    return warning(
        fmt::format("there is no channel at {} (status {})", channel.url, channel.status),
        {"Look at the addresses of the channels.", {"hpcenv config"}});
  }
  return warning(fmt::format("{} has a fault of its own (status {})", channel.url, channel.status),
                 {"Try again later; nothing is wrong here.", {"hpcenv doctor N01"}});
}

/// Of one channel; nullopt where it can be used.
std::optional<Finding> judge_channel(const ReachFacts& channel, const Subject& subject) {
  constexpr int proxy_wants_credentials = 407;
  constexpr int first_error = 400;
  if (channel.status == proxy_wants_credentials) {
    return failure(fmt::format("the proxy {} wants a name and a password", channel.proxy),
                   {"Put them into the variable, in a file that only you can read.",
                    {"export https_proxy=http://USER:PASSWORD@HOST:PORT"}});
  }
  switch (channel.end) {
    case End::answered:
      if (channel.status < first_error) return std::nullopt;
      return wrong_status(channel);
    case End::offline:
    case End::untrusted:
    case End::bad_certificates:
      return std::nullopt;
    case End::unreachable:
    case End::failed:
      return unreachable(channel, subject);
  }
  return std::nullopt;
}

std::string channel_words(const ReachFacts& channel) {
  const std::string way = channel.proxy.empty() ? "" : fmt::format(" through {}", channel.proxy);
  const std::string said =
      channel.status != 0 ? fmt::format("status {}", channel.status) : channel.words;
  return fmt::format("{}{}: {}", channel.url, way, said);
}

int rank(const Finding& finding) { return finding.severity == Severity::failure ? 1 : 0; }

Finding examine_proxy(const Subject& subject) {
  Variables variables = judge_variables(subject);
  std::optional<Finding> worst = std::move(variables.finding);
  std::vector<std::string>& evidence = variables.evidence;
  bool trusted = true;
  if (subject.network) {
    for (const ReachFacts& channel : subject.network->channels) {
      evidence.push_back(channel_words(channel));
      trusted = trusted && channel.end != End::untrusted && channel.end != End::bad_certificates;
      auto finding = judge_channel(channel, subject);
      if (finding && (!worst || rank(*finding) > rank(*worst))) worst = std::move(finding);
    }
  }
  if (worst) return with_evidence(*std::move(worst), std::move(evidence));
  if (!subject.network) return unavailable("no server was asked");
  if (subject.network->offline) {
    return with_evidence(info("the setting offline is on: no server was asked"),
                         std::move(evidence));
  }
  if (!trusted) {
    return with_evidence(info("the channels answer, but are not trusted (see N02)"),
                         std::move(evidence));
  }
  if (subject.network->channels.empty()) {
    return with_evidence(pass("the channels lie on this machine's disks"), std::move(evidence));
  }
  return with_evidence(pass("the channels can be reached"), std::move(evidence));
}

const char* state_words(State state) {
  switch (state) {
    case State::usable:
      return "usable";
    case State::missing:
      return "is not there";
    case State::unreadable:
      return "cannot be read";
    case State::no_certificates:
      return "holds no certificates (PEM)";
  }
  return "";
}

Finding bad_place(const CertificateFacts& place) {
  const std::string text =
      fmt::format("{} names {}, which {}", place.named_by, place.path, state_words(place.state));
  Remedy remedy{"Let it name a file of CA certificates, or do without.",
                {place.named_by == "ssl_verify" ? "hpcenv config set ssl_verify true"
                                                : "unset " + place.named_by}};
  if (place.used) return failure(text + ": hpcenv reaches no server", std::move(remedy));
  return warning(text + ": other programs, such as pip, reach no server", std::move(remedy));
}

std::optional<Finding> judge_trust(const NetworkFacts& network) {
  for (const ReachFacts& channel : network.channels) {
    if (channel.end != End::untrusted && channel.end != End::bad_certificates) continue;
    return failure(
        fmt::format("the certificate of {} is not trusted: {}", channel.url, channel.words),
        {"Where this site looks into connections, or signs its own certificates, ask "
         "for its CA certificate, and add it to those of the system in one file.",
         {"export SSL_CERT_FILE=/PATH/TO/ca-certificates.pem"}});
  }
  return std::nullopt;
}

Finding examine_certificates(const Subject& subject) {
  if (!subject.network) return unavailable("no certificates were looked for");
  const NetworkFacts& network = *subject.network;
  std::vector<std::string> evidence;
  const CertificateFacts* used = nullptr;
  const CertificateFacts* bad = nullptr;
  for (const CertificateFacts& place : network.certificates) {
    evidence.push_back(fmt::format("{}{} {}", place.named_by.empty() ? "" : place.named_by + "=",
                                   place.path, state_words(place.state)));
    if (place.used) used = &place;
    if (place.state != State::usable && (bad == nullptr || place.used)) bad = &place;
  }
  if (bad != nullptr) return with_evidence(bad_place(*bad), std::move(evidence));
  if (!network.verifies) {
    return with_evidence(warning("the setting ssl_verify is off: whoever answers is believed",
                                 {"Turn it on; a site's own CA goes into SSL_CERT_FILE.",
                                  {"hpcenv config set ssl_verify true"}}),
                         std::move(evidence));
  }
  if (auto finding = judge_trust(network)) {
    return with_evidence(*std::move(finding), std::move(evidence));
  }
  if (used == nullptr) {
    return with_evidence(
        failure("no CA certificates were found on this machine: no https server is trusted",
                {"Tell who administers this machine that the package ca-certificates is missing; "
                 "until then name a file of your own.",
                 {"export SSL_CERT_FILE=/PATH/TO/ca-certificates.pem"}}),
        std::move(evidence));
  }
  const std::string count =
      used->count == 0 ? "a folder of certificates" : fmt::format("{} certificates", used->count);
  return with_evidence(pass(fmt::format("{} in {}", count, used->path)), std::move(evidence));
}

constexpr std::array checks = {
    Check{"N01", "proxy", "Proxy, and whether channels can be reached", false, examine_proxy,
          Looks::here, Cost::quick, false, Asks::network},
    Check{"N02", "ca", "Certificates of authorities", false, examine_certificates, Looks::here,
          Cost::quick, false, Asks::network},
};

}  // namespace

std::span<const Check> network_checks() { return checks; }

}  // namespace hpcenv::doctor
