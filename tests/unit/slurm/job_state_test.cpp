#include "slurm/job_state.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::slurm {
namespace {

std::string line(const std::string& state, const std::string& exit_code) {
  return "JobId=3 JobName=python UserId=alice(52001) GroupId=alice(52001) Priority=1 QOS=(null) "
         "JobState=" +
         state + " Reason=NonZeroExitCode Dependency=(null) Requeue=1 ExitCode=" + exit_code +
         " RunTime=00:00:01\n";
}

int exit_code(const std::string& text) {
  const auto job = parse_scontrol_job(text);
  return job && job->finished ? job->exit_code : -1;
}

}  // namespace

TEST_CASE("how a job ended is an exit code") {
  CHECK(exit_code(line("COMPLETED", "0:0")) == 0);
  CHECK(exit_code(line("FAILED", "7:0")) == 7);
  CHECK(exit_code(line("FAILED", "0:9")) == 137);
  CHECK(exit_code(line("CANCELLED", "0:15")) == 143);
  CHECK(exit_code(line("CANCELLED", "0:0")) == 143);
  CHECK(exit_code(line("TIMEOUT", "0:0")) == 1);
  CHECK(exit_code(line("NODE_FAIL", "1:0")) == 1);
  CHECK(exit_code(line("NODE_FAIL", "0:1")) == 1);
  for (const char* state : {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED"}) {
    INFO(state);
    CHECK(exit_code(line(state, "0:0")) == -1);
  }
  CHECK(parse_scontrol_job(line("FAILED", "7:0"))->reason == "NonZeroExitCode");
  CHECK_FALSE(parse_scontrol_job("No jobs in the system\n"));
}

TEST_CASE("an array ends with its last task and counts its worst") {
  CHECK(exit_code(line("COMPLETED", "0:0") + line("FAILED", "5:0") + line("FAILED", "3:0")) == 5);
  CHECK(exit_code(line("FAILED", "5:0") + line("RUNNING", "0:0") + line("COMPLETED", "0:0")) == -1);
}

TEST_CASE("sacct remembers what scontrol forgot") {
  const auto job = parse_sacct_job("CANCELLED by 52001|0:0\n");
  REQUIRE(job);
  CHECK(job->state == "CANCELLED");
  CHECK(job->exit_code == 143);
  CHECK(parse_sacct_job("FAILED|7:0\n")->exit_code == 7);
  CHECK_FALSE(parse_sacct_job(""));
}

TEST_CASE("the id of a submitted job") {
  const auto id = parse_submitted_id("4711\n");
  REQUIRE(id);
  CHECK(id->id == "4711");
  CHECK(id->cluster.empty());
  CHECK(parse_submitted_id("Welcome!\n12;kuma\n")->cluster == "kuma");
  CHECK_FALSE(parse_submitted_id("sbatch: no\n"));
}

TEST_CASE("when Slurm expects a job to start") {
  CHECK(expected_start("sbatch: Job 3 to start at 2026-11-26T01:02:03 using 1 processors on nodes "
                       "cpu01 in partition cpu\n") == "2026-11-26T01:02:03");
  CHECK(expected_start("").empty());
  CHECK(expected_start("x to start at ").empty());
}

}  // namespace hpcenv::slurm
