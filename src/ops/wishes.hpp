// What the user wants, from the command line, an environment file and a recipe, as one value.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "conda/channel.hpp"
#include "conda/explicit_file.hpp"
#include "conda/match_spec.hpp"

namespace hpcenv::ops {

struct WishInput {
  std::vector<std::string> specs;
  std::vector<std::string> channels;  ///< -c, in order
  std::vector<std::string>
      default_channels;  ///< of the settings; left out with OverrideChannels::yes
  enum class OverrideChannels { no, yes };
  OverrideChannels override_channels = OverrideChannels::no;
  std::vector<std::string> files;    ///< paths of environment files (.yml) and lists of specs
  std::vector<std::string> recipes;  ///< names, in order
  enum class Pip { refuse, leave_out };
  Pip pip = Pip::refuse;          ///< leave_out: --no-pip
  std::string subdir;             ///< decides selectors of environment files; empty: this machine's
  conda::ChannelRules rules;      ///< what words for channels mean
  base::Environment environment;  ///< for `~` and `$NAME` in files
};

struct Wishes {
  std::vector<conda::MatchSpec>
      specs;  ///< recipe's first, then the file's, then the command line's
  std::vector<std::string> file_specs;   ///< texts of those that came from files and recipes
  std::vector<conda::Channel> channels;  ///< by priority: command line, file, recipe, settings
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<conda::ExplicitPackage> packages;  ///< of an @EXPLICIT file: then there are no specs
  bool no_defaults = false;  ///< a file says `nodefaults`: channels of the settings do not count
  std::string name;          ///< of the file; used where the command line names no environment
  std::vector<std::string> platforms;  ///< that the files are for; empty: any
  std::vector<std::string> warnings;
  std::vector<std::string> recipes;  ///< names, for the history
  std::string gpu_recipe;            ///< the first of them that needs a GPU; empty: none
  bool is_from_file(const std::string& text) const;
};

/// Specs alone, for who needs no channel. Kind bad_spec.
Result<Wishes> wishes_for(const std::vector<std::string>& specs);
/// The channels of several lists as one: what stands in a list keeps its order, as far as the
/// lists agree.
std::vector<std::string> merged_channels(const std::vector<std::vector<std::string>>& lists);
/// Refused where the files are for other platforms.
Result<> require_platform(const Wishes& wishes, const std::string& subdir);

/// Kinds: usage where no channel is left, or an @EXPLICIT file stands beside other wishes;
/// bad_spec; refused for a file that cannot be read as such, incl. a `pip:` section, which is never
/// dropped silently.
Result<Wishes> gather_wishes(const WishInput& input);

}  // namespace hpcenv::ops
