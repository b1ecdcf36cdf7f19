// conda-meta/NAME-VERSION-BUILD.json: a record plus what was linked (facts/conda.md 4.7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/package_record.hpp"

namespace hpcenv::conda {

enum class LinkType : std::uint8_t { hardlink = 1, softlink = 2, copy = 3, directory = 4 };

struct InstalledPath {
  std::string path;
  std::string
      path_type;  ///< "hardlink", "softlink", "directory", "pyc_file", "unix_python_entry_point"
  std::string sha256;
  std::string sha256_in_prefix;
  std::optional<std::uint64_t> size;
  std::string placeholder;
  std::string file_mode;  ///< "", "text", "binary"
  bool no_link = false;
};

struct PrefixRecord {
  PackageRecord record;
  std::string extracted_package_dir;
  std::string package_tarball_full_path;
  LinkType link_type = LinkType::hardlink;
  std::vector<InstalledPath> paths;
  std::vector<std::string> requested_specs;
};

/// Foreign files are read leniently: what conda, mamba and pixi write. Kind refused: no name,
/// version or build.
Result<PrefixRecord> parse_prefix_record(std::string_view text, std::string_view name);
/// The file's text, the long lists of paths last.
std::string prefix_record_text(const PrefixRecord& record);

/// The record without `paths`, from the beginning of a file that `prefix_record_text` made: what is
/// read does not grow with the package. Nothing where the beginning does not show that it is such
/// a file, or is too short.
std::optional<PrefixRecord> parse_record_head(std::string_view beginning);

}  // namespace hpcenv::conda
