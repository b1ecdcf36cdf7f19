#include <catch2/catch_test_macros.hpp>

#include "net/http.hpp"

namespace hpcenv::net {
namespace {

TEST_CASE("the most special proxy rule wins") {
  HttpOptions options;
  options.https_proxy = "http://variable:1";
  options.http_proxy = "http://plain:2";
  CHECK(proxy_for("https://host/x", options) == "http://variable:1");
  CHECK(proxy_for("HTTP://host/x", options) == "http://plain:2");
  options.proxies = {{"all", "http://all:3"}};
  CHECK(proxy_for("https://host/x", options) == "http://all:3");
  options.proxies.push_back({"all://host", "http://all-host:4"});
  CHECK(proxy_for("https://host/x", options) == "http://all-host:4");
  options.proxies.push_back({"https", "http://https:5"});
  CHECK(proxy_for("https://host/x", options) == "http://https:5");
  CHECK(proxy_for("http://host/x", options) == "http://all-host:4");
  options.proxies.push_back({"HTTPS://Host", ""});
  CHECK(proxy_for("https://host/x", options).empty());
  CHECK(proxy_for("https://user:password@host:8443/x", options).empty());
  CHECK(proxy_for("https://other/x", options) == "http://https:5");
  CHECK(proxy_for("https://host.other?x=//host", options) == "http://https:5");
  CHECK(proxy_for("no url", options).empty());
}

}  // namespace
}  // namespace hpcenv::net
