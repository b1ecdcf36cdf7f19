// One HTTP transfer from its first attempt to its outcome: heads, resumption, what is worth another
// attempt. It moves nothing itself: http_client drives it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "net/curl.hpp"
#include "net/http.hpp"
#include "net/response_head.hpp"

namespace hpcenv::net {

class HttpJob final : public CurlListener {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Both outlive the job.
  HttpJob(const Transfer& transfer, const HttpOptions& options)
      : transfer_(transfer), options_(options) {}

  /// The order for the next attempt: what was handed on already is asked for no more (If-Range).
  CurlOrder begin_attempt();
  void on_header(std::string_view line) noexcept override;
  Taken on_body(std::span<const std::byte> bytes) noexcept override;

  struct Verdict {
    std::optional<Result<HttpResponse>> outcome;  ///< nothing: try again
    std::chrono::milliseconds delay{0};           ///< before the next attempt
  };
  Verdict finish(const CurlOutcome& outcome);
  /// Tells a sink whose body has begun and not ended that no more comes.
  void abandon_sink(const Error& error);

  bool paused() const { return paused_; }
  void unpause();
  /// Nothing came for longer than the options allow; a paused transfer waits for its sink, not for
  /// the server.
  bool stalled(Time now) const;

 private:
  Result<> meet_body();
  Result<> check_unchanged() const;
  Taken give_up(Error error);
  Result<> close_body();
  Verdict judge_status(const CurlOutcome& outcome);
  Verdict retry_or_fail(Error error, std::chrono::milliseconds wanted_delay);
  HttpResponse response(const ResponseHead& head, const std::string& final_url) const;
  bool accepted(int status) const;

  const Transfer& transfer_;
  const HttpOptions& options_;
  ResponseHead head_;                  ///< of this attempt
  std::optional<ResponseHead> first_;  ///< of the attempt that began the body
  std::uint64_t handed_on_ = 0;
  std::uint64_t skip_ = 0;       ///< bytes of this attempt's body that the sink has already
  std::uint64_t discarded_ = 0;  ///< of a body that nobody wants
  std::uint64_t progress_mark_ = 0;
  bool met_body_ = false;
  bool wanted_ = false;
  bool paused_ = false;
  bool closed_ = false;  ///< the sink's end() was called
  std::optional<Error> failure_;
  int attempts_ = 0;
  int failures_ = 0;  ///< since the last progress
  Time last_activity_{};
};

}  // namespace hpcenv::net
