// Solving for a machine: what its driver, GPU, C library or processor cannot run is no solution,
// and is told in the doctor's words, with what runs there instead.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/package_record.hpp"
#include "doctor/finding.hpp"
#include "ops/machine.hpp"
#include "ops/question.hpp"
#include "solve/solver.hpp"

namespace hpcenv::ops {

/// The checks of the doctor that are asked.
enum class Judges {
  beyond_solver,  ///< what packages' own constraints do not say
  all,            ///< that too: why there is no solution
};

/// What the doctor would call a failure of an environment of these packages on the machine's nodes.
/// What somebody overrides (CONDA_OVERRIDE_*) or nobody knows is not judged.
std::vector<doctor::Finding> failures_on(const Machine& machine,
                                         const std::vector<conda::PackageRecord>& packages,
                                         Judges judges);

/// Soft bounds of what runs on the machine: no toolkit newer than the driver (decision 3: PTX fails
/// with error 222), and on GPUs before Turing neither CUDA 13 nor cuDNN from 9.11 on.
Result<Specs> bounds_of(const Machine& machine);

/// One question to the solver, and what is said of its answer.
struct MachineQuestion {
  const solve::SolveRequest& wanted;
  const Question& question;
  const Machine& machine;
  const std::vector<std::string>& words;  ///< the command line: for what could be typed instead
};

/// As solve::solve; a solution that the machine cannot run, where what is installed runs, is a
/// conflict. A conflict comes with hints.
Result<solve::SolveOutcome> solve_for_machine(const MachineQuestion& asked);

}  // namespace hpcenv::ops
