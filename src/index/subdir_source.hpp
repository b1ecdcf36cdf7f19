// The index files of all subdirs of all channels, brought up to date.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "index/channel_index.hpp"
#include "index/index_cache.hpp"
#include "index/index_file.hpp"
#include "net/http.hpp"

namespace hpcenv::index {

/// One subdir that is there.
struct SubdirSource {
  std::size_t channel = 0;  ///< position in IndexRequest::channels
  std::string subdir;
  IndexReader reader;
  IndexCache cache;  ///< where it comes from
};

/// In the order of channels, then subdirs. What is fresh is not asked for; all else is fetched at
/// once. Failures as load_index says.
Result<std::vector<SubdirSource>> load_sources(const IndexRequest& request, net::HttpClient& client,
                                               const base::Clock& clock, base::Reporter& reporter);

}  // namespace hpcenv::index
