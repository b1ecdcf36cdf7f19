#include "host/library_facts.hpp"

#include <utility>

#include "base/hex.hpp"
#include "host/elf.hpp"
#include "host/json_members.hpp"

namespace hpcenv::host {

namespace {

constexpr std::size_t note_limit = std::size_t{64} << 10U;

}  // namespace

std::optional<LibraryFacts> read_library(const std::filesystem::path& path) {
  const Result<MappedFile> file = MappedFile::open(path);
  if (!file) return std::nullopt;
  LibraryFacts facts;
  facts.size = file->bytes().size();
  Result<ElfFacts> elf = read_elf(file->bytes());
  if (!elf) return facts;
  facts.machine = elf->machine;
  facts.soname = std::move(elf->soname);
  facts.needed = std::move(elf->needed);
  for (const ElfSection& section : elf->sections) {
    if (!section.name.starts_with(".note.cuda") || section.size > note_limit) continue;
    const std::span<const std::byte> bytes = elf->section(file->bytes(), section.name);
    std::string& note = facts.notes[section.name];
    note.clear();
    for (const std::byte byte : bytes) note += static_cast<char>(byte);
  }
  return facts;
}

Json library_to_json(const LibraryFacts& facts) {
  Json value = {{"size", facts.size},
                {"machine", facts.machine},
                {"soname", facts.soname},
                {"needed", facts.needed}};
  for (const auto& [name, bytes] : facts.notes) value["notes"][name] = base::hex_of(bytes);
  return value;
}

LibraryFacts library_from_json(const Json& value) {
  LibraryFacts facts;
  facts.size = bytes_in(value, "size");
  facts.machine = integer_in<std::uint16_t>(value, "machine").value_or(0);
  facts.soname = base::string_or(value, "soname");
  facts.needed = base::strings_or_empty(value, "needed");
  const Json notes = object_in(value, "notes");
  for (const auto& [name, hex] : notes.items()) {
    if (hex.is_string()) facts.notes[name] = base::bytes_of(hex.get<std::string>());
  }
  return facts;
}

}  // namespace hpcenv::host
