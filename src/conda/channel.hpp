// Channels: names under the alias, urls, paths.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

inline constexpr std::string_view default_channel_alias = "https://conda.anaconda.org";

struct Channel {
  std::string name;      ///< as the user wrote it: "conda-forge", a url, a path
  std::string base_url;  ///< without subdir and trailing slash; credentials still in it
  /// base_url/subdir/file
  std::string url_of(std::string_view subdir, std::string_view file) const;
};

/// "conda-forge" -> alias/conda-forge; "http://x/y/" as it is; "/abs", "./rel", "~/x" -> file://.
/// Kind usage for text that is none of these.
Result<Channel> parse_channel(std::string_view text, std::string_view alias,
                              std::string_view working_directory, std::string_view home);
/// What words for channels mean (settings of the same names, facts/conda.md 4.10).
struct ChannelRules {
  std::string alias{default_channel_alias};
  std::string working_directory;
  std::string home;
  std::vector<std::string> default_channels;  ///< what `defaults` stands for
  /// "mine" -> "https://host/x": `mine` and `mine/label/y` lie below https://host/x.
  std::vector<std::pair<std::string, std::string>> custom_channels;
  /// One name for several channels.
  std::vector<std::pair<std::string, std::vector<std::string>>> multichannels;
  std::vector<std::string> allowed;  ///< empty: all
  std::vector<std::string> denied;
};

/// The channels that a word stands for, in order. Kind usage as `parse_channel`; refused for one
/// that is denied or not among those allowed.
Result<std::vector<Channel>> expand_channel(std::string_view text, const ChannelRules& rules);

/// Whether what a spec says before `::` means this channel: its name, its url, or the last parts of
/// its url.
bool channel_matches(const Channel& channel, std::string_view wanted, std::string_view alias);
/// How a channel is named in files that others read: what follows the alias
/// ("conda-forge/label/x"), `pkgs/...` of Anaconda's own, else the url without credentials.
std::string channel_name_of(std::string_view base_url, std::string_view alias);
/// A file:// url for a path; relative ones from `working_directory`, `~/` from `home`. `.` and `..`
/// are folded as text.
std::string path_to_url(std::string_view path, std::string_view working_directory,
                        std::string_view home);
/// A url without user, password and token, for messages and files.
std::string without_credentials(std::string_view url);

}  // namespace hpcenv::conda
