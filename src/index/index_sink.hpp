// Between the network and an IndexBuilder: a bounded queue and a thread of its own, so that several
// subdirs are decoded at once while all of them are fetched.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "index/index_builder.hpp"
#include "net/http.hpp"

namespace hpcenv::index {

class IndexSink final : public net::BodySink {
 public:
  /// `client` outlives the sink: it is woken when there is room again.
  IndexSink(std::unique_ptr<IndexBuilder> builder, net::HttpClient& client)
      : builder_(std::move(builder)), client_(client) {}
  ~IndexSink() override;
  IndexSink(const IndexSink&) = delete;
  IndexSink& operator=(const IndexSink&) = delete;

  Result<> begin(const net::HttpResponse& head) override;
  Result<bool> write(std::span<const std::byte> bytes) override;
  Result<> end() override;
  void abandon(const Error& error) override;

  /// After a transfer that succeeded; waits for the thread.
  Result<BuiltIndex> take_built();
  /// Bytes that came so far; any thread.
  std::uint64_t received() const { return received_.load(); }

 private:
  enum class Close { open, ended, abandoned };

  void consume();
  void close(Close how);
  void store(Result<BuiltIndex> outcome);

  std::unique_ptr<IndexBuilder> builder_;
  net::HttpClient& client_;
  std::atomic<std::uint64_t> received_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<std::byte>> queue_;
  std::size_t queued_bytes_ = 0;
  Close close_ = Close::open;
  std::optional<Result<BuiltIndex>> outcome_;
  std::thread thread_;
};

}  // namespace hpcenv::index
