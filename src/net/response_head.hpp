// The head of a response, line by line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::net {

struct ResponseHead {
  int status = 0;
  std::string etag;
  std::string last_modified;
  std::string cache_control;
  std::optional<std::uint64_t> content_length;
  std::optional<std::uint64_t> range_begin;  ///< of Content-Range
  std::optional<std::uint64_t> range_total;

  /// A status line begins anew; header names in any case; what is not known is left out.
  void add_line(std::string_view line);
  /// What If-Range may hold: a strong etag, else the date of the last change, else nothing.
  std::string validator() const;
  /// Of the whole body, where the server says it.
  std::optional<std::uint64_t> whole_size() const;
};

/// "HTTP/1.1 206 Partial Content" -> 206; 0 where there is no number.
int status_of(std::string_view line);

/// Worth another attempt: 408, 425, 429, 500, 502, 503, 504.
bool is_transient_status(int status);

}  // namespace hpcenv::net
