// How index files are laid out: blocks, then the packed table, then a tail of fixed size. Numbers
// are little-endian.
//
//   tail   u64 begin of the table, u64 packed size, u64 size, u64 checksum of the packed table,
//   magic table  base_url, removed[], blocks[]{u32 packed, u32 size, u64 checksum},
//          names[]{text, runs[]{u32 block, u32 begin, u32 size, u32 section}, needed[] u32}
//   text   u32 size, bytes; lists begin with a u32 count
//   block  zstd of lines `"FILE":{record}`
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hpcenv::index::format {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::string_view magic = "HPCIDX01";
inline constexpr std::size_t tail_size = 4 * sizeof(std::uint64_t) + magic.size();
/// Small enough that a closure touches few bytes that it does not need, big enough to pack well.
inline constexpr std::size_t block_size = 64U << 10U;
inline constexpr int table_level = 3;

class Output {
 public:
  void number(std::uint32_t value) { append(&value, sizeof value); }
  void wide_number(std::uint64_t value) { append(&value, sizeof value); }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  std::string take() { return std::move(bytes_); }

 private:
  void append(const void* value, std::size_t size) {
    bytes_.append(static_cast<const char*>(value), size);
  }
  std::string bytes_;
};

/// Reads what Output wrote. Past the end everything is 0 and `failed` says so.
class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  std::uint32_t number() { return take<std::uint32_t>(); }
  std::uint64_t wide_number() { return take<std::uint64_t>(); }
  std::string_view text() {
    const std::uint32_t size = number();
    if (size > bytes_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }
  /// A count of things of at least `least_size` bytes each; more than can be there is a failure.
  std::uint32_t count(std::size_t least_size) {
    const std::uint32_t value = number();
    if (value <= bytes_.size() / least_size) return value;
    failed_ = true;
    return 0;
  }
  bool failed() const { return failed_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  template <class Number>
  Number take() {
    Number value = 0;
    if (bytes_.size() < sizeof value) {
      failed_ = true;
      bytes_ = {};
      return 0;
    }
    bytes_.copy(reinterpret_cast<char*>(&value), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string_view bytes_;
  bool failed_ = false;
};

}  // namespace hpcenv::index::format
