// Each result of the checks on the network.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "doctor/finding.hpp"

namespace {

using namespace hpcenv;
using doctor::Finding;
using doctor::Severity;
using End = doctor::ReachFacts::End;
using State = doctor::CertificateFacts::State;

/// One channel that answers, and certificates of the system.
struct Site {
  Site() {
    network.channels = {{"https://conda.example/main", "", End::answered, 200, ""}};
    network.certificates = {{"", "/etc/ssl/ca.pem", State::usable, 140, true}};
  }

  void set(const char* name, const std::string& value) { profile.environment.set(name, value); }
  doctor::ReachFacts& channel() { return network.channels[0]; }
  doctor::CertificateFacts& certificates() { return network.certificates[0]; }

  Finding examine(std::string_view id) const {
    doctor::Subject subject;
    subject.profile = &profile;
    if (asked) subject.network = network;
    const auto checks = doctor::select_checks({{std::string(id)}, false, false});
    REQUIRE(checks);
    const auto findings = doctor::examine(subject, *checks);
    REQUIRE(findings.size() == 1);
    return findings.front();
  }
  Severity severity(std::string_view id) const { return examine(id).severity; }

  host::NodeProfile profile;
  doctor::NetworkFacts network;
  bool asked = true;
};

bool says(const Finding& finding, const char* words) {
  return finding.text.find(words) != std::string::npos;
}

std::string only_command(const Finding& finding) {
  REQUIRE(finding.remedy);
  REQUIRE(finding.remedy->commands.size() == 1);
  return finding.remedy->commands[0];
}

TEST_CASE("N01 addresses of proxies", "[network]") {
  Site site;
  for (const char* good : {"http://proxy:3128", "proxy:3128", "http://***@proxy:3128/",
                           "socks5h://p:1", "https://[2001:db8::1]:3128", "proxy"}) {
    INFO(good);
    site.set("https_proxy", good);
    CHECK(site.severity("N01") == Severity::pass);
  }
  for (const char* bad : {"htp://proxy:1", "http://proxy:0", "http://proxy:70000", "http://proxy:x",
                          "http://:3128", "http://a b:1", "http://a,b", "http://[::1"}) {
    INFO(bad);
    site.set("https_proxy", bad);
    CHECK(site.severity("N01") == Severity::failure);
    CHECK(only_command(site.examine("N01")) == "unset https_proxy");
  }
  site.set("https_proxy", "http://one:1");
  site.set("HTTPS_PROXY", "http://two:1");
  const Finding differ = site.examine("N01");
  CHECK(differ.severity == Severity::warning);
  CHECK(only_command(differ) == "export HTTPS_PROXY=\"$https_proxy\"");
}

TEST_CASE("N01 channels that answer, and what they answer", "[network]") {
  Site site;
  CHECK(site.severity("N01") == Severity::pass);
  for (const int status : {401, 403, 404, 503}) {
    site.channel().status = status;
    CHECK(site.severity("N01") == Severity::warning);
  }
  site.channel().status = 407;
  site.channel().proxy = "http://proxy:3128";
  CHECK(says(site.examine("N01"), "the proxy http://proxy:3128 wants a name and a password"));
  CHECK(site.severity("N01") == Severity::failure);
  site.network.channels.clear();
  CHECK(says(site.examine("N01"), "lie on this machine's disks"));
  site.network.offline = true;
  CHECK(site.severity("N01") == Severity::info);
  site.asked = false;
  CHECK(site.severity("N01") == Severity::unavailable);
  CHECK(site.severity("N02") == Severity::unavailable);
}

TEST_CASE("N01 channels out of reach, in a job and outside", "[network]") {
  Site site;
  site.channel() = {"https://conda.example/main", "", End::unreachable, 0, "no route"};
  CHECK(site.severity("N01") == Severity::warning);
  site.set("ALL_PROXY", "http://proxy:1");
  CHECK(says(site.examine("N01"), "ALL_PROXY is not read by hpcenv"));
  site.set("ALL_PROXY", "");
  site.set("SLURM_JOB_ID", "1");
  CHECK(says(site.examine("N01"), "on a compute node that is usual"));
  CHECK(site.severity("N01") == Severity::warning);
  site.channel().proxy = "http://***@proxy:1";
  CHECK(site.severity("N01") == Severity::warning);
  site.set("SLURM_JOB_ID", "");
  const Finding proxy = site.examine("N01");
  CHECK(proxy.severity == Severity::failure);
  CHECK(says(proxy, "through the proxy http://***@proxy:1: no route"));
}

TEST_CASE("N02 where certificates come from", "[network]") {
  Site site;
  CHECK(site.examine("N02").text == "140 certificates in /etc/ssl/ca.pem");
  site.certificates().count = 0;
  CHECK(says(site.examine("N02"), "a folder of certificates"));
  site.network.verifies = false;
  CHECK(only_command(site.examine("N02")) == "hpcenv config set ssl_verify true");
  site.network.verifies = true;
  site.channel().end = End::untrusted;
  site.channel().words = "self-signed certificate";
  CHECK(says(site.examine("N02"), "conda.example/main is not trusted: self-signed certificate"));
  CHECK(site.severity("N01") == Severity::info);
  site.certificates() = {"SSL_CERT_FILE", "/gone.pem", State::missing, 0, true};
  const Finding missing = site.examine("N02");
  CHECK(missing.severity == Severity::failure);
  CHECK(only_command(missing) == "unset SSL_CERT_FILE");
  site.certificates().named_by = "ssl_verify";
  CHECK(only_command(site.examine("N02")) == "hpcenv config set ssl_verify true");
  site.channel().end = End::answered;
  site.certificates().state = State::unreadable;
  CHECK(says(site.examine("N02"), "cannot be read"));
  site.certificates() = {"", "/etc/ssl/ca.pem", State::usable, 140, true};
  site.network.certificates.push_back(
      {"REQUESTS_CA_BUNDLE", "/x", State::no_certificates, 0, false});
  const Finding other = site.examine("N02");
  CHECK(other.severity == Severity::warning);
  CHECK(says(other, "other programs, such as pip"));
  site.network.certificates.clear();
  CHECK(site.severity("N02") == Severity::failure);
}

}  // namespace
