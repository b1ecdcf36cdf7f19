// What an image holds, as a software bill of materials: CycloneDX 1.6 and SPDX 2.3, both JSON.
#pragma once

#include <string>
#include <vector>

#include "conda/package_record.hpp"

namespace hpcenv::image {

struct SbomInput {
  std::string name;     ///< of the image; may be empty
  std::string version;  ///< of the image, its tag; may be empty
  std::string created;  ///< RFC 3339 in UTC, "2026-01-31T00:00:00Z"
  std::vector<conda::PackageRecord> packages;
  std::string tool_version;  ///< of hpcenv; may be empty
};

// One component a record, in the order of their names, and which of them needs which. The text
// depends on the input alone: the serial number of the document is derived from its content.
// Credentials in urls are left out.

std::string cyclonedx_text(const SbomInput& input);
std::string spdx_text(const SbomInput& input);

/// The package url (purl) of a record: "pkg:conda/numpy@2.0?build=…&channel=…&subdir=…&type=conda".
std::string package_url_of(const conda::PackageRecord& record);

}  // namespace hpcenv::image
