// What a `noarch: python` package becomes in a prefix: its files moved to where the prefix's python
// looks, its entry points as scripts. Pure.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/link_json.hpp"
#include "conda/package_record.hpp"

namespace hpcenv::prefix {

/// Where a prefix's python is and looks; paths are relative to the prefix.
struct PythonFacts {
  std::string minor;          ///< "3.11"
  std::string program;        ///< "bin/python3.11"
  std::string site_packages;  ///< CEP 17, else "lib/python3.11/site-packages"
};

/// Of the record named python; nullopt where there is none. Kind refused: a version without minor,
/// or a site-packages path that leaves the prefix.
Result<std::optional<PythonFacts>> python_facts(std::span<const conda::PackageRecord> records);

/// "site-packages/x" and "python-scripts/y" moved to their places; other paths as they are.
std::string noarch_target(std::string_view path, const PythonFacts& python);

/// The script of an entry point, which works without activation.
std::string entry_point_script(const conda::EntryPoint& entry_point, const PythonFacts& python,
                               const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
