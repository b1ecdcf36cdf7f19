// All that Slurm prints and hpcenv reads: one text through every reader.
#include "fuzz/fuzz.hpp"
#include "slurm/job_state.hpp"
#include "slurm/mpi.hpp"
#include "slurm/refusal.hpp"
#include "slurm/site_show.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = hpcenv::fuzz::text_of(data, size);
  hpcenv::slurm::SiteProfile site;
  hpcenv::slurm::parse_configuration(text, site);
  (void)hpcenv::slurm::parse_partitions(text, text, site);
  hpcenv::slurm::parse_associations(text, site);
  hpcenv::slurm::parse_default_account(text, site);
  (void)hpcenv::slurm::explain_refusal(text);
  (void)hpcenv::slurm::parse_mpi_list(text);
  (void)hpcenv::slurm::parse_scontrol_job(text);
  (void)hpcenv::slurm::parse_sacct_job(text);
  (void)hpcenv::slurm::parse_submitted_id(text);
  (void)hpcenv::slurm::expected_start(text);
  return 0;
}
