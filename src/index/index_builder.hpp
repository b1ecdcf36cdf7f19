// Makes an index file from the bytes of repodata.json(.zst) while they come in.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/compress.hpp"
#include "base/result.hpp"
#include "index/index_file.hpp"
#include "index/repodata_reader.hpp"

namespace hpcenv::index {

enum class Packing { none, zstd };

/// What a finished build leaves.
struct BuiltIndex {
  std::uint64_t checksum = 0;
  std::size_t unreadable = 0;  ///< entries that were left out
  std::string first_unreadable;
};

/// Removes its file unless `finish` has succeeded. One thread.
class IndexBuilder {
 public:
  /// `name` (the address without credentials) stands in messages.
  static Result<std::unique_ptr<IndexBuilder>> create(const std::filesystem::path& path,
                                                      std::string name, Packing packing);
  ~IndexBuilder();
  IndexBuilder(const IndexBuilder&) = delete;
  IndexBuilder& operator=(const IndexBuilder&) = delete;

  /// Refused for damaged data, io and no_space for the file.
  Result<> push(std::span<const std::byte> bytes);
  Result<BuiltIndex> finish();

 private:
  class Events;
  IndexBuilder(std::filesystem::path path, std::string name, IndexWriter writer);
  Error named(Error error) const;

  std::filesystem::path path_;
  std::string name_;
  std::unique_ptr<Events> events_;
  RepodataReader reader_;
  std::optional<base::ZstdDecoder> decoder_;
  bool finished_ = false;
};

}  // namespace hpcenv::index
