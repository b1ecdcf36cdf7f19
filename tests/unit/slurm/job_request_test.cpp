#include "slurm/job_request.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

JobRequest request_for(std::string gpus, std::string option) {
  JobRequest request;
  request.command = {"train"};
  request.gpus = std::move(gpus);
  request.gpu_option = std::move(option);
  return request;
}

std::string words(const JobRequest& request) { return base::join(sbatch_words(request), " "); }

Reach reach_of(std::initializer_list<std::pair<ReachField, std::vector<std::string>>> fields) {
  Reach reach;
  for (const auto& [field, values] : fields) reach.set(field, {values, ReachSource::user, 0});
  return reach;
}

TEST_CASE("GPUs are asked for in the site's spelling") {
  CHECK(words(request_for("2", "")) == "--job-name=train --nodes=1 --gres=gpu:2");
  CHECK(words(request_for("a100:2", "gres")) == "--job-name=train --nodes=1 --gres=gpu:a100:2");
  CHECK(words(request_for("2", "gpus-per-node")) == "--job-name=train --nodes=1 --gpus-per-node=2");
  CHECK(words(request_for("2", "none")) == "--job-name=train --nodes=1");
  JobRequest two = request_for("a100:2", "gpus");
  two.nodes = "3";
  CHECK(words(two) == "--job-name=train --nodes=3 --gpus=a100:6");
}

TEST_CASE("GPUs for each task need the number of tasks") {
  JobRequest request = request_for("4", "gpus-per-task");
  request.nodes = "2";
  request.node_tasks = "4";
  CHECK(words(request) ==
        "--job-name=train --nodes=2 --ntasks=8 --ntasks-per-node=4 --gpus-per-task=1");
  request.launcher = Launcher::torchrun;
  CHECK(words(request) ==
        "--job-name=train --nodes=2 --ntasks=2 --ntasks-per-node=1 --gpus-per-task=4");
}

TEST_CASE("torchrun is one task a node with the processors of its processes") {
  JobRequest request = request_for("4", "");
  request.command = {"python", "/home/me/train.py", "--lr", "1"};
  request.launcher = Launcher::torchrun;
  request.node_tasks = "4";
  request.cpus = "8";
  CHECK(words(request) ==
        "--job-name=train.py --nodes=1 --ntasks-per-node=1 --gres=gpu:4 --cpus-per-task=32");
}

TEST_CASE("a batch job has words that a step has not") {
  JobRequest request = request_for("", "");
  request.array = "1-3";
  request.dependency = "afterok:7";
  request.mail_type = "END";
  request.mail_user = "me@example.org";
  request.output = "o";
  request.cluster = "c2";
  request.constraint = "a100&ib";
  request.exclusive = true;
  request.requeue = RequeueSignal{"USR1", 60};
  CHECK(words(request) ==
        "--job-name=train --clusters=c2 --constraint=a100&ib --nodes=1 --exclusive --array=1-3 "
        "--dependency=afterok:7 --mail-type=END --mail-user=me@example.org --output=o "
        "--signal=B:USR1@60 --requeue --open-mode=append");
  request.mpi = "pmix";
  CHECK(base::join(srun_words(request), " ") ==
        "--job-name=train --clusters=c2 --constraint=a100&ib --exclusive --mpi=pmix");
}

TEST_CASE("a target fills in what the request leaves open") {
  const Reach reach = reach_of({{ReachField::partition, {"gpu"}},
                                {ReachField::account, {"p1"}},
                                {ReachField::gpu_option, {"gpus"}},
                                {ReachField::gpu_type, {"a100"}},
                                {ReachField::gpus, {"1"}},
                                {ReachField::time, {"1:00:00"}},
                                {ReachField::cpus_per_gpu, {"16"}},
                                {ReachField::whole_node, {"exclusive"}},
                                {ReachField::options, {"--hint=nomultithread"}},
                                {ReachField::head, {"module load proxy"}},
                                {ReachField::interface, {"ib0"}}});
  JobRequest request = request_for("2", "");
  request.account = "mine";
  request.sbatch_options = {"--hint=multithread"};
  REQUIRE(complete(request, reach));
  CHECK(words(request) ==
        "--job-name=train --partition=gpu --account=mine --nodes=1 --gpus=a100:2 "
        "--cpus-per-task=32 --exclusive --time=1:00:00 --hint=nomultithread --hint=multithread");
  CHECK(request.head == std::vector<std::string>{"module load proxy"});
  CHECK(request.interface == "ib0");
  JobRequest typed = request_for("h100:1", "");
  REQUIRE(complete(typed, reach));
  CHECK(typed.gpus == "h100:1");
}

TEST_CASE("memory where a site takes none is refused") {
  JobRequest request = request_for("", "");
  request.memory = "8G";
  const auto done = complete(request, reach_of({{ReachField::memory, {"forbidden"}}}));
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::usage);
  CHECK(done.error().message == "these nodes take no --mem: the site gives it out itself");
  request.memory.clear();
  REQUIRE(complete(request, reach_of({{ReachField::memory, {"forbidden"}}})));
  CHECK(request.memory.empty());
  REQUIRE(complete(request, reach_of({{ReachField::memory, {"16G"}}})));
  CHECK(request.memory == "16G");
}

TEST_CASE("signals and launchers are read, or refused with those there are") {
  const auto signal = parse_requeue_signal("SIGUSR2@90");
  REQUIRE(signal);
  CHECK(signal->name == "USR2");
  CHECK(signal->seconds == 90);
  for (const char* text : {"", "USR1", "KILL@10", "USR1@", "USR1@0", "USR1@99999", "USR1@1@2"}) {
    const auto refused = parse_requeue_signal(text);
    INFO(text);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::usage);
  }
  CHECK(*launcher_named("mpi") == Launcher::mpi);
  CHECK(launcher_named("mpirun").error().hints.front() == "launchers: none, srun, torchrun, mpi");
}

TEST_CASE("options that do not go together are refused") {
  const auto message = [](const JobRequest& request) {
    const auto valid = validate_request(request);
    REQUIRE_FALSE(valid);
    CHECK(valid.error().kind == ErrorKind::usage);
    return valid.error().message;
  };
  JobRequest request = request_for("", "");
  request.launcher = Launcher::torchrun;
  request.ntasks = "4";
  CHECK(message(request).starts_with("torchrun starts its processes itself"));
  request.ntasks.clear();
  request.task_gpus = "1";
  CHECK(message(request).starts_with("torchrun shares the GPUs"));
  JobRequest requeued = request_for("", "");
  requeued.requeue = RequeueSignal{"USR1", 600};
  requeued.time = "10";
  CHECK(message(requeued).starts_with("a job of --time 10 would get the signal at its start"));
  requeued.time = "11";
  CHECK(validate_request(requeued));
  JobRequest nodes = request_for("", "");
  nodes.nodes = "2-x";
  CHECK(message(nodes) == "--nodes 2-x is no number of nodes");
  nodes.nodes = "2-4";
  CHECK(validate_request(nodes));
  CHECK(has_several_nodes(nodes));
}

TEST_CASE("further options are found in each of their forms, the last counts") {
  JobRequest request = request_for("", "");
  CHECK(further_option(request, "--chdir", "-D").empty());
  for (const std::vector<std::string>& form : std::vector<std::vector<std::string>>{
           {"--chdir=/a b"}, {"--chdir", "/a b"}, {"-D", "/a b"}, {"-D/a b"}}) {
    request.sbatch_options = {"--chdir=/first", "--comment=-D"};
    request.sbatch_options.insert(request.sbatch_options.end(), form.begin(), form.end());
    CHECK(further_option(request, "--chdir", "-D") == "/a b");
  }
}

TEST_CASE("the jobs that a job waits for are found") {
  JobRequest request = request_for("", "");
  CHECK(jobs_waited_for(request).empty());
  request.dependency = "afterok:7:8_3,afterany:9+5?after:7,singleton";
  CHECK(jobs_waited_for(request) == std::vector<std::string>{"7", "8_3", "9"});
}

TEST_CASE("variables that overrule an option in other words are named") {
  CHECK(overruled_variables(request_for("", ""), "SBATCH_").empty());
  const auto names = overruled_variables(request_for("1", ""), "SBATCH_");
  CHECK(std::ranges::find(names, "SBATCH_GPUS_PER_NODE") != names.end());
}

}  // namespace
}  // namespace hpcenv::slurm
