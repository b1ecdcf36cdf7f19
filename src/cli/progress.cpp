#include "cli/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "cli/printable.hpp"
#include "cli/progress_lines.hpp"

namespace hpcenv::cli {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds redraw_every{100};
/// What is over sooner leaves a terminal alone.
constexpr std::chrono::milliseconds patience{300};
/// Over how long a speed is measured.
constexpr std::size_t speed_samples = 30;

double seconds_between(Steady::time_point from, Steady::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// What is known of the step that goes on.
struct Progress {
  ProgressView view;
  Steady::time_point started;
  std::deque<std::pair<Steady::time_point, std::uint64_t>> samples;

  void sample(Steady::time_point now) {
    const std::optional<Tally>& tally = view.bytes.has_value() ? view.bytes : view.items;
    view.seconds = seconds_between(started, now);
    if (!tally.has_value()) return;
    samples.emplace_back(now, tally->done);
    if (samples.size() > speed_samples) samples.pop_front();
    const auto& [then, before] = samples.front();
    const double passed = seconds_between(then, now);
    // A step may count several things one after the other.
    const bool grew = tally->done > before && passed > 0;
    view.speed = grew ? static_cast<double>(tally->done - before) / passed : 0;
    if (tally->done < before) samples.clear();
  }
};

/// One line a step, when it has ended.
class LogReporter final : public base::Reporter {
 public:
  LogReporter(const Output& output, Verbosity verbosity) : output_(output), verbosity_(verbosity) {}
  LogReporter(const LogReporter&) = delete;
  LogReporter& operator=(const LogReporter&) = delete;
  ~LogReporter() override { finish_step(); }

  void step(std::string_view what) override {
    const std::lock_guard lock(mutex_);
    finish_step();
    view_ = {};
    view_.step = what;
    started_ = Steady::now();
  }

  void progress(std::uint64_t done, std::uint64_t total, base::Unit unit) override {
    const std::lock_guard lock(mutex_);
    (unit == base::Unit::bytes ? view_.bytes : view_.items) = Tally{done, total};
  }

  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    output_.say(
        fmt::format("{} {}\n", output_.styled_error(Style::yellow, "warning:"), printable(text)));
  }

  void detail(std::string_view text) override {
    if (verbosity_ != Verbosity::verbose) {
      return;
    }
    const std::lock_guard lock(mutex_);
    output_.say(fmt::format("  {}\n", printable(text)));
  }

 private:
  void finish_step() {
    if (view_.step.empty() || verbosity_ == Verbosity::quiet) {
      return;
    }
    const std::string amounts = amounts_text(view_);
    output_.say(fmt::format("{} ({:.1f} s{}{})\n", view_.step,
                            seconds_between(started_, Steady::now()), amounts.empty() ? "" : ", ",
                            amounts));
    view_.step.clear();
  }

  const Output& output_;
  Verbosity verbosity_;
  std::mutex mutex_;
  ProgressView view_;
  Steady::time_point started_;
};

/// A few lines that are drawn over and over in one place by a thread of their own, so that work
/// that reports nothing is seen to go on, and work that reports much is not held up.
class ScreenReporter final : public base::Reporter {
 public:
  ScreenReporter(const Output& output, Verbosity verbosity)
      : output_(output), verbosity_(verbosity) {}
  ScreenReporter(const ScreenReporter&) = delete;
  ScreenReporter& operator=(const ScreenReporter&) = delete;

  ~ScreenReporter() override {
    {
      const std::lock_guard lock(mutex_);
      finish_step();
      is_over_ = true;
    }
    news_.notify_all();
    if (drawer_.joinable()) drawer_.join();
  }

  void step(std::string_view what) override {
    const std::lock_guard lock(mutex_);
    finish_step();
    now_ = {};
    now_.view.step = printable(what);
    now_.started = Steady::now();
    if (!what.empty()) start_drawer();
  }

  void progress(std::uint64_t done, std::uint64_t total, base::Unit unit) override {
    const std::lock_guard lock(mutex_);
    (unit == base::Unit::bytes ? now_.view.bytes : now_.view.items) = Tally{done, total};
  }

  void part(std::string_view name, std::uint64_t done, std::uint64_t total,
            base::Unit unit) override {
    const std::lock_guard lock(mutex_);
    auto found = std::ranges::find(now_.view.parts, name, &ProgressPart::name);
    if (found == now_.view.parts.end()) {
      found = now_.view.parts.insert(found, ProgressPart{std::string(name), {}, unit});
    }
    found->tally = {done, total};
  }

  void part_end(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(now_.view.parts, [&](const ProgressPart& part) { return part.name == name; });
  }

  void warning(std::string_view text) override {
    say_above(
        fmt::format("{} {}\n", output_.styled_error(Style::yellow, "warning:"), printable(text)));
  }

  void detail(std::string_view text) override {
    if (verbosity_ == Verbosity::verbose) say_above(fmt::format("  {}\n", printable(text)));
  }

 private:
  void start_drawer() {
    if (drawer_.joinable() || verbosity_ == Verbosity::quiet) return;
    try {
      drawer_ = std::thread([this] { draw_on(); });
    } catch (const std::system_error&) {
      drawer_ = std::thread();
      // Without a thread nothing is drawn; each step still leaves its line.
    }
  }

  void draw_on() {
    std::unique_lock lock(mutex_);
    while (!news_.wait_for(lock, redraw_every, [this] { return is_over_; })) {
      const auto now = Steady::now();
      if (now_.view.step.empty()) continue;
      now_.sample(now);
      if (now - now_.started >= patience) draw();
    }
  }

  void draw() {
    const std::vector<std::string> lines = progress_lines(now_.view, canvas());
    std::string text = to_top();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      text += fmt::format("{}{}\x1b[K", i == 0 ? "" : "\n", lines[i]);
    }
    if (lines.size() < drawn_) text += "\x1b[J";
    drawn_ = lines.size();
    output_.say(text);
  }

  /// To the first of the lines that were drawn. Where the window has become narrower since, some of
  /// them may have been broken and stay above; what others wrote is never drawn over.
  std::string to_top() const {
    return drawn_ > 1 ? fmt::format("\r\x1b[{}A", drawn_ - 1) : std::string("\r");
  }

  void erase() {
    if (drawn_ == 0) return;
    output_.say(to_top() + "\x1b[J");
    drawn_ = 0;
  }

  void say_above(const std::string& line) {
    const std::lock_guard lock(mutex_);
    erase();
    output_.say(line);
  }

  void finish_step() {
    erase();
    const auto now = Steady::now();
    const bool is_worth_a_line =
        !now_.view.step.empty() && verbosity_ != Verbosity::quiet && now - now_.started >= patience;
    if (is_worth_a_line) {
      const std::string amounts = amounts_text(now_.view);
      output_.say(fmt::format("{} ({:.1f} s{}{})\n", now_.view.step,
                              seconds_between(now_.started, now), amounts.empty() ? "" : ", ",
                              amounts));
    }
    now_.view.step.clear();
  }

  Canvas canvas() const {
    Canvas canvas;
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_row > 0) {
      canvas.columns = size.ws_col;
      canvas.rows = size.ws_row;
    }
    canvas.glyphs = output_.is_utf8() ? Canvas::Glyphs::unicode : Canvas::Glyphs::ascii;
    return canvas;
  }

  const Output& output_;
  Verbosity verbosity_;
  std::mutex mutex_;
  std::condition_variable news_;
  bool is_over_ = false;
  std::thread drawer_;
  Progress now_;
  std::size_t drawn_ = 0;  ///< lines on the screen that are ours
};

}  // namespace

std::unique_ptr<base::Reporter> make_reporter(const Output& output, Verbosity verbosity) {
  if (output.can_redraw()) {
    return std::make_unique<ScreenReporter>(output, verbosity);
  }
  return std::make_unique<LogReporter>(output, verbosity);
}

}  // namespace hpcenv::cli
