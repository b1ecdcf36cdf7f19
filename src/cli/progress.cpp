#include "cli/progress.hpp"

#include <fmt/format.h>

#include <mutex>
#include <string>

#include "base/text.hpp"
#include "cli/printable.hpp"

namespace hpcenv::cli {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds redraw_every{100};

std::string amount(std::uint64_t value, base::Unit unit) {
  return unit == base::Unit::bytes ? base::human_bytes(value) : std::to_string(value);
}

class TerminalReporter final : public base::Reporter {
 public:
  TerminalReporter(const Output& output, Verbosity verbosity)
      : output_(output), verbosity_(verbosity) {}
  TerminalReporter(const TerminalReporter&) = delete;
  TerminalReporter& operator=(const TerminalReporter&) = delete;

  ~TerminalReporter() override { finish_step(); }

  void step(std::string_view what) override {
    const std::lock_guard lock(mutex_);
    finish_step();
    step_ = what;
    started_ = Steady::now();
    progress_.clear();
    if (!step_.empty() && verbosity_ != Verbosity::quiet && output_.stderr_is_terminal()) {
      redraw();
    }
  }

  void progress(std::uint64_t done, std::uint64_t total, base::Unit unit) override {
    const std::lock_guard lock(mutex_);
    progress_ = total == 0 ? amount(done, unit)
                           : fmt::format("{} of {}", amount(done, unit), amount(total, unit));
    const auto now = Steady::now();
    if (verbosity_ == Verbosity::quiet || !output_.stderr_is_terminal() ||
        now - drawn_ < redraw_every) {
      return;
    }
    drawn_ = now;
    redraw();
  }

  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    clear_line();
    output_.say(
        fmt::format("{} {}\n", output_.styled_error(Style::yellow, "warning:"), printable(text)));
  }

  void detail(std::string_view text) override {
    if (verbosity_ != Verbosity::verbose) {
      return;
    }
    const std::lock_guard lock(mutex_);
    clear_line();
    output_.say(fmt::format("  {}\n", printable(text)));
  }

 private:
  void clear_line() const {
    if (output_.stderr_is_terminal()) {
      output_.say("\r\x1b[K");
    }
  }

  void redraw() const {
    clear_line();
    output_.say(progress_.empty() ? fmt::format("{} ...", step_)
                                  : fmt::format("{}: {}", step_, progress_));
  }

  void finish_step() {
    if (step_.empty() || verbosity_ == Verbosity::quiet) {
      return;
    }
    clear_line();
    const auto seconds = std::chrono::duration<double>(Steady::now() - started_).count();
    const std::string detail = progress_.empty() ? "" : ", " + progress_;
    output_.say(fmt::format("{} ({:.1f} s{})\n", step_, seconds, detail));
    step_.clear();
  }

  const Output& output_;
  Verbosity verbosity_;
  std::mutex mutex_;
  std::string step_;
  std::string progress_;
  Steady::time_point started_;
  Steady::time_point drawn_;
};

}  // namespace

std::unique_ptr<base::Reporter> make_terminal_reporter(const Output& output, Verbosity verbosity) {
  return std::make_unique<TerminalReporter>(output, verbosity);
}

}  // namespace hpcenv::cli
