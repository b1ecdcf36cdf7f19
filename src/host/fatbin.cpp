#include "host/fatbin.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "host/elf.hpp"

namespace hpcenv::host {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t container_magic = 0xBA55ED50;
constexpr std::size_t alignment = 8;
constexpr std::uint16_t kind_ptx = 1;
constexpr std::uint16_t kind_sass = 2;

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
};

template <class T>
std::optional<T> at(Bytes bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

void scan_entries(Bytes entries, FatbinTargets& targets) {
  std::size_t offset = 0;
  while (const auto entry = at<EntryHeader>(entries, offset)) {
    if (entry->header_size < sizeof(EntryHeader)) return;
    const std::size_t left = entries.size() - offset;
    if (entry->header_size > left || entry->payload_size > left - entry->header_size) return;
    if (entry->kind == kind_sass) targets.sass.insert(static_cast<int>(entry->capability));
    if (entry->kind == kind_ptx) targets.ptx.insert(static_cast<int>(entry->capability));
    ++targets.entries;
    offset += entry->header_size + entry->payload_size;
  }
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
  FatbinTargets all;
  for (const char* name : {".nv_fatbin", "__nv_relfatbin"}) {
    FatbinTargets found = scan_fatbin_section(elf.section(file, name));
    all.sass.merge(found.sass);
    all.ptx.merge(found.ptx);
    all.entries += found.entries;
  }
  return all;
}

Coverage coverage_of(const FatbinTargets& targets, int capability_major, int capability_minor) {
  if (targets.empty()) return Coverage::unknown;
  const bool runs = std::ranges::any_of(targets.sass, [&](int code) {
    return code / 10 == capability_major && code % 10 <= capability_minor;
  });
  if (runs) return Coverage::covered;
  const int capability = capability_major * 10 + capability_minor;
  const bool compiles =
      std::ranges::any_of(targets.ptx, [&](int code) { return code <= capability; });
  return compiles ? Coverage::jit_only : Coverage::none;
}

}  // namespace hpcenv::host
