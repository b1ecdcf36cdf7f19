// Bytes over http(s):// and file://. HttpClient is one of the five seams.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::net {

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<int> accept;  ///< statuses of 400 and above that are an answer, not an error
};

struct HttpResponse {
  int status = 0;         ///< 200, 304, ...; file:// gives 200, 304 and 404
  std::string final_url;  ///< after redirects, without credentials
  std::string etag;
  std::string last_modified;
  std::string cache_control;
  std::optional<std::uint64_t> size;  ///< of the whole body, where the server says it
};

/// Where a body goes. Called on the thread that runs get_all, never for two bytes twice: a transfer
/// that was cut is resumed by range, and the client hands on only what is new.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// Before the first byte of a body with status 200.
  virtual Result<> begin(const HttpResponse& head) = 0;
  /// False: cannot take these bytes now (none was taken); they come again after `HttpClient::wake`
  /// or at most 50 ms later.
  virtual Result<bool> write(std::span<const std::byte> bytes) = 0;
  /// After the last byte of a whole body.
  virtual Result<> end() = 0;
  /// Instead of end(), where begin() was called: the transfer has failed for good, no call follows.
  /// Called as soon as that is known, while other transfers may still run.
  virtual void abandon(const Error& /*error*/) {}
  /// Asked at least every 100 ms, also before begin() and between attempts: an error ends the
  /// transfer with it at once, whatever the server does.
  virtual std::optional<Error> given_up() const { return std::nullopt; }
};

struct Transfer {
  HttpRequest request;
  BodySink* sink = nullptr;  ///< outlives the call; gets no call for a status other than 200
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// Runs all transfers on the calling thread, several at once, until each has ended; outcomes in
  /// the order of the requests. Started in order. A status of 400 and above is an error (404, 410:
  /// not_found; 401, 403: refused with a hint; others network), except where `accept` lists it.
  /// Transient failures (timeouts, cut, 429, 5xx) are retried with back-off before they are an
  /// error. A failure of a sink ends its own transfer only. Polls the interrupt flag. Messages name
  /// the url without credentials.
  virtual std::vector<Result<HttpResponse>> get_all(std::span<const Transfer> transfers) = 0;
  /// Makes a running get_all look at its paused sinks again. Any thread.
  virtual void wake() = 0;
};

/// What condarc calls `proxy_servers`: whose requests go through which proxy.
struct ProxyRule {
  std::string whose;  ///< "https", "http", "all", or one of them with a host: "https://host"
  std::string proxy;  ///< url; empty: none
};

struct HttpOptions {
  enum class Offline { no, yes };
  Offline offline = Offline::no;  ///< `yes`: http(s) is refused before anything is opened
  std::string ca_bundle;          ///< path; see ca_bundle(); a directory of hashed names works too
  enum class Verify { yes, no };
  Verify verify = Verify::yes;     ///< `no`: whoever answers is believed (`ssl_verify: false`)
  std::string client_certificate;  ///< path (PEM), with its key where that lies elsewhere
  std::string client_key;
  std::string user_agent = "hpcenv";
  std::vector<ProxyRule> proxies;                 ///< win over the next three
  std::string https_proxy, http_proxy, no_proxy;  ///< as the variables of these names
  std::size_t connections = 8;
  std::chrono::milliseconds connect_timeout{10000};
  std::chrono::milliseconds stall_timeout{30000};  ///< no byte for that long
  int retries = 3;  ///< after the first attempt; the count starts again after a MiB of progress
  std::chrono::milliseconds retry_delay{500};  ///< before the first retry; doubles with each
};

/// The proxy for a url, empty: none. The most special rule wins: scheme and host, scheme, all and
/// host, all.
std::string proxy_for(std::string_view url, const HttpOptions& options);

/// The real client. One thread at a time calls get_all. Nothing is opened before the first http
/// request. Offline, http(s) gives kind not_found with a hint.
Result<std::unique_ptr<HttpClient>> make_http_client(const HttpOptions& options);

/// One request into memory, at most `limit` bytes. A 304 gives an empty body.
struct TextResponse {
  HttpResponse head;
  std::string body;
};
Result<TextResponse> get_text(HttpClient& client, const HttpRequest& request, std::size_t limit);

}  // namespace hpcenv::net
