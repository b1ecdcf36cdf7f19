// Answers that a real cluster cannot be made to give; the rest is in tests/slurm, on one.
#include "ops/submit.hpp"

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <map>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "ops/follow_job.hpp"
#include "unit/support/warnings.hpp"

namespace hpcenv::ops {
namespace {

// Does not sleep, but counts.
class CountingClock final : public base::Clock {
 public:
  std::int64_t now() const override { return 0; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  void sleep(std::chrono::milliseconds) const override { ++sleeps; }
  mutable int sleeps = 0;
};

// A Slurm made of shell scripts, a home, and a request.
class FakeSlurm {
 public:
  FakeSlurm() : root_(*base::make_private_directory("/tmp", "hpcenv-submit-")) {
    scontrol("");
    program("sbatch", "case $1 in --parsable) echo 42;; esac");
    environment.set("PATH", (root_ / "bin").string() + ":/usr/bin:/bin");
    request.job.command = {"true"};
    request.activation = shell::activation_of({"/envs/e", "e", {}, {}, {}});
    request.state = root_ / "state";
    request.working_directory = root_;
  }
  FakeSlurm(const FakeSlurm&) = delete;
  FakeSlurm& operator=(const FakeSlurm&) = delete;
  ~FakeSlurm() { static_cast<void>(base::remove_tree(root_)); }

  void program(const std::string& name, const std::string& lines) const {
    const auto path = root_ / "bin" / name;
    REQUIRE(base::make_directories(path.parent_path()));
    REQUIRE(base::write_file(path, "#!/bin/sh\n" + lines + "\n", 0755));
  }
  /// One that is up, with a cluster of one partition; `case` branches of `more` come first.
  void scontrol(const std::string& more) const {
    program("scontrol",
            "case \"$*\" in " + more +
                " ping) echo 'Slurmctld(primary) at login01 is UP';; *config) echo 'ClusterName = "
                "c';; *partition) echo 'PartitionName=cpu Default=YES State=UP "
                "MaxTime=02:00:00';; *node) echo 'NodeName=cpu01 Partitions=cpu State=IDLE';; *) "
                "exit 1;; esac");
  }
  Result<SubmitOutcome> submit() const {
    const auto reader = host::make_linux_reader(environment);
    const auto runner = base::make_process_runner();
    base::NullReporter reporter;
    return ops::submit(request, {*reader, *runner, reporter, clock});
  }
  Result<slurm::JobState> wait(const std::string& cluster = "") const {
    SubmitOutcome job;
    job.job_id = "42";
    job.cluster = cluster;
    job.log_before = log_before;
    const auto reader = host::make_linux_reader(environment);
    const auto runner = base::make_process_runner();
    test::Warnings reporter;
    const auto sink = [this](std::string_view bytes) { log += bytes; };
    const auto state = follow_job(job, sink, {*reader, *runner, reporter, clock});
    told = reporter.texts;
    return state;
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }
  std::size_t scripts_left() const {
    const auto names = base::list_directory(request.state / "jobs");
    return names ? names->size() : 0;
  }

  SubmitRequest request;
  base::Environment environment;
  CountingClock clock;
  LogBefore log_before;
  mutable std::string log;                ///< what `wait` was shown
  mutable std::vector<std::string> told;  ///< its warnings

 private:
  std::filesystem::path root_;
};

template <class T>
void check_failure(const Result<T>& result, ErrorKind kind, std::string_view message,
                   std::string_view hint) {
  REQUIRE_FALSE(result.has_value());
  const Error& error = result.error();
  CHECK(error.kind == kind);
  CHECK(error.message.find(message) != std::string::npos);
  REQUIRE_FALSE(error.hints.empty());
  CHECK(error.hints.back().find(hint) != std::string::npos);
}

}  // namespace

TEST_CASE("a job is submitted and its script kept under its id") {
  const FakeSlurm slurm;
  slurm.program(
      "sbatch",
      "for last; do :; done; case $1 in --test-only) echo \"sbatch: Job 9 to start at "
      "2026-11-26T01:02:03 using 1\" >&2;; *) echo 'Welcome!' >&2; echo '42;kuma';; esac\n"
      "test -s \"$last\"");
  const auto outcome = slurm.submit();
  REQUIRE(outcome);
  CHECK(outcome->job_id == "42");
  CHECK(outcome->cluster == "kuma");
  CHECK(outcome->expected_start == "2026-11-26T01:02:03");
  CHECK(outcome->script.string() == slurm.path("state/jobs/42/job.sh"));
  CHECK(base::read_file(outcome->script)->starts_with("#!/bin/bash\n#SBATCH --job-name=true\n"));
  CHECK(slurm.submit()->script == outcome->script);
  CHECK(slurm.scripts_left() == 1);
}

TEST_CASE("sbatch gets the options in front of the script, on its command line") {
  FakeSlurm slurm;
  slurm.request.job.partition = "cpu";
  slurm.program("sbatch",
                "echo \"$* ${SBATCH_WAIT-unset}\" >> " + slurm.path("calls") + "; echo 42");
  slurm.environment.set("SBATCH_WAIT", "1");
  REQUIRE(slurm.submit());
  const std::string calls = *base::read_file(slurm.path("calls"));
  CHECK(calls.starts_with("--test-only --job-name=true --partition=cpu --nodes=1 /"));
  CHECK(calls.find("--parsable --job-name=true --partition=cpu --nodes=1 /") != std::string::npos);
  CHECK(calls.find("job.sh unset\n") != std::string::npos);
}

TEST_CASE("an id that cannot be read is said, since the job is there") {
  const FakeSlurm slurm;
  slurm.program("sbatch", "echo hello");
  const auto outcome = slurm.submit();
  REQUIRE_FALSE(outcome);
  check_failure(outcome, ErrorKind::refused, "cannot read the job id that sbatch printed: hello",
                "squeue --me");
  CHECK(slurm.scripts_left() == 0);
}

TEST_CASE("a refusal leaves nothing, whichever call it comes from") {
  const FakeSlurm slurm;
  for (const char* call : {"--test-only", "--parsable"}) {
    slurm.program("sbatch",
                  std::string("case $1 in ") + call +
                      ") echo 'sbatch: error: You need a project' >&2; exit 1;; esac; echo 42");
    const auto outcome = slurm.submit();
    REQUIRE_FALSE(outcome);
    check_failure(outcome, ErrorKind::refused, "Slurm refuses the job: You need a project",
                  "--account");
    CHECK(slurm.scripts_left() == 0);
  }
  slurm.program("sbatch", "echo 'sbatch: error: Unable to contact slurm controller' >&2; exit 1");
  CHECK(slurm.submit().error().kind == ErrorKind::network);
}

TEST_CASE("without scontrol sbatch alone decides") {
  FakeSlurm slurm;
  REQUIRE(base::remove_tree(slurm.path("bin/scontrol")));
  slurm.environment.set("PATH", slurm.path("bin"));
  slurm.request.job.command = {"/bin/sh"};
  slurm.request.job.partition = "whatever";
  CHECK(slurm.submit());
}

TEST_CASE("partitions that cannot be read are a warning, no answer is the controller") {
  const FakeSlurm slurm;
  slurm.scontrol("*partition) echo garbage;;");
  const auto outcome = slurm.submit();
  REQUIRE(outcome);
  REQUIRE(outcome->warnings.size() == 1);
  CHECK(outcome->warnings[0].ends_with("; partitions were not checked"));
  slurm.scontrol("*partition) echo 'Unable to contact' >&2; exit 1;;");
  check_failure(slurm.submit(), ErrorKind::network, "Unable to contact", "scontrol ping");
}

TEST_CASE("a partition that only scontrol shows is not unknown") {
  FakeSlurm slurm;
  slurm.request.job.partition = "hidden";
  CHECK(slurm.submit().error().kind == ErrorKind::not_found);
  slurm.scontrol("*hidden) echo PartitionName=hidden;;");
  CHECK(slurm.submit());
}

TEST_CASE("a program that nobody has is refused, one that the head may bring is not") {
  FakeSlurm slurm;
  slurm.request.job.command = {"no-such-program"};
  check_failure(slurm.submit(), ErrorKind::not_found,
                "there is no program no-such-program in the environment e, nor on this machine",
                "hpcenv list -p /envs/e");
  slurm.request.job.command = {"/no/such/program"};
  REQUIRE(slurm.submit());
  CHECK(slurm.submit()->warnings ==
        std::vector<std::string>{"/no/such/program is not here: does the node have it?"});
  slurm.request.job.command = {"no-such-program"};
  slurm.request.job.head = {"module load x"};
  CHECK(slurm.submit());
}

TEST_CASE("a backup controller is a controller") {
  const FakeSlurm slurm;
  slurm.scontrol("ping) echo 'primary is DOWN'; echo 'backup is UP'; exit 1;;");
  CHECK(slurm.submit());
}

TEST_CASE("a directory of the output that is missing is refused before the job fails there") {
  FakeSlurm slurm;
  slurm.request.job.output = slurm.path("missing/%x/out-%j");
  CHECK(slurm.submit());
  slurm.request.job.output = "missing/out";
  check_failure(slurm.submit(), ErrorKind::refused, "does not exist", "mkdir -p");
}

TEST_CASE("a start or a log that cannot be is refused, /dev/null is fine") {
  FakeSlurm slurm;
  slurm.request.job.output = "/dev/null";
  CHECK(slurm.submit());
  slurm.request.job.sbatch_options = {"--error=missing/err"};
  check_failure(slurm.submit(), ErrorKind::refused, "the directory of the job's errors",
                "mkdir -p");
  slurm.request.job.sbatch_options = {"-D", "nowhere"};
  check_failure(slurm.submit(), ErrorKind::refused, "the job cannot start in ", "nowhere");
  slurm.request.job.sbatch_options = {"--chdir=/"};
  slurm.request.job.output = "usr/bin/../../nowhere/out";
  check_failure(slurm.submit(), ErrorKind::refused, "does not exist", "nowhere");
}

TEST_CASE("what lies in a home that the nodes do not see is refused") {
  FakeSlurm slurm;
  slurm.environment.set("HOME", slurm.path("home"));
  slurm.request.job.visible = {"/scratch/me"};
  CHECK(slurm.submit());
  slurm.request.job.output = slurm.path("home/out");
  check_failure(slurm.submit(), ErrorKind::refused, "where the job would write its output",
                "submit from there");
  slurm.request.activation.prefix = slurm.path("home/envs/e");
  check_failure(slurm.submit(), ErrorKind::refused, "where the environment e is",
                "create it there with -p");
  slurm.request.job.visible.push_back(slurm.path("home"));
  REQUIRE(base::make_directories(slurm.path("home")));
  CHECK(slurm.submit());
}

TEST_CASE("a job that waits for one that nobody knows is warned of") {
  FakeSlurm slurm;
  slurm.request.job.dependency = "afterok:99";
  slurm.scontrol("*'job 99') echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1;;");
  const auto outcome = slurm.submit();
  REQUIRE(outcome);
  REQUIRE(outcome->warnings.size() == 1);
  CHECK(outcome->warnings[0].starts_with("Slurm knows no job 99 any more"));
}

TEST_CASE("waiting ends with the job, whatever the controller does meanwhile") {
  const FakeSlurm slurm;
  const std::string count = slurm.path("count");
  slurm.program("scontrol", "echo x >> " + count + "; case $(wc -l < " + count +
                                ") in 1) echo 'Unable to contact' >&2; exit 1;; 2) echo 'JobId=42 "
                                "JobState=RUNNING Reason=None ExitCode=0:0';; *) echo 'JobId=42 "
                                "JobState=FAILED Reason=NonZeroExitCode ExitCode=7:0';; esac");
  const auto state = slurm.wait();
  REQUIRE(state);
  CHECK(state->exit_code == 7);
  CHECK(slurm.clock.sleeps == 2);
}

TEST_CASE("waiting shows the log as it grows, each byte once") {
  const FakeSlurm slurm;
  const std::string log = slurm.path("out put.txt");
  slurm.program("scontrol",
                "printf 'a line\\n' >> '" + log + "'; n=$(wc -l < '" + log +
                    "'); state=RUNNING; test $n -lt 3 || state=COMPLETED; echo \"JobId=42 "
                    "JobState=$state Reason=None ExitCode=0:0 StdIn=/dev/null StdOut=" +
                    log + " Power=\"");
  REQUIRE(slurm.wait());
  CHECK(slurm.log == "a line\na line\na line\n");
}

TEST_CASE("what an earlier job left in the log is not shown") {
  FakeSlurm slurm;
  slurm.request.job.output = slurm.path("log");
  REQUIRE(base::write_file(slurm.path("log"), "old\n"));
  const auto before = slurm.submit();
  REQUIRE(before);
  slurm.log_before = before->log_before;
  const std::string finished =
      "echo \"JobId=42 JobState=COMPLETED Reason=None ExitCode=0:0 StdOut=" + slurm.path("log") +
      "\"";
  slurm.program("scontrol", finished);
  REQUIRE(slurm.wait());
  CHECK(slurm.log.empty());
  slurm.program("scontrol", "printf 'new\\n' > " + slurm.path("log") + "; " + finished);
  REQUIRE(slurm.wait());
  CHECK(slurm.log == "new\n");
  slurm.log.clear();
  slurm.request.job.requeue = slurm::RequeueSignal{"USR1", 60};
  slurm.scontrol("");
  slurm.log_before = slurm.submit()->log_before;
  slurm.program("scontrol", "printf 'more\\n' >> " + slurm.path("log") + "; " + finished);
  REQUIRE(slurm.wait());
  CHECK(slurm.log == "more\n");
}

TEST_CASE("a job that does not start by itself is told once, with what has to change") {
  const FakeSlurm slurm;
  const std::string count = slurm.path("count");
  slurm.program("scontrol", "echo x >> " + count + "; case $(wc -l < " + count +
                                ") in 1|2) echo 'JobId=42 JobState=PENDING Reason=PartitionConfig "
                                "ExitCode=0:0';; *) echo 'JobId=42 JobState=CANCELLED Reason=None "
                                "ExitCode=0:0';; esac");
  CHECK(slurm.wait()->exit_code == 143);
  REQUIRE(slurm.told.size() == 1);
  CHECK(slurm.told[0].starts_with("job 42 does not start by itself (PartitionConfig): ask for"));
}

TEST_CASE("a job that scontrol has forgotten is looked up in the accounts, on its cluster") {
  const FakeSlurm slurm;
  slurm.program("scontrol",
                "test \"$*\" = '-M kuma -o show job 42' || exit 9; "
                "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  slurm.program("sacct", "echo 'TIMEOUT|0:0'");
  CHECK(slurm.wait("kuma")->state == "TIMEOUT");
  slurm.program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
  check_failure(slurm.wait("kuma"), ErrorKind::io, "does not know job 42 any more", "output");
}

TEST_CASE("an interrupt leaves the job alone and says so") {
  const FakeSlurm slurm;
  base::set_interrupt(SIGINT);
  const auto state = slurm.wait();
  base::set_interrupt(0);
  REQUIRE_FALSE(state);
  check_failure(state, ErrorKind::interrupted, "", "job 42 goes on; `scancel 42` ends it");
}

}  // namespace hpcenv::ops
