#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "slurm/job_script.hpp"

namespace hpcenv::slurm {
namespace {

JobRequest valid() {
  JobRequest request;
  request.command = {"python", "train.py"};
  return request;
}

SiteProfile site() {
  return *parse_sinfo(
      "cpu01|cpu*|(null)|2:00:00|up|\n"
      "gpu01|gpu|gpu:a100:2|1:00:00|up|\n"
      "big01|gpu-big|gpu:h100:8|infinite|down|\n",
      "slurm 24.11.5");
}

void check_refused(const Result<>& result, ErrorKind kind, std::string_view message,
                   std::string_view hint) {
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == kind);
  CHECK(result.error().message == message);
  REQUIRE_FALSE(result.error().hints.empty());
  CHECK(result.error().hints.front().find(hint) != std::string::npos);
}

}  // namespace

TEST_CASE("requests that sbatch can read pass") {
  CHECK(validate_request(valid()));
  JobRequest request = valid();
  request.time = "1-12:00:00";
  request.cpus = "8";
  request.sbatch_options = {"--constraint=a100", "-C", "b|c"};
  for (const char* gpus : {"1", "a100:2", "nvidia_a100_80gb_pcie_3g.40gb:1", "a100"}) {
    request.gpus = gpus;
    CHECK(validate_request(request));
  }
  for (const char* memory : {"8G", "8000", "500m", "0"}) {
    request.memory = memory;
    CHECK(validate_request(request));
  }
}

TEST_CASE("what sbatch cannot read is refused with what to write") {
  const auto with = [](std::string JobRequest::* field, const char* value) {
    JobRequest request = valid();
    request.*field = value;
    return validate_request(request);
  };
  check_refused(with(&JobRequest::time, "2h"), ErrorKind::usage, "--time 2h is no time", "2:00:00");
  for (const char* bad : {"0", "a100:", ":1", "a100:0", "a:b:1", "1,2", "a b:1", "-1"}) {
    check_refused(with(&JobRequest::gpus, bad), ErrorKind::usage,
                  std::string("--gpus ") + bad + " is no number of GPUs", "a100:2");
  }
  check_refused(with(&JobRequest::cpus, "0"), ErrorKind::usage, "--cpus-per-task 0 is no number",
                "such as");
  check_refused(with(&JobRequest::memory, "8GB"), ErrorKind::usage, "--mem 8GB is no size", "8G");
  for (const auto field : {&JobRequest::job_name, &JobRequest::partition, &JobRequest::account,
                           &JobRequest::qos, &JobRequest::output}) {
    check_refused(with(field, "a\n#SBATCH --evil"), ErrorKind::usage,
                  "an option for sbatch holds a line break or another control character",
                  "one line");
  }
  JobRequest request = valid();
  request.sbatch_options = {"constraint"};
  check_refused(validate_request(request), ErrorKind::usage, "'constraint' is no option of sbatch",
                "--sbatch=--constraint=a100");
  request = valid();
  request.sbatch_options = {"--comment=a\rb"};
  CHECK_FALSE(validate_request(request));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{}, std::vector<std::string>{""}}) {
    request.command = command;
    check_refused(validate_request(request), ErrorKind::usage, "the job has no command", "--");
  }
}

TEST_CASE("an unknown partition is refused with the nearest and the known ones") {
  JobRequest request = valid();
  request.partition = "gpus";
  const auto result = validate_against_site(request, site());
  check_refused(result, ErrorKind::not_found, "there is no partition 'gpus' here",
                "did you mean gpu?");
  CHECK(result.error().hints.back() ==
        "partitions: cpu (default), gpu, gpu-big (hpcenv slurm site shows more)");
  request.partition = "gpu,nosuch";
  check_refused(validate_against_site(request, site()), ErrorKind::not_found,
                "there is no partition 'nosuch' here", "partitions: ");
}

TEST_CASE("GPUs that the partition's nodes do not have are refused with who has them") {
  JobRequest request = valid();
  request.partition = "cpu";
  request.gpus = "1";
  check_refused(validate_against_site(request, site()), ErrorKind::refused,
                "the nodes of partition 'cpu' have no GPU",
                "partitions that have them: gpu, gpu-big");
  request.partition = "gpu";
  request.gpus = "3";
  check_refused(validate_against_site(request, site()), ErrorKind::refused,
                "no node of partition 'gpu' has --gpus 3: it offers a100 (2 a node)",
                "partitions that have them: gpu-big");
  request.gpus = "v100";
  check_refused(validate_against_site(request, site()), ErrorKind::refused,
                "no node of partition 'gpu' has --gpus v100: it offers a100 (2 a node)",
                "no partition here has them");
  for (const char* fits : {"1", "2", "a100", "a100:2", ""}) {
    request.gpus = fits;
    CHECK(validate_against_site(request, site()));
  }
}

TEST_CASE("a time over the partition's limit is refused, unless a QOS may lift it") {
  JobRequest request = valid();
  request.partition = "gpu";
  request.time = "61";
  check_refused(validate_against_site(request, site()), ErrorKind::refused,
                "--time 61 is over the limit of partition 'gpu', which is 1:00:00",
                "wait for ever");
  request.qos = "long";
  CHECK(validate_against_site(request, site()));
  request.qos = "";
  request.time = "1:00:00";
  CHECK(validate_against_site(request, site()));
  request.partition = "gpu,gpu-big";
  request.time = "7-0";
  CHECK(validate_against_site(request, site()));
}

TEST_CASE("a site that routes jobs decides itself") {
  JobRequest request = valid();
  request.gpus = "1";
  request.time = "30-0";
  SiteProfile routed = site();
  routed.submit_plugins = {"lua"};
  CHECK(validate_against_site(request, routed));
  request.partition = "hidden";
  CHECK(validate_against_site(request, SiteProfile{}));
}

TEST_CASE("without a partition the default one counts") {
  JobRequest request = valid();
  request.gpus = "1";
  check_refused(validate_against_site(request, site()), ErrorKind::refused,
                "the nodes of partition 'cpu' have no GPU", "partitions that have them: ");
  request.cluster = "other";
  CHECK(validate_against_site(request, site()));
}

TEST_CASE("what a partition does not admit is refused before it waits for ever") {
  SiteProfile closed = site();
  Partition& gpu = *std::ranges::find(closed.partitions, "gpu", &Partition::name);
  gpu.allow_accounts = {"phys", "chem"};
  gpu.allow_qos = {"normal"};
  gpu.min_nodes = 2;
  gpu.max_nodes = 4;
  JobRequest request = valid();
  request.partition = "gpu";
  check_refused(validate_against_site(request, closed), ErrorKind::refused,
                "partition 'gpu' takes no jobs without an account: they would wait for ever",
                "--account: phys, chem");
  request.account = "math";
  check_refused(validate_against_site(request, closed), ErrorKind::refused,
                "partition 'gpu' takes no jobs of account 'math': they would wait for ever",
                "phys, chem");
  request.account = "";
  closed.default_account = "chem";
  request.qos = "long";
  check_refused(validate_against_site(request, closed), ErrorKind::refused,
                "partition 'gpu' takes no jobs of --qos long", "those that it takes: normal");
  request.qos = "normal";
  check_refused(validate_against_site(request, closed), ErrorKind::refused,
                "partition 'gpu' wants jobs of 2 nodes or more, not of 1", "--nodes");
  request.nodes = "5";
  check_refused(validate_against_site(request, closed), ErrorKind::refused,
                "--nodes 5 is more than partition 'gpu' gives to a job, which is 4", "fewer");
  request.nodes = "1-3";
  CHECK(validate_against_site(request, closed));
}

TEST_CASE("an account that is not the user's is refused with those that are") {
  SiteProfile enforced = site();
  enforced.enforced = {"associations"};
  enforced.associations = {{"phys", "", {}, ""}, {"phys", "gpu", {}, ""}, {"chem", "", {}, ""}};
  JobRequest request = valid();
  request.account = "math";
  check_refused(validate_against_site(request, enforced), ErrorKind::refused,
                "you cannot use --account math here", "your accounts: phys, chem");
  request.account = "chem";
  CHECK(validate_against_site(request, enforced));
  request.account = "math";
  enforced.enforced = {};
  CHECK(validate_against_site(request, enforced));
}

TEST_CASE("a partition that is not up is worth a word") {
  JobRequest request = valid();
  request.partition = "gpu-big";
  CHECK(
      site_warnings(request, site()) ==
      std::vector<std::string>{"partition 'gpu-big' is down: the job waits until it is up again"});
  request.partition = "gpu";
  CHECK(site_warnings(request, site()).empty());
}

}  // namespace hpcenv::slurm
