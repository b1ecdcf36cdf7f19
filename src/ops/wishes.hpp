// What the user wants, from the command line, an environment file and a recipe, as one value.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "conda/channel.hpp"
#include "conda/match_spec.hpp"

namespace hpcenv::ops {

struct WishInput {
  std::vector<std::string> specs;
  std::vector<std::string> channels;  ///< -c, in order
  std::vector<std::string>
      default_channels;  ///< of the settings; left out with OverrideChannels::yes
  enum class OverrideChannels { no, yes };
  OverrideChannels override_channels = OverrideChannels::no;
  std::string environment_file;  ///< path; empty: none
  std::string recipe;            ///< name; empty: none
  std::string channel_alias;
  std::string working_directory;
  std::string home;
};

struct Wishes {
  std::vector<conda::MatchSpec>
      specs;  ///< recipe's first, then the file's, then the command line's
  std::vector<std::string> spec_texts;   ///< the same as text
  std::vector<conda::Channel> channels;  ///< by priority: command line, file, recipe, settings
  std::vector<std::pair<std::string, std::string>> variables;
  std::string name;  ///< of the file; used where the command line names no environment
  std::vector<std::string> warnings;
};

/// Kinds: usage where nothing is wished or no channel is left; bad_spec; refused for a file that
/// cannot be read as such, incl. a `pip:` section, which is never dropped silently.
Result<Wishes> gather_wishes(const WishInput& input);

}  // namespace hpcenv::ops
