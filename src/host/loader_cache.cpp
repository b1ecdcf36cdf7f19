#include "host/loader_cache.hpp"

#include <cstdint>
#include <cstring>
#include <optional>

namespace hpcenv::host {

namespace {

// glibc writes the new format alone or behind the old one ("ld.so-1.7.0", 12-byte entries), padded
// to 8. Offsets of strings are relative to the new header.
constexpr std::string_view new_magic = "glibc-ld.so.cache1.1";
constexpr std::string_view old_magic = "ld.so-1.7.0";
constexpr std::size_t old_header_size = 16;
constexpr std::size_t old_entry_size = 12;
constexpr std::size_t new_header_size = 48;
constexpr std::size_t new_entry_size = 24;
constexpr std::uint32_t entry_limit = 1U << 20U;

std::optional<std::uint32_t> word_at(std::string_view bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(std::uint32_t)) return std::nullopt;
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string_view text_at(std::string_view bytes, std::uint32_t offset) {
  if (offset >= bytes.size()) return {};
  const std::string_view rest = bytes.substr(offset);
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

std::string_view new_part(std::string_view cache) {
  if (cache.starts_with(new_magic)) return cache;
  if (!cache.starts_with(old_magic)) return {};
  const auto count = word_at(cache, old_header_size - sizeof(std::uint32_t));
  if (!count || *count > entry_limit) return {};
  const std::size_t end = old_header_size + *count * old_entry_size;
  const std::size_t start = (end + 7) / 8 * 8;
  if (start >= cache.size() || !cache.substr(start).starts_with(new_magic)) return {};
  return cache.substr(start);
}

/// FLAG_ELF_LIBC6 with the architecture's bit; an entry of another architecture has other flags.
std::uint32_t flags_of(std::string_view machine) { return machine == "aarch64" ? 0x0a03 : 0x0303; }

}  // namespace

std::vector<std::string> paths_in_loader_cache(std::string_view cache, std::string_view soname,
                                               std::string_view machine) {
  std::vector<std::string> paths;
  const std::string_view part = new_part(cache);
  const auto count = word_at(part, new_magic.size());
  if (!count || *count > entry_limit) return paths;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::size_t entry = new_header_size + i * new_entry_size;
    const auto flags = word_at(part, entry);
    const auto key = word_at(part, entry + 4);
    const auto value = word_at(part, entry + 8);
    if (!flags || !key || !value) break;
    if (*flags != flags_of(machine) || text_at(part, *key) != soname) continue;
    if (const std::string_view path = text_at(part, *value); !path.empty()) {
      paths.emplace_back(path);
    }
  }
  return paths;
}

}  // namespace hpcenv::host
