// Channels: names under the alias, urls, paths.
#pragma once

#include <string>
#include <string_view>
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
/// Whether what a spec says before `::` means this channel: its name, its url, or the last parts of
/// its url.
bool channel_matches(const Channel& channel, std::string_view wanted, std::string_view alias);
/// A url without user, password and token, for messages and files.
std::string without_credentials(std::string_view url);

}  // namespace hpcenv::conda
