// Just enough of 64-bit little-endian ELF: what a library needs, calls itself, and its sections.
// Every offset of the file is checked against its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::host {

/// A file mapped read-only. The mapping lives as long as this object.
class MappedFile {
 public:
  enum class Access {
    usual,
    scattered,  ///< a few bytes here and there: the kernel reads no more than the pages touched
  };
  /// Kind not_found or io; refused for an empty file or what is no regular file.
  static Result<MappedFile> open(const std::filesystem::path& path, Access access = Access::usual);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

struct ElfSection {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// A version of another library's symbols without which the loader gives up, "GLIBCXX_3.4.30".
struct ElfVersionNeed {
  std::string library;  ///< as in DT_NEEDED
  std::string version;
};

struct ElfFacts {
  std::uint16_t machine = 0;  ///< e_machine: 62 x86-64, 183 aarch64
  std::string soname;
  std::vector<std::string> needed;  ///< DT_NEEDED, in order
  std::string rpath;                ///< DT_RPATH as it stands ("$ORIGIN:..."); the older form
  std::string runpath;              ///< DT_RUNPATH; the loader leaves `rpath` aside where it is
  std::vector<ElfSection> sections;
  bool has_interpreter = false;               ///< a program that the loader starts
  std::vector<ElfVersionNeed> version_needs;  ///< `read_elf_dynamic` only; weak ones left out
  std::vector<std::string> versions;          ///< defined here; `read_elf_dynamic` only

  /// The bytes of the first section of that name within `file`; empty where there is none.
  std::span<const std::byte> section(std::span<const std::byte> file, std::string_view name) const;
};

inline constexpr std::uint16_t elf_x86_64 = 62;
inline constexpr std::uint16_t elf_aarch64 = 183;

/// Kind refused: no ELF64 file, or a table that leaves the file. A stripped section table is fine.
Result<ElfFacts> read_elf(std::span<const std::byte> file);
/// What the loader looks at: no sections, so that few pages of a large library are touched.
Result<ElfFacts> read_elf_dynamic(std::span<const std::byte> file);

}  // namespace hpcenv::host
