#include "net/response_head.hpp"

#include "base/text.hpp"

namespace hpcenv::net {

namespace {

/// "bytes 100-199/1234"
void read_content_range(std::string_view value, ResponseHead& head) {
  const auto words = base::split_words(value);
  if (words.size() != 2 || base::to_lower(words[0]) != "bytes") return;
  const auto parts = base::split(words[1], '/');
  if (parts.size() != 2) return;
  head.range_begin = base::parse_unsigned(base::split(parts[0], '-').front());
  head.range_total = base::parse_unsigned(parts[1]);
}

}  // namespace

int status_of(std::string_view line) {
  const auto words = base::split_words(line);
  const auto number = words.size() < 2 ? std::nullopt : base::parse_unsigned(words[1]);
  return number.has_value() && *number < 1000 ? static_cast<int>(*number) : 0;
}

void ResponseHead::add_line(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    *this = ResponseHead();
    status = status_of(line);
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = base::to_lower(line.substr(0, colon));
  const std::string_view value = base::trim(line.substr(colon + 1));
  if (name == "etag") etag = value;
  if (name == "last-modified") last_modified = value;
  if (name == "cache-control") cache_control = value;
  if (name == "content-length") content_length = base::parse_unsigned(value);
  if (name == "content-range") read_content_range(value, *this);
}

std::string ResponseHead::validator() const {
  const bool weak = etag.starts_with("W/");
  return etag.empty() || weak ? last_modified : etag;
}

std::optional<std::uint64_t> ResponseHead::whole_size() const {
  return status == 206 ? range_total : content_length;
}

bool is_transient_status(int status) {
  switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

}  // namespace hpcenv::net
