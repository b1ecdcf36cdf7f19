// A bounded queue of bytes between the thread that runs transfers and the one that unpacks.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::packages {

/// One thread pushes, one pops.
class ByteQueue {
 public:
  /// `has_room` is called from the popping thread after a push was refused and there is room again.
  ByteQueue(std::size_t limit, std::function<void()> has_room)
      : limit_(limit), has_room_(std::move(has_room)) {}

  /// False, and nothing is taken, while the queue is full. An empty queue takes a piece of any
  /// size.
  bool push(std::span<const std::byte> bytes);
  /// No more bytes come.
  void close();
  /// No more bytes come, and this is why; pop() answers so at once.
  void fail(Error error);
  /// Blocks; the bytes stay until the next call, none is the end. Polls the interrupt flag.
  Result<std::span<const std::byte>> pop();

 private:
  std::size_t limit_;
  std::function<void()> has_room_;
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::vector<std::byte>> pieces_;
  std::size_t size_ = 0;
  bool refused_ = false;
  bool closed_ = false;
  std::optional<Error> failure_;
  std::vector<std::byte> current_;  ///< of the popping thread
};

}  // namespace hpcenv::packages
