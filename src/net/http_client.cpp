#include <algorithm>
#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "base/interrupt.hpp"
#include "conda/channel.hpp"
#include "net/curl.hpp"
#include "net/file_job.hpp"
#include "net/http.hpp"
#include "net/http_errors.hpp"
#include "net/http_job.hpp"
#include "net/url.hpp"

namespace hpcenv::net {

namespace {

using Milliseconds = std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

/// Sinks that took nothing are asked again after this time at the latest.
constexpr Milliseconds sink_patience{50};
/// How long the interrupt flag may go unseen.
constexpr Milliseconds longest_wait{100};

/// Makes a waiting Batch look up; curl comes into being with the first http request.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    if (curl_ != nullptr) curl_->wake();
    news_.notify_one();
  }
  /// Whether it rang since the last call.
  bool take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(rung_, false);
  }
  void wait(Milliseconds longest) {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, longest, [this] { return rung_; });
  }
  /// Who waits in `curl` is woken too. It outlives the bell.
  void wake_too(Curl* curl) {
    const std::lock_guard lock(mutex_);
    curl_ = curl;
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  bool rung_ = false;
  Curl* curl_ = nullptr;
};

/// One call of get_all.
class Batch {
 public:
  Batch(std::unique_ptr<Curl>& curl, const HttpOptions& options, Bell& bell,
        std::span<const Transfer> transfers)
      : curl_(curl), options_(options), bell_(bell), transfers_(transfers) {
    outcomes_.resize(transfers.size());
    for (std::size_t i = 0; i < transfers.size(); ++i) queue_.push_back(i);
  }

  std::vector<std::optional<Result<HttpResponse>>> run() {
    while (!queue_.empty() || !http_.empty() || !files_.empty()) {
      Result<> moved = base::check_interrupt();
      if (moved.has_value()) moved = move_on();
      if (!moved.has_value()) {
        end_all(moved.error());
        break;
      }
    }
    return std::move(outcomes_);
  }

 private:
  enum class State { waiting, running };
  struct HttpEntry {
    HttpEntry(std::size_t position, const Transfer& transfer, const HttpOptions& options)
        : index(position), job(transfer, options) {}
    std::size_t index;
    HttpJob job;
    State state = State::waiting;
    Time not_before{};
  };
  struct FileEntry {
    std::size_t index;
    FileJob job;
    bool blocked = false;
  };

  Result<> move_on() {
    end_given_up();
    HPCENV_TRY(begin_queued());
    HPCENV_TRY(start_waiting());
    ask_sinks_again();
    step_files();
    if (http_.empty()) {
      bell_.wait(wait_time());
      return {};
    }
    HPCENV_TRY(curl_->drive(wait_time()));
    while (std::optional<Curl::Finished> finished = curl_->take_finished()) take(*finished);
    end_stalled();
    return {};
  }

  /// Ends what its sink has given up.
  void end_given_up() {
    for (auto entry = http_.begin(); entry != http_.end();) {
      const auto current = entry++;
      std::optional<Error> error = given_up(current->index);
      if (!error.has_value()) continue;
      curl_->drop(current->job);
      conclude(*current, Failure(std::move(*error)));
      http_.erase(current);
    }
    for (auto entry = files_.begin(); entry != files_.end();) {
      const auto current = entry++;
      std::optional<Error> error = given_up(current->index);
      if (!error.has_value()) continue;
      conclude(*current, Failure(std::move(*error)));
      files_.erase(current);
    }
    std::erase_if(queue_, [this](std::size_t index) {
      std::optional<Error> error = given_up(index);
      if (error.has_value()) outcomes_[index] = Failure(std::move(*error));
      return error.has_value();
    });
  }

  std::optional<Error> given_up(std::size_t index) const {
    const BodySink* sink = transfers_[index].sink;
    return sink == nullptr ? std::nullopt : sink->given_up();
  }

  Result<> begin_queued() {
    const std::size_t slots = std::max<std::size_t>(1, options_.connections);
    while (!queue_.empty() && http_.size() + files_.size() < slots) {
      const std::size_t index = queue_.front();
      queue_.pop_front();
      const Transfer& transfer = transfers_[index];
      if (is_file_url(transfer.request.url)) {
        files_.push_back({index, FileJob(transfer)});
      } else if (is_http_url(transfer.request.url) &&
                 options_.offline == HttpOptions::Offline::yes) {
        outcomes_[index] = Failure(offline_error(transfer.request.url));
      } else if (is_http_url(transfer.request.url)) {
        HPCENV_TRY(make_curl());
        http_.emplace_back(index, transfer, options_);
      } else {
        outcomes_[index] = Failure(no_address_error(transfer.request.url));
      }
    }
    return {};
  }

  Result<> make_curl() {
    if (curl_) return {};
    HPCENV_ASSIGN(curl_, Curl::make(options_));
    bell_.wake_too(curl_.get());
    return {};
  }

  Result<> start_waiting() {
    const Time now = std::chrono::steady_clock::now();
    for (HttpEntry& entry : http_) {
      if (entry.state == State::running || entry.not_before > now) continue;
      entry.state = State::running;
      HPCENV_TRY(curl_->start(entry.job, entry.job.begin_attempt()));
    }
    return {};
  }

  void ask_sinks_again() {
    const Time now = std::chrono::steady_clock::now();
    if (!bell_.take() && now < ask_again_) return;
    ask_again_ = now + sink_patience;
    for (HttpEntry& entry : http_) {
      if (entry.state != State::running || !entry.job.paused()) continue;
      entry.job.unpause();
      curl_->unpause(entry.job);
    }
    for (FileEntry& entry : files_) entry.blocked = false;
  }

  void step_files() {
    for (auto entry = files_.begin(); entry != files_.end();) {
      const FileJob::Step step = entry->blocked ? FileJob::Step::blocked : entry->job.step();
      entry->blocked = step == FileJob::Step::blocked;
      if (step == FileJob::Step::ended) {
        conclude(*entry, entry->job.outcome());
        entry = files_.erase(entry);
      } else {
        ++entry;
      }
    }
  }

  Milliseconds wait_time() const {
    const Time now = std::chrono::steady_clock::now();
    Milliseconds wait = longest_wait;
    const auto until = [&](Time moment) {
      // Rounded up: a wait that ends just before the moment would only be repeated.
      wait = std::clamp(std::chrono::ceil<Milliseconds>(moment - now), Milliseconds(0), wait);
    };
    if (http_.empty() && files_.empty()) return Milliseconds(0);
    for (const HttpEntry& entry : http_) {
      if (entry.state == State::waiting) until(entry.not_before);
      if (entry.job.paused()) until(ask_again_);
    }
    for (const FileEntry& entry : files_) until(entry.blocked ? ask_again_ : now);
    return wait;
  }

  std::list<HttpEntry>::iterator entry_of(const CurlListener* listener) {
    return std::ranges::find_if(http_, [&](HttpEntry& entry) { return &entry.job == listener; });
  }

  void take(const Curl::Finished& finished) {
    const auto entry = entry_of(finished.listener);
    if (entry != http_.end()) settle(entry, finished.outcome);
  }

  void settle(std::list<HttpEntry>::iterator entry, const CurlOutcome& outcome) {
    HttpJob::Verdict verdict = entry->job.finish(outcome);
    if (verdict.outcome.has_value()) {
      conclude(*entry, std::move(*verdict.outcome));
      http_.erase(entry);
      return;
    }
    entry->state = State::waiting;
    entry->not_before = std::chrono::steady_clock::now() + verdict.delay;
  }

  void end_stalled() {
    const Time now = std::chrono::steady_clock::now();
    for (auto entry = http_.begin(); entry != http_.end();) {
      const auto current = entry++;
      if (current->state != State::running || !current->job.stalled(now)) continue;
      curl_->drop(current->job);
      CurlOutcome outcome;
      outcome.end = CurlEnd::timed_out;
      outcome.detail = fmt::format("no byte for {} ms", options_.stall_timeout.count());
      settle(current, outcome);
    }
  }

  template <class Entry>
  void conclude(Entry& entry, Result<HttpResponse> outcome) {
    if (!outcome.has_value()) entry.job.abandon_sink(outcome.error());
    outcomes_[entry.index] = std::move(outcome);
  }

  void end_all(const Error& error) {
    for (HttpEntry& entry : http_) {
      curl_->drop(entry.job);
      entry.job.abandon_sink(error);
    }
    for (FileEntry& entry : files_) entry.job.abandon_sink(error);
    for (auto& outcome : outcomes_) {
      if (!outcome.has_value()) outcome = Failure(error);
    }
  }

  std::unique_ptr<Curl>& curl_;
  const HttpOptions& options_;
  Bell& bell_;
  std::span<const Transfer> transfers_;
  std::vector<std::optional<Result<HttpResponse>>> outcomes_;
  std::deque<std::size_t> queue_;
  std::list<HttpEntry> http_;  ///< a list: libcurl keeps the address of each job
  std::list<FileEntry> files_;
  Time ask_again_{};
};

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(HttpOptions options) : options_(std::move(options)) {}

  std::vector<Result<HttpResponse>> get_all(std::span<const Transfer> transfers) override {
    std::vector<Result<HttpResponse>> outcomes;
    for (auto& outcome : Batch(curl_, options_, bell_, transfers).run()) {
      outcomes.push_back(std::move(*outcome));
    }
    return outcomes;
  }

  void wake() override { bell_.ring(); }

 private:
  HttpOptions options_;
  std::unique_ptr<Curl> curl_;
  Bell bell_;
};

/// Keeps a body in memory.
class TextSink final : public BodySink {
 public:
  TextSink(std::string_view url, std::size_t limit) : url_(url), limit_(limit) {}
  Result<> begin(const HttpResponse&) override { return {}; }
  Result<bool> write(std::span<const std::byte> bytes) override {
    if (bytes.size() > limit_ - text_.size()) {
      return fail(ErrorKind::refused, "{} is larger than {} bytes",
                  conda::without_credentials(url_), limit_);
    }
    const std::size_t before = text_.size();
    text_.resize(before + bytes.size());
    std::ranges::copy(bytes, std::as_writable_bytes(std::span(text_).subspan(before)).begin());
    return true;
  }
  Result<> end() override { return {}; }
  std::string take() { return std::move(text_); }

 private:
  std::string_view url_;
  std::size_t limit_;
  std::string text_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_http_client(const HttpOptions& options) {
  return std::make_unique<CurlHttpClient>(options);
}

Result<TextResponse> get_text(HttpClient& client, const HttpRequest& request, std::size_t limit) {
  TextSink sink(request.url, limit);
  const Transfer transfer{request, &sink};
  std::vector<Result<HttpResponse>> outcomes = client.get_all(std::span(&transfer, 1));
  HPCENV_ASSIGN(HttpResponse head, std::move(outcomes.front()));
  return TextResponse{std::move(head), sink.take()};
}

}  // namespace hpcenv::net
