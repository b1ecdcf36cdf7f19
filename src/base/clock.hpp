// Time as a seam.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace hpcenv::base {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds since the epoch.
  virtual std::int64_t now() const = 0;
  virtual std::chrono::steady_clock::time_point steady() const = 0;
  virtual void sleep(std::chrono::milliseconds duration) const = 0;
};

class SystemClock final : public Clock {
 public:
  std::int64_t now() const override;
  std::chrono::steady_clock::time_point steady() const override;
  void sleep(std::chrono::milliseconds duration) const override;
};

/// "2026-11-26 01:02:03" in UTC.
std::string utc_text(std::int64_t seconds);

}  // namespace hpcenv::base
