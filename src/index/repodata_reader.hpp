// repodata.json as a stream: pieces go in, entries come out. Memory holds one entry at a time, and
// any order of keys takes linear time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "index/json_cursor.hpp"

namespace hpcenv::index {

enum class Section : std::uint8_t { tar_bz2, conda };  ///< `packages`, `packages.conda`

/// One entry of a section; the views live until the call returns.
struct RepodataEntry {
  Section section = Section::tar_bz2;
  std::string_view file_name;
  std::string_view object;               ///< JSON text of the record
  std::string_view name;                 ///< in lower case
  std::vector<std::string_view> needed;  ///< names that `depends` lists, in lower case, in order
};

class RepodataEvents {
 public:
  virtual ~RepodataEvents() = default;
  virtual Result<> entry(const RepodataEntry& entry) = 0;
  /// An entry without a usable name or list of dependencies; it is left out.
  virtual void unreadable(std::string_view file_name, std::string_view reason) = 0;
  virtual void removed(std::string_view file_name) = 0;
  virtual void base_url(std::string_view url) = 0;
};

class RepodataReader {
 public:
  /// `name` stands in messages; `events` outlives the reader.
  RepodataReader(std::string name, RepodataEvents& events)
      : name_(std::move(name)), events_(events) {}
  /// Refused: text that is not JSON, sections that are no objects, an entry beyond 16 MiB. Failures
  /// of `events` pass through.
  Result<> push(std::span<const std::byte> bytes);
  /// Refused where the document is not complete.
  Result<> finish();

 private:
  enum class State { begin, first_key, next_key, after_value, entries, removed, skipped, end };
  enum class Step { moved, more };

  Result<Step> step();
  Result<Step> begin_document();
  Result<Step> begin_member();
  Result<Step> begin_value(std::string_view key);
  Result<Step> after_value();
  Result<Step> next_entry();
  Result<Step> next_removed();
  Result<Step> skip_value();
  Result<Step> read_info();
  Scan scan_record(JsonCursor& cursor);
  Result<> hand_on(Scan scanned);
  /// Whether the list that is being read ends here.
  Result<Step> list_end(char closing, bool& ended);
  Failure malformed(std::string_view expected) const;

  std::string name_;
  RepodataEvents& events_;
  std::string buffer_;
  std::size_t at_ = 0;        ///< in the buffer: what comes before is done with
  std::uint64_t passed_ = 0;  ///< bytes that came before the buffer
  State state_ = State::begin;
  Section section_ = Section::tar_bz2;
  bool first_in_list_ = true;
  int skip_depth_ = 0;
  bool skip_in_string_ = false;
  bool skip_escape_ = false;
  bool skip_any_ = false;
  RepodataEntry entry_;
  std::deque<std::string> decoded_;  ///< keeps texts that had to be changed alive
};

/// The package's name at the beginning of a match spec, in lower case: "python" of "python >=3.8",
/// of "conda-forge::Python[build=x]". `storage` holds the text where it had to be changed.
std::string_view name_of_spec(std::string_view spec, std::deque<std::string>& storage);

}  // namespace hpcenv::index
