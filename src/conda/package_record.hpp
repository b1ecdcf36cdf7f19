// What a channel says of one archive (CEP 36), and the same for virtual packages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "conda/version.hpp"

namespace hpcenv::conda {

enum class Noarch { none, generic, python };

struct PackageRecord {
  std::string name;
  std::string version;
  std::string build;
  std::int64_t build_number = 0;
  std::string subdir;
  Noarch noarch = Noarch::none;
  std::vector<std::string> depends;
  std::vector<std::string> constrains;
  std::string track_features;  ///< words joined by blanks
  std::string features;
  std::string license;
  std::string license_family;
  std::string md5;     ///< lower-case hex, or empty
  std::string sha256;  ///< lower-case hex, or empty
  std::optional<std::uint64_t> size;
  std::optional<std::int64_t>
      timestamp;  ///< milliseconds, whatever the source wrote (facts/conda.md 4.3)
  std::string python_site_packages_path;  ///< CEP 17, of python records
  std::string file_name;                  ///< "numpy-2.0-py312_0.conda"; empty for virtual packages
  std::string channel;                    ///< base url as given, without subdir and trailing slash
  std::string url;                        ///< of the archive

  /// "numpy-2.0-py312_0"
  std::string dist_name() const;
  bool is_virtual() const { return name.starts_with("__"); }
};

/// Reads one entry of `packages` or `packages.conda`; `channel` and `base_url` (CEP 15, of the
/// subdir, without trailing slash) give the url. Kind refused, naming the file and the field: name,
/// version, build missing or of a wrong type.
Result<PackageRecord> record_from_json(const base::Json& entry, const std::string& file_name,
                                       const std::string& channel, const std::string& base_url);
/// All fields that `record_from_json` reads; keys as conda writes them.
base::Json record_to_json(const PackageRecord& record);

/// Fields from the beginning of an archive's name: stem, then name, version, build at the last two
/// dashes.
struct DistName {
  std::string name;
  std::string version;
  std::string build;
};
Result<DistName> parse_dist_name(std::string_view file_name);

}  // namespace hpcenv::conda
