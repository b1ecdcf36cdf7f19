#include "cli/commands/slurm_options.hpp"

namespace hpcenv::cli {

Result<slurm::JobRequest> job_request_of(const Arguments& arguments) {
  if (arguments.operands().empty()) {
    return fail_hint(ErrorKind::usage, "no program is named for the job",
                     "hpcenv slurm submit -n NAME -- PROGRAM [ARGUMENT...]");
  }
  slurm::JobRequest request;
  request.command = arguments.operands();
  request.job_name = arguments.value("job-name");
  request.partition = arguments.value("partition");
  request.account = arguments.value("account");
  request.qos = arguments.value("qos");
  request.time = arguments.value("time");
  request.gpus = arguments.value("gpus");
  request.cpus = arguments.value("cpus");
  request.memory = arguments.value("mem");
  request.output = arguments.value("output");
  request.sbatch_options = arguments.values("sbatch");
  request.hpcenv_version = HPCENV_VERSION;
  HPCENV_TRY(slurm::validate_request(request));
  return request;
}

}  // namespace hpcenv::cli
