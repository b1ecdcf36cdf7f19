// The sign of life of who holds a lock: the file's times change while the holder runs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/fs.hpp"

namespace hpcenv::prefix {

/// Times of locks; tests shorten them.
struct LockTiming {
  std::chrono::milliseconds beat{15'000};      ///< the holder touches its file this often
  std::chrono::milliseconds silence{600'000};  ///< without a beat for so long it is taken over
  std::chrono::milliseconds poll{500};         ///< who waits looks this often
};

/// The times above. Builds with fault points obey $HPCENV_FAULT_LOCK_BEAT, ..._SILENCE and
/// ..._POLL (milliseconds), so that tests of the whole program need not wait for minutes.
LockTiming lock_timing();

/// A thread that touches an open file until the end of this object. It takes no signal, and a
/// process that ends does not wait for it. A stopped process is silent.
class Heartbeat {
 public:
  /// Where no thread can be had there is no beat: then the lock can be taken over while it is held,
  /// which costs the holder its work and nothing else.
  Heartbeat(base::Fd file, std::chrono::milliseconds interval);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  /// The file that is touched.
  int file() const { return file_.get(); }

 private:
  void beat();

  base::Fd file_;
  std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace hpcenv::prefix
