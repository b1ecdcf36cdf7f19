#include "host/configuration_folders.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace hpcenv;
using Folders = std::vector<std::filesystem::path>;

TEST_CASE("the user's configuration comes before the site's and the machine's") {
  base::Environment environment;
  environment.set("HOME", "/home/me");
  environment.set("HPCENV_SITE", "/site");
  CHECK(host::configuration_folders(environment) ==
        Folders{"/home/me/.config/hpcenv", "/site", "/etc/hpcenv"});
  environment.set("XDG_CONFIG_HOME", "/config");
  CHECK(host::user_configuration(environment) == "/config/hpcenv");
}

TEST_CASE("a variable that is empty is as good as none") {
  base::Environment environment;
  environment.set("HOME", "/home/me");
  environment.set("XDG_CONFIG_HOME", "");
  environment.set("HPCENV_SITE", "");
  CHECK(host::configuration_folders(environment) ==
        Folders{"/home/me/.config/hpcenv", "/etc/hpcenv"});
  environment.set("HOME", "");
  CHECK(host::user_configuration(environment).empty());
  CHECK(host::configuration_folders(environment) == Folders{"/etc/hpcenv"});
}
