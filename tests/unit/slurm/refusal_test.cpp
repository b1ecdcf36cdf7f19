#include "slurm/refusal.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::slurm {

using enum RefusalTopic;

TEST_CASE("a refusal names the option to change") {
  const auto advice = [](const char* errors) { return explain_refusal(errors).advice; };
  const Refusal partition = explain_refusal(
      "sbatch: error: invalid partition specified: nosuch\n"
      "sbatch: error: Batch job submission failed: Invalid partition name specified\n");
  CHECK(partition.reason ==
        "invalid partition specified: nosuch; Batch job submission failed: Invalid partition name "
        "specified");
  CHECK(partition.advice.starts_with("name the partition with --partition"));
  CHECK(advice("sbatch: error: You must charge a project\nsbatch: error: Unspecified error")
            .starts_with("name the account with --account"));
  CHECK(advice("sbatch: error: Invalid qos specification").starts_with("name a quality"));
  CHECK(advice("allocation failure: Requested node configuration is not available")
            .starts_with("no node has all"));
  CHECK(advice("sbatch: error: Please request GPUs").find("--gpus") != std::string::npos);
  CHECK(advice("sbatch: error: Walltime missing") == "give another --time");
  CHECK(advice("sbatch: error: Unable to contact slurm controller (connect failure)")
            .find("try again") != std::string::npos);
  CHECK(advice("sbatch: error: computer says no").find("--sbatch") != std::string::npos);
  CHECK_FALSE(advice("").empty());
}

TEST_CASE("a refusal is about what the site's sentence says, not the code's name") {
  const auto topics = [](const char* errors) { return explain_refusal(errors).topics; };
  CHECK(topics("sbatch: error: Job needs a walltime\n"
               "sbatch: error: Batch job submission failed: Invalid account or account/partition "
               "combination specified\n") == std::vector{time});
  // Nobody said a word: the name of the code is all there is.
  CHECK(topics("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
               "(job submit limit, user's size and/or time limits)\n")
            .front() == account);
  CHECK(topics("sbatch: error: Welcome!\nsbatch: error: Batch job submission failed: Job violates "
               "accounting/QOS policy\n")
            .front() == account);
  CHECK(topics("sbatch: error: Batch job submission failed: Unspecified error\n").empty());
  CHECK(topics("sbatch: error: Please do not use --nodelist\nsbatch: error: Unspecified error\n") ==
        std::vector{node_name});
}

TEST_CASE("what the request names already is not advised again") {
  const Refusal refusal = explain_refusal(
      "sbatch: error: This partition is for GPU jobs only.\nsbatch: error: Unspecified error\n");
  CHECK(refusal.advice.starts_with("name the partition"));
  CHECK(advice_beside(refusal, {}) == refusal.advice);
  CHECK(advice_beside(refusal, {RefusalTopic::partition}).starts_with("ask for GPUs"));
  CHECK(advice_beside(refusal, {RefusalTopic::partition, RefusalTopic::gpus}) == refusal.advice);
}

}  // namespace hpcenv::slurm
