// Names of images in registries, as docker and podman write them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::image {

/// "docker.io/library/debian:13-slim", "registry.example.org:5000/team/app@sha256:...".
struct Reference {
  std::string registry;    ///< host, and port where one is named
  std::string repository;  ///< "library/debian"
  std::string tag;         ///< may be empty where there is a digest
  std::string digest;      ///< may be empty where there is a tag; counts before the tag

  bool operator==(const Reference&) const = default;
};

/// With the defaults that docker has: no host means docker.io (and one word there
/// library/WORD), neither tag nor digest means the tag `latest`. Kind usage for what is no name,
/// with a hint where it is nearly one.
Result<Reference> parse_reference(std::string_view text);
/// The same for a repository alone: no tag, no digest.
Result<Reference> parse_repository(std::string_view text);

/// The whole name: parse_reference gives the same value again.
std::string reference_text(const Reference& reference);
/// "docker.io/library/debian"
std::string repository_text(const Reference& reference);
/// What stands for the manifest in a registry's urls: the digest, else the tag.
const std::string& manifest_key(const Reference& reference);

/// Whether a registry is on this machine (localhost, 127.0.0.0/8, ::1): asked in plain http, as
/// docker does.
bool is_loopback(std::string_view registry);
/// Where the registry answers, without a slash at the end: https, except for loopback and those of
/// `plain_http`.
std::string registry_url(std::string_view registry, const std::vector<std::string>& plain_http);

}  // namespace hpcenv::image
