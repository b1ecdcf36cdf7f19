#include "index/index_sink.hpp"

#include <system_error>
#include <utility>

namespace hpcenv::index {

namespace {

constexpr std::size_t queue_limit = 2U << 20U;

}  // namespace

IndexSink::~IndexSink() {
  close(Close::abandoned);
  if (thread_.joinable()) thread_.join();
}

Result<> IndexSink::begin(const net::HttpResponse&) {
  try {
    thread_ = std::thread([this] { consume(); });
  } catch (const std::system_error&) {
    thread_ = std::thread();  // a process limit is reached: write() does it on the network's thread
  }
  return {};
}

Result<bool> IndexSink::write(std::span<const std::byte> bytes) {
  if (!thread_.joinable()) {
    HPCENV_TRY(builder_->push(bytes));
    received_ += bytes.size();
    return true;
  }
  const std::lock_guard lock(mutex_);
  if (outcome_.has_value() && !outcome_->has_value()) return Failure(outcome_->error());
  if (queued_bytes_ >= queue_limit) return false;
  queue_.emplace_back(bytes.begin(), bytes.end());
  queued_bytes_ += bytes.size();
  received_ += bytes.size();
  changed_.notify_all();
  return true;
}

Result<> IndexSink::end() {
  if (!thread_.joinable()) outcome_ = builder_->finish();
  close(Close::ended);
  return {};
}

void IndexSink::abandon(const Error&) { close(Close::abandoned); }

void IndexSink::close(Close how) {
  const std::lock_guard lock(mutex_);
  if (close_ == Close::open) close_ = how;
  changed_.notify_all();
}

/// The thread: takes pieces until the end, a failure, or nobody wants the index any more.
void IndexSink::consume() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty() || close_ != Close::open; });
    if (close_ == Close::abandoned) return;
    if (queue_.empty()) break;
    const std::vector<std::byte> piece = std::move(queue_.front());
    queue_.pop_front();
    const bool was_full = queued_bytes_ >= queue_limit;
    queued_bytes_ -= piece.size();
    const bool has_room = queued_bytes_ < queue_limit;
    lock.unlock();
    if (was_full && has_room) client_.wake();
    if (Result<> pushed = builder_->push(piece); !pushed.has_value()) {
      store(Failure(std::move(pushed).error()));
      client_.wake();
      return;
    }
  }
  store(builder_->finish());
}

void IndexSink::store(Result<BuiltIndex> outcome) {
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
}

Result<BuiltIndex> IndexSink::take_built() {
  if (thread_.joinable()) thread_.join();
  if (!outcome_.has_value()) return fail(ErrorKind::bug, "an index was asked for that never came");
  return std::move(*outcome_);
}

}  // namespace hpcenv::index
