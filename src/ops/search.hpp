// What channels have: every record that a spec matches, whatever priority would say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/channel.hpp"
#include "conda/match_spec.hpp"
#include "index/channel_index.hpp"
#include "ops/locations.hpp"
#include "ops/seams.hpp"
#include "solve/solver.hpp"

namespace hpcenv::ops {

struct SearchRequest {
  std::vector<conda::MatchSpec> specs;   ///< a record that one of them matches is found
  std::vector<conda::Channel> channels;  ///< by priority
  std::vector<std::string> subdirs;
  std::string channel_alias;
  solve::ChannelPriority priority = solve::ChannelPriority::strict;
  index::IndexRequest::Offline offline = index::IndexRequest::Offline::no;
  std::optional<std::int64_t> exclude_newer;  ///< milliseconds
  std::int64_t index_fresh_seconds = 3600;    ///< local_repodata_ttl
};

struct FoundRecord {
  conda::PackageRecord record;
  std::size_t channel = 0;  ///< position among the channels
  /// A channel before this one has packages of that name, so under the priority asked for none of
  /// this channel's is ever chosen.
  bool is_hidden = false;
};

struct SearchResult {
  std::vector<FoundRecord> records;  ///< by name, then version order, build number, channel
  std::vector<std::string> nearest;  ///< names that were perhaps meant, where nothing was found
};

Result<SearchResult> search(const SearchRequest& request, const Locations& locations,
                            const Seams& seams);

}  // namespace hpcenv::ops
