// What a shared library says of itself in its headers: enough to judge it without its code, which
// no capture of a machine holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.hpp"

namespace hpcenv::host {

struct LibraryFacts {
  std::uint64_t size = 0;           ///< bytes of the file
  std::uint16_t machine = 0;        ///< e_machine; 0: the file is no ELF64 library
  std::string soname;               ///< DT_SONAME
  std::vector<std::string> needed;  ///< DT_NEEDED, in order
  /// Sections `.note.cuda*` by name, raw; none that is larger than 64 KiB.
  std::map<std::string, std::string> notes;

  bool is_elf() const { return machine != 0; }
};

/// Nullopt where there is no regular file that can be read.
std::optional<LibraryFacts> read_library(const std::filesystem::path& path);

base::Json library_to_json(const LibraryFacts& facts);
/// Members that are missing or of another type keep their defaults.
LibraryFacts library_from_json(const base::Json& value);

}  // namespace hpcenv::host
