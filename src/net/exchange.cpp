#include "net/exchange.hpp"

#include <mutex>
#include <utility>

#include "base/interrupt.hpp"
#include "net/curl.hpp"
#include "net/exchange_job.hpp"
#include "net/http_errors.hpp"
#include "net/url.hpp"

namespace hpcenv::net {

namespace {

/// How long the interrupt flag may go unseen.
constexpr std::chrono::milliseconds longest_wait{100};

/// Moves the one transfer of `curl` to its end.
Result<CurlOutcome> drive_to_end(Curl& curl, const ExchangeJob& job) {
  while (true) {
    HPCENV_TRY(base::check_interrupt());
    HPCENV_TRY(curl.drive(longest_wait));
    if (std::optional<Curl::Finished> finished = curl.take_finished()) {
      return std::move(finished->outcome);
    }
    const std::chrono::milliseconds silent = job.silent_for(std::chrono::steady_clock::now());
    if (silent <= job.patience()) continue;
    CurlOutcome outcome;
    outcome.end = CurlEnd::timed_out;
    outcome.detail = fmt::format("no byte for {} ms", silent.count());
    return outcome;
  }
}

class CurlExchangeClient final : public ExchangeClient {
 public:
  explicit CurlExchangeClient(HttpOptions options) : options_(std::move(options)) {}

  Result<ExchangeAnswer> exchange(const ExchangeRequest& request) override {
    if (!is_http_url(request.url)) return Failure(no_address_error(shown_url(request.url)));
    if (options_.offline == HttpOptions::Offline::yes) {
      return Failure(offline_error(shown_url(request.url)));
    }
    HPCENV_ASSIGN(std::unique_ptr<Curl> curl, take_curl());
    Result<ExchangeAnswer> answer = exchange_over(*curl, request);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(curl));
    return answer;
  }

 private:
  Result<ExchangeAnswer> exchange_over(Curl& curl, const ExchangeRequest& request) const {
    ExchangeJob job(request, options_);
    HPCENV_ASSIGN(const CurlOrder order, job.begin());
    Result<> started = curl.start(job, order);
    Result<CurlOutcome> outcome =
        started.has_value() ? drive_to_end(curl, job) : Failure(started.error());
    curl.drop(job);
    if (!outcome.has_value()) return Failure(std::move(outcome).error());
    return job.finish(*outcome);
  }

  /// One that another thread does not use; its connections are still open.
  Result<std::unique_ptr<Curl>> take_curl() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return Curl::make(options_);
    std::unique_ptr<Curl> curl = std::move(idle_.back());
    idle_.pop_back();
    return curl;
  }

  HttpOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Curl>> idle_;
};

}  // namespace

std::unique_ptr<ExchangeClient> make_exchange_client(const HttpOptions& options) {
  return std::make_unique<CurlExchangeClient>(options);
}

}  // namespace hpcenv::net
