// Urls as text; percent-encoding for paths.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hpcenv::net {

bool is_file_url(std::string_view url);
bool is_http_url(std::string_view url);  ///< http:// or https://
/// "file:///a%20b" -> "/a b"; kind usage for a host other than localhost.
Result<std::string> path_of_file_url(std::string_view url);
std::string file_url(std::string_view absolute_path);
std::string percent_encode_path(std::string_view path);
/// What `reference` means beside the files of a directory: an absolute url, a path from the host's
/// root, or a relative path ("../x"); no slash at the end.
std::string join_url(std::string_view directory_url, std::string_view reference);

}  // namespace hpcenv::net
