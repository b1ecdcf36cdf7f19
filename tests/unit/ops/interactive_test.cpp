#include "ops/interactive.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

namespace hpcenv::ops {
namespace {

slurm::JobRequest request() {
  slurm::JobRequest wanted;
  wanted.command = {"simulate", "-x"};
  wanted.partition = "gpu";
  wanted.gpus = "1";
  wanted.mpi = "pmix";
  return wanted;
}

const shell::Activation& activation() {
  static const shell::Activation made = shell::activation_of({"/envs/e", "e", {}, {}, {}});
  return made;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

TEST_CASE("a step is srun with the program last, and nothing that would empty its variables") {
  const base::Environment before({{"SLURM_EXPORT_ENV", "NONE"}, {"SLURM_GPUS", "4"}, {"A", "b"}});
  const Started step = step_of(request(), activation(), before);
  CHECK(step.argv.front() == "srun");
  CHECK(has(step.argv, "--mpi=pmix"));
  CHECK(has(step.argv, "--gres=gpu:1"));
  CHECK(std::vector<std::string>(step.argv.end() - 3, step.argv.end()) ==
        std::vector<std::string>{"hpcenv", "simulate", "-x"});
  CHECK_FALSE(step.environment.get("SLURM_EXPORT_ENV"));
  CHECK_FALSE(step.environment.get("SLURM_GPUS"));
  CHECK(step.environment.get("A") == "b");
}

TEST_CASE("a session asks salloc for its nodes in words that salloc knows") {
  const Started session = session_of(request(), activation(), "/opt/hpcenv", {});
  CHECK(session.argv.front() == "salloc");
  CHECK_FALSE(has(session.argv, "--mpi=pmix"));
  CHECK(has(session.argv, "--interactive"));
  CHECK(session.argv[session.argv.size() - 2].find("exec -- /opt/hpcenv shell -p /envs/e") !=
        std::string::npos);
}

TEST_CASE("a session in an allocation is a step beside what runs") {
  base::Environment inside;
  inside.set("SLURM_JOB_ID", "7");
  const Started session = session_of(request(), activation(), "/opt/hpcenv", inside);
  CHECK(std::vector<std::string>(session.argv.begin(), session.argv.begin() + 3) ==
        std::vector<std::string>{"srun", "--overlap", "--pty"});
  CHECK(is_in_allocation(inside));
  CHECK_FALSE(is_in_allocation({}));
}

}  // namespace
}  // namespace hpcenv::ops
