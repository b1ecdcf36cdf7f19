#include "base/parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"

namespace hpcenv::base {

namespace {

class Crew {
 public:
  Crew(std::size_t count, const std::function<Result<>(std::size_t)>& task)
      : count_(count), task_(task) {}

  void work() {
    while (!stopped_.load()) {
      const std::size_t index = next_.fetch_add(1);
      if (index >= count_) return;
      Result<> done = check_interrupt();
      if (done.has_value()) done = task_(index);
      if (!done.has_value()) stop(std::move(done).error());
    }
  }

  Result<> result() {
    if (failure_.has_value()) return Failure(std::move(*failure_));
    return {};
  }

 private:
  void stop(Error error) {
    const std::lock_guard lock(mutex_);
    if (!failure_.has_value()) failure_ = std::move(error);
    stopped_.store(true);
  }

  std::size_t count_;
  const std::function<Result<>(std::size_t)>& task_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::optional<Error> failure_;
};

std::size_t affinity_count() {
  for (int capacity = 1024; capacity <= (1 << 18); capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    const std::size_t size = CPU_ALLOC_SIZE(capacity);
    if (set == nullptr) break;
    const bool known = sched_getaffinity(0, size, set) == 0;
    const int count = known ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (known) return static_cast<std::size_t>(std::max(count, 1));
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

/// The smallest cpu.max of the process's cgroup (version 2) and its ancestors, rounded up; 0: none.
std::size_t cgroup_limit() {
  const Result<std::string> own = read_file("/proc/self/cgroup");
  if (!own.has_value()) return 0;
  std::size_t limit = 0;
  for (const std::string_view line : split_lines(*own)) {
    if (!line.starts_with("0::/")) continue;
    const fs::path root = "/sys/fs/cgroup";
    fs::path group = root / std::string(line.substr(4));
    for (; group.native().size() >= root.native().size(); group = group.parent_path()) {
      const Result<std::string> text = read_file(group / "cpu.max");
      if (!text.has_value()) continue;
      const std::vector<std::string_view> words = split_words(*text);
      const auto quota = words.size() == 2 ? parse_unsigned(words[0]) : std::nullopt;
      const auto period = words.size() == 2 ? parse_unsigned(words[1]) : std::nullopt;
      if (!quota.has_value() || period.value_or(0) == 0) continue;
      const std::size_t processors = std::max<std::size_t>(1, (*quota + *period - 1) / *period);
      limit = limit == 0 ? processors : std::min(limit, processors);
    }
  }
  return limit;
}

}  // namespace

Result<> parallel_for(std::size_t count, std::size_t jobs,
                      const std::function<Result<>(std::size_t)>& task) {
  Crew crew(count, task);
  std::vector<std::thread> helpers;
  for (std::size_t helper = 1; helper < std::min(jobs, count); ++helper) {
    try {
      helpers.emplace_back([&crew] { crew.work(); });
    } catch (const std::system_error&) {
      break;  // a process limit is reached: fewer hands do the same work
    }
  }
  crew.work();
  for (std::thread& helper : helpers) helper.join();
  return crew.result();
}

std::size_t available_processors() {
  const std::size_t allowed = affinity_count();
  const std::size_t limit = cgroup_limit();
  return limit == 0 ? allowed : std::min(allowed, limit);
}

}  // namespace hpcenv::base
