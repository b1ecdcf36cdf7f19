#include "net/response_head.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::net {
namespace {

ResponseHead head_of(std::initializer_list<std::string_view> lines) {
  ResponseHead head;
  for (const std::string_view line : lines) head.add_line(line);
  return head;
}

TEST_CASE("headers in any case, the last head counts") {
  const ResponseHead head =
      head_of({"HTTP/1.1 302 Found", "ETag: \"old\"", "Location: /x", "", "HTTP/2 200",
               "content-LENGTH:  12 ", "Cache-Control: max-age=3", "last-modified: Mon"});
  CHECK(head.status == 200);
  CHECK(head.etag.empty());
  CHECK(head.content_length == 12);
  CHECK(head.whole_size() == 12);
  CHECK(head.cache_control == "max-age=3");
  CHECK(head.validator() == "Mon");
}

TEST_CASE("parts") {
  const ResponseHead head = head_of(
      {"HTTP/1.1 206 Partial", "Content-Range: bytes 5-9/100", "Content-Length: 5", "ETag: \"a\""});
  CHECK(head.range_begin == 5);
  CHECK(head.whole_size() == 100);
  CHECK(head.validator() == "\"a\"");
  CHECK_FALSE(head_of({"HTTP/1.1 206 x", "Content-Range: bytes 5-9/*"}).whole_size());
}

TEST_CASE("nonsense is left out") {
  const ResponseHead head = head_of({"HTTP/1.1 abc", "Content-Length: -1", "no colon",
                                     "Content-Range: lines 1-2/3", "ETag: W/\"weak\""});
  CHECK(head.status == 0);
  CHECK_FALSE(head.content_length);
  CHECK_FALSE(head.range_begin);
  CHECK(head.validator().empty());
}

TEST_CASE("which statuses are worth another attempt") {
  for (const int status : {408, 425, 429, 500, 502, 503, 504}) CHECK(is_transient_status(status));
  for (const int status : {200, 304, 400, 401, 404, 416, 501, 505}) {
    CHECK_FALSE(is_transient_status(status));
  }
}

}  // namespace
}  // namespace hpcenv::net
