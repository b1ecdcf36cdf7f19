#include "image/reference.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

namespace {

constexpr std::string_view docker_hub = "docker.io";
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;

constexpr bool is_lower(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
}

constexpr bool is_word(char letter) {
  return is_lower(letter) || (letter >= 'A' && letter <= 'Z') || letter == '_';
}

/// Runs of lower-case letters and digits between `.`, `_`, `__` or any number of `-`.
bool is_path_part(std::string_view part) {
  if (part.empty() || !is_lower(part.front()) || !is_lower(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    const std::size_t end = std::min(part.find_first_of("._-", i), part.size());
    if (!std::ranges::all_of(part.substr(i, end - i), is_lower)) return false;
    const std::size_t next = std::min(part.find_first_not_of("._-", end), part.size());
    const std::string_view separator = part.substr(end, next - end);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    i = next;
  }
  return true;
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.ends_with(']') && host.size() > 4 &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:") ==
               std::string_view::npos;
  }
  return std::ranges::all_of(base::split(host, '.'), [](std::string_view part) {
    const auto allowed = [](char letter) {
      return letter == '-' || (is_word(letter) && letter != '_');
    };
    return !part.empty() && part.front() != '-' && part.back() != '-' &&
           std::ranges::all_of(part, allowed);
  });
}

/// Where the port's colon is; the size of the text where there is none.
std::size_t port_begin(std::string_view registry) {
  const std::size_t bracket = registry.find(']');
  const std::size_t from = bracket == std::string_view::npos ? 0 : bracket;
  return std::min(registry.find(':', from), registry.size());
}

bool is_registry(std::string_view text) {
  const std::size_t colon = port_begin(text);
  if (!is_host(text.substr(0, colon))) return false;
  if (colon == text.size()) return true;
  const auto port = base::parse_unsigned(text.substr(colon + 1));
  return port.has_value() && *port > 0 && *port < 65536;
}

/// Whether the word before the first slash is a host and no part of the path.
bool names_host(std::string_view word) {
  return word == "localhost" || word.find_first_of(".:") != std::string_view::npos;
}

bool is_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= longest_tag && is_word(tag.front()) &&
         std::ranges::all_of(
             tag, [](char letter) { return is_word(letter) || letter == '.' || letter == '-'; });
}

Failure no_reference(std::string_view text, const std::string& why, std::string hint) {
  return fail_hint(ErrorKind::usage, fmt::format("{} is no name of an image: {}", text, why),
                   std::move(hint));
}

constexpr const char* form_hint = "names look like HOST/PATH:TAG or HOST/PATH@sha256:DIGEST";

Result<Reference> parse_name(std::string_view name, std::string_view text) {
  Reference reference;
  const std::size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  const bool has_host = slash != std::string_view::npos && names_host(first);
  reference.registry = has_host ? base::to_lower(first) : std::string(docker_hub);
  if (reference.registry == "index.docker.io") reference.registry = docker_hub;
  reference.repository = has_host ? name.substr(slash + 1) : name;
  if (!is_registry(reference.registry)) {
    return no_reference(text, fmt::format("{} is no host", first), form_hint);
  }
  if (reference.repository != base::to_lower(reference.repository)) {
    return no_reference(text, "paths of registries have no capitals",
                        "did you mean " + base::to_lower(text));
  }
  if (!std::ranges::all_of(base::split(reference.repository, '/'), is_path_part)) {
    return no_reference(text, fmt::format("\"{}\" is no path", reference.repository), form_hint);
  }
  if (reference.registry == docker_hub && !reference.repository.contains('/')) {
    reference.repository = "library/" + reference.repository;
  }
  if (repository_text(reference).size() > longest_name) {
    return no_reference(text, fmt::format("it is longer than {} bytes", longest_name), form_hint);
  }
  return reference;
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    return no_reference(text, "it begins like an address",
                        fmt::format("write it as {}", text.substr(scheme + 3)));
  }
  const std::size_t at = std::min(text.find('@'), text.size());
  if (text.find('/', at) != std::string_view::npos) {
    return fail_hint(ErrorKind::usage, "names of images hold no user and no password",
                     fmt::format("write it as {}; `podman login` keeps them, or `docker login`",
                                 text.substr(at + 1)));
  }
  std::string_view name = text.substr(0, at);
  const std::size_t last_slash = name.rfind('/');
  const std::size_t colon = name.find(':', last_slash == std::string_view::npos ? 0 : last_slash);
  const std::string_view tag = colon == std::string_view::npos ? "" : name.substr(colon + 1);
  name = name.substr(0, colon);
  HPCENV_ASSIGN(Reference reference, parse_name(name, text));
  if (colon != std::string_view::npos && !is_tag(tag)) {
    return no_reference(text, fmt::format("\"{}\" is no tag", tag), form_hint);
  }
  reference.tag = tag;
  if (at < text.size()) {
    reference.digest = text.substr(at + 1);
    if (!is_digest(reference.digest)) {
      return no_reference(text, "what follows @ is no digest",
                          "digests are sha256: and 64 of the letters 0-9 and a-f");
    }
  }
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  return reference;
}

Result<Reference> parse_repository(std::string_view text) {
  HPCENV_ASSIGN(Reference reference, parse_reference(text));
  const std::size_t last_slash = text.rfind('/');
  const std::size_t from = last_slash == std::string_view::npos ? 0 : last_slash;
  if (text.find_first_of(":@", from) != std::string_view::npos) {
    return fail_hint(ErrorKind::usage, fmt::format("{} names more than a repository", text),
                     fmt::format("write it as {}", repository_text(reference)));
  }
  reference.tag.clear();
  return reference;
}

std::string reference_text(const Reference& reference) {
  std::string text = repository_text(reference);
  if (!reference.tag.empty()) text += ":" + reference.tag;
  if (!reference.digest.empty()) text += "@" + reference.digest;
  return text;
}

std::string repository_text(const Reference& reference) {
  return reference.registry + "/" + reference.repository;
}

const std::string& manifest_key(const Reference& reference) {
  return reference.digest.empty() ? reference.tag : reference.digest;
}

bool is_loopback(std::string_view registry) {
  const std::string_view host = registry.substr(0, port_begin(registry));
  if (host == "localhost" || host == "[::1]") return true;
  const auto parts = base::split(host, '.');
  return parts.size() == 4 && parts.front() == "127" &&
         std::ranges::all_of(
             parts, [](std::string_view part) { return base::parse_unsigned(part).has_value(); });
}

std::string registry_url(std::string_view registry, const std::vector<std::string>& plain_http) {
  if (registry == docker_hub) return "https://registry-1.docker.io";
  const bool plain =
      is_loopback(registry) || std::ranges::find(plain_http, registry) != plain_http.end();
  return fmt::format("{}://{}", plain ? "http" : "https", registry);
}

}  // namespace hpcenv::image
