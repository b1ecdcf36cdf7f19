#!/usr/bin/env python3
"""Jobs, steps and sessions at sites with rules of their own, asked for by the name of a target."""
import cluster_config as config
from slurm_case import HPCENV, run_tests
from target_sites_test import PARTITIONS, RULES
from target_test import TargetCase

ENVIRONMENT = "/scratch/env"
SHOW = 'echo "$CONDA_PREFIX on GPU ${CUDA_VISIBLE_DEVICES-none}"'


class JobsCase(TargetCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.on("login01", "alice", "sh", "-c", f"mkdir -p {ENVIRONMENT}/conda-meta {ENVIRONMENT}/bin; touch {ENVIRONMENT}/conda-meta/history")

    def job(self, *options: str, check: int | None = 0, env=None, output: str = ""):
        output = output or f"{self.directory}/out"
        return self.on("alice", HPCENV, "slurm", "submit", "-p", ENVIRONMENT, "--output", output, "--wait", *options, "--", "sh", "-c", SHOW,
                       check=check, env=env)

    def say_in_session(self, *options: str) -> str:
        terminal = self.session("alice", *options, prefix=ENVIRONMENT)
        terminal.type('echo "it is" "$CONDA_PREFIX on GPU ${CUDA_VISIBLE_DEVICES-none}."')
        said = terminal.wait_for(r"it is (\S+ on GPU \w+)\.").group(1)
        terminal.type("exit 0")
        self.assertEqual(terminal.code(), 0)
        return said


class Rules(JobsCase):
    submit_plugin = RULES
    site = {"nodes": (config.Node("cpu01"), config.Node("gpu01", 2)),
            "partitions": (config.Partition("cpu", "cpu01", "Default=YES OverSubscribe=EXCLUSIVE MaxTime=02:00:00"),
                           config.Partition("closed", "gpu01", "AllowAccounts=physics,art"),
                           *(config.Partition(name, "gpu01") for name in PARTITIONS))}
    # Which options its target was given, and what a job there gets without being told anything.
    SITES = {"chatty": ([], "0"), "strict": (["--qos", "short", "--time", "30"], "0"), "nomem": ([], "0"), "needmem": ([], "0"),
             "gresonly": ([], "0"), "gpusonly": ([], "0"), "nogpus": ([], "none"), "needsgpu": ([], "0"), "nonames": ([], "0"), "cpu": ([], "none")}

    def test_jobs_and_sessions_get_through(self):
        for name, (options, gpu) in self.SITES.items():
            with self.subTest(name):
                self.target("add", name, "--partition", name, *options)
                done = self.job("--on", name)
                self.assertEqual(done.out.split("\n", 1)[1], f"{ENVIRONMENT} on GPU {gpu}\n", done.err)
                ran = self.on("alice", HPCENV, "slurm", "run", "-p", ENVIRONMENT, "--on", name, "--", "sh", "-c", SHOW)
                self.assertEqual(ran.out, f"{ENVIRONMENT} on GPU {gpu}\n")
        for name in ("strict", "gpusonly", "needsgpu", "chatty"):
            with self.subTest(name):
                self.assertEqual(self.say_in_session("--on", name), f"{ENVIRONMENT} on GPU {self.SITES[name][1]}")

    def test_what_a_rule_wants_is_said_with_the_option(self):
        for partition, options, said, hint in (
                ("tell", [], "Please tell us which project to charge.", "--account"),
                ("silent", [], "Job violates accounting/QOS policy", "--account"),
                ("strict", [], "A QOS is needed: short or long.", "--qos"),
                ("nomem", ["--mem", "1G"], "Do not use --mem here.", "leave it out"),
                ("gpusonly", ["--gpus", "1"], "We do not use gres here, ask with --gpus=N", "--gpus"),
                ("needsgpu", [], "This partition is for GPU jobs only.", "--gpus"),
                ("nonames", ["--sbatch=-w", "--sbatch=gpu01"], "Do not ask for nodes by name", "leave out the names of nodes")):
            with self.subTest(partition):
                done = self.job("--partition", partition, *options, check=1)
                self.assertIn(said, done.err)
                self.assertIn(hint, done.err)
                self.assertEqual(self.queue(), "")

    def test_10_11_what_would_wait_for_ever(self):
        done = self.job("--partition", "chatty", "--time", "5:00:00", check=1)
        self.assertIn("--time 5:00:00 is over the limit of partition 'chatty', which is 01:00:00", done.err)
        done = self.job("--partition", "closed", check=1)
        self.assertIn("partition 'closed' takes no jobs without an account: they would wait for ever", done.err)

    def test_12_variables_of_the_login_shell(self):
        for variables in ({"SBATCH_EXPORT": "NONE"}, {"SLURM_EXPORT_ENV": "NONE"}, {"SBATCH_PARTITION": "cpu"}, {"SBATCH_GPUS": "1"},
                          {"SBATCH_MEM_PER_CPU": "10", "SLURM_MEM_PER_CPU": "10"}):
            with self.subTest(variables):
                done = self.job("--partition", "chatty", "--gpus", "1", "--mem", "500", env=variables)
                self.assertEqual(done.out.split("\n", 1)[1], f"{ENVIRONMENT} on GPU 0\n", done.err)


class Nodes(JobsCase):
    site = {"nodes": (config.Node("gpu01", 2, tmp_noexec=True, features="one"), config.Node("gpu02", 2, home=False, features="two"),
                      config.Node("gpu03", 2, hostname="n3", dead_network="up", features="three")),
            "partitions": (config.Partition("gpu", "gpu01,gpu02,gpu03", "Default=YES"),)}

    def test_13_home_is_not_mounted_and_tmp_runs_nothing(self):
        self.target("add", "two", "--partition", "gpu", "--constraint", "two")
        done = self.job("--on", "two", check=1)
        self.assertIn("the nodes do not see /home/alice, where the job would write its output", done.err)
        self.assertIn("they see /scratch: submit from there", done.err)
        self.on("alice", "mkdir", "-p", "/scratch/logs")
        done = self.job("--on", "two", "--sbatch=--chdir=/scratch/logs", output="out")
        self.assertIn(f"{ENVIRONMENT} on GPU 0\n", done.out)
        self.target("add", "one", "--partition", "gpu", "--constraint", "one")
        self.assertIn(f"{ENVIRONMENT} on GPU 0\n", self.job("--on", "one").out)
        self.assertEqual(self.say_in_session("--on", "one"), f"{ENVIRONMENT} on GPU 0")

    def test_14_another_host_name_and_a_dead_network(self):
        self.target("add", "three", "--partition", "gpu", "--constraint", "three")
        script = self.on("alice", HPCENV, "slurm", "script", "-p", ENVIRONMENT, "--on", "three", "--nodes", "2", "--", "sh").out
        self.assertIn("export GLOO_SOCKET_IFNAME=ib0", script)
        self.assertIn(f"{ENVIRONMENT} on GPU 0\n", self.job("--on", "three").out)
        self.assertEqual(self.say_in_session("--on", "three"), f"{ENVIRONMENT} on GPU 0")

    def test_a_node_that_is_lost(self):
        done = self.on("alice", HPCENV, "slurm", "submit", "-p", ENVIRONMENT, "--output", f"{self.directory}/out", "--sbatch=--no-requeue",
                       "--constraint", "one", "--", "sleep", "300")
        number = done.out.strip()
        self.addCleanup(self.on, "root", "scontrol", "update", "NodeName=gpu01", "State=RESUME", check=None)
        self.wait_for_state(number, "RUNNING")
        self.on("root", "scontrol", "update", "NodeName=gpu01", "State=DOWN", "Reason=lost")
        self.wait_for_state(number, "NODE_FAIL")

    def wait_for_state(self, number: str, state: str):
        for _ in range(200):
            if f"JobState={state}" in self.on("root", "scontrol", "-o", "show", "job", number).out:
                return
        self.fail(f"job {number} is never {state}")


if __name__ == "__main__":
    run_tests()
