// What a job asks of Slurm, and the words of sbatch, srun and salloc for it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "slurm/reach.hpp"
#include "slurm/site.hpp"

namespace hpcenv::slurm {

/// Who starts the processes of a job.
enum class Launcher {
  none,      ///< the script becomes the program
  srun,      ///< one process a task
  torchrun,  ///< torchrun once a node, which starts the processes
  mpi,       ///< one process a task, with the process manager that the MPI library wants
};
/// Kind usage for any other word.
Result<Launcher> launcher_named(const std::string& name);

/// A job that saves its state on a signal and goes on in another run.
struct RequeueSignal {
  std::string name;           ///< "USR1"
  std::uint64_t seconds = 0;  ///< before the time limit
};
/// "USR1@120". Kind usage, with a hint.
Result<RequeueSignal> parse_requeue_signal(const std::string& text);

struct JobRequest {
  std::vector<std::string> command;  ///< program and arguments
  std::string job_name;              ///< empty: from the program
  std::string partition;             ///< one, or several with commas between
  std::string constraint;
  std::string account;
  std::string qos;
  std::string cluster;     ///< --clusters
  std::string nodes;       ///< --nodes, "2" or "2-4"; empty: one
  std::string ntasks;      ///< --ntasks
  std::string node_tasks;  ///< --ntasks-per-node; with torchrun the processes that it starts
  std::string gpus;        ///< "1", "a100", "a100:2": on each node
  std::string gpu_option;  ///< as ReachField::gpu_option; empty: gres
  std::string task_gpus;   ///< --gpus-per-task
  std::string cpus;        ///< --cpus-per-task
  std::string memory;      ///< --mem
  std::string time;        ///< as sbatch takes it
  std::string array;
  std::string dependency;
  std::string mail_type;
  std::string mail_user;
  std::string output;                       ///< --output
  std::vector<std::string> sbatch_options;  ///< further options, each one word, as given
  bool exclusive = false;

  Launcher launcher = Launcher::none;
  std::string mpi;                       ///< --mpi of srun; empty: srun's default
  std::string mpi_library;               ///< path or soname of the program's MPI; empty: not known
  std::optional<RequeueSignal> requeue;  ///< a file as output is appended to then
  std::string checker;            ///< path of the hpcenv that looks at the node first; empty: none
  std::vector<std::string> head;  ///< lines of bash before the activation
  std::string interface;          ///< that nodes reach each other over
  std::string host_suffix;        ///< after a node's name, the name of that interface's address
  std::vector<std::string> visible;  ///< directories that the nodes are known to see
  bool torch_takes_address = true;   ///< whether torchrun knows --local-addr (2.5 and newer)
  std::string hpcenv_version;
};

/// Whether the job has, or may have, more than one node; more than one task.
bool has_several_nodes(const JobRequest& request);
bool has_several_tasks(const JobRequest& request);

/// What the request leaves open is taken from `reach`; the GPU's spelling, the lines of the head
/// and the network always. Kind usage: --mem where the site takes none.
Result<> complete(JobRequest& request, const Reach& reach);

/// Kind usage, with a hint: an option that sbatch cannot read (time, gpus, numbers, memory),
/// options that do not go together, a control character in an option, no command.
Result<> validate_request(const JobRequest& request);
/// Against what the site offers, for the partitions that the request names, else the default one (a
/// site with rules of its own may route the job). Unknown partition: not_found, with the nearest
/// and the known ones. Refused: an account or QOS that it does not take, more or fewer nodes than
/// it gives, GPUs that no node has, a time over its limit. A job for another cluster passes.
Result<> validate_against_site(const JobRequest& request, const SiteProfile& site);
/// What passes the checks but deserves a word: a partition that is not up.
std::vector<std::string> site_warnings(const JobRequest& request, const SiteProfile& site);

/// The options of sbatch, one word each. Given on the command line too they win over SBATCH_*
/// variables, which win over the script's lines.
std::vector<std::string> sbatch_words(const JobRequest& request);
/// Those that srun and salloc take for an allocation or a step of their own: none of a batch job's,
/// and no number of nodes where nobody said one.
std::vector<std::string> srun_words(const JobRequest& request);
/// What an option among the further ones says: "--chdir=DIR", "--chdir DIR", "-D DIR", "-DDIR"; the
/// last counts, empty where there is none.
std::string further_option(const JobRequest& request, std::string_view name,
                           std::string_view letter);
/// Ids of jobs in --dependency ("afterok:7:8,afterany:9+5"), each once.
std::vector<std::string> jobs_waited_for(const JobRequest& request);
/// Variables that say otherwise what the request says in an option of another name, such as
/// SBATCH_MEM_PER_CPU beside --mem: to be unset for the program whose variables start with `start`.
std::vector<std::string> overruled_variables(const JobRequest& request, std::string_view start);

}  // namespace hpcenv::slurm
