// Where distributions keep the certificates of authorities that they trust.
#pragma once

#include <array>
#include <string_view>

namespace hpcenv::base {

/// In the order in which they are tried.
inline constexpr std::array<std::string_view, 6> ca_bundle_paths = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // RHEL and its rebuilds
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 9 minimal images
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine
    "/usr/share/ssl/certs/ca-bundle.crt"};

}  // namespace hpcenv::base
