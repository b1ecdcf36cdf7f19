// The only user of libcurl: transfers on one multi handle. What follows from their outcomes (retry,
// resume) is decided in http_job.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/method.hpp"

namespace hpcenv::net {

enum class Taken { all, nothing_now, stop };

/// Receives one transfer. Called from `drive` and `unpause` only, on their thread.
class CurlListener {
 public:
  virtual ~CurlListener() = default;
  /// One line of a response's head, without its line end; "HTTP/..." begins a new head (redirects).
  virtual void on_header(std::string_view line) noexcept = 0;
  /// `nothing_now` pauses the transfer: the same bytes come again after `unpause`.
  virtual Taken on_body(std::span<const std::byte> bytes) noexcept = 0;
  /// The next bytes of the request's body, as many as fit into `room`; 0 is its end, nothing ends
  /// the transfer as `stopped`.
  virtual std::optional<std::size_t> next_to_send(std::span<std::byte> /*room*/) noexcept {
    return 0;
  }
  /// What comes next is sent from there again. False: cannot.
  virtual bool rewind_to(std::uint64_t /*position*/) noexcept { return false; }
};

enum class CurlEnd {
  whole,
  stopped,  ///< by the listener
  cut,      ///< the connection broke, or fewer bytes came than were announced
  timed_out,
  unresolved,
  unreachable,
  untrusted,         ///< the server's certificate
  bad_certificates,  ///< the CA bundle cannot be read
  tls,               ///< no TLS session for another reason
  redirects,         ///< too many
  failed,
};

struct CurlOutcome {
  CurlEnd end = CurlEnd::failed;
  std::string final_url;                ///< may hold credentials
  std::string detail;                   ///< libcurl's own words
  std::chrono::seconds retry_after{0};  ///< as the server asked
  int proxy_status = 0;                 ///< of a proxy that was asked for a tunnel
};

struct CurlOrder {
  std::string url;
  std::vector<std::string> header_lines;
  Method method = Method::get;
  /// Of the body that the listener hands over; nothing: none. Redirects are followed without one
  /// only.
  std::optional<std::uint64_t> body_size;
};

/// Move-free owner of the multi handle and of every transfer that runs on it.
class Curl {
 public:
  static Result<std::unique_ptr<Curl>> make(const HttpOptions& options);
  ~Curl();
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;

  /// The listener outlives the transfer: until `take_finished` names it or `drop`.
  Result<> start(CurlListener& listener, const CurlOrder& order);
  void drop(const CurlListener& listener);
  void unpause(const CurlListener& listener);
  /// Moves all transfers on, waiting at most so long for something to happen.
  Result<> drive(std::chrono::milliseconds longest_wait);

  struct Finished {
    CurlListener* listener;
    CurlOutcome outcome;
  };
  std::optional<Finished> take_finished();
  /// Ends the wait of a running `drive`. Any thread.
  void wake();

 private:
  struct State;
  explicit Curl(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hpcenv::net
