// Records out of their JSON text, without a tree: a closure holds tens of thousands of them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/package_record.hpp"

namespace hpcenv::index {

/// What `conda::record_from_json` gives for the same text, only sooner: a record in the usual shape
/// is read on the spot, anything odd (escapes, other types, missing fields) goes there.
Result<conda::PackageRecord> read_record(std::string_view object, const std::string& file_name,
                                         const std::string& channel, const std::string& base_url);

}  // namespace hpcenv::index
