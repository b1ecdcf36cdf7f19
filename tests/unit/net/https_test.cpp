#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "fake/background.hpp"
#include "net/ca_bundle.hpp"
#include "net/http.hpp"
#include "unit/support/temporary_directory.hpp"

extern char** environ;

namespace hpcenv::net {
namespace {

struct SecureSite {
  SecureSite() { directory.write("site/file", "over tls"); }
  std::string path(const char* name) const { return (directory.path() / name).string(); }
  /// A client that trusts the authority in `bundle`.
  std::unique_ptr<HttpClient> client(const char* bundle) const {
    HttpOptions options;
    options.ca_bundle = *bundle == '\0' ? "" : path(bundle);
    options.retries = 0;
    return *make_http_client(options);
  }

  test::TemporaryDirectory directory;
  fake::Background server{
      {fake::python(), HPCENV_SOURCE_DIR "/tests/fake/tls_site.py", directory.path().string()}};
};

SecureSite& site() {
  static SecureSite shared;
  return shared;
}

Result<TextResponse> get(HttpClient& client, std::string_view path) {
  return get_text(client, {site().server.address() + std::string(path), {}, {}}, 1000);
}

TEST_CASE("https under an authority of one's own, with HTTP/2") {
  auto client = site().client("ca.pem");
  const auto answer = get(*client, "/file");
  REQUIRE(answer.has_value());
  CHECK(answer->body == "over tls");
  // nginx writes its line after the answer.
  std::string log;
  for (int patience = 0; patience < 200 && !log.contains("/file"); ++patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
    log = *base::read_file(site().path("access.log"));
  }
  CHECK(log.contains("HTTP/2.0 200 /file"));
}

TEST_CASE("hundreds of requests share a connection or few") {
  auto client = site().client("ca.pem");
  const std::vector<Transfer> transfers(
      300, Transfer{{site().server.address() + "/file", {}, {}}, nullptr});
  for (const auto& outcome : client->get_all(transfers)) CHECK(outcome.has_value());
}

TEST_CASE("a certificate that nobody vouches for is refused") {
  for (const char* bundle : {"other-ca.pem", ""}) {
    auto client = site().client(bundle);
    const auto answer = get(*client, "/file");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().kind == ErrorKind::network);
    INFO(answer.error().message);
    CHECK(answer.error().message.contains("certificate is not trusted"));
    CHECK(answer.error().hints.at(0).contains("HPCENV_CA_BUNDLE"));
  }
}

TEST_CASE("a bundle that cannot be read is said to be one") {
  for (const char* bundle : {"nothing.pem", "site/file"}) {
    auto client = site().client(bundle);
    const auto answer = get(*client, "/file");
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().kind == ErrorKind::refused);
    CHECK(answer.error().message.contains("CA certificates cannot be read"));
  }
}

TEST_CASE("https never becomes plain http") {
  auto client = site().client("ca.pem");
  const auto answer = get(*client, "/to-http/x");
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().kind == ErrorKind::network);
  INFO(answer.error().message);
  CHECK(answer.error().message.contains("http"));
  CHECK_FALSE(answer.error().message.contains("cannot be reached"));
}

TEST_CASE("a redirect to another port over tls is followed") {
  auto client = site().client("ca.pem");
  const std::string port = site().server.address().substr(std::string("https://127.0.0.1:").size());
  const auto answer = get(*client, "/to-port/" + port + "/file");
  REQUIRE(answer.has_value());
  CHECK(answer->body == "over tls");
}

TEST_CASE("plain http asked of a tls port, and the other way round") {
  auto client = site().client("ca.pem");
  std::string url = site().server.address() + "/file";
  const auto plain = get_text(*client, {"http" + url.substr(5), {}, {}}, 1000);
  CHECK_FALSE(plain.has_value());
  const fake::Background plain_server(
      {fake::python(), HPCENV_SOURCE_DIR "/tests/unit/net/odd_server.py"});
  const auto secure = get_text(*client, {"https" + plain_server.address().substr(4), {}, {}}, 1000);
  REQUIRE_FALSE(secure.has_value());
  CHECK(secure.error().message.contains("no secure connection could be made"));
}

/// Runs with OPENSSL_CONF set, see the case below.
TEST_CASE("child: fetch and digest", "[.child]") {
  CHECK(base::hash_text(base::HashKind::sha256, "x").size() == 64);
  auto client = site().client("ca.pem");
  CHECK(get(*client, "/file").has_value());
}

TEST_CASE("the host's openssl.cnf is never read") {
  const test::TemporaryDirectory directory;
  // As on a host in FIPS mode, with a provider that a static program cannot load.
  directory.write("openssl.cnf",
                  "config_diagnostics = 1\nopenssl_conf = init\n"
                  "[init]\nproviders = list\nalg_section = algorithms\n"
                  "[list]\nfips = fips_section\n[fips_section]\nmodule = /nowhere/fips.so\n"
                  "activate = 1\n[algorithms]\ndefault_properties = fips=yes\n");
  base::ProcessRequest request;
  request.argv = {"/proc/self/exe", "child: fetch and digest"};
  request.argv[0] = std::filesystem::read_symlink("/proc/self/exe").string();
  request.environment = base::Environment::from_block(environ);
  request.environment.set("OPENSSL_CONF", (directory.path() / "openssl.cnf").string());
  const auto ended = base::make_process_runner()->run(request);
  REQUIRE(ended.has_value());
  INFO(ended->output);
  INFO(ended->errors);
  CHECK(ended->succeeded());
}

TEST_CASE("where trusted certificates come from") {
  const test::TemporaryDirectory directory;
  directory.write("a.pem", "x");
  directory.write("b.pem", "x");
  const std::string a = (directory.path() / "a.pem").string();
  const std::string b = (directory.path() / "b.pem").string();
  base::Environment environment;
  environment.set("REQUESTS_CA_BUNDLE", b);
  CHECK(*ca_bundle(environment) == b);
  environment.set("SSL_CERT_FILE", a);
  CHECK(*ca_bundle(environment) == a);
  environment.set("HPCENV_CA_BUNDLE", a + ".missing");
  const auto missing = ca_bundle(environment);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().kind == ErrorKind::refused);
  CHECK(missing.error().message.contains("HPCENV_CA_BUNDLE names " + a + ".missing"));
  environment.set("HPCENV_CA_BUNDLE", "");
  CHECK(*ca_bundle(environment) == a);
  const auto found = ca_bundle(base::Environment());
  REQUIRE(found.has_value());
  CHECK((found->empty() || found->starts_with('/')));
}

}  // namespace
}  // namespace hpcenv::net
