#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "net/http.hpp"

namespace hpcenv::net {

namespace {

/// Host without credentials and port.
std::string host_of(std::string_view url) {
  const std::size_t begin = std::min(url.find("://"), url.size() - 3) + 3;
  std::string_view host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    host.remove_prefix(at + 1);
  }
  if (host.starts_with('[')) return base::to_lower(host.substr(0, host.find(']') + 1));
  return base::to_lower(host.substr(0, host.find(':')));
}

}  // namespace

std::string proxy_for(std::string_view url, const HttpOptions& options) {
  if (!url.contains("://")) return {};
  const std::string scheme = base::to_lower(url.substr(0, url.find("://")));
  const std::string host = host_of(url);
  const std::array<std::string, 4> most_special_first{fmt::format("{}://{}", scheme, host), scheme,
                                                      fmt::format("all://{}", host), "all"};
  for (const std::string& wanted : most_special_first) {
    const auto rule = std::ranges::find_if(options.proxies, [&](const ProxyRule& candidate) {
      return base::to_lower(candidate.whose) == wanted;
    });
    if (rule != options.proxies.end()) return rule->proxy;
  }
  return scheme == "https" ? options.https_proxy : options.http_proxy;
}

}  // namespace hpcenv::net
