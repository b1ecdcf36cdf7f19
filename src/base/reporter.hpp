// Progress and warnings of long work; a failure never travels here. One of the five
// seams.
#pragma once

#include <cstdint>
#include <string_view>

namespace hpcenv::base {

enum class Unit { bytes, items };

/// All functions may be called from any thread.
class Reporter {
 public:
  virtual ~Reporter() = default;
  /// A new step has begun: "Reading channels". Ends the step before.
  virtual void step(std::string_view what) = 0;
  /// Within the step: done of total (0: unknown). Bytes and items may be told side by side.
  virtual void progress(std::uint64_t done, std::uint64_t total, Unit unit) = 0;
  /// Within the step: one of several things that are at work at once ("numpy-2.0-0"). Who shows no
  /// parts need not listen.
  virtual void part(std::string_view /*name*/, std::uint64_t /*done*/, std::uint64_t /*total*/,
                    Unit /*unit*/) {}
  /// That part is no longer at work.
  virtual void part_end(std::string_view /*name*/) {}
  /// One sentence that the user has to see once.
  virtual void warning(std::string_view text) = 0;
  /// Detail for --verbose.
  virtual void detail(std::string_view text) = 0;
};

/// Drops everything.
class NullReporter final : public Reporter {
 public:
  void step(std::string_view) override {}
  void progress(std::uint64_t, std::uint64_t, Unit) override {}
  void warning(std::string_view) override {}
  void detail(std::string_view) override {}
};

}  // namespace hpcenv::base
