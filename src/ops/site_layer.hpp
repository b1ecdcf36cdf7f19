// What a site, or the user, wants of every job: slurm.yml beside the settings (design.md section
// 8).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "slurm/reach.hpp"

namespace hpcenv::ops {

struct SiteLayer {
  slurm::Reach defaults;  ///< of the user's file, then the site's, then the machine's
  /// Lines of bash for the head of every script: the machine's, the site's, the user's.
  std::vector<std::string> head;
  struct Message {
    std::string text;
    std::filesystem::path file;
  };
  std::vector<Message> messages;  ///< what the site says to who submits
};

/// `defaults`, `head` and `message` of slurm.yml in the configuration folders; a folder without
/// one adds nothing. Kind refused, naming file and place: what is no YAML, a key or a field that is
/// not known.
Result<SiteLayer> site_layer(const base::Environment& environment);

/// Those of `layer` that were not said on this account before; marks them as said below `state`. A
/// mark that cannot be made is no failure.
std::vector<SiteLayer::Message> not_yet_said(const SiteLayer& layer,
                                             const std::filesystem::path& state);

}  // namespace hpcenv::ops
