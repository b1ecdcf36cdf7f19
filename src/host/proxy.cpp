#include "host/proxy.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace hpcenv::host {

std::string masked_proxy(std::string_view proxy) {
  const std::size_t scheme = proxy.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  // A password may hold a slash that nobody has encoded.
  const std::size_t at = proxy.rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(proxy);
  return fmt::format("{}***{}", proxy.substr(0, begin), proxy.substr(at));
}

bool is_proxy_variable(std::string_view name) {
  const std::string lower = base::to_lower(name);
  return lower == "https_proxy" || lower == "http_proxy" || lower == "all_proxy" ||
         lower == "ftp_proxy";
}

}  // namespace hpcenv::host
