#include "packages/byte_queue.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/interrupt.hpp"

namespace hpcenv::packages {

namespace {

constexpr std::chrono::milliseconds interrupt_interval{100};
/// Small pieces are put together up to this size: fewer wake-ups, fewer calls into the archive
/// reader.
constexpr std::size_t piece_size = std::size_t{256} * 1024;

}  // namespace

bool ByteQueue::push(std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (size_ > 0 && size_ + bytes.size() > limit_) {
    refused_ = true;
    return false;
  }
  if (pieces_.empty() || pieces_.back().size() + bytes.size() > piece_size) {
    pieces_.emplace_back().reserve(std::max(piece_size, bytes.size()));
  }
  pieces_.back().insert(pieces_.back().end(), bytes.begin(), bytes.end());
  size_ += bytes.size();
  news_.notify_one();
  return true;
}

void ByteQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  news_.notify_one();
}

void ByteQueue::fail(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_.has_value()) failure_ = std::move(error);
  news_.notify_one();
}

Result<std::span<const std::byte>> ByteQueue::pop() {
  bool room = false;
  {
    std::unique_lock lock(mutex_);
    while (pieces_.empty() && !closed_ && !failure_.has_value()) {
      news_.wait_for(lock, interrupt_interval);
      HPCENV_TRY(base::check_interrupt());
    }
    if (failure_.has_value()) return Failure(*failure_);
    current_.clear();
    if (!pieces_.empty()) {
      current_ = std::move(pieces_.front());
      pieces_.pop_front();
      size_ -= current_.size();
      room = refused_ && size_ <= limit_ / 2;
      refused_ = refused_ && !room;
    }
  }
  if (room) has_room_();
  return std::span<const std::byte>(current_);
}

}  // namespace hpcenv::packages
