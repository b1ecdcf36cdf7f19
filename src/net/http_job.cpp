#include "net/http_job.hpp"

#include <algorithm>
#include <utility>

#include "conda/channel.hpp"
#include "net/http_errors.hpp"

namespace hpcenv::net {

namespace {

/// An error page is read to its end so that the connection can be used again, but not for ever.
constexpr std::uint64_t unwanted_limit = 1U << 20U;
constexpr std::uint64_t progress_step = 1U << 20U;
/// A server that asks for a longer pause is not waited for.
constexpr std::chrono::seconds longest_retry_after{60};

}  // namespace

CurlOrder HttpJob::begin_attempt() {
  head_ = ResponseHead();
  met_body_ = wanted_ = paused_ = false;
  skip_ = discarded_ = 0;
  ++attempts_;
  last_activity_ = std::chrono::steady_clock::now();
  CurlOrder order{transfer_.request.url, {}, Method::get, std::nullopt};
  for (const auto& [name, value] : transfer_.request.headers) {
    order.header_lines.push_back(fmt::format("{}: {}", name, value));
  }
  if (handed_on_ > 0) {
    order.header_lines.push_back(fmt::format("Range: bytes={}-", handed_on_));
    const std::string validator = first_->validator();
    if (!validator.empty()) order.header_lines.push_back("If-Range: " + validator);
  }
  return order;
}

void HttpJob::on_header(std::string_view line) noexcept {
  last_activity_ = std::chrono::steady_clock::now();
  head_.add_line(line);
}

Taken HttpJob::on_body(std::span<const std::byte> bytes) noexcept {
  last_activity_ = std::chrono::steady_clock::now();
  if (!met_body_) {
    if (Result<> met = meet_body(); !met.has_value()) return give_up(std::move(met).error());
  }
  if (!wanted_) {
    discarded_ += bytes.size();
    return discarded_ > unwanted_limit ? Taken::stop : Taken::all;
  }
  const std::uint64_t skipped = std::min<std::uint64_t>(skip_, bytes.size());
  const std::span<const std::byte> fresh = bytes.subspan(skipped);
  if (!fresh.empty()) {
    Result<bool> taken = transfer_.sink->write(fresh);
    if (!taken.has_value()) return give_up(std::move(taken).error());
    paused_ = !*taken;
    if (paused_) return Taken::nothing_now;
  }
  skip_ -= skipped;
  handed_on_ += fresh.size();
  return Taken::all;
}

/// Decides, at the first byte of an attempt's body, what is done with it.
Result<> HttpJob::meet_body() {
  met_body_ = true;
  wanted_ = transfer_.sink != nullptr && (head_.status == 200 || head_.status == 206);
  if (!wanted_) return {};
  if (!first_.has_value()) {
    if (head_.status == 206) {
      return fail(ErrorKind::network, "cannot fetch {}: a part came where the whole was asked for",
                  conda::without_credentials(transfer_.request.url));
    }
    first_ = head_;
    return transfer_.sink->begin(response(head_, transfer_.request.url));
  }
  HPCENV_TRY(check_unchanged());
  skip_ = head_.status == 200 ? handed_on_ : 0;
  return {};
}

Result<> HttpJob::check_unchanged() const {
  const auto differ = [](const auto& a, const auto& b) { return a && b && *a != *b; };
  const bool other_tag = !first_->etag.empty() && !head_.etag.empty() && first_->etag != head_.etag;
  const bool other_place = head_.status == 206 && head_.range_begin != handed_on_;
  if (!other_tag && !other_place && !differ(first_->whole_size(), head_.whole_size())) return {};
  return fail_hint(ErrorKind::network,
                   fmt::format("{} changed on the server while it was fetched",
                               conda::without_credentials(transfer_.request.url)),
                   "run the command again");
}

Taken HttpJob::give_up(Error error) {
  failure_ = std::move(error);
  return Taken::stop;
}

void HttpJob::unpause() {
  paused_ = false;
  last_activity_ = std::chrono::steady_clock::now();
}

bool HttpJob::stalled(Time now) const {
  return !paused_ && now - last_activity_ > options_.stall_timeout;
}

HttpJob::Verdict HttpJob::finish(const CurlOutcome& outcome) {
  if (failure_.has_value()) return {Failure(std::move(*failure_)), {}};
  const bool answered = outcome.end == CurlEnd::whole || outcome.end == CurlEnd::stopped;
  if (answered) return judge_status(outcome);
  Error error = transfer_error(transfer_.request.url, outcome);
  if (outcome.end == CurlEnd::cut || outcome.end == CurlEnd::timed_out) {
    return retry_or_fail(std::move(error), {});
  }
  return {Failure(std::move(error)), {}};
}

HttpJob::Verdict HttpJob::judge_status(const CurlOutcome& outcome) {
  const int status = head_.status;
  const bool whole_body = status == 200 || (status == 206 && handed_on_ > 0);
  if (whole_body) {
    if (Result<> closed = close_body(); !closed.has_value()) {
      return {Failure(std::move(closed).error()), {}};
    }
    return {response(first_.value_or(head_), outcome.final_url), {}};
  }
  if ((status >= 200 && status < 300 && status != 206) || status == 304 || accepted(status)) {
    return {response(head_, outcome.final_url), {}};
  }
  if (status == 416 && handed_on_ > 0) {
    CurlOutcome short_of = outcome;
    short_of.end = CurlEnd::cut;
    short_of.detail = fmt::format("the server announces more than the {} bytes it has", handed_on_);
    return {Failure(transfer_error(transfer_.request.url, short_of)), {}};
  }
  Error error = status_error(transfer_.request.url, status);
  if (!is_transient_status(status)) return {Failure(std::move(error)), {}};
  if (outcome.retry_after > longest_retry_after) {
    error.hints.push_back(
        fmt::format("the server asks to wait {} seconds", outcome.retry_after.count()));
    return {Failure(std::move(error)), {}};
  }
  return retry_or_fail(std::move(error), outcome.retry_after);
}

/// After the last byte: also a body without any byte is begun and ended.
Result<> HttpJob::close_body() {
  if (transfer_.sink == nullptr) return {};
  if (!met_body_) HPCENV_TRY(meet_body());
  if (skip_ > 0) {
    return fail(ErrorKind::network, "{} became shorter on the server while it was fetched",
                conda::without_credentials(transfer_.request.url));
  }
  closed_ = true;
  return transfer_.sink->end();
}

void HttpJob::abandon_sink(const Error& error) {
  if (transfer_.sink != nullptr && first_.has_value() && !closed_) transfer_.sink->abandon(error);
}

HttpJob::Verdict HttpJob::retry_or_fail(Error error, std::chrono::milliseconds wanted_delay) {
  if (handed_on_ >= progress_mark_ + progress_step) {
    progress_mark_ = handed_on_;
    failures_ = 0;
  }
  if (++failures_ > options_.retries) {
    return {Failure(after_attempts(std::move(error), attempts_)), {}};
  }
  const auto backed_off = options_.retry_delay * (1U << std::min(failures_ - 1, 6));
  return {std::nullopt, std::max(wanted_delay, backed_off)};
}

HttpResponse HttpJob::response(const ResponseHead& head, const std::string& final_url) const {
  HttpResponse response;
  response.status = head.status;
  response.final_url = conda::without_credentials(final_url);
  response.etag = head.etag;
  response.last_modified = head.last_modified;
  response.cache_control = head.cache_control;
  response.size = head.whole_size();
  return response;
}

bool HttpJob::accepted(int status) const {
  return std::ranges::find(transfer_.request.accept, status) != transfer_.request.accept.end();
}

}  // namespace hpcenv::net
