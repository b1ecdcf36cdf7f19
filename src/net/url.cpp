#include "net/url.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace hpcenv::net {

namespace {

constexpr std::string_view file_scheme = "file://";

int hex_value(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

bool starts_with_scheme(std::string_view url, std::string_view scheme) {
  return url.size() >= scheme.size() && base::to_lower(url.substr(0, scheme.size())) == scheme;
}

/// Where the path begins: after scheme and host; the size of the text where there is none.
std::size_t path_begin(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  return std::min(url.find('/', host), url.size());
}

/// Resolves `.` and `..` in an absolute path; never climbs above the root.
std::string without_dots(std::string_view path) {
  std::vector<std::string> kept;
  for (const std::string_view part : base::split(path, '/')) {
    if (part == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!part.empty() && part != ".") {
      kept.emplace_back(part);
    }
  }
  return "/" + base::join(kept, "/");
}

}  // namespace

bool is_file_url(std::string_view url) { return starts_with_scheme(url, file_scheme); }

bool is_http_url(std::string_view url) {
  return starts_with_scheme(url, "http://") || starts_with_scheme(url, "https://");
}

Result<std::string> path_of_file_url(std::string_view url) {
  if (!is_file_url(url)) return fail(ErrorKind::usage, "not a file:// address: {}", url);
  std::string_view rest = url.substr(file_scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view host = rest.substr(0, slash);
  if (!host.empty() && base::to_lower(host) != "localhost") {
    return fail_hint(ErrorKind::usage, fmt::format("{} names the host {}", url, host),
                     "write file:///PATH for a directory of this machine");
  }
  rest.remove_prefix(slash);
  std::string path;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool coded = rest[i] == '%' && i + 2 < rest.size() && hex_value(rest[i + 1]) >= 0 &&
                       hex_value(rest[i + 2]) >= 0;
    path +=
        coded ? static_cast<char>(hex_value(rest[i + 1]) * 16 + hex_value(rest[i + 2])) : rest[i];
    if (coded) i += 2;
  }
  if (path.empty() || path.contains('\0')) {
    return fail(ErrorKind::usage, "{} names no path", url);
  }
  return path;
}

std::string file_url(std::string_view absolute_path) {
  return std::string(file_scheme) + percent_encode_path(absolute_path);
}

std::string percent_encode_path(std::string_view path) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,;=:@";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string coded;
  for (const char letter : path) {
    if (plain.contains(letter)) {
      coded += letter;
      continue;
    }
    const auto value = static_cast<unsigned char>(letter);
    coded += '%';
    coded += digits[value >> 4U];
    coded += digits[value & 15U];
  }
  return coded;
}

std::string join_url(std::string_view directory_url, std::string_view reference) {
  if (reference.contains("://")) return std::string(reference);
  const std::size_t begin = path_begin(directory_url);
  const std::string_view root = directory_url.substr(0, begin);
  if (reference.starts_with('/')) return std::string(root) + without_dots(reference);
  std::string path(directory_url.substr(begin));
  return std::string(root) + without_dots(path + "/" + std::string(reference));
}

}  // namespace hpcenv::net
