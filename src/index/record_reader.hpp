// Records out of their JSON text, without a tree: a closure holds tens of thousands of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/package_record.hpp"

namespace hpcenv::index {

/// What `conda::record_from_json` gives for the same text, only sooner: a record in the usual shape
/// is read on the spot, anything odd (escapes, other types, missing fields) goes there. Stricter
/// than that one: refused, naming file and field, where a field that decides what is installed has
/// another type, name, version or build is no plain word, or a checksum is none.
Result<conda::PackageRecord> read_record(std::string_view object, const std::string& file_name,
                                         const std::string& channel, const std::string& base_url);

/// When the channel first offered it, in milliseconds (`indexed_timestamp`, CEP 47); nothing where
/// it does not say.
std::optional<std::int64_t> indexed_timestamp(std::string_view object);

}  // namespace hpcenv::index
