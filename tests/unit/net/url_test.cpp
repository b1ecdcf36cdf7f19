#include "net/url.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::net {
namespace {

TEST_CASE("file addresses and paths") {
  CHECK(*path_of_file_url("file:///a%20b/c") == "/a b/c");
  CHECK(*path_of_file_url("FILE://localhost/x") == "/x");
  CHECK(*path_of_file_url("file:///100%") == "/100%");
  CHECK(*path_of_file_url("file:///%zz") == "/%zz");
  CHECK(file_url("/a b/ü#?%") == "file:///a%20b/%C3%BC%23%3F%25");
  CHECK(*path_of_file_url(file_url("/a b/ü#?%")) == "/a b/ü#?%");
  for (const char* bad : {"file://host/x", "file://", "http://x/y", "/x", "file:///a%00b"}) {
    const auto path = path_of_file_url(bad);
    REQUIRE_FALSE(path.has_value());
    CHECK(path.error().kind == ErrorKind::usage);
  }
}

TEST_CASE("schemes in any case") {
  CHECK(is_file_url("File:///x"));
  CHECK_FALSE(is_file_url("/x"));
  CHECK(is_http_url("HTTPS://x"));
  CHECK(is_http_url("http://x"));
  CHECK_FALSE(is_http_url("httpx://x"));
}

TEST_CASE("references beside the files of a directory") {
  CHECK(join_url("https://h/c/linux-64", "x") == "https://h/c/linux-64/x");
  CHECK(join_url("https://h/c/linux-64", "../x/") == "https://h/c/x");
  CHECK(join_url("https://h/c/linux-64", "/x") == "https://h/x");
  CHECK(join_url("https://h/c", "../../../x") == "https://h/x");
  CHECK(join_url("https://h", "x") == "https://h/x");
  CHECK(join_url("https://h/c", "https://other/d/") == "https://other/d/");
  CHECK(join_url("file:///c/linux-64", "../p") == "file:///c/p");
}

}  // namespace
}  // namespace hpcenv::net
