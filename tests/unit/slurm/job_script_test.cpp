#include "slurm/job_script.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

const std::vector<std::string> nasty_words = {
    "",         " ",         "a b", "it's", "\"",     "$HOME",   "`id`",  "$(id)",
    "\\",       "a\nb",      "*",   "~",    "!",      "#x",      "a;b",   "a&b",
    "@PREFIX@", "#@command", "-n",  "--",   "{a,b}",  "<x>",     "done",  "'\\'",
    "%s",       "\xff",      "ä",   "''",   "a'b\"c", "$ORIGIN", "[ -f ]"};

shell::Activation activation_for(const std::string& prefix) {
  shell::ActivationInput input;
  input.prefix = prefix;
  input.environment_name = "torch";
  return shell::activation_of(input);
}

// An environment in a directory with a hostile name.
class Prefix {
 public:
  explicit Prefix(const std::string& name = "it's a $(prefix) [x]")
      : root_(*base::make_private_directory("/tmp", "hpcenv-job-")), path_(root_ / name) {
    REQUIRE(base::make_directories(path_ / "conda-meta"));
    REQUIRE(base::make_directories(path_ / "bin"));
  }
  Prefix(const Prefix&) = delete;
  Prefix& operator=(const Prefix&) = delete;
  ~Prefix() { (void)base::remove_tree(root_); }
  std::string path() const { return path_.string(); }
  std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
  std::filesystem::path path_;
};

base::ProcessResult run_script(const Prefix& prefix, const std::string& text,
                               std::map<std::string, std::string, std::less<>> variables = {
                                   {"PATH", "/usr/bin:/bin"}, {"HOME", "/"}, {"USER", "u"}}) {
  const std::string file = prefix.root() + "/job.sh";
  REQUIRE(base::write_file(file, text));
  base::ProcessRequest request;
  request.argv = {"/bin/bash", file};
  request.environment = base::Environment(std::move(variables));
  auto result = base::make_process_runner()->run(request);
  REQUIRE(result);
  return *result;
}

JobRequest request_for(std::vector<std::string> command) {
  JobRequest request;
  request.command = std::move(command);
  request.hpcenv_version = "0.1.0";
  return request;
}

std::vector<std::string> first_lines(const std::string& script, std::string_view start) {
  std::vector<std::string> lines;
  for (const auto line : base::split_lines(script)) {
    if (line.starts_with(start)) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("options become words and lines of sbatch") {
  JobRequest request = request_for({"/opt/my tools/run.sh"});
  CHECK(sbatch_words(request) == std::vector<std::string>{"--job-name=run.sh", "--nodes=1"});
  CHECK(sbatch_words(request_for({"a\nb"})).front() == "--job-name=a?b");
  request.job_name = "first try #1";
  request.partition = "gpu";
  request.account = "proj";
  request.qos = "normal";
  request.gpus = "a100:2";
  request.cpus = "8";
  request.memory = "16G";
  request.time = "2:00:00";
  request.output = "/scratch/me/out put-%j.txt";
  request.sbatch_options = {"--constraint=a100&b", "-C", "x", "--comment=\"q\""};
  const std::string script = job_script(request, activation_for("/envs/torch"));
  CHECK(first_lines(script, "#SBATCH") ==
        std::vector<std::string>{
            "#SBATCH --job-name=\"first try #1\"", "#SBATCH --partition=gpu",
            "#SBATCH --account=proj", "#SBATCH --qos=normal", "#SBATCH --nodes=1",
            "#SBATCH --gres=gpu:a100:2", "#SBATCH --cpus-per-task=8", "#SBATCH --mem=16G",
            "#SBATCH --time=2:00:00", "#SBATCH --output=\"/scratch/me/out put-%j.txt\"",
            "#SBATCH --constraint=a100&b", "#SBATCH -C x", "#SBATCH --comment=\"\\\"q\\\"\""});
  CHECK(script.starts_with("#!/bin/bash\n#SBATCH"));
}

TEST_CASE("the program gets its arguments as they were and its exit code is the job's") {
  const Prefix prefix;
  std::vector<std::string> command{"printf", "%s\\0"};
  std::string expected;
  for (const std::string& word : nasty_words) {
    command.push_back(word);
    expected += word + std::string(1, '\0');
  }
  const auto result =
      run_script(prefix, job_script(request_for(command), activation_for(prefix.path())));
  CHECK(result.errors.empty());
  CHECK(result.output == expected);
  const auto seven = run_script(
      prefix, job_script(request_for({"sh", "-c", "exit 7"}), activation_for(prefix.path())));
  CHECK(seven.code == 7);
}

TEST_CASE("the environment is active and the program comes from it") {
  const Prefix prefix;
  const std::string tool = prefix.path() + "/bin/tool";
  REQUIRE(base::write_file(tool,
                           "#!/bin/sh\necho \"$CONDA_PREFIX $CONDA_DEFAULT_ENV $SRUN_CPUS_PER_TASK "
                           "${SLURM_EXPORT_ENV-none}\"\n",
                           0755));
  std::filesystem::permissions(tool, std::filesystem::perms::owner_all);
  const auto result =
      run_script(prefix, job_script(request_for({"tool"}), activation_for(prefix.path())),
                 {{"PATH", "/usr/bin:/bin"},
                  {"SHELLOPTS", "errexit:nounset:noglob"},
                  {"BASHOPTS", "failglob:nullglob"},
                  {"SLURM_CPUS_PER_TASK", "4"},
                  {"SLURM_EXPORT_ENV", "NONE"}});
  CHECK(result.errors.empty());
  CHECK(result.output == prefix.path() + " torch 4 none\n");
}

TEST_CASE("HOME and USER are found where Slurm leaves them out") {
  const Prefix prefix;
  const auto result = run_script(
      prefix,
      job_script(request_for({"sh", "-c", "echo $USER $HOME"}), activation_for(prefix.path())),
      {{"PATH", "/usr/bin:/bin"}});
  base::ProcessRequest who;
  who.argv = {"/bin/sh", "-c", "echo $(id -un) $(getent passwd $(id -u) | cut -d: -f6)"};
  who.environment.set("PATH", "/usr/bin:/bin");
  CHECK(result.output == base::make_process_runner()->run(who)->output);
}

TEST_CASE("an environment that the node does not see ends the job with 127 and a sentence") {
  const Prefix prefix;
  const auto result = run_script(
      prefix, job_script(request_for({"true"}), activation_for("/nonexistent/env")),
      {{"PATH", "/usr/bin:/bin"}, {"HOME", "/"}, {"USER", "u"}, {"SLURMD_NODENAME", "gpu01"}});
  CHECK(result.code == 127);
  CHECK(result.errors.starts_with("hpcenv: gpu01 does not see the environment /nonexistent/env."));
}

TEST_CASE("a half-changed environment ends the job with 125 after some patience") {
  const Prefix prefix;
  REQUIRE(base::make_directories(prefix.path() + "/.hpcenv/token"));
  REQUIRE(base::write_file(prefix.path() + "/.hpcenv/token/record", ""));
  const std::string script =
      base::replace_all(job_script(request_for({"true"}), activation_for(prefix.path())),
                        "patience = 30", "patience = 1");
  const auto result = run_script(prefix, script);
  CHECK(result.code == 125);
  CHECK(result.errors == "hpcenv: a change of the environment " + prefix.path() +
                             " is unfinished.\nhpcenv: complete it with: hpcenv install -p '" +
                             prefix.path() + "'\n");
}

TEST_CASE("link scripts that had no turn end the job, those that failed are told") {
  const Prefix prefix;
  REQUIRE(base::make_directories(prefix.path() + "/.hpcenv/scripts"));
  REQUIRE(base::write_file(prefix.path() + "/.hpcenv/scripts/x-00000.failed", ""));
  const std::string script =
      base::replace_all(job_script(request_for({"true"}), activation_for(prefix.path())),
                        "patience = 30", "patience = 1");
  const auto failed = run_script(prefix, script);
  CHECK(failed.code == 0);
  CHECK(failed.errors == "hpcenv: link scripts of some packages failed in " + prefix.path() +
                             "; these may not work.\n");
  REQUIRE(base::write_file(prefix.path() + "/.hpcenv/scripts/x-00001", ""));
  const auto pending = run_script(prefix, script);
  CHECK(pending.code == 125);
  CHECK(pending.errors.find(" is unfinished.\n") != std::string::npos);
}

TEST_CASE("a program that is missing or cannot be executed has its own exit code") {
  const Prefix prefix;
  const auto missing = run_script(
      prefix, job_script(request_for({"no such; program"}), activation_for(prefix.path())));
  CHECK(missing.code == 127);
  CHECK(missing.errors.starts_with("hpcenv: no such; program: no such program, neither in"));
  const auto directory =
      run_script(prefix, job_script(request_for({"/tmp"}), activation_for(prefix.path())));
  CHECK(directory.code == 126);
  const auto dash =
      run_script(prefix, job_script(request_for({"-x"}), activation_for(prefix.path())));
  CHECK(dash.code == 127);
}

TEST_CASE("the head's lines come before the activation, with module where they want it") {
  const Prefix prefix;
  JobRequest request = request_for({"sh", "-c", "echo \"$CHOSEN $CONDA_PREFIX\""});
  request.head = {"CHOSEN=\"head\" PATH=/usr/bin:/bin", "export CHOSEN"};
  const auto result = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(result.output == "head " + prefix.path() + "\n");
  CHECK(job_script(request, activation_for(prefix.path())).find("MODULESHOME") ==
        std::string::npos);
  request.head = {"module load proxy"};
  REQUIRE(base::make_directories(prefix.root() + "/modules/init"));
  REQUIRE(base::write_file(prefix.root() + "/modules/init/bash",
                           "module() { export CHOSEN=\"$*\"; }\n"));
  const auto modules = run_script(prefix, job_script(request, activation_for(prefix.path())),
                                  {{"PATH", "/usr/bin:/bin"},
                                   {"HOME", "/"},
                                   {"USER", "u"},
                                   {"LMOD_PKG", prefix.root() + "/modules"}});
  CHECK(modules.output == "load proxy " + prefix.path() + "\n");
}

TEST_CASE("the interface that a probe saw is set for several nodes, where nobody set another") {
  const Prefix prefix;
  JobRequest request = request_for({"sh", "-c", "echo $NCCL_SOCKET_IFNAME $GLOO_SOCKET_IFNAME"});
  request.interface = "hsn";
  const auto one = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(one.output == "\n");
  request.nodes = "2";
  const auto two = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(two.output == "hsn hsn0\n");
  const auto own = run_script(
      prefix, job_script(request, activation_for(prefix.path())),
      {{"PATH", "/usr/bin:/bin"}, {"HOME", "/"}, {"USER", "u"}, {"NCCL_SOCKET_IFNAME", "ib7"}});
  CHECK(own.output == "ib7 hsn0\n");
}

TEST_CASE("a job that is to be requeued hands signals on, and tells why it is not") {
  const Prefix prefix;
  JobRequest request = request_for({"sh", "-c",
                                    "trap 'echo got; exit 4' USR1; kill -s USR1 $PPID; "
                                    "while :; do sleep 0.05; done"});
  request.requeue = RequeueSignal{"USR1", 60};
  const auto failed = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(failed.output == "got\n");
  CHECK(failed.code == 4);
  CHECK(failed.errors.find("after USR1 the program ended with 4: the job is not put") !=
        std::string::npos);
  request.command = {"sh", "-c", "exit 9"};
  const auto early = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(early.code == 9);
  CHECK(early.errors.empty());
  request.command = {"sh", "-c", "trap 'exit 6' INT; kill -s INT $PPID; sleep 5 & wait"};
  const auto interrupted = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(interrupted.code == 6);
  request.command = {"sh", "-c", "kill -s KILL $$"};
  CHECK(run_script(prefix, job_script(request, activation_for(prefix.path()))).code == 137);
}

TEST_CASE("a signal reaches a program that starts while it comes") {
  const Prefix prefix;
  for (const std::string_view signal : {"INT", "USR1"}) {
    JobRequest request = request_for(
        {"sh", "-c", fmt::format("trap 'exit 6' {0}; kill -s {0} $PPID; sleep 5 & wait", signal)});
    request.requeue = RequeueSignal{"USR1", 60};
    std::string script = job_script(request, activation_for(prefix.path()));
    const std::string start = "(exec -- \"$@\") <&0 &\n";
    const auto at = script.find(start);
    REQUIRE(at != std::string::npos);
    script.insert(at + start.size(), "sleep 0.5\n");
    CHECK(run_script(prefix, script).code == 6);
  }
}

TEST_CASE("a check that cannot run ends the job with 125") {
  const Prefix prefix;
  JobRequest request = request_for({"true"});
  request.checker = "/nonexistent/hpcenv";
  const auto missing = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(missing.code == 125);
  CHECK(missing.errors.find("cannot run /nonexistent/hpcenv, which --check needs") !=
        std::string::npos);
  request.checker = "/bin/false";
  const auto refused = run_script(prefix, job_script(request, activation_for(prefix.path())));
  CHECK(refused.code == 125);
  CHECK(refused.errors.find("the environment does not fit here") != std::string::npos);
  request.checker = "/bin/true";
  CHECK(run_script(prefix, job_script(request, activation_for(prefix.path()))).code == 0);
}

TEST_CASE("torchrun gets the words of the command but Python's name") {
  const Prefix prefix;
  JobRequest request = request_for({"python", "train.py", "--lr", "0.1 "});
  request.launcher = Launcher::torchrun;
  const std::string one = job_script(request, activation_for(prefix.path()));
  CHECK(one.find("exec -- torchrun --standalone --nproc_per_node=\"${SLURM_GPUS_ON_NODE:-1}\" "
                 "train.py --lr '0.1 '\n") != std::string::npos);
  request.nodes = "2";
  request.node_tasks = "4";
  request.host_suffix = "i";
  const std::string two = job_script(request, activation_for(prefix.path()));
  CHECK(two.find("--nproc_per_node=\"4\"") != std::string::npos);
  CHECK(two.find("hpcenv_host=${hpcenv_host%%$'\\n'*}i\n") != std::string::npos);
  CHECK(two.find("--local-addr=\"$host\"") != std::string::npos);
  CHECK(two.find("trap '' ") == std::string::npos);
  request.torch_takes_address = false;
  CHECK(job_script(request, activation_for(prefix.path())).find("--local-addr") ==
        std::string::npos);
  // Through srun on one node too: torchrun hands no such signal on.
  request.nodes.clear();
  request.requeue = RequeueSignal{"USR1", 60};
  const std::string requeued = job_script(request, activation_for(prefix.path()));
  CHECK(requeued.find("\n  trap '' USR1\n  torchrun ") != std::string::npos);
  CHECK(requeued.find("hpcenv_run srun --nodes=") != std::string::npos);
}

TEST_CASE("names and versions cannot leave their comment") {
  const Prefix prefix;
  shell::Activation activation = activation_for(prefix.path());
  activation.environment_name = "x\necho injected; '@PREFIX@' #@command";
  JobRequest request = request_for({"true"});
  request.hpcenv_version = "1\necho injected";
  const auto result = run_script(prefix, job_script(request, activation));
  CHECK(result.output.empty());
  CHECK(result.succeeded());
}

TEST_CASE("scripts are shellcheck clean whatever is in them") {
  const Prefix prefix;
  shell::ActivationInput input;
  input.prefix = prefix.path();
  input.environment_name = "it's";
  for (std::size_t i = 0; i < nasty_words.size(); ++i) {
    input.variables.emplace_back("V" + std::to_string(i), nasty_words[i]);
    input.live_scripts.push_back(prefix.path() + "/etc/" + nasty_words[i] + ".sh");
  }
  std::vector<std::string> all_words{"echo"};
  for (const std::string& word : nasty_words) {
    all_words.push_back(word);
    all_words.push_back("x" + word);
  }
  const std::vector<std::vector<std::string>> commands{
      all_words, {"python", "train.py"}, {"-x"}, {"a b"}, {"done"}, {"a\nb"}, {"'\\'"}, {"$x/y"}};
  std::vector<std::string> files;
  for (const auto& command : commands) {
    files.push_back(prefix.root() + "/" + std::to_string(files.size()) + ".sh");
    REQUIRE(base::write_file(files.back(),
                             job_script(request_for(command), shell::activation_of(input))));
  }
  for (const Launcher launcher :
       {Launcher::none, Launcher::srun, Launcher::torchrun, Launcher::mpi}) {
    JobRequest full = request_for(all_words);
    full.launcher = launcher;
    full.nodes = "2";
    full.mpi = "pmix";
    full.mpi_library = "it's.so";
    full.checker = "/it's/hpcenv";
    full.interface = "it's0";
    full.host_suffix = "'i";
    full.head = {"module load x", "ulimit -s unlimited"};
    full.requeue = RequeueSignal{"USR1", 60};
    files.push_back(prefix.root() + "/" + std::to_string(files.size()) + ".sh");
    REQUIRE(base::write_file(files.back(), job_script(full, shell::activation_of(input))));
    full.requeue.reset();
    files.push_back(prefix.root() + "/" + std::to_string(files.size()) + ".sh");
    REQUIRE(base::write_file(files.back(), job_script(full, shell::activation_of(input))));
  }
  base::ProcessRequest request;
  request.argv = {"shellcheck"};
  request.argv.insert(request.argv.end(), files.begin(), files.end());
  request.environment.set("PATH", "/usr/bin:/bin");
  const auto result = base::make_process_runner()->run(request);
  if (!result) SKIP("no shellcheck");
  CHECK(result->output.empty());
  CHECK(result->code == 0);
}

}  // namespace hpcenv::slurm
