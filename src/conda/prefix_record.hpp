// conda-meta/NAME-VERSION-BUILD.json: a record plus what was linked (facts/conda.md 4.7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.hpp"
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
base::Json prefix_record_to_json(const PrefixRecord& record);

}  // namespace hpcenv::conda
