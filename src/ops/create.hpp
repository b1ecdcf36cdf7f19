// `create`: from wishes to a new environment. First the decision as a value, then the act.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "host/virtual_packages.hpp"
#include "index/channel_index.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "ops/wishes.hpp"
#include "prefix/create.hpp"
#include "prefix/plan.hpp"
#include "solve/solver.hpp"

namespace hpcenv::ops {

struct CreateRequest {
  std::filesystem::path prefix;
  Wishes wishes;
  std::string subdir;
  std::string channel_alias;
  solve::ChannelPriority priority = solve::ChannelPriority::strict;
  solve::Method method = solve::Method::dive;
  index::IndexRequest::Offline offline = index::IndexRequest::Offline::no;
  std::string command_line;  ///< for the history
};

/// What will be done, before a byte of the prefix is written.
struct CreateDecision {
  prefix::Plan plan;
  host::VirtualPackages virtual_packages;  ///< of the machine that was solved for
  std::string machine;                     ///< its host name
  std::uint64_t download_bytes =
      0;  ///< of the packages that the cache lacks, where their size is known
  std::vector<std::string> fetch;  ///< their file names
  std::vector<std::string> notes;  ///< wishes of ours that were not met, in words
};

using CreateOutcome = std::variant<CreateDecision, solve::Conflict>;

/// Steps: check the prefix, probe this machine, read the channels, solve, plan. Writes to the index
/// cache only.
Result<CreateOutcome> decide_create(const CreateRequest& request, const Locations& locations,
                                    const Seams& seams);

struct CreateReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> messages;
};

/// Steps: fetch, check the space, prepare aside, commit, register. On failure the prefix is as
/// before.
Result<CreateReport> carry_out_create(const CreateDecision& decision,
                                      const prefix::LinkOptions& options,
                                      const Locations& locations, const Seams& seams);

}  // namespace hpcenv::ops
