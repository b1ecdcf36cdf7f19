#include "image/reference.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::image {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

TEST_CASE("names get the defaults that docker has") {
  const std::pair<std::string, std::string> cases[] = {
      {"debian", "docker.io/library/debian:latest"},
      {"debian:13-slim", "docker.io/library/debian:13-slim"},
      {"docker.io/debian", "docker.io/library/debian:latest"},
      {"index.docker.io/team/app:1", "docker.io/team/app:1"},
      {"team/app", "docker.io/team/app:latest"},
      {"localhost/app", "localhost/app:latest"},
      {"localhost:5000/app:x", "localhost:5000/app:x"},
      {"quay.io/a/b/c:V_1.0-x", "quay.io/a/b/c:V_1.0-x"},
      {"Host.example/app", "host.example/app:latest"},
      {"[::1]:5000/app", "[::1]:5000/app:latest"},
      {"10.1.2.3:80/a__b/c-d--e.f", "10.1.2.3:80/a__b/c-d--e.f:latest"},
      {"quay.io/a@" + digest, "quay.io/a@" + digest},
      {"quay.io/a:t@" + digest, "quay.io/a:t@" + digest}};
  for (const auto& [written, whole] : cases) {
    INFO(written);
    const auto reference = parse_reference(written);
    REQUIRE(reference.has_value());
    CHECK(reference_text(*reference) == whole);
    CHECK(parse_reference(whole) == *reference);
  }
}

TEST_CASE("a digest counts before a tag") {
  CHECK(manifest_key(*parse_reference("quay.io/a:t@" + digest)) == digest);
  CHECK(manifest_key(*parse_reference("quay.io/a:t")) == "t");
}

TEST_CASE("what is no name is told, with what to write") {
  const std::pair<std::string, const char*> cases[] = {
      {"", "is no path"},
      {"Debian", "no capitals"},
      {"quay.io/App", "no capitals"},
      {"Host/app", "no capitals"},
      {"quay.io/", "is no path"},
      {"quay.io//a", "is no path"},
      {"quay.io/a_-b", "is no path"},
      {"quay.io/a___b", "is no path"},
      {"quay.io/-a", "is no path"},
      {"quay.io/../a", "is no path"},
      {"-x.y/a", "is no host"},
      {"quay.io:0/a", "is no host"},
      {"quay.io:70000/a", "is no host"},
      {"quay.io:x/a", "is no host"},
      {"[::1/a", "is no host"},
      {"quay.io/a:", "is no tag"},
      {"quay.io/a:.x", "is no tag"},
      {"quay.io/a:" + std::string(129, 'x'), "is no tag"},
      {"quay.io/a@sha256:12", "is no digest"},
      {"quay.io/a@", "is no digest"},
      {"quay.io/a@sha512:" + std::string(128, 'a'), "is no digest"},
      {"quay.io/" + std::string(250, 'a'), "longer than 255 bytes"},
      {"docker://debian", "begins like an address"},
      {"quay.io/a b", "is no path"}};
  for (const auto& [written, words] : cases) {
    INFO(written);
    const auto reference = parse_reference(written);
    REQUIRE_FALSE(reference.has_value());
    CHECK(reference.error().kind == ErrorKind::usage);
    CHECK(reference.error().message.contains(words));
    CHECK_FALSE(reference.error().hints.empty());
  }
  CHECK(parse_reference("docker://debian").error().hints.front() == "write it as debian");
}

TEST_CASE("a password in a name is not repeated") {
  const auto reference = parse_reference("me:secret@quay.io/a:1");
  REQUIRE_FALSE(reference.has_value());
  CHECK_FALSE(reference.error().message.contains("secret"));
  CHECK(reference.error().hints.front().starts_with("write it as quay.io/a:1;"));
}

TEST_CASE("a repository has neither tag nor digest") {
  CHECK(repository_text(*parse_repository("localhost:5000/a/b")) == "localhost:5000/a/b");
  CHECK(parse_repository("localhost:5000/a")->tag.empty());
  for (const std::string& text : {std::string("quay.io/a:t"), "quay.io/a@" + digest}) {
    const auto repository = parse_repository(text);
    REQUIRE_FALSE(repository.has_value());
    CHECK(repository.error().hints.front() == "write it as quay.io/a");
  }
}

TEST_CASE("plain http is for this machine and for whom it is asked") {
  for (const char* registry :
       {"localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "[::1]"}) {
    INFO(registry);
    CHECK(is_loopback(registry));
    CHECK(registry_url(registry, {}) == "http://" + std::string(registry));
  }
  for (const char* registry :
       {"localhost.example.org", "127.0.0.1.example.org", "128.0.0.1", "[::2]", "127.0.0.x"}) {
    INFO(registry);
    CHECK_FALSE(is_loopback(registry));
    CHECK(registry_url(registry, {}) == "https://" + std::string(registry));
  }
  CHECK(registry_url("docker.io", {}) == "https://registry-1.docker.io");
  CHECK(registry_url("a.example:5000", {"a.example:5000"}) == "http://a.example:5000");
  CHECK(registry_url("a.example", {"a.example:5000"}) == "https://a.example");
}

}  // namespace
}  // namespace hpcenv::image
