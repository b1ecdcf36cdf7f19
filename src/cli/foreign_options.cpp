#include "cli/foreign_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

namespace hpcenv::cli {
namespace {

struct ForeignOption {
  std::string_view flag;  ///< after a command and a blank where it is one command's
  std::string_view instead;
};

constexpr std::string_view reads_rc = "set SSL_CERT_FILE to a file of CA certificates";
constexpr std::string_view links =
    "hpcenv tries hard links on a real file and copies where they do not work";
constexpr std::string_view list_environments = "type hpcenv env list";
constexpr std::string_view show_settings =
    "type hpcenv config: each value with where it comes from";

// Not here: options that hpcenv has under the same name.
constexpr auto options = std::to_array<ForeignOption>({
    {"--strict-channel-priority", "type --channel-priority strict (the default)"},
    {"--no-channel-priority", "type --channel-priority disabled"},
    {"--channel-alias", "set HPCENV_CHANNEL_ALIAS, or channel_alias in ~/.condarc"},
    {"--use-local", "type -c and the path of your conda-bld folder"},
    {"--use-index-cache", "type --offline to use what is in the caches"},
    {"-C", "type --offline to use what is in the caches"},
    {"--satisfied-skip-solve", "leave it out: what is met already changes nothing"},
    {"-S", "leave it out: what is met already changes nothing"},
    {"--update-specs", "use `hpcenv update` with the same specs"},
    {"--update-deps", "name what shall be newer: hpcenv update NAME..., or --all"},
    {"--update-all", "use `hpcenv update --all`"},
    {"--prune", "leave it out: `hpcenv update --all` drops what nothing needs any more"},
    {"--prune-deps", "leave it out: that is the default"},
    {"--clone", "type hpcenv env export -n OLD > old.yml, then create -f old.yml"},
    {"--download-only", "type --dry-run to see what would be fetched"},
    {"--solver", "leave it out: hpcenv has one solver (HPCENV_SOLVER=libsolv compares)"},
    {"--experimental-solver", "leave it out: hpcenv has one solver"},
    {"--always-softlink", links},
    {"--allow-softlinks", links},
    {"--no-shortcuts", "leave it out: hpcenv makes no shortcuts"},
    {"--shortcuts-only", "hpcenv makes no shortcuts"},
    {"--mkdir", "leave it out: hpcenv create makes the folders"},
    {"--revision", "hpcenv keeps no revisions; name the versions: hpcenv install NAME=VERSION"},
    {"--show-channel-urls", "leave it out; --json has the addresses"},
    {"--explicit", "an @EXPLICIT file is known by its content: -f FILE"},
    {"--no-default-packages", "pass --no-rc to leave the .condarc files unread"},
    {"--rc-file", "set CONDARC to the path of the file"},
    {"--no-env", "unset the HPCENV_ and CONDA_ variables instead"},
    {"--insecure", reads_rc},
    {"-k", reads_rc},
    {"--ssl-verify", reads_rc},
    {"--cacert-path", reads_rc},
    {"--ssl-no-revoke", reads_rc},
    {"--repodata-ttl", "leave it out: the server says how long an index is fresh"},
    {"--retry-clean-cache", "leave it out: a damaged cache is read again by itself"},
    {"--repodata-fn", "leave it out: only what a request can reach is read"},
    {"--freeze", "type --freeze-installed"},
    {"--allow-uninstall", "leave it out: the plan says what would go, and you are asked"},
    {"--allow-downgrade", "leave it out: older versions are taken where the wishes need them"},
    {"--no-allow-downgrade", "pin it in conda-meta/pinned, or type --freeze-installed"},
    {"--use-uv", "pip sections are not installed yet; type --no-pip"},
    {"--category", "keep one file for each group of packages"},
    {"--log-level", "type --verbose"},
    {"--debug", "type --verbose"},
    {"--info", "type --verbose"},
    {"--experimental", "leave it out: there is no such switch"},
    {"--relocate-prefix", "create the environment with -p at the place where it will be used"},
    {"info --envs", list_environments},
    {"info -e", list_environments},
    {"config --add", "type hpcenv config prepend KEY VALUE (append: with less weight)"},
    {"config --append", "type hpcenv config append KEY VALUE"},
    {"config --prepend", "type hpcenv config prepend KEY VALUE"},
    {"config --set", "type hpcenv config set KEY VALUE"},
    {"config --get", "type hpcenv config get KEY"},
    {"config --remove", "type hpcenv config remove KEY VALUE"},
    {"config --remove-key", "type hpcenv config remove KEY"},
    {"config --show", show_settings},
    {"config --show-sources", show_settings},
    {"config --sources", show_settings},
    {"config --describe", "type hpcenv config describe"},
    {"--dev", "hpcenv does not run inside the environment that it changes"},
});

}  // namespace

std::string_view instead_of(std::string_view command, std::string_view option) {
  option = option.substr(0, option.find('='));
  for (const std::string& flag : {fmt::format("{} {}", command, option), std::string(option)}) {
    const auto* const found = std::ranges::find(options, flag, &ForeignOption::flag);
    if (found != options.end()) return found->instead;
  }
  return {};
}

}  // namespace hpcenv::cli
