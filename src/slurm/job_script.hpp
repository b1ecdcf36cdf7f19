// A job as a script that people can read and keep. Pure.
#pragma once

#include <string>

#include "shell/activation.hpp"
#include "slurm/job_request.hpp"

namespace hpcenv::slurm {

/// The script: #SBATCH lines, a clean start, checks on the environment (127: not visible on the
/// node, 125: half-changed, or the doctor says that it does not fit), activation, the launch. It
/// becomes the program (or srun) by `exec` unless the job is to be requeued; then it hands signals
/// on and waits. Shellcheck clean; nothing of the request is executed but the command and the head.
/// The request has to be valid.
std::string job_script(const JobRequest& request, const shell::Activation& activation);

/// What srun starts on a node in place of a program (`bash -c TEXT NAME PROGRAM [ARGUMENT...]`):
/// the same checks, head and activation, then the program.
std::string node_script(const JobRequest& request, const shell::Activation& activation);

/// The same for a person at a terminal: the user's own shell, entered by the hpcenv at `program`,
/// or bash where the node does not see that.
std::string session_script(const JobRequest& request, const shell::Activation& activation,
                           const std::string& program);

}  // namespace hpcenv::slurm
