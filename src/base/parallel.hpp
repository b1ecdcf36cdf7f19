// One parallel_for; no thread pool.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.hpp"

namespace hpcenv::base {

/// Runs task(i) for i in [0, count) on up to `jobs` threads (the caller's included). The first
/// failure stops the hand-out of further indices and is returned; so does the interrupt flag.
Result<> parallel_for(std::size_t count, std::size_t jobs,
                      const std::function<Result<>(std::size_t)>& task);

/// Processors this process may use: affinity mask and cgroup quota, at least 1.
std::size_t available_processors();

}  // namespace hpcenv::base
