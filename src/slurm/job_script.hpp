// A job on one node as a script that people can read and keep. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "shell/activation.hpp"
#include "slurm/site.hpp"

namespace hpcenv::slurm {

struct JobRequest {
  std::vector<std::string> command;  ///< program and arguments
  std::string job_name;              ///< empty: from the program
  std::string partition;             ///< one, or several with commas between
  std::string account;
  std::string qos;
  std::string time;                         ///< as sbatch takes it
  std::string gpus;                         ///< "1", "a100", "a100:2": on the node
  std::string cpus;                         ///< --cpus-per-task
  std::string memory;                       ///< --mem
  std::string output;                       ///< --output
  std::vector<std::string> sbatch_options;  ///< further options, each one word, as given
  std::string hpcenv_version;
};

/// Kind usage, with a hint: an option that sbatch cannot read (time, gpus, cpus, memory), a control
/// character in an option, no command.
Result<> validate_request(const JobRequest& request);
/// Against what the site offers, for the partitions that the request names (a site may route the
/// rest): unknown partition (not_found, with the nearest and the known ones), a partition without
/// GPUs, more GPUs than a node has, a time over the partition's limit (refused).
Result<> validate_against_site(const JobRequest& request, const SiteProfile& site);
/// What passes the checks but deserves a word: a partition that is not up.
std::vector<std::string> site_warnings(const JobRequest& request, const SiteProfile& site);

/// The options of sbatch, one word each. Given on the command line too they win over SBATCH_*
/// variables, which win over the script's lines.
std::vector<std::string> sbatch_words(const JobRequest& request);

/// The script: #SBATCH lines, a clean start, checks on the environment (127: not visible on the
/// node, 125: half-changed), activation, `exec`. Shellcheck clean; nothing of the request is
/// executed but the command. The request has to be valid.
std::string job_script(const JobRequest& request, const shell::Activation& activation);

}  // namespace hpcenv::slurm
