#include "conda/channel.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "conda/platform.hpp"
#include "conda/text_pattern.hpp"

namespace hpcenv::conda {

namespace {

/// Anaconda's own channels do not lie under the alias. `defaults` is a list of several in conda;
/// what is not in `main` there is an archive of R.
constexpr std::string_view anaconda_channels = "https://repo.anaconda.com";

std::string_view without_trailing_slash(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

std::string_view without_subdir(std::string_view url) {
  const std::size_t slash = url.rfind('/');
  if (slash != std::string_view::npos && is_known_subdir(url.substr(slash + 1))) {
    url = without_trailing_slash(url.substr(0, slash));
  }
  return url;
}

bool is_channel_name(std::string_view text) {
  if (text.empty() || text.starts_with('/') || text.starts_with('.')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/+").contains(c);
  });
}

bool is_path(std::string_view text) {
  return text.starts_with('/') || text == "." || text == ".." || text == "~" ||
         text.starts_with("./") || text.starts_with("../") || text.starts_with("~/");
}

/// Text only: `.` and `..` are folded, links are not looked at.
std::string absolute_path(std::string_view text, std::string_view working_directory,
                          std::string_view home) {
  std::string path(text);
  if (text.starts_with('~')) {
    path = fmt::format("{}{}", home, text.substr(1));
  } else if (!text.starts_with('/')) {
    path = fmt::format("{}/{}", working_directory, text);
  }
  std::vector<std::string> kept;
  for (const std::string_view piece : base::split(path, '/')) {
    if (piece.empty() || piece == ".") continue;
    if (piece != "..") {
      kept.emplace_back(piece);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return "/" + base::join(kept, "/");
}

/// Bytes that a url cannot hold as they are.
std::string percent_encode(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/._-~+@:,=").contains(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string named_channel_url(std::string_view name, std::string_view alias) {
  if (name == "defaults") return fmt::format("{}/pkgs/main", anaconda_channels);
  if (name.starts_with("pkgs/")) return fmt::format("{}/{}", anaconda_channels, name);
  return fmt::format("{}/{}", without_trailing_slash(alias), name);
}

}  // namespace

std::string Channel::url_of(std::string_view subdir, std::string_view file) const {
  return fmt::format("{}/{}/{}", base_url, subdir, file);
}

Result<Channel> parse_channel(std::string_view text, std::string_view alias,
                              std::string_view working_directory, std::string_view home) {
  text = base::trim(text);
  Channel channel;
  channel.name = text;
  if (text.contains("://")) {
    channel.base_url = without_subdir(without_trailing_slash(text));
    if (channel.base_url.ends_with(':')) {
      return fail(ErrorKind::usage, "the channel '{}' names no place", text);
    }
    return channel;
  }
  if (is_path(text)) {
    const std::string path = absolute_path(text, working_directory, home);
    channel.base_url = "file://" + percent_encode(without_subdir(path));
    return channel;
  }
  const std::string_view name = without_subdir(without_trailing_slash(text));
  if (!is_channel_name(name)) {
    return fail_hint(ErrorKind::usage, fmt::format("'{}' is no channel", text),
                     "give a name such as conda-forge, a url, or a path that starts with / or ./");
  }
  channel.name = name;
  channel.base_url = named_channel_url(name, alias);
  return channel;
}

namespace {

/// LOCATION/NAME for a name that custom_channels lists, or that lies below one of them.
std::optional<std::string> custom_location(std::string_view name, const ChannelRules& rules) {
  for (const auto& [custom, location] : rules.custom_channels) {
    if (name != custom && !name.starts_with(custom + "/")) continue;
    return fmt::format("{}/{}", without_trailing_slash(location), name);
  }
  return std::nullopt;
}

const std::vector<std::string>* several_behind(std::string_view name, const ChannelRules& rules) {
  for (const auto& [group, members] : rules.multichannels) {
    if (group == name) return &members;
  }
  return name == "defaults" && !rules.default_channels.empty() ? &rules.default_channels : nullptr;
}

Result<Channel> one_channel(std::string_view text, const ChannelRules& rules) {
  if (const auto location = custom_location(without_trailing_slash(text), rules)) {
    HPCENV_ASSIGN(Channel channel,
                  parse_channel(*location, rules.alias, rules.working_directory, rules.home));
    channel.name = without_trailing_slash(text);
    return channel;
  }
  return parse_channel(text, rules.alias, rules.working_directory, rules.home);
}

Result<bool> is_in(const Channel& channel, const std::vector<std::string>& list,
                   const ChannelRules& rules) {
  for (const std::string& word : list) {
    ChannelRules open = rules;
    open.allowed.clear();
    open.denied.clear();
    HPCENV_ASSIGN(const std::vector<Channel> listed, expand_channel(word, open));
    const std::string url = without_credentials(channel.base_url);
    if (std::ranges::any_of(listed, [&](const Channel& other) {
          return without_credentials(other.base_url) == url;
        })) {
      return true;
    }
  }
  return false;
}

Result<> check_allowed(const Channel& channel, const ChannelRules& rules) {
  HPCENV_ASSIGN(const bool denied, is_in(channel, rules.denied, rules));
  bool allowed = rules.allowed.empty();
  if (!allowed) {
    HPCENV_ASSIGN(allowed, is_in(channel, rules.allowed, rules));
  }
  if (!denied && allowed) return {};
  return fail_hint(
      ErrorKind::refused,
      fmt::format("the channel {} is {}", without_credentials(channel.base_url),
                  denied ? "denied by denylist_channels" : "not among allowlist_channels"),
      "hpcenv config shows which file says so");
}

}  // namespace

Result<std::vector<Channel>> expand_channel(std::string_view text, const ChannelRules& rules) {
  text = base::trim(text);
  std::vector<Channel> channels;
  const std::vector<std::string>* members = several_behind(text, rules);
  // The members of a group are plain channels: groups do not nest.
  const std::vector<std::string> words =
      members != nullptr ? *members : std::vector<std::string>{std::string(text)};
  for (const std::string& word : words) {
    HPCENV_ASSIGN(Channel channel, one_channel(word, rules));
    HPCENV_TRY(check_allowed(channel, rules));
    channels.push_back(std::move(channel));
  }
  return channels;
}

bool channel_matches(const Channel& channel, std::string_view wanted, std::string_view alias) {
  wanted = without_subdir(without_trailing_slash(base::trim(wanted)));
  if (wanted.empty() || wanted == "*") return true;
  const std::string url = without_credentials(channel.base_url);
  if (wanted.contains('*') || wanted.starts_with('^')) {
    const auto pattern = TextPattern::parse(wanted);
    return pattern.has_value() && (pattern->matches(channel.name) || pattern->matches(url));
  }
  if (wanted.contains("://"))
    return base::to_lower(without_credentials(wanted)) == base::to_lower(url);
  const std::string lower = base::to_lower(wanted);
  if (lower == base::to_lower(channel.name)) return true;
  const std::string lower_url = base::to_lower(url);
  if (base::to_lower(named_channel_url(lower, alias)) == lower_url) return true;
  return lower_url.ends_with("/" + lower);
}

std::string channel_name_of(std::string_view base_url, std::string_view alias) {
  std::string url = without_credentials(base_url);
  alias = without_trailing_slash(alias);
  if (url.starts_with(fmt::format("{}/", alias))) return url.substr(alias.size() + 1);
  const std::string own = fmt::format("{}/pkgs/", anaconda_channels);
  if (url.starts_with(own)) return url.substr(anaconda_channels.size() + 1);
  return url;
}

std::string path_to_url(std::string_view path, std::string_view working_directory,
                        std::string_view home) {
  return "file://" + percent_encode(absolute_path(path, working_directory, home));
}

std::string without_credentials(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || url.starts_with("file:")) return std::string(url);
  const std::size_t host = scheme + 3;
  std::size_t path = std::min(url.find('/', host), url.size());
  std::string_view authority = url.substr(host, path - host);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  std::string clean = fmt::format("{}{}", url.substr(0, host), authority);
  // Tokens stand in the path as /t/TOKEN.
  const std::size_t token = url.find("/t/", path);
  if (token != std::string_view::npos) {
    clean += url.substr(path, token - path);
    path = std::min(url.find('/', token + 3), url.size());
  }
  clean += url.substr(path);
  return clean;
}

}  // namespace hpcenv::conda
