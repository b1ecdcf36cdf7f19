#include "net/ca_bundle.hpp"

#include <array>
#include <string_view>

#include "base/fs.hpp"

namespace hpcenv::net {

namespace {

constexpr std::array<std::string_view, 4> variables = {"HPCENV_CA_BUNDLE", "SSL_CERT_FILE",
                                                       "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"};

constexpr std::array<std::string_view, 6> distribution_paths = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // RHEL and its rebuilds
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 9 minimal images
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine
    "/usr/share/ssl/certs/ca-bundle.crt"};

}  // namespace

Result<std::string> ca_bundle(const base::Environment& environment) {
  for (const std::string_view variable : variables) {
    std::string path = environment.get_or(variable, "");
    if (path.empty()) continue;
    if (!base::open_read(path).has_value()) {
      return fail_hint(
          ErrorKind::refused, fmt::format("{} names {}, which cannot be read", variable, path),
          fmt::format("unset {} or let it name a file of CA certificates (PEM)", variable));
    }
    return path;
  }
  for (const std::string_view path : distribution_paths) {
    if (base::open_read(path).has_value()) return std::string(path);
  }
  return std::string();
}

}  // namespace hpcenv::net
