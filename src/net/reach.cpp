#include "net/reach.hpp"

#include <algorithm>
#include <deque>

#include "base/interrupt.hpp"
#include "net/curl.hpp"
#include "net/response_head.hpp"

namespace hpcenv::net {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Keeps the head of the last answer.
class Head final : public CurlListener {
 public:
  void on_header(std::string_view line) noexcept override { head_.add_line(line); }
  Taken on_body(std::span<const std::byte> /*bytes*/) noexcept override { return Taken::stop; }
  int status() const { return head_.status; }

 private:
  ResponseHead head_;
};

Reach::End end_of(CurlEnd end) {
  switch (end) {
    case CurlEnd::whole:
    case CurlEnd::stopped:
      return Reach::End::answered;
    case CurlEnd::untrusted:
      return Reach::End::untrusted;
    case CurlEnd::bad_certificates:
      return Reach::End::bad_certificates;
    case CurlEnd::unresolved:
    case CurlEnd::unreachable:
    case CurlEnd::timed_out:
      return Reach::End::unreachable;
    case CurlEnd::cut:
    case CurlEnd::tls:
    case CurlEnd::redirects:
    case CurlEnd::failed:
      break;
  }
  return Reach::End::failed;
}

Reach reach_of(const CurlOutcome& outcome, int status) {
  constexpr int first_error = 400;
  Reach reach{end_of(outcome.end), status, {}};
  const bool refused = outcome.proxy_status >= first_error;
  if (refused) reach.status = outcome.proxy_status;
  if (reach.end != Reach::End::answered) reach.words = outcome.detail;
  return reach;
}

}  // namespace

Result<std::vector<Reach>> reach(const std::vector<std::string>& urls, const HttpOptions& options,
                                 milliseconds deadline) {
  HPCENV_ASSIGN(const std::unique_ptr<Curl> curl, Curl::make(options));
  std::vector<Reach> outcomes(
      urls.size(),
      {Reach::End::unreachable, 0,
       fmt::format("no answer within {} s",
                   std::chrono::duration_cast<std::chrono::seconds>(deadline).count())});
  std::deque<Head> heads(urls.size());
  for (std::size_t i = 0; i < urls.size(); ++i) {
    HPCENV_TRY(curl->start(heads[i], {urls[i], {}, Method::head, std::nullopt}));
  }
  const Clock::time_point end = Clock::now() + deadline;
  for (std::size_t left = urls.size(); left > 0 && Clock::now() < end;) {
    HPCENV_TRY(base::check_interrupt());
    constexpr milliseconds step{100};
    const auto wait = std::chrono::ceil<milliseconds>(end - Clock::now());
    HPCENV_TRY(curl->drive(std::min(step, wait)));
    while (const auto finished = curl->take_finished()) {
      const auto same = std::ranges::find_if(
          heads, [&](const Head& head) { return &head == finished->listener; });
      outcomes[static_cast<std::size_t>(same - heads.begin())] =
          reach_of(finished->outcome, same->status());
      --left;
    }
  }
  for (const Head& head : heads) curl->drop(head);
  return outcomes;
}

}  // namespace hpcenv::net
