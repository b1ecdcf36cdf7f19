// The jobs of a probe: asked for, submitted, looked after, cancelled.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "ops/probe_place.hpp"
#include "slurm/job_state.hpp"
#include "slurm/probe_request.hpp"
#include "slurm/refusal.hpp"

namespace hpcenv::ops {

class ProbeJobs {
 public:
  ProbeJobs(base::ProcessRunner& runner, const base::Environment& environment)
      : runner_(runner), environment_(environment) {}

  struct Answer {
    bool accepted = false;
    slurm::Refusal refusal;  ///< where it is not
    std::string id;          ///< of submit
    std::string start;       ///< of test: when it could start
  };
  /// `sbatch --test-only`, which runs the site's plugins too. Kind network where sbatch does not
  /// come back.
  Result<Answer> test(const slurm::ProbeRequest& request, const ProbePlace& place);
  Result<Answer> submit(const slurm::ProbeRequest& request, const ProbePlace& place);

  struct Now {
    slurm::JobState state;
    std::string start;  ///< Slurm's estimate
  };
  /// nullopt: Slurm does not say. One that it has forgotten has ended.
  std::optional<Now> look(const std::string& job);
  /// Those given and all others of this place, also where an interrupt came in between; it is
  /// carried out in spite of it.
  void cancel(const std::vector<std::string>& jobs, const ProbePlace& place);

 private:
  Result<base::ProcessResult> sbatch(std::string mode, const slurm::ProbeRequest& request,
                                     const ProbePlace& place);
  Result<base::ProcessResult> ask(std::vector<std::string> words, std::chrono::seconds deadline);

  base::ProcessRunner& runner_;
  const base::Environment& environment_;
};

}  // namespace hpcenv::ops
