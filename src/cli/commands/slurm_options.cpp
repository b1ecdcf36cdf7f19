#include "cli/commands/slurm_options.hpp"

#include "cli/commands/named_environment.hpp"
#include "cli/commands/shell_words.hpp"
#include "ops/activate.hpp"
#include "ops/job.hpp"
#include "ops/look_before.hpp"

namespace hpcenv::cli {
namespace {

struct TextOption {
  std::string slurm::JobRequest::* member;
  const char* key;
};
constexpr std::array text_options{
    TextOption{&slurm::JobRequest::job_name, "job-name"},
    TextOption{&slurm::JobRequest::partition, "partition"},
    TextOption{&slurm::JobRequest::constraint, "constraint"},
    TextOption{&slurm::JobRequest::account, "account"},
    TextOption{&slurm::JobRequest::qos, "qos"},
    TextOption{&slurm::JobRequest::time, "time"},
    TextOption{&slurm::JobRequest::nodes, "nodes"},
    TextOption{&slurm::JobRequest::ntasks, "ntasks"},
    TextOption{&slurm::JobRequest::node_tasks, "ntasks-per-node"},
    TextOption{&slurm::JobRequest::gpus, "gpus"},
    TextOption{&slurm::JobRequest::task_gpus, "gpus-per-task"},
    TextOption{&slurm::JobRequest::cpus, "cpus"},
    TextOption{&slurm::JobRequest::memory, "mem"},
    TextOption{&slurm::JobRequest::array, "array"},
    TextOption{&slurm::JobRequest::dependency, "dependency"},
    TextOption{&slurm::JobRequest::mail_type, "mail-type"},
    TextOption{&slurm::JobRequest::mail_user, "mail-user"},
    TextOption{&slurm::JobRequest::output, "output"},
    TextOption{&slurm::JobRequest::mpi, "mpi"},
};

Result<> add_launcher(const Arguments& arguments, slurm::JobRequest& request) {
  if (arguments.has("requeue-on-signal")) {
    HPCENV_ASSIGN(request.requeue,
                  slurm::parse_requeue_signal(arguments.value("requeue-on-signal")));
  }
  if (arguments.has("check")) request.checker = own_path().string();
  if (arguments.has("launcher")) {
    HPCENV_ASSIGN(request.launcher, slurm::launcher_named(arguments.value("launcher")));
  } else if (slurm::has_several_tasks(request)) {
    request.launcher = slurm::Launcher::srun;
  }
  return {};
}

Result<PreparedJob> prepared(slurm::JobRequest request, const Arguments& arguments,
                             Session& session) {
  PreparedJob job;
  job.request = std::move(request);
  HPCENV_ASSIGN(job.locations, session.locations());
  HPCENV_ASSIGN(job.site, ops::site_layer(session.environment()));
  ops::JobSetting setting;
  setting.target = arguments.value("on");
  HPCENV_TRY(
      ops::complete_job(job.request, setting, job.site, job.locations, session.environment()));
  HPCENV_TRY(slurm::validate_request(job.request));
  HPCENV_ASSIGN(setting.environment, named_environment(arguments, job.locations));
  HPCENV_ASSIGN(const std::vector<std::string> warnings,
                ops::suit_launcher(job.request, setting, session.local_seams()));
  for (const std::string& warning : warnings) session.reporter().warning(warning);
  HPCENV_ASSIGN(job.activation, ops::activation_for(setting.environment, ops::ForNode::any,
                                                    job.locations, session.local_seams()));
  return job;
}

}  // namespace

Result<slurm::JobRequest> typed_request(const Arguments& arguments) {
  slurm::JobRequest request;
  request.command = arguments.operands();
  for (const TextOption& option : text_options) {
    request.*option.member = arguments.value(option.key);
  }
  request.sbatch_options = arguments.values("sbatch");
  request.hpcenv_version = HPCENV_VERSION;
  HPCENV_TRY(add_launcher(arguments, request));
  return request;
}

Result<PreparedJob> prepared_job(const Arguments& arguments, Session& session) {
  if (arguments.operands().empty()) {
    return fail_hint(ErrorKind::usage, "no program is named for the job",
                     "write it after two dashes: -- PROGRAM [ARGUMENT...]");
  }
  HPCENV_ASSIGN(slurm::JobRequest request, typed_request(arguments));
  return prepared(std::move(request), arguments, session);
}

Result<PreparedJob> prepared_session(const Arguments& arguments, Session& session) {
  HPCENV_ASSIGN(slurm::JobRequest request, typed_request(arguments));
  request.command = {"bash"};
  if (request.job_name.empty()) request.job_name = "hpcenv-shell";
  return prepared(std::move(request), arguments, session);
}

Result<> look_before(const PreparedJob& job, Session& session) {
  const ops::SubmitRequest request{job.request, job.activation, job.locations.state,
                                   job.locations.working_directory};
  HPCENV_ASSIGN(const std::vector<std::string> warnings,
                ops::look_before(request, session.local_seams()));
  for (const std::string& warning : warnings) session.reporter().warning(warning);
  return {};
}

}  // namespace hpcenv::cli
