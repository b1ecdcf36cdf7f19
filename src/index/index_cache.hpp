// Where the cached form of each subdir lies, what is known of it, and whether it may be used
// without asking the server.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/index_file.hpp"
#include "net/http.hpp"

namespace hpcenv::index {

/// The state file beside an index file (JSON).
struct CacheState {
  std::string url;     ///< of the subdir, without credentials
  std::string source;  ///< "repodata.json.zst", "repodata.json"; empty: the subdir is not there
  std::string etag;
  std::string last_modified;
  std::string cache_control;
  std::int64_t checked = 0;    ///< seconds: when the server last said that this is current
  std::uint64_t checksum = 0;  ///< of the index file that this belongs to

  bool is_missing() const { return source.empty(); }
};

/// `max-age` of Cache-Control (at most a day) where it is said, 0 for no-cache and no-store, else
/// `unsaid`.
std::int64_t fresh_seconds(const std::string& cache_control, std::int64_t unsaid);

/// One subdir in the cache directory.
class IndexCache {
 public:
  /// `subdir_url` may hold credentials; they are no part of any name or file.
  IndexCache(std::filesystem::path directory, const std::string& subdir_url);

  struct Cached {
    CacheState state;
    std::optional<IndexReader> reader;  ///< none where the subdir is known to be missing
  };
  /// Nothing where there is none, or it belongs to something else, or anything about it is odd.
  std::optional<Cached> load() const;
  /// A name for a file that becomes the index by `adopt`, in the cache directory.
  std::filesystem::path temporary_path() const;
  /// Renames a finished file into place and writes the state; `state.url` is filled in.
  Result<> adopt(const std::filesystem::path& finished, CacheState state) const;
  Result<> write_state(CacheState state) const;
  /// Forgets what is cached; it is fetched again.
  void discard() const;

 private:
  std::filesystem::path index_path() const;
  std::filesystem::path state_path() const;

  std::filesystem::path directory_;
  std::string url_;  ///< without credentials
  std::string key_;
};

/// One file of a cache directory, for who shows or deletes what lies there.
struct CachedIndexFile {
  std::filesystem::path path;
  std::string url;  ///< of the subdir; empty where it belongs to none: what a killed run left
  std::uint64_t bytes = 0;
};

/// All that this module keeps in a cache directory; a directory that is not there holds nothing.
Result<std::vector<CachedIndexFile>> cached_index_files(const std::filesystem::path& directory);

/// Removes unfinished files that nothing has written to for an hour: their runs were killed.
void sweep_index_cache(const std::filesystem::path& directory, std::int64_t now);

}  // namespace hpcenv::index
