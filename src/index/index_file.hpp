// The cached form of one subdir's repodata: the records' JSON in compressed blocks, and behind them
// a table of names (where a name's records lie, which names they need). It belongs to this program
// alone, carries checksums and is thrown away on any doubt; index_format.hpp has the layout.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/compress.hpp"
#include "base/fs.hpp"
#include "base/result.hpp"
#include "index/repodata_reader.hpp"

namespace hpcenv::index {

/// Entries of one name that lie side by side in a block.
struct Run {
  std::uint32_t block = 0;
  std::uint32_t begin = 0;  ///< bytes within the block
  std::uint32_t size = 0;
  Section section = Section::tar_bz2;
};

struct BlockPlace {
  std::uint64_t begin = 0;  ///< bytes within the file
  std::uint32_t packed_size = 0;
  std::uint32_t size = 0;
  std::uint64_t checksum = 0;  ///< of the packed bytes
};

/// Fast and not cryptographic: finds torn writes and rotten bits.
std::uint64_t checksum_of(std::string_view bytes);

class IndexWriter {
 public:
  /// A new file; io or no_space where it cannot be made.
  static Result<IndexWriter> create(const std::filesystem::path& path);
  Result<> add(const RepodataEntry& entry);
  void set_base_url(std::string_view url) { base_url_ = url; }
  void add_removed(std::string_view file_name) { removed_.emplace_back(file_name); }
  /// Writes the table. Gives the checksum that `IndexReader::checksum` will give.
  Result<std::uint64_t> finish();

 private:
  struct NameFacts {
    std::vector<Run> runs;
    std::vector<std::uint32_t> needed;
  };

  /// On these texts smaller than the levels up to 6, and the quickest.
  static constexpr int block_level = 1;

  IndexWriter(std::filesystem::path path, base::Fd file)
      : path_(std::move(path)), file_(std::move(file)), packer_(block_level) {}
  std::uint32_t id_of(std::string_view name);
  void note_needed(std::uint32_t user, const std::vector<std::string_view>& needed);
  Result<> flush_block();
  std::string table() const;

  std::filesystem::path path_;
  base::Fd file_;
  std::uint64_t file_size_ = 0;
  base::ZstdPacker packer_;
  std::string block_;
  std::vector<BlockPlace> blocks_;
  std::unordered_map<std::string_view, std::uint32_t> ids_;  ///< keys lie in `names_`
  std::deque<std::string> names_;
  std::vector<NameFacts> facts_;
  std::optional<std::uint32_t> last_user_;
  std::size_t last_count_ = 0;
  std::vector<std::uint32_t> last_needed_;  ///< of the entry before: mostly the same again
  std::string base_url_;
  std::vector<std::string> removed_;
};

/// Read-only; all functions may be called from several threads.
class IndexReader {
 public:
  using Id = std::uint32_t;

  /// Refused where anything about the file is not as IndexWriter left it.
  static Result<IndexReader> open(const std::filesystem::path& path);

  std::uint64_t checksum() const { return checksum_; }
  const std::string& base_url() const { return base_url_; }
  const std::vector<std::string>& removed() const { return removed_; }
  /// Names in bytewise order: of records and of what they need.
  std::size_t name_count() const { return name_offsets_.size() - 1; }
  std::string_view name(Id id) const;
  std::optional<Id> find(std::string_view name) const;
  std::span<const Run> runs(Id id) const;  ///< none: only needed by others
  std::span<const Id> needed(Id id) const;
  /// The text of a block; refused where it is damaged.
  Result<std::string> block(std::uint32_t number) const;

 private:
  IndexReader() = default;
  bool read_table(std::string_view table);
  bool is_sound(std::uint64_t blocks_end) const;

  std::filesystem::path path_;
  base::Fd file_;
  std::uint64_t checksum_ = 0;
  std::string base_url_;
  std::vector<std::string> removed_;
  std::string letters_;
  std::vector<std::uint32_t> name_offsets_{0};
  std::vector<std::uint32_t> run_offsets_{0};
  std::vector<std::uint32_t> needed_offsets_{0};
  std::vector<Run> runs_;
  std::vector<Id> needed_;
  std::vector<BlockPlace> blocks_;
};

}  // namespace hpcenv::index
