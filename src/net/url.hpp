// CONTRACT. Urls as text; percent-encoding for paths.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::net {

bool is_file_url(std::string_view url);
/// "file:///a%20b" -> "/a b"; kind usage for a host other than localhost.
Result<std::string> path_of_file_url(std::string_view url);
std::string file_url(std::string_view absolute_path);
std::string percent_encode_path(std::string_view path);

}  // namespace hpcenv::net
