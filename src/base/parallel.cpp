#include "base/parallel.hpp"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cgroup.hpp"
#include "base/fs.hpp"
#include "base/interrupt.hpp"

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

std::atomic<std::size_t> asked_for{0};

/// How many threads the address space that `ulimit -v` leaves has room for; 0: no limit.
std::size_t address_space_limit() {
  constexpr std::size_t room_a_thread = std::size_t{256} << 20U;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  return std::max<std::size_t>(1, limit.rlim_cur / room_a_thread);
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

void ask_for_processors(std::size_t count) { asked_for.store(count); }

std::size_t available_processors() {
  if (const std::size_t asked = asked_for.load(); asked != 0) return asked;
  const Result<std::string> own = read_file("/proc/self/cgroup");
  std::size_t count = affinity_count();
  for (const std::size_t limit :
       {processor_quota(own.has_value() ? *own : "", "/sys/fs/cgroup"), address_space_limit()}) {
    if (limit != 0) count = std::min(count, limit);
  }
  return count;
}

void spare_address_space() {
  // A thread's stack is as large as `ulimit -s` says, which on clusters may be all that there is.
  constexpr std::size_t stack = std::size_t{2} << 20U;
  pthread_attr_t attributes{};
  if (pthread_attr_init(&attributes) == 0) {
    pthread_attr_setstacksize(&attributes, stack);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }
  // Each arena of malloc reserves 64 MiB.
  if (address_space_limit() != 0) mallopt(M_ARENA_MAX, 2);
}

}  // namespace hpcenv::base
