#include "conda/condarc.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "conda/channel.hpp"
#include "conda/path_text.hpp"

namespace hpcenv::conda {
namespace {

using Texts = std::vector<std::string>;

const base::Environment user({{"HOME", "/home/u"}, {"SCRATCH", "/scratch/u"}, {"EMPTY", ""}});

Condarc read(std::string_view text) {
  auto rc = parse_condarc(text, ".condarc", RcDialect::conda, user);
  if (!rc.has_value()) FAIL(rc.error().message);
  return std::move(rc).value();
}

Error refused(std::string_view text) {
  const auto rc = parse_condarc(text, ".condarc", RcDialect::conda, user);
  INFO(text);
  REQUIRE_FALSE(rc.has_value());
  CHECK(rc.error().kind == ErrorKind::refused);
  return rc.error();
}

std::string url_of(std::string_view text, const ChannelRules& rules) {
  const auto channels = expand_channel(text, rules);
  if (!channels.has_value()) return "error: " + channels.error().message;
  std::string urls;
  for (const Channel& channel : *channels) urls += (urls.empty() ? "" : " ") + channel.base_url;
  return urls;
}

/// What files say together, the first the least.
RcValue merged(std::string_view key, const std::vector<std::string>& files) {
  RcValue value;
  bool first = true;
  for (const std::string& text : files) {
    const Condarc rc = read(text);
    if (!rc.values.contains(key)) continue;
    if (first) {
      value = rc.values.find(key)->second;
    } else {
      merge_rc_value(value, rc.values.find(key)->second, find_rc_key(key)->kind);
    }
    first = false;
  }
  return value;
}

TEST_CASE("marks in comments decide as in conda") {
  const std::string site = "channels:\n  - low\n  - site  #!top\n  - last #!bottom\n  - b\n";
  CHECK(merged("channels", {site}).list == Texts{"site", "low", "b", "last"});
  CHECK(merged("channels", {site, "channels: [a, b]\n"}).list ==
        Texts{"site", "a", "b", "low", "last"});
  SECTION("of several files the first has the outer places") {
    const std::string more = "channels:\n  - x #!top\n  - 'y' #!bottom\n  - z\n";
    CHECK(merged("channels", {site, more}).list ==
          Texts{"site", "x", "z", "low", "b", "y", "last"});
    CHECK(merged("channels", {site, "channels: [last, site]\n"}).list ==
          Texts{"site", "low", "b", "last"});
    CHECK(merged("channels", {site, "channels:\n- site #!bottom\n"}).list ==
          Texts{"low", "b", "site", "last"});
  }
  SECTION("what is final stays") {
    CHECK(merged("channels", {"channels: #!final\n  - only\n", "channels: [a]\n"}).list ==
          Texts{"only"});
    CHECK(merged("channels", {"channels: [a]\n", "channels: [b]  #!final\n", "channels: [c]\n"})
              .list == Texts{"b", "a"});
    CHECK(
        merged("channel_alias", {"channel_alias: https://a\n", "channel_alias: https://b #!final\n",
                                 "channel_alias: https://c #!final\n"})
            .text == "https://b");
    CHECK(merged("custom_channels",
                 {"custom_channels: #!final\n  a: /x\n", "custom_channels: {b: /y}\n"})
              .table.size() == 1);
  }
  SECTION("other comments are none") {
    for (const char* text :
         {"channels:\n  - a\n  - b#!top\n", "channels:\n  - a\n  - b  # !top\n",
          "channels:\n  - a\n  - b  #!upper\n", "channels:\n  #!top\n  - a\n  - b  # final\n"}) {
      INFO(text);
      const RcValue value = merged("channels", {text});
      CHECK(value.list.front() == "a");
      CHECK(value.weight == RcValue::Weight::usual);
    }
    CHECK(merged("offline", {"offline: true\nssl_verify: no #!final\n", "offline: false\n"}).text ==
          "false");
  }
}

TEST_CASE("keys that nothing obeys are told apart from those that are not known") {
  const Condarc rc =
      read("always_softlink: true\nchanels: [a]\nroot: /x\nsafety_checks: no\nalways_copy: yes\n");
  CHECK(rc.without_effect == Texts{"always_softlink", "chanels", "root"});
  CHECK(rc.values.at("safety_checks").text == "disabled");
  CHECK(rc.values.at("always_copy").text == "true");
  CHECK(why_idle("chanels") == "hpcenv does not know it");
  CHECK(why_idle("always_softlink").find("soft links") != std::string_view::npos);
  CHECK(refused("safety_checks: sometimes\n").hints.at(0) == "use one of: enabled warn disabled");
  // No key is both obeyed and idle, but those whose meaning depends on the file.
  for (const IdleKey& key : idle_keys()) {
    const RcKey* known = find_rc_key(key.name);
    CHECK((known == nullptr || known->dialect == RcDialect::hpcenv));
  }
}

TEST_CASE("every key of conda that users are told of is obeyed or said to be idle") {
  for (const char* name : {"channels",
                           "default_channels",
                           "channel_alias",
                           "custom_channels",
                           "custom_multichannels",
                           "channel_settings",
                           "allowlist_channels",
                           "denylist_channels",
                           "channel_priority",
                           "override_channels_enabled",
                           "mirrored_channels",
                           "pkgs_dirs",
                           "envs_dirs",
                           "always_copy",
                           "always_softlink",
                           "allow_softlinks",
                           "path_conflict",
                           "safety_checks",
                           "extra_safety_checks",
                           "rollback_enabled",
                           "offline",
                           "use_index_cache",
                           "local_repodata_ttl",
                           "repodata_use_zst",
                           "repodata_use_shards",
                           "proxy_servers",
                           "ssl_verify",
                           "client_ssl_cert",
                           "client_ssl_cert_key",
                           "remote_connect_timeout_secs",
                           "remote_read_timeout_secs",
                           "remote_max_retries",
                           "remote_backoff_factor",
                           "default_threads",
                           "repodata_threads",
                           "fetch_threads",
                           "verify_threads",
                           "execute_threads",
                           "pinned_packages",
                           "disallowed_packages",
                           "track_features",
                           "create_default_packages",
                           "add_pip_as_python_dependency",
                           "override_virtual_packages",
                           "exclude_newer",
                           "subdir",
                           "changeps1",
                           "env_prompt",
                           "auto_stack",
                           "register_envs",
                           "protect_frozen_envs",
                           "no_lock"}) {
    INFO(name);
    CHECK((find_rc_key(name) != nullptr || why_idle(name) != "hpcenv does not know it"));
  }
}

TEST_CASE("values of every kind are read from a condarc file") {
  const Condarc rc = read(R"(channels: [a, b]
channel_alias: https://mirror.example/conda
channel_priority: Flexible
custom_channels: {mine: 'https://host/x', other: "file:///o"}
custom_multichannels:
  all: [mine, conda-forge]
pkgs_dirs: ~/pkgs
envs_dirs:
  - $SCRATCH/envs
  - ${SCRATCH}/more
ssl_verify: /etc/ssl/site.pem
offline: yes
remote_connect_timeout_secs: 9.15
proxy_servers: {https: 'http://proxy:3128'}
pinned_packages:
  - numpy 1.26.*
a_key_of_another_tool: {x: [1, {y: z}]}
)");
  CHECK(rc.values.at("channels").list == Texts{"a", "b"});
  CHECK(rc.values.at("channel_alias").text == "https://mirror.example/conda");
  CHECK(rc.values.at("channel_priority").text == "flexible");
  CHECK(rc.values.at("custom_channels").table[0].first == "mine");
  CHECK(rc.values.at("custom_channels").table[1].second == Texts{"file:///o"});
  CHECK(rc.values.at("custom_multichannels").table[0].second == Texts{"mine", "conda-forge"});
  CHECK(rc.values.at("pkgs_dirs").list == Texts{"/home/u/pkgs"});
  CHECK(rc.values.at("envs_dirs").list == Texts{"/scratch/u/envs", "/scratch/u/more"});
  CHECK(rc.values.at("ssl_verify").text == "/etc/ssl/site.pem");
  CHECK(rc.values.at("offline").text == "true");
  CHECK(rc.values.at("remote_connect_timeout_secs").text == "9.15");
  CHECK(rc.values.at("proxy_servers").table[0].second == Texts{"http://proxy:3128"});
  CHECK(rc.values.at("pinned_packages").list == Texts{"numpy 1.26.*"});
  CHECK_FALSE(rc.values.contains("a_key_of_another_tool"));
}

TEST_CASE("older names and older words are understood") {
  CHECK(read("envs_path: [/e]\n").values.at("envs_dirs").list == Texts{"/e"});
  CHECK(read("whitelist_channels: [a]\n").values.at("allowlist_channels").list == Texts{"a"});
  CHECK(read("channel_priority: true\n").values.at("channel_priority").text == "flexible");
  CHECK(read("channel_priority: off\n").values.at("channel_priority").text == "disabled");
  CHECK(read("verify_ssl: false\n").values.at("ssl_verify").text == "false");
  // The present name wins, wherever it stands.
  CHECK(read("envs_dirs: [/new]\nenvs_path: [/old]\n").values.at("envs_dirs").list ==
        Texts{"/new"});
  CHECK(read("envs_path: [/old]\nenvs_dirs: [/new]\n").values.at("envs_dirs").list ==
        Texts{"/new"});
}

TEST_CASE("words that are hpcenv's own do not count in a file of conda's") {
  const std::string_view text = "root: ~/x\nsolver: libmamba\n";
  CHECK(read(text).values.empty());
  const auto own = parse_condarc("root: ~/x\n", "config.yml", RcDialect::hpcenv, user);
  REQUIRE(own.has_value());
  CHECK(own->values.at("root").text == "/home/u/x");
  const auto odd = parse_condarc(text, "config.yml", RcDialect::hpcenv, user);
  REQUIRE_FALSE(odd.has_value());
  CHECK(odd.error().message.contains("solver 'libmamba'"));
}

TEST_CASE("an empty file and empty values say nothing") {
  CHECK(read("").values.empty());
  CHECK(read("# a comment\n").values.empty());
  CHECK(read("ssl_verify:\n").values.empty());
  CHECK(read("channels:\n").values.at("channels").list.empty());
}

TEST_CASE("a bad condarc file is refused with its line") {
  CHECK(refused("- a\n").message == ".condarc:1: it is no map of keys");
  CHECK(refused("x: 1\nchannels: {a: b}\n").message == ".condarc:2: 'channels' is no list");
  CHECK(refused("channels: [[a]]\n").message ==
        ".condarc:1: 'channels' holds something that is no text");
  CHECK(refused("a: 1\n\n\"offline\": perhaps\n").message ==
        ".condarc:3: offline 'perhaps' is not true or false");
  CHECK(refused("remote_max_retries: many\n").message ==
        ".condarc:1: remote_max_retries 'many' is no number");
  CHECK(refused("remote_max_retries: -1\n").message.contains("is no number"));
  CHECK(refused("custom_channels: [a]\n").message ==
        ".condarc:1: 'custom_channels' is no map of names");
  CHECK(refused("channel_alias: [a]\n").message == ".condarc:1: 'channel_alias' is no single text");
  CHECK(refused("channels: [a\n").message.starts_with(".condarc:"));
  const Error priority = refused("channel_priority: odd\n");
  CHECK(priority.message == ".condarc:1: channel_priority 'odd' is none that hpcenv knows");
  CHECK(priority.hints.at(0) == "use one of: strict flexible disabled");
}

TEST_CASE("variables give values as one text") {
  const auto value = [](std::string_view key, std::string_view text) {
    return parse_rc_value(*find_rc_key(key), text, "V").value();
  };
  CHECK(value("channels", "a,b c").list == Texts{"a", "b", "c"});
  CHECK(value("envs_dirs", "/with blank:/b").list == Texts{"/with blank", "/b"});
  CHECK(value("pinned_packages", "numpy 1.*&scipy").list == Texts{"numpy 1.*", "scipy"});
  CHECK(value("always_yes", "1").text == "true");
  CHECK(value("proxy_servers", "https=http://p:1").table[0].first == "https");
  CHECK_FALSE(parse_rc_value(*find_rc_key("offline"), "x", "V").has_value());
  CHECK_FALSE(parse_rc_value(*find_rc_key("custom_channels"), "=x", "V").has_value());
  CHECK(find_rc_key("nothing") == nullptr);
}

TEST_CASE("a later file's items come first and its entries win") {
  RcValue list = read("channels: [a, b]\n").values.at("channels");
  merge_rc_value(list, read("channels: [c, a]\n").values.at("channels"), RcKind::list);
  CHECK(list.list == Texts{"c", "a", "b"});
  RcValue table = read("custom_channels: {x: /1, y: /2}\n").values.at("custom_channels");
  merge_rc_value(table, read("custom_channels: {y: /3, z: /4}\n").values.at("custom_channels"),
                 RcKind::table);
  CHECK(rc_value_text(table, RcKind::table) == "x=/1 y=/3 z=/4");
}

TEST_CASE("variables and home in texts") {
  CHECK(expand_variables("$SCRATCH/a ${SCRATCH}b $NONE ${NONE} $ $$ ${", user) ==
        "/scratch/u/a /scratch/ub $NONE ${NONE} $ $$ ${");
  CHECK(expand_variables("[$EMPTY]", user) == "[]");
  CHECK(expand_home("~", user) == "/home/u");
  CHECK(expand_home("~/x", user) == "/home/u/x");
  CHECK(expand_home("~v/x", user) == "~v/x");
  CHECK(expand_home("a~/x", user) == "a~/x");
  CHECK(expand_home("~/x", base::Environment()) == "~/x");
}

TEST_CASE("one word may stand for several channels, or lie elsewhere") {
  ChannelRules rules;
  rules.working_directory = "/w";
  rules.home = "/home/u";
  rules.default_channels = {"https://repo.anaconda.com/pkgs/main", "pkgs/r"};
  rules.custom_channels = {{"mine", "https://host/x/"}, {"local", "/srv/channels"}};
  rules.multichannels = {{"all", {"mine", "conda-forge"}}};
  CHECK(url_of("conda-forge", rules) == "https://conda.anaconda.org/conda-forge");
  CHECK(url_of("mine", rules) == "https://host/x/mine");
  CHECK(url_of("mine/label/dev", rules) == "https://host/x/mine/label/dev");
  CHECK(url_of("miner", rules) == "https://conda.anaconda.org/miner");
  CHECK(url_of("local", rules) == "file:///srv/channels/local");
  CHECK(url_of("all", rules) == "https://host/x/mine https://conda.anaconda.org/conda-forge");
  CHECK(url_of("defaults", rules) ==
        "https://repo.anaconda.com/pkgs/main https://repo.anaconda.com/pkgs/r");
  CHECK(expand_channel("mine", rules)->at(0).name == "mine");
}

TEST_CASE("channels that a site does not want are refused") {
  ChannelRules rules;
  rules.denied = {"defaults"};
  rules.default_channels = {"pkgs/main"};
  CHECK(url_of("pkgs/main", rules) ==
        "error: the channel https://repo.anaconda.com/pkgs/main is denied by denylist_channels");
  CHECK(url_of("https://u:p@repo.anaconda.com/pkgs/main", rules).contains("is denied by"));
  CHECK(url_of("conda-forge", rules) == "https://conda.anaconda.org/conda-forge");
  rules.allowed = {"conda-forge"};
  CHECK(url_of("bioconda", rules) ==
        "error: the channel https://conda.anaconda.org/bioconda is not among allowlist_channels");
  CHECK(url_of("conda-forge", rules) == "https://conda.anaconda.org/conda-forge");
}

}  // namespace
}  // namespace hpcenv::conda
