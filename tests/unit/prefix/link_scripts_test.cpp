#include "prefix/link_scripts.hpp"

#include <catch2/catch_test_macros.hpp>

#include "prefix/readers.hpp"
#include "prefix/state.hpp"
#include "unit/prefix/change_case.hpp"
#include "unit/prefix/package_tree.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;

TreePackage with_script(const std::string& action, const std::string& script) {
  return {"a", {{"bin/.a-" + action + ".sh", script}, {"share/x", "x"}}};
}

}  // namespace

TEST_CASE("link scripts: post-link runs in the finished prefix, without secrets") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  const auto package =
      unpack(with_script("post-link",
                         "set -eu\nenv | sort > \"$PREFIX/seen\"\necho 'remember this' >> "
                         "\"$PREFIX/.messages.txt\"\n[ -e \"$PREFIX/.hpcenv/scripts/create\" ]\n"),
             directory / "cache");
  auto options = plain_options();
  options.environment.set("CONDA_TOKEN", "abc123");
  options.environment.set("https_proxy", "http://user:abc123@proxy:80");
  const auto created = create(prefix, {package}, options);
  REQUIRE(created.has_value());
  CHECK(created->messages == Names{"remember this"});
  CHECK_FALSE(fs::exists(prefix / ".messages.txt"));
  CHECK_FALSE(fs::exists(prefix / ".hpcenv"));
  CHECK(prefix::require_usable(prefix).has_value());
  const std::string seen = text_of(prefix / "seen");
  for (const std::string& line :
       {"PREFIX=" + prefix.string(), std::string("PKG_NAME=a"), std::string("PKG_VERSION=1.0"),
        std::string("PKG_BUILDNUM=0"), std::string("https_proxy=http://proxy:80"),
        "PATH=" + (prefix / "bin").string() + ":/usr/bin:/bin"}) {
    CHECK(("\n" + seen).find("\n" + line + "\n") != std::string::npos);
  }
  CHECK(seen.find("abc123") == std::string::npos);
}

TEST_CASE("link scripts: one that fails takes the new environment away again") {
  const TemporaryDirectory directory;
  const auto package =
      unpack(with_script("post-link", "echo on stdout\necho on stderr >&2\nexit 3\n"),
             directory / "cache");
  const auto created = create(directory / "env", {package});
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().kind == ErrorKind::refused);
  CHECK(created.error().message == "the post-link script of a-1.0-0 left with code 3");
  CHECK(created.error().context == Names{"its output: on stdout\non stderr"});
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("link scripts: a create that was killed before they ran starts over") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  const auto package =
      unpack(with_script("post-link", "echo ran > \"$PREFIX/ran\"\n"), directory / "cache");
  put_file(prefix / "conda-meta/history", "");
  put_file(prefix / ".hpcenv/scripts/create", "a-1.0-0\n");
  put_file(prefix / "share/of-the-killed-one", "");
  CHECK(prefix::check_new_prefix(prefix).has_value());
  REQUIRE(create(prefix, {package}).has_value());
  CHECK(names_in(prefix) == Names{"bin", "conda-meta", "ran", "share"});
  CHECK(names_in(prefix / "share") == Names{"x"});
  CHECK(names_in(directory.path()) == Names{"cache", "env"});
}

TEST_CASE("link scripts: a create with a pre-link script runs it before the files are there") {
  const TemporaryDirectory directory;
  const auto package = unpack(with_script("pre-link",
                                          "test ! -e \"$PREFIX/bin/.a-pre-link.sh\" || exit 1\n"
                                          "echo \"$PKG_NAME $SOURCE_DIR\" > \"$PREFIX/ran\"\n"),
                              directory / "cache");
  const fs::path prefix = directory / "env";
  const auto created = change_to(prefix, {package});
  REQUIRE(message_of(created) == no_failure);
  CHECK(text_of(prefix / "ran") == "a " + package.directory.string() + "\n");
  CHECK(prefix::require_usable(prefix).has_value());
  CHECK(names_in(directory.path()) == Names{"cache", "env"});
}

TEST_CASE("link scripts: without a bash they are refused before anything is made") {
  const TemporaryDirectory directory;
  const auto package = unpack(with_script("post-link", "exit 0\n"), directory / "cache");
  auto options = plain_options();
  options.environment.set("PATH", (directory / "nothing").string());
  const auto created = create(directory / "env", {package}, options);
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().kind == ErrorKind::refused);
  CHECK(created.error().message ==
        "a-1.0-0 has a post-link script, but there is no bash to run it");
  CHECK(names_in(directory.path()) == Names{"cache"});
}

TEST_CASE("link scripts: secrets are told by the names of variables and by urls") {
  base::Environment environment;
  for (const char* name :
       {"GITHUB_TOKEN", "ANACONDA_API_KEY", "aws_secret_access_key", "DB_PASSWORD"}) {
    environment.set(name, "x");
  }
  environment.set("HOME", "/home/u");
  environment.set("PROXY", "http://u:p@host:1/x@y");
  environment.set("MAIL", "u@host");
  const base::Environment clean = prefix::without_secrets(environment);
  CHECK(clean.all().size() == 3);
  CHECK(clean.get("PROXY") == "http://host:1/x@y");
  CHECK(clean.get("MAIL") == "u@host");
}
