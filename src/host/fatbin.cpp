#include "host/fatbin.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "host/elf.hpp"

namespace hpcenv::host {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t container_magic = 0xBA55ED50;
constexpr std::size_t alignment = 8;
constexpr std::uint16_t kind_ptx = 1;
constexpr std::uint16_t kind_sass = 2;
// Seen in what nvcc 13.0 makes for sm_90a, sm_100a, sm_100f, compute_90a and compute_120f.
constexpr std::uint64_t flag_specific = 0x100000;
constexpr std::uint64_t flag_family = 0x200000;
// More than any GPU has.
constexpr std::uint32_t capability_limit = 9999;

struct ContainerHeader {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t header_size;
  std::uint64_t size;  // of the entries
};

struct EntryHeader {
  std::uint16_t kind;
  std::uint16_t version;
  std::uint32_t header_size;
  std::uint64_t payload_size;
  std::uint32_t compressed_size;
  std::uint32_t unused;
  std::uint16_t minor;
  std::uint16_t major;
  std::uint32_t capability;
  std::uint32_t bits;
  std::uint32_t unused_too;
  std::uint64_t flags;
};

template <class T>
std::optional<T> at(Bytes bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

GpuCode code_of(const EntryHeader& entry) {
  GpuCode code{static_cast<int>(entry.capability), GpuCode::Variant::plain};
  if ((entry.flags & flag_specific) != 0) code.variant = GpuCode::Variant::specific;
  if ((entry.flags & flag_family) != 0) code.variant = GpuCode::Variant::family;
  return code;
}

void scan_entries(Bytes entries, FatbinTargets& targets) {
  std::size_t offset = 0;
  while (const auto entry = at<EntryHeader>(entries, offset)) {
    if (entry->header_size < sizeof(EntryHeader)) return;
    const std::size_t left = entries.size() - offset;
    if (entry->header_size > left || entry->payload_size > left - entry->header_size) return;
    if (entry->capability <= capability_limit) {
      if (entry->kind == kind_sass) ++targets.sass[code_of(*entry)];
      if (entry->kind == kind_ptx) ++targets.ptx[code_of(*entry)];
    }
    offset += entry->header_size + entry->payload_size;
  }
}

bool runs_on(const GpuCode& code, int major, int minor) {
  const int its_minor = code.capability % 10;
  if (code.capability / 10 != major) return false;
  return code.variant == GpuCode::Variant::specific ? its_minor == minor : its_minor <= minor;
}

/// Whether the driver can compile PTX for a device: any later one, but for the variants.
bool compiles_for(const GpuCode& code, int major, int minor) {
  if (code.variant != GpuCode::Variant::plain) return runs_on(code, major, minor);
  return code.capability <= std::int64_t{major} * 10 + minor;
}

}  // namespace

FatbinTargets scan_fatbin_section(Bytes section) {
  FatbinTargets targets;
  std::size_t offset = 0;
  while (const auto container = at<ContainerHeader>(section, offset)) {
    if (container->magic != container_magic || container->header_size < sizeof(ContainerHeader)) {
      offset += alignment;
      continue;
    }
    const std::size_t left = section.size() - offset;
    if (container->header_size > left || container->size > left - container->header_size) break;
    scan_entries(section.subspan(offset + container->header_size, container->size), targets);
    offset += (container->header_size + container->size + alignment - 1) / alignment * alignment;
  }
  return targets;
}

Result<FatbinTargets> scan_fatbin_file(Bytes file) {
  HPCENV_ASSIGN(const ElfFacts elf, read_elf(file));
  FatbinTargets found = scan_fatbin_section(elf.section(file, ".nv_fatbin"));
  if (found.empty()) found = scan_fatbin_section(elf.section(file, "__nv_relfatbin"));
  return found;
}

Result<FatbinTargets> scan_fatbin_path(const std::filesystem::path& path) {
  HPCENV_ASSIGN(const MappedFile file, MappedFile::open(path, MappedFile::Access::scattered));
  return scan_fatbin_file(file.bytes());
}

Coverage coverage_of(const FatbinTargets& targets, int capability_major, int capability_minor) {
  if (targets.empty()) return Coverage::unknown;
  for (const auto& [code, count] : targets.sass) {
    if (runs_on(code, capability_major, capability_minor)) return Coverage::covered;
  }
  for (const auto& [code, count] : targets.ptx) {
    if (compiles_for(code, capability_major, capability_minor)) return Coverage::jit_only;
  }
  return Coverage::none;
}

std::string GpuCode::text() const {
  constexpr std::array endings = {"", "a", "f"};
  return fmt::format("{}{}", capability, endings.at(static_cast<std::size_t>(variant)));
}

std::optional<GpuCode> parse_gpu_code(std::string_view text) {
  GpuCode code;
  if (text.ends_with('a')) code.variant = GpuCode::Variant::specific;
  if (text.ends_with('f')) code.variant = GpuCode::Variant::family;
  if (code.variant != GpuCode::Variant::plain) text.remove_suffix(1);
  const auto number = base::parse_unsigned(text);
  if (!number || *number > capability_limit) return std::nullopt;
  code.capability = static_cast<int>(*number);
  return code;
}

FatbinTargets parse_architecture_list(std::string_view list) {
  FatbinTargets targets;
  const std::string separated = base::replace_all(std::string(list), ",", ";");
  for (std::string_view word : base::split(separated, ';')) {
    word = base::trim(word);
    constexpr std::string_view with_ptx = "+PTX";
    const bool ptx = word.ends_with(with_ptx);
    if (ptx) word.remove_suffix(with_ptx.size());
    const std::size_t dot = word.find('.');
    if (dot == std::string_view::npos) continue;
    const auto code =
        parse_gpu_code(fmt::format("{}{}", word.substr(0, dot), word.substr(dot + 1)));
    if (!code) continue;
    ++targets.sass[*code];
    if (ptx) ++targets.ptx[*code];
  }
  return targets;
}

}  // namespace hpcenv::host
