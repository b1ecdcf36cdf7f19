#include "slurm/probe_ladder.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::slurm {
namespace {

using Kind = LadderStep::Kind;

ProbeRequest gpu_request() {
  ProbeRequest request;
  request.partition = "gpu";
  request.gpus = 1;
  request.gpu_type = "a100";
  return request;
}

LadderStep refuse(ProbeLadder& ladder, const std::string& site,
                  const std::string& last = "Batch job submission failed: Unspecified error") {
  return ladder.refused(
      explain_refusal("sbatch: error: " + site + "\nsbatch: error: " + last + "\n"));
}

std::string words(const ProbeLadder& ladder) {
  std::string text;
  for (const std::string& word : probe_options(ladder.request())) text += word + " ";
  return text;
}

bool has(const ProbeLadder& ladder, std::string_view word) {
  return words(ladder).find(std::string(word) + " ") != std::string::npos;
}

}  // namespace

TEST_CASE("the first request has nothing that sites refuse") {
  const ProbeLadder ladder(gpu_request(), {});
  CHECK(words(ladder) ==
        "--job-name=hpcenv-probe --nodes=1 --ntasks=1 --time=5 --partition=gpu "
        "--gres=gpu:a100:1 ");
}

TEST_CASE("spellings of a GPU request, one at a time") {
  ProbeLadder ladder(gpu_request(), {});
  CHECK(refuse(ladder, "Please check your GPU request").kind == Kind::retry);
  CHECK(has(ladder, "--gres=gpu:1"));
  CHECK(refuse(ladder, "Please check your GPU request").change ==
        "--gpus-per-node=a100:1 in place of --gres=gpu:1");
  CHECK(refuse(ladder, "Please check your GPU request").change == "without --gpus-per-node=a100:1");
  CHECK(ladder.learnt(7).text(ReachField::gpu_option) == "none");
  CHECK(ladder.learnt(7).find(ReachField::gpu_option)->source == ReachSource::plugin);
  CHECK(ladder.learnt(7).find(ReachField::gpu_option)->when == 7);
  CHECK(refuse(ladder, "Please check your GPU request").kind == Kind::give_up);
}

TEST_CASE("the spelling that a refusal names comes first") {
  ProbeLadder gpus(gpu_request(), {});
  CHECK(refuse(gpus, "--gres is not used here, ask with --gpus=N").kind == Kind::retry);
  CHECK(has(gpus, "--gpus=a100:1"));
  ProbeLadder per_node(gpu_request(), {});
  CHECK(refuse(per_node, "use --gpus-per-node instead of gres").kind == Kind::retry);
  CHECK(has(per_node, "--gpus-per-node=a100:1"));
  ProbeRequest by_gpus = gpu_request();
  by_gpus.spelling = GpuSpelling::gpus;
  ProbeLadder gres(by_gpus, {});
  CHECK(refuse(gres, "Use --gres=gpu:N, not --gpus").kind == Kind::retry);
  CHECK(has(gres, "--gres=gpu:1"));
}

TEST_CASE("untyped GPUs are not asked for twice with the same word") {
  ProbeRequest request = gpu_request();
  request.gpu_type.clear();
  ProbeLadder ladder(request, {});
  CHECK(refuse(ladder, "bad gres").kind == Kind::retry);
  CHECK(has(ladder, "--gpus-per-node=1"));
}

TEST_CASE("an account: the only one is taken, among several the user is asked") {
  ProbeLadder one(gpu_request(), {.accounts = {"physics"}});
  CHECK(refuse(one, "Please tell us which project to charge.").kind == Kind::retry);
  CHECK(has(one, "--account=physics"));
  CHECK(one.learnt(1).find(ReachField::account)->source == ReachSource::slurm);

  ProbeLadder two(gpu_request(), {.accounts = {"physics", "art"}});
  const LadderStep step = refuse(two, "Please tell us which project to charge.");
  REQUIRE(step.kind == Kind::ask);
  CHECK(step.field == ReachField::account);
  CHECK(step.values == std::vector<std::string>{"physics", "art"});
  two.answer(ReachField::account, "art");
  CHECK(has(two, "--account=art"));
  CHECK(two.learnt(1).find(ReachField::account)->source == ReachSource::asked);
  // Given, and still refused: somebody has to look.
  CHECK(refuse(two, "Project art has no budget").kind == Kind::give_up);
}

TEST_CASE("a code without a sentence is about the account first") {
  ProbeLadder ladder(gpu_request(), {});
  const LadderStep step = ladder.refused(explain_refusal(
      "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit "
      "limit, user's size and/or time limits)\n"));
  // Time can be changed without asking anybody, so it is tried before.
  CHECK(step.kind == Kind::retry);
  CHECK(has(ladder, "--time=30"));
  const LadderStep again = ladder.refused(explain_refusal(
      "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit "
      "limit, user's size and/or time limits)\n"));
  REQUIRE(again.kind == Kind::ask);
  CHECK(again.field == ReachField::account);
}

TEST_CASE("what variables of the login shell named is dropped before anybody is asked") {
  ProbeRequest request = gpu_request();
  request.account = "other";
  ProbeLadder ladder(request, {.account_of_environment = true});
  CHECK(refuse(ladder, "Invalid account or account/partition combination specified").change ==
        "without --account=other");
  CHECK_FALSE(has(ladder, "--account=other"));
}

TEST_CASE("partition and QOS are asked for where they are not given") {
  ProbeRequest request = gpu_request();
  request.partition.clear();
  ProbeLadder ladder(request, {.qos = {"short", "long"}});
  CHECK(refuse(ladder, "You have to name a partition").field == ReachField::partition);
  ladder.answer(ReachField::partition, "gpu");
  const LadderStep step = refuse(ladder, "no QOS given");
  REQUIRE(step.kind == Kind::ask);
  CHECK(step.field == ReachField::qos);
  CHECK(step.values == std::vector<std::string>{"short", "long"});
  ladder.answer(ReachField::qos, "short");
  CHECK(refuse(ladder, "partition gpu is not for you").kind == Kind::give_up);
}

TEST_CASE("time, memory, whole nodes, tasks and names of nodes, once each") {
  ProbeRequest request = gpu_request();
  request.node = "gpu01";
  ProbeLadder ladder(request, {});
  CHECK(refuse(ladder, "Walltime is below the minimum of this QOS").change ==
        "--time=30 in place of --time=5");
  CHECK(refuse(ladder, "You must specify --mem").change == "with --mem=4G");
  CHECK(refuse(ladder, "Jobs here must be --exclusive").change == "with --exclusive");
  CHECK(refuse(ladder, "ntasks and tasks-per-node do not go together").change ==
        "without --ntasks=1");
  CHECK(refuse(ladder, "Do not use --nodelist in partition gpu").change ==
        "without --nodelist=gpu01");
  const Reach learnt = ladder.learnt(1);
  CHECK(learnt.text(ReachField::probe_time) == "30");
  CHECK(learnt.text(ReachField::memory) == "4G");
  CHECK(learnt.text(ReachField::whole_node) == "exclusive");
  CHECK(learnt.text(ReachField::pick_node) == "constraint");
  for (const char* again : {"walltime", "--mem", "--exclusive", "ntasks", "--nodelist"}) {
    CHECK(refuse(ladder, again).kind == Kind::give_up);
  }
}

TEST_CASE("a limit that is shorter than half an hour is kept") {
  ProbeLadder ladder(gpu_request(), {.longest_seconds = 900});
  CHECK(refuse(ladder, "walltime too small").kind == Kind::give_up);
}

TEST_CASE("nothing is tried where nobody can tell, or the controller is away") {
  ProbeLadder ladder(gpu_request(), {.accounts = {"a"}});
  CHECK(refuse(ladder, "computer says no").kind == Kind::give_up);
  CHECK(ladder
            .refused(explain_refusal(
                "sbatch: error: Batch job submission failed: Unable to contact slurm controller "
                "(connect failure)\n"))
            .kind == Kind::give_up);
  CHECK(ladder
            .refused(explain_refusal("allocation failure: Requested node configuration is not "
                                     "available\n"))
            .kind == Kind::give_up);
}

}  // namespace hpcenv::slurm
