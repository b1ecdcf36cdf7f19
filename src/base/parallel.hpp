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

/// Processors this process may use: affinity mask, quota of its control groups (versions 1 and 2),
/// and what the address space (`ulimit -v`) has room for, at least 1; or what the user asked for.
std::size_t available_processors();
/// What --jobs says, for everybody who asks from then on; 0: nothing is asked for.
void ask_for_processors(std::size_t count);

/// Once, from main, before any thread: threads get small stacks whatever `ulimit -s` says, and
/// little is reserved where `ulimit -v` is set.
void spare_address_space();

}  // namespace hpcenv::base
