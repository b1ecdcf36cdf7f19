#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "conda/channel.hpp"
#include "conda/environment_file.hpp"
#include "conda/platform.hpp"

namespace hpcenv::conda {
namespace {

using Texts = std::vector<std::string>;

Channel channel(std::string_view text) {
  return parse_channel(text, default_channel_alias, "/work dir", "/home/u").value();
}

Error refused(std::string_view text) {
  std::vector<std::string> warnings;
  INFO(text);
  auto file = parse_environment_file(text, "env.yml", warnings);
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().kind == ErrorKind::refused);
  CHECK(file.error().message.starts_with("env.yml"));
  return file.error();
}

TEST_CASE("channels are names, urls and paths") {
  CHECK(channel("conda-forge").base_url == "https://conda.anaconda.org/conda-forge");
  CHECK(channel("conda-forge/label/rc").base_url ==
        "https://conda.anaconda.org/conda-forge/label/rc");
  CHECK(channel("conda-forge/linux-64").base_url == "https://conda.anaconda.org/conda-forge");
  CHECK(channel("https://h:8080/a/b/").base_url == "https://h:8080/a/b");
  CHECK(channel("https://h/a/noarch").base_url == "https://h/a");
  CHECK(channel("/a/../b/").base_url == "file:///b");
  CHECK(channel("./c").base_url == "file:///work%20dir/c");
  CHECK(channel("~/c").base_url == "file:///home/u/c");
  CHECK(channel("file:///c").base_url == "file:///c");
  CHECK(channel("defaults").base_url == "https://repo.anaconda.com/pkgs/main");
  CHECK(channel("pkgs/r").base_url == "https://repo.anaconda.com/pkgs/r");
  CHECK(channel("conda-forge").url_of("noarch", "f") ==
        "https://conda.anaconda.org/conda-forge/noarch/f");
  for (const char* bad : {"", "a b", "http://", "a?b", ".hidden"}) {
    INFO(bad);
    const auto parsed = parse_channel(bad, default_channel_alias, "/", "/");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind == ErrorKind::usage);
  }
}

TEST_CASE("what stands before :: is a name, a url, or the end of a url") {
  const Channel named = channel("conda-forge");
  const Channel mirror = channel("https://u:p@mirror/t/tk-1/conda-forge");
  for (const char* wanted : {"conda-forge", "Conda-Forge", "https://conda.anaconda.org/conda-forge",
                             "https://conda.anaconda.org/conda-forge/", "*", "", "conda-*"}) {
    INFO(wanted);
    CHECK(channel_matches(named, wanted, default_channel_alias));
  }
  CHECK(channel_matches(mirror, "conda-forge", default_channel_alias));
  CHECK(channel_matches(mirror, "https://mirror/conda-forge", default_channel_alias));
  CHECK_FALSE(channel_matches(named, "forge", default_channel_alias));
  CHECK_FALSE(channel_matches(named, "bioconda", default_channel_alias));
  CHECK_FALSE(channel_matches(named, "https://mirror/conda-forge", default_channel_alias));
}

TEST_CASE("credentials are taken out of urls") {
  CHECK(without_credentials("https://u:p@h/t/tk-1/c/noarch/f") == "https://h/c/noarch/f");
  CHECK(without_credentials("https://h/c") == "https://h/c");
  CHECK(without_credentials("https://h/t/tk-1") == "https://h");
  CHECK(without_credentials("file:///t/x/y") == "file:///t/x/y");
  CHECK(without_credentials("https://u@h") == "https://h");
}

TEST_CASE("subdirs") {
  CHECK(is_known_subdir("linux-64"));
  CHECK(is_known_subdir("noarch"));
  CHECK_FALSE(is_known_subdir("label"));
  CHECK(subdirs_for("linux-64") == Texts{"linux-64", "noarch"});
  CHECK(subdirs_for("noarch") == Texts{"noarch"});
  CHECK(is_known_subdir(native_subdir()));
}

TEST_CASE("what is no environment file is refused with its reason") {
  CHECK(refused("").message.contains("no environment file"));
  CHECK(refused("- a\n").message.contains("no environment file"));
  CHECK(refused("name: x\n").message.contains("no list 'dependencies'"));
  CHECK(refused("dependencies: numpy\n").message.contains("no list 'dependencies'"));
  CHECK(refused("dependencies:\n  - npm:\n    - x\n").message.contains("section 'npm'"));
  CHECK(
      refused("dependencies:\n  - conda-forge:: numpy\n").hints.at(0).contains("without a blank"));
  CHECK(refused("dependencies:\n  -\n").message.contains("empty or a list"));
  CHECK(refused("name: a b\ndependencies: []\n").message.contains("'a b'"));
  CHECK(refused("channels: {}\ndependencies: []\n").message.contains("'channels' is no list"));
  CHECK(refused("variables: {1x: y}\ndependencies: []\n").message.contains("'1x'"));
  CHECK(refused("platforms: [noarch]\ndependencies: []\n").message.contains("'noarch'"));
  CHECK(refused("dependencies: [a\n").message.contains(":"));
}

TEST_CASE("a dependency that is no spec is a bad spec") {
  std::vector<std::string> warnings;
  const auto file = parse_environment_file("dependencies:\n  - numpy >>1\n", "env.yml", warnings);
  REQUIRE_FALSE(file.has_value());
  CHECK(file.error().kind == ErrorKind::bad_spec);
  CHECK(file.error().context.at(0) == "reading env.yml");
}

}  // namespace
}  // namespace hpcenv::conda
