// Addresses of proxies, which often hold a password.
#pragma once

#include <string>
#include <string_view>

namespace hpcenv::host {

/// The same with `***` in place of name and password: "http://***@proxy:3128".
std::string masked_proxy(std::string_view proxy);

/// Whether a variable of this name holds such an address ("https_proxy", "ALL_PROXY", ...).
bool is_proxy_variable(std::string_view name);

}  // namespace hpcenv::host
