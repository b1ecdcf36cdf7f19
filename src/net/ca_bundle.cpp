#include "net/ca_bundle.hpp"

#include <array>
#include <optional>
#include <string_view>

#include "base/ca_bundles.hpp"
#include "base/fs.hpp"

namespace hpcenv::net {

namespace {

constexpr std::array<std::string_view, 4> variables = {"HPCENV_CA_BUNDLE", "SSL_CERT_FILE",
                                                       "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"};

constexpr std::string_view begin_mark = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view trusted_mark = "-----BEGIN TRUSTED CERTIFICATE-----";
constexpr std::string_view end_marks = "-----END ";

std::optional<unsigned> sextet(char c) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t at = letters.find(c);
  return at == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(at));
}

/// Whether it is base64 of a DER sequence.
bool is_certificate(std::string_view text) {
  constexpr unsigned sequence = 0x30;
  constexpr std::size_t shortest = 64;
  std::size_t letters = 0;
  unsigned first = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '=') continue;
    const auto bits = sextet(c);
    if (!bits) return false;
    if (letters < 2) first = first << 6U | *bits;
    ++letters;
  }
  return letters >= shortest && first >> 4U == sequence;
}

}  // namespace

std::vector<CaPlace> ca_places(const base::Environment& environment) {
  std::vector<CaPlace> places;
  for (const std::string_view variable : variables) {
    std::string path = environment.get_or(variable, "");
    if (!path.empty()) places.push_back({std::string(variable), std::move(path)});
  }
  return places;
}

std::size_t certificates_in(std::string_view pem) {
  std::size_t count = 0;
  for (std::size_t at = pem.find("-----BEGIN "); at != std::string_view::npos;
       at = pem.find("-----BEGIN ", at + 1)) {
    const std::string_view rest = pem.substr(at);
    const bool wanted = rest.starts_with(begin_mark) || rest.starts_with(trusted_mark);
    const std::size_t begin = rest.find("-----", 11);
    const std::size_t end = rest.find(end_marks);
    if (!wanted || end == std::string_view::npos) continue;
    if (is_certificate(rest.substr(begin + 5, end - begin - 5))) ++count;
  }
  return count;
}

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
  for (const std::string_view path : base::ca_bundle_paths) {
    if (base::open_read(path).has_value()) return std::string(path);
  }
  return std::string();
}

}  // namespace hpcenv::net
