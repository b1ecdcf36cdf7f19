#include "cli/settings.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "cli/config_file.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::cli {
namespace {

using Texts = std::vector<std::string>;

class Home {
 public:
  Home() { environment.set("HOME", place_.path().string()); }
  void write(const std::string& name, std::string_view text) const {
    const auto file = place_.path() / name;
    REQUIRE(base::make_directories(file.parent_path()).has_value());
    REQUIRE(base::write_file(file, text).has_value());
  }
  std::string path(const std::string& name) const { return (place_.path() / name).string(); }
  Settings load(RcFiles files = RcFiles::read) const {
    auto settings = load_settings(environment, files);
    if (!settings.has_value()) FAIL(settings.error().message);
    return std::move(settings).value();
  }

  base::Environment environment;

 private:
  test::TemporaryDirectory place_;
};

TEST_CASE("every setting of the table is a key, with a default of its kind") {
  for (const SettingSpec& spec : all_settings()) {
    INFO(spec.key);
    const conda::RcKey* key = conda::find_rc_key(spec.key);
    REQUIRE(key != nullptr);
    CHECK(key->name == spec.key);
    if (*spec.initial != '\0') {
      CHECK(conda::parse_rc_value(*key, spec.initial, "default").has_value());
    }
  }
  CHECK(conda::rc_keys().size() == all_settings().size());
}

TEST_CASE("without files the defaults hold") {
  const Home home;
  const Settings settings = home.load();
  CHECK(settings.value("root") == home.path(".local/share/hpcenv"));
  CHECK(settings.list("channels") == Texts{"conda-forge"});
  CHECK(settings.value("channel_priority") == "strict");
  CHECK(settings.number("remote_max_retries") == 3.0);
  CHECK_FALSE(settings.number("jobs").has_value());
  CHECK_FALSE(settings.flag("offline"));
  CHECK(settings.is_default("channels"));
}

TEST_CASE("later layers win, lists of files add up, the user's own file comes last") {
  Home home;
  home.write(".conda/condarc", "channels: [a]\nchannel_alias: https://one\noffline: true\n");
  home.write(".condarc", "channels: [b, a]\nchannel_alias: https://two\n");
  home.write(".config/hpcenv/config.yml", "channels: [c]\nroot: ~/mine\nsolver: libsolv\n");
  Settings settings = home.load();
  CHECK(settings.list("channels") == Texts{"c", "b", "a"});
  CHECK(settings.setting("channels").source == home.path(".config/hpcenv/config.yml") + ", " +
                                                   home.path(".condarc") + ", " +
                                                   home.path(".conda/condarc"));
  CHECK(settings.value("channel_alias") == "https://two");
  CHECK(settings.value("root") == home.path("mine"));
  CHECK(settings.flag("offline"));
  CHECK(settings.files().size() == 3);
  home.environment.set("CONDA_CHANNELS", "v");
  home.environment.set("CONDA_CHANNEL_PRIORITY", "flexible");
  settings = home.load();
  CHECK(settings.list("channels") == Texts{"v", "c", "b", "a"});
  CHECK(settings.value("channel_priority") == "flexible");
  home.environment.set("HPCENV_CHANNELS", "only,these");
  settings = home.load();
  CHECK(settings.list("channels") == Texts{"only", "these"});
  CHECK(settings.setting("channels").source == "HPCENV_CHANNELS");
}

TEST_CASE("the site's file, the active environment's, and $CONDARC have their places") {
  Home home;
  home.write("site/config.yml", "root: /site\nchannel_alias: https://site\n");
  home.write("env/condarc.d/10.yml", "channels: [of_env]\n");
  home.write("rc", "channels: [of_rc]\n");
  home.write(".condarc", "channel_alias: https://mine\nroot: /not-hpcenv\n");
  home.environment.set("HPCENV_SITE", home.path("site"));
  home.environment.set("CONDA_PREFIX", home.path("env"));
  home.environment.set("CONDARC", home.path("rc"));
  const Settings settings = home.load();
  CHECK(settings.value("root") == "/site");
  CHECK(settings.value("channel_alias") == "https://mine");
  CHECK(settings.list("channels") == Texts{"of_rc", "of_env"});
}

TEST_CASE("--no-rc leaves conda's files out, and hpcenv's in") {
  Home home;
  home.write(".condarc", "channels: [a\n");
  home.write(".config/hpcenv/config.yml", "channels: [mine]\n");
  CHECK(home.load(RcFiles::ignore).list("channels") == Texts{"mine"});
  const auto settings = load_settings(home.environment, RcFiles::read);
  REQUIRE_FALSE(settings.has_value());
  CHECK(settings.error().kind == ErrorKind::refused);
  CHECK(settings.error().message.starts_with(home.path(".condarc") + ":"));
}

TEST_CASE("a variable that is none is refused by its name") {
  Home home;
  home.environment.set("HPCENV_JOBS", "many");
  const auto settings = load_settings(home.environment, RcFiles::read);
  REQUIRE_FALSE(settings.has_value());
  CHECK(settings.error().message == "jobs 'many' (from HPCENV_JOBS) is no number");
  // conda's word for its own solvers is none of ours.
  Home other;
  other.environment.set("CONDA_SOLVER", "libmamba");
  other.environment.set("CONDA_ROOT", "/opt/conda");
  CHECK(other.load().value("solver") == "dive");
}

std::string changed(std::string_view text, const char* key,
                    const std::optional<conda::RcValue>& value) {
  auto result = with_setting(text, *conda::find_rc_key(key), value, "config.yml");
  return result.has_value() ? *result : "error: " + result.error().message;
}

TEST_CASE("a settings file is changed without losing comments") {
  const std::string_view text =
      "# mine\nchannels:\n- a\n- b  # why\n\n# about the next\nroot: /x\n";
  const conda::RcValue list{"", {"c", "12"}, {}};
  CHECK(changed(text, "channels", list) ==
        "# mine\nchannels:\n  - c\n  - \"12\"\n\n# about the next\nroot: /x\n");
  CHECK(changed(text, "channels", std::nullopt) == "# mine\n\n# about the next\nroot: /x\n");
  CHECK(changed(text, "offline", conda::RcValue{"true", {}, {}}) ==
        std::string(text) + "offline: true\n");
  CHECK(changed("", "root", conda::RcValue{"/a b", {}, {}}) == "root: \"/a b\"\n");
  CHECK(changed("envs_path: [/old]\n", "envs_dirs", conda::RcValue{"", {"/new"}, {}}) ==
        "envs_dirs:\n  - /new\n");
  const conda::RcValue table{"", {}, {{"x", {"/1"}}, {"z", {"/2", "/3"}}}};
  CHECK(changed("", "custom_multichannels", table) ==
        "custom_multichannels:\n  x: /1\n  z:\n    - /2\n    - /3\n");
}

TEST_CASE("a file that cannot be changed by lines is left alone") {
  CHECK(changed("{channels: [a], root: /x}\n", "root", conda::RcValue{"/y", {}, {}})
            .starts_with("error: config.yml is written in a way"));
  CHECK(changed("channels: [a\n", "root", conda::RcValue{"/y", {}, {}})
            .starts_with("error: config.yml:"));
}

}  // namespace
}  // namespace hpcenv::cli
