// JSON for small documents and for writing (nlohmann). Big or hot input goes another way: see
// base/json_document.hpp; repodata is read by index/. Include this in .cpp files; headers that only
// name Json include base/json_fwd.hpp.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

/// Parses a whole document; `name` (a path or url) stands in the message with line and column.
/// Kind: refused.
Result<Json> parse_json(std::string_view text, std::string_view name);

/// Text of a document: two blanks a level, newline at the end, invalid UTF-8 replaced.
std::string dump_json(const Json& value);
std::string dump_json_line(const Json& value);
/// Adds `value` in quotes, escaped as dump_json does.
void append_json_string(std::string& text, std::string_view value);

// Members of an object with a default where the member is missing or of another type: for foreign
// documents that are read leniently.
std::string string_or(const Json& object, std::string_view key, std::string_view fallback = "");
std::int64_t integer_or(const Json& object, std::string_view key, std::int64_t fallback = 0);
std::vector<std::string> strings_or_empty(const Json& object, std::string_view key);

/// A member that has to be there and be a string. Kind: refused, naming the key and `name`.
Result<std::string> require_string(const Json& object, std::string_view key, std::string_view name);

}  // namespace hpcenv::base
