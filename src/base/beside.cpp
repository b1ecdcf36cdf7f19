#include "base/beside.hpp"

#include "base/parallel.hpp"

namespace hpcenv::base {

std::vector<Result<ProcessResult>> run_beside(ProcessRunner& runner,
                                              const std::vector<ProcessRequest>& requests) {
  std::vector<Result<ProcessResult>> results;
  results.reserve(requests.size());
  for (const ProcessRequest& request : requests) {
    results.emplace_back(fail(ErrorKind::interrupted, "{} was not started", request.argv.front()));
  }
  // An interrupt stops the hand-out: what was not started says so.
  static_cast<void>(parallel_for(requests.size(), requests.size(), [&](std::size_t i) -> Result<> {
    results[i] = runner.run(requests[i]);
    return {};
  }));
  return results;
}

}  // namespace hpcenv::base
