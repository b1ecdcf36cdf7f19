// What packages the channels offer, as far as a request can reach (design.md decision 4).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "conda/channel.hpp"
#include "conda/package_record.hpp"
#include "net/http.hpp"

namespace hpcenv::index {

struct IndexRequest {
  std::vector<conda::Channel> channels;   ///< by priority, highest first
  std::vector<std::string> subdirs;       ///< "linux-64", "noarch"
  std::vector<std::string> root_names;    ///< names that the request starts from; a name with `*`
                                          ///< stands for all that match
  std::filesystem::path cache_directory;  ///< made where it is missing
  std::int64_t fresh_for_seconds = 3600;  ///< where the server says nothing
  enum class Offline { no, yes };
  Offline offline = Offline::no;
  /// Records with a later timestamp are as if they were not there (milliseconds; conda's
  /// `exclude-newer`); applied before a `.tar.bz2` gives way to its `.conda` twin.
  std::optional<std::int64_t> exclude_newer;
  /// `roots_only`: just the records of `root_names` (search).
  enum class Reach { closure, roots_only };
  Reach reach = Reach::closure;
};

struct IndexedRecord {
  conda::PackageRecord record;
  std::size_t channel = 0;  ///< position in IndexRequest::channels
};

struct ChannelIndex {
  std::vector<conda::Channel> channels;
  std::vector<IndexedRecord> records;  ///< all records of every name in the closure; `.tar.bz2`
                                       ///< twins of a `.conda` are left out
  std::vector<std::string> all_names;  ///< sorted, of all channels: for "did you mean"
};

/// Loads repodata.json.zst, else repodata.json, of every channel and subdir; takes what the closure
/// of `root_names` over depends reaches. A channel that has no subdir noarch or native at all:
/// not_found, naming the url. A record that cannot be read is skipped with a warning.
Result<ChannelIndex> load_index(const IndexRequest& request, net::HttpClient& client,
                                const base::Clock& clock, base::Reporter& reporter);

}  // namespace hpcenv::index
