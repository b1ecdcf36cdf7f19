// CONTRACT. A job on one node as a script that people can read and keep. Pure.
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
  std::string partition;
  std::string account;
  std::string qos;
  std::string time;                         ///< as sbatch takes it
  std::string gpus;                         ///< "1", "a100:2"
  std::string cpus;                         ///< --cpus-per-task
  std::string memory;                       ///< --mem
  std::string output;                       ///< --output
  std::vector<std::string> sbatch_options;  ///< further options, each one word, as given
  std::string hpcenv_version;
};

/// Refused with a hint: an option that sbatch cannot read (time, gpus, memory forms), a newline in
/// a directive, no command.
Result<> validate_request(const JobRequest& request);
/// Against what the site offers: unknown partition (with the known ones), more GPUs than a node
/// has, a partition without GPUs, a time over the partition's limit.
Result<> validate_against_site(const JobRequest& request, const SiteProfile& site);

/// The script: #SBATCH lines, a clean start, activation, `exec`. Shellcheck clean.
std::string job_script(const JobRequest& request, const shell::Activation& activation);

}  // namespace hpcenv::slurm
