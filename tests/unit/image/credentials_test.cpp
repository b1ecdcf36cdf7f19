#include "image/credentials.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "base/base64.hpp"
#include "base/fs.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::image {
namespace {

std::string entry(const std::string& key, const std::string& pair) {
  return fmt::format(R"("{}": {{"auth": "{}"}})", key, base::base64_of(pair));
}

/// A home with auth files and helpers.
struct Home {
  test::TemporaryDirectory directory;
  base::Environment environment;
  std::unique_ptr<base::ProcessRunner> runner = base::make_process_runner();

  Home() {
    environment.set("HOME", directory.path().string());
    environment.set("XDG_RUNTIME_DIR", (directory.path() / "run").string());
    environment.set("PATH", (directory.path() / "bin").string() + ":/usr/bin:/bin");
  }
  void helper(const std::string& name, const std::string& script) const {
    const std::string path = "bin/docker-credential-" + name;
    directory.write(path, "#!/bin/sh\n" + script);
    REQUIRE(chmod((directory.path() / path).c_str(), 0755) == 0);
  }
  Result<FoundCredential> find(std::string_view registry, std::string_view repository = "a/b") {
    return find_credential(registry, repository, environment, *runner);
  }
};

TEST_CASE("an auth file gives its entries under the registries' names") {
  const auto file = parse_auth_file(
      fmt::format(R"({{"auths": {{{}, {}, {}, "empty.example": {{}}}},
                   "credHelpers": {{"ECR.example": "ecr-login"}}, "credsStore": "pass"}})",
                  entry("https://index.docker.io/v1/", "me:pass:word"),
                  entry("https://reg.example/v2/", "a:b"), entry("quay.io/team/", "c:d")),
      "x");
  REQUIRE(file.has_value());
  CHECK(file->entries.at("docker.io").user == "me");
  CHECK(file->entries.at("docker.io").password == "pass:word");
  CHECK(file->entries.at("reg.example").user == "a");
  CHECK(file->entries.at("quay.io/team").user == "c");
  CHECK(file->entries.at("empty.example").empty());
  CHECK(file->helpers.at("ecr.example") == "ecr-login");
  CHECK(file->store == "pass");
}

TEST_CASE("an auth file that is none is refused, without what it hides") {
  for (const char* text :
       {"no json", "[]", R"({"auths": {"h": {"auth": "c2VjcmV0"}}})",
        R"({"auths": {"h": {"auth": "!secret"}}})", R"({"credsStore": "../secret"})",
        R"({"credHelpers": {"h": "/bin/x"}})"}) {
    INFO(text);
    const auto file = parse_auth_file(text, "/home/me/auth.json");
    REQUIRE_FALSE(file.has_value());
    CHECK(file.error().kind == ErrorKind::refused);
    CHECK(file.error().message.contains("/home/me/auth.json"));
    CHECK_FALSE(file.error().message.contains("secret"));
    CHECK_FALSE(file.error().message.contains("c2VjcmV0"));
  }
  CHECK(parse_auth_file("", "x")->entries.empty());
  CHECK(parse_auth_file(R"({"auths": 3, "credHelpers": [], "credsStore": 1})", "x").has_value());
}

TEST_CASE("podman's files come before docker's, and a named one is the only one") {
  base::Environment environment;
  environment.set("HOME", "/h");
  const auto places = auth_places(environment, 7);
  REQUIRE(places.size() == 3);
  CHECK(places[0].file == "/run/containers/7/auth.json");
  CHECK(places[1].file == "/h/.config/containers/auth.json");
  CHECK(places[2].file == "/h/.docker/config.json");
  environment.set("XDG_RUNTIME_DIR", "/r");
  environment.set("XDG_CONFIG_HOME", "/c");
  environment.set("DOCKER_CONFIG", "/d");
  const auto others = auth_places(environment, 7);
  CHECK(others[0].file == "/r/containers/auth.json");
  CHECK(others[1].file == "/c/containers/auth.json");
  CHECK(others[2].file == "/d/config.json");
  environment.set("REGISTRY_AUTH_FILE", "/x");
  REQUIRE(auth_places(environment, 7).size() == 1);
  CHECK(auth_places(environment, 7)[0].variable == "REGISTRY_AUTH_FILE");
}

TEST_CASE("the longest path that matches counts") {
  Home home;
  home.directory.write("run/containers/auth.json",
                       fmt::format(R"({{"auths": {{{}, {}, {}}}}})", entry("quay.io", "host:1"),
                                   entry("quay.io/a", "team:2"), entry("quay.io/a/bc", "other:3")));
  CHECK(home.find("quay.io", "a/b")->credential.user == "team");
  CHECK(home.find("quay.io", "a/bc/d")->credential.user == "other");
  CHECK(home.find("quay.io", "x")->credential.user == "host");
  CHECK(home.find("other.io", "a")->credential.empty());
}

TEST_CASE("what one file lacks the next may have") {
  Home home;
  home.directory.write("run/containers/auth.json",
                       fmt::format(R"({{"auths": {{{}}}}})", entry("a.io", "a:1")));
  home.directory.write(".docker/config.json",
                       R"({"auths": {"b.io": {"identitytoken": "secret", "auth": "Og=="}}})");
  CHECK(home.find("a.io")->source.ends_with("run/containers/auth.json"));
  const auto found = home.find("b.io");
  CHECK(found->credential.identity_token == "secret");
  CHECK(found->source.ends_with(".docker/config.json"));
}

TEST_CASE("a file that the variable names has to be there and be one") {
  Home home;
  home.environment.set("REGISTRY_AUTH_FILE", "/nowhere/auth.json");
  const auto missing = home.find("a.io");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().message.contains("REGISTRY_AUTH_FILE names /nowhere"));
  home.directory.write("bad.json", "{");
  home.environment.set("REGISTRY_AUTH_FILE", (home.directory.path() / "bad.json").string());
  REQUIRE_FALSE(home.find("a.io").has_value());
}

TEST_CASE("helpers are asked by the registry's name") {
  Home home;
  home.directory.write(".docker/config.json",
                       R"({"credHelpers": {"a.io": "one"}, "credsStore": "two"})");
  home.helper("one", R"(read server; echo "{\"Username\": \"$1-$server\", \"Secret\": \"p\"}")");
  home.helper("two", R"(read server; echo "{\"Username\": \"<token>\", \"Secret\": \"$server\"}")");
  const auto one = home.find("a.io");
  CHECK(one->credential.user == "get-a.io");
  CHECK(one->credential.password == "p");
  CHECK(one->source == "docker-credential-one");
  const auto two = home.find("docker.io");
  CHECK(two->credential.identity_token == "https://index.docker.io/v1/");
  CHECK(two->credential.password.empty());
}

TEST_CASE("a helper that has nothing is no problem, one that fails is told later") {
  Home home;
  home.directory.write(".docker/config.json",
                       R"({"credHelpers": {"none.io": "none", "bad.io": "bad", "odd.io": "odd",
                           "missing.io": "missing"}})");
  home.helper("none", "echo 'credentials not found in native keychain'; exit 1");
  home.helper("bad", "echo secret; exit 3");
  home.helper("odd", "echo secret");
  CHECK(home.find("none.io")->problem.empty());
  const std::pair<const char*, const char*> cases[] = {{"bad.io", "failed with code 3"},
                                                       {"odd.io", "gave no JSON"},
                                                       {"missing.io", "is not installed"}};
  for (const auto& [registry, words] : cases) {
    const auto found = home.find(registry);
    REQUIRE(found.has_value());
    CHECK(found->credential.empty());
    CHECK(found->problem.contains(words));
    CHECK(found->problem.contains(".docker/config.json"));
    CHECK_FALSE(found->problem.contains("secret"));
  }
}

}  // namespace
}  // namespace hpcenv::image
