// Which certificates are trusted; a static libcurl has no built-in path
// (facts/static-build.md 3.2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace hpcenv::net {

/// HPCENV_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE, then the distributions'
/// paths. A variable that names a missing file is an error that names the variable; nothing found
/// is an empty text (https then fails with a hint).
Result<std::string> ca_bundle(const base::Environment& environment);

struct CaPlace {
  std::string variable;
  std::string path;
};
/// What the variables name, in the order in which they count, also what is missing.
std::vector<CaPlace> ca_places(const base::Environment& environment);

/// How many certificates a file of them (PEM) holds; what is broken does not count.
std::size_t certificates_in(std::string_view pem);

}  // namespace hpcenv::net
