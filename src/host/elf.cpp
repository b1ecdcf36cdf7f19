#include "host/elf.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "base/fs.hpp"

namespace hpcenv::host {

namespace {

using Bytes = std::span<const std::byte>;

/// More of either is no library that anybody made.
constexpr std::uint64_t entry_limit = 65536;
constexpr std::size_t string_limit = 4096;
constexpr std::uint64_t version_limit = 8192;

/// Copies: entries of a hostile file need not be aligned.
template <class T>
std::optional<T> at(Bytes file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

Bytes part(Bytes file, std::uint64_t offset, std::uint64_t size) {
  if (offset > file.size() || size > file.size() - offset) return {};
  return file.subspan(offset, size);
}

std::string string_at(Bytes table, std::uint64_t offset) {
  std::string text;
  for (std::uint64_t i = offset; i < table.size() && text.size() < string_limit; ++i) {
    if (table[i] == std::byte{0}) break;
    text.push_back(static_cast<char>(table[i]));
  }
  return text;
}

std::vector<Elf64_Phdr> program_headers(Bytes file, const Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> headers;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto entry = at<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!entry) break;
    headers.push_back(*entry);
  }
  return headers;
}

/// Where the file holds what is loaded at an address.
std::optional<std::uint64_t> offset_of(const std::vector<Elf64_Phdr>& headers,
                                       std::uint64_t address) {
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type != PT_LOAD || address < header.p_vaddr) continue;
    if (address - header.p_vaddr < header.p_filesz) {
      return header.p_offset + (address - header.p_vaddr);
    }
  }
  return std::nullopt;
}

/// The entries of the dynamic section; of several with one tag the last counts, but for DT_NEEDED.
struct Dynamic {
  std::vector<std::uint64_t> needed;
  std::map<std::int64_t, std::uint64_t> values;
  Bytes strings;

  std::optional<std::uint64_t> value(std::int64_t tag) const {
    const auto found = values.find(tag);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  }
  std::string text(std::int64_t tag) const {
    const auto offset = value(tag);
    return offset ? string_at(strings, *offset) : std::string();
  }
};

Dynamic dynamic_of(Bytes file, const std::vector<Elf64_Phdr>& headers) {
  Bytes section;
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_DYNAMIC) section = part(file, header.p_offset, header.p_filesz);
  }
  Dynamic dynamic;
  for (std::uint64_t i = 0; i < entry_limit; ++i) {
    const auto entry = at<Elf64_Dyn>(section, i * sizeof(Elf64_Dyn));
    if (!entry || entry->d_tag == DT_NULL) break;
    if (entry->d_tag == DT_NEEDED) dynamic.needed.push_back(entry->d_un.d_val);
    dynamic.values[entry->d_tag] = entry->d_un.d_val;
  }
  const auto strings = dynamic.value(DT_STRTAB);
  const auto offset = strings ? offset_of(headers, *strings) : std::nullopt;
  if (offset && *offset < file.size()) dynamic.strings = file.subspan(*offset);
  return dynamic;
}

/// Of the table that a tag of the dynamic section tells the address of.
std::optional<std::uint64_t> table_offset(const std::vector<Elf64_Phdr>& headers,
                                          const Dynamic& dynamic, std::int64_t tag) {
  const auto address = dynamic.value(tag);
  return address ? offset_of(headers, *address) : std::nullopt;
}

void read_needed_versions(Bytes file, const std::vector<Elf64_Phdr>& headers,
                          const Dynamic& dynamic, ElfFacts& facts) {
  auto place = table_offset(headers, dynamic, DT_VERNEED);
  std::uint64_t left = version_limit;
  while (place && left > 0) {
    const auto need = at<Elf64_Verneed>(file, *place);
    if (!need) return;
    const std::string library = string_at(dynamic.strings, need->vn_file);
    std::uint64_t entry = *place + need->vn_aux;
    for (unsigned i = 0; i < need->vn_cnt && left > 0; ++i, --left) {
      const auto version = at<Elf64_Vernaux>(file, entry);
      if (!version) return;
      const bool weak = (version->vna_flags & VER_FLG_WEAK) != 0;
      if (!weak) {
        facts.version_needs.push_back({library, string_at(dynamic.strings, version->vna_name)});
      }
      if (version->vna_next == 0) break;
      entry += version->vna_next;
    }
    if (need->vn_next == 0) return;
    *place += need->vn_next;
    --left;
  }
}

void read_defined_versions(Bytes file, const std::vector<Elf64_Phdr>& headers,
                           const Dynamic& dynamic, ElfFacts& facts) {
  auto place = table_offset(headers, dynamic, DT_VERDEF);
  for (std::uint64_t i = 0; place && i < version_limit; ++i) {
    const auto definition = at<Elf64_Verdef>(file, *place);
    if (!definition) return;
    const auto name = at<Elf64_Verdaux>(file, *place + definition->vd_aux);
    if (name) facts.versions.push_back(string_at(dynamic.strings, name->vda_name));
    if (definition->vd_next == 0) return;
    *place += definition->vd_next;
  }
}

void take_dynamic(const Dynamic& dynamic, ElfFacts& facts) {
  for (const std::uint64_t offset : dynamic.needed) {
    facts.needed.push_back(string_at(dynamic.strings, offset));
  }
  facts.soname = dynamic.text(DT_SONAME);
  facts.rpath = dynamic.text(DT_RPATH);
  facts.runpath = dynamic.text(DT_RUNPATH);
}

void read_sections(Bytes file, const Elf64_Ehdr& header, ElfFacts& facts) {
  const auto names_header =
      at<Elf64_Shdr>(file, header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr));
  if (header.e_shoff == 0 || !names_header) return;
  const Bytes names = part(file, names_header->sh_offset, names_header->sh_size);
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto entry = at<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (!entry) return;
    if (entry->sh_type == SHT_NOBITS) continue;
    facts.sections.push_back({string_at(names, entry->sh_name), entry->sh_offset, entry->sh_size});
  }
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, Access access) {
  HPCENV_ASSIGN(const base::Fd fd, base::open_read(path));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, fmt::format("cannot examine {}", path.native()));
  }
  if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
    return fail(ErrorKind::refused, "{} is empty or no regular file", path.native());
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) return fail_errno(errno, fmt::format("cannot map {}", path.native()));
  if (access == Access::scattered) static_cast<void>(madvise(address, size, MADV_RANDOM));
  return MappedFile(Bytes(static_cast<const std::byte*>(address), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Bytes ElfFacts::section(Bytes file, std::string_view name) const {
  for (const ElfSection& candidate : sections) {
    if (candidate.name == name) return part(file, candidate.offset, candidate.size);
  }
  return {};
}

namespace {

Result<Elf64_Ehdr> header_of(Bytes file) {
  const auto header = at<Elf64_Ehdr>(file, 0);
  const bool is_elf = header && std::memcmp(&header->e_ident[0], ELFMAG, SELFMAG) == 0 &&
                      header->e_ident[EI_CLASS] == ELFCLASS64 &&
                      header->e_ident[EI_DATA] == ELFDATA2LSB;
  if (!is_elf) return fail(ErrorKind::refused, "not a 64-bit ELF file");
  if (header->e_phoff > file.size()) {
    return fail(ErrorKind::refused, "an ELF file whose program headers lie behind its end");
  }
  return *header;
}

}  // namespace

Result<ElfFacts> read_elf(Bytes file) {
  HPCENV_ASSIGN(const Elf64_Ehdr header, header_of(file));
  ElfFacts facts;
  facts.machine = header.e_machine;
  take_dynamic(dynamic_of(file, program_headers(file, header)), facts);
  read_sections(file, header, facts);
  return facts;
}

Result<ElfFacts> read_elf_dynamic(Bytes file) {
  HPCENV_ASSIGN(const Elf64_Ehdr header, header_of(file));
  const std::vector<Elf64_Phdr> headers = program_headers(file, header);
  const Dynamic dynamic = dynamic_of(file, headers);
  ElfFacts facts;
  facts.machine = header.e_machine;
  facts.has_interpreter = std::ranges::any_of(
      headers, [](const Elf64_Phdr& entry) { return entry.p_type == PT_INTERP; });
  take_dynamic(dynamic, facts);
  read_needed_versions(file, headers, dynamic, facts);
  read_defined_versions(file, headers, dynamic, facts);
  return facts;
}

}  // namespace hpcenv::host
