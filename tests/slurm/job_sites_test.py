#!/usr/bin/env python3
"""Jobs at sites with rules of their own that no target was asked about: what is said before anything is submitted."""
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
    site = {"nodes": (config.Node("gpu01", 2, tmp_noexec=True, features="one"), config.Node("gpu02", 2, home=False, features="two")),
            "partitions": (config.Partition("gpu", "gpu01,gpu02", "Default=YES"),)}

    def test_13_home_is_not_mounted_and_tmp_runs_nothing(self):
        self.target("add", "two", "--partition", "gpu", "--constraint", "two")
        done = self.job("--on", "two", check=1)
        self.assertIn("the nodes do not see /home/alice, where the job would write its output", done.err)
        self.assertIn("they see /scratch\nhint: submit from there", done.err)
        self.on("alice", "mkdir", "-p", "/scratch/logs")
        done = self.job("--on", "two", "--sbatch=--chdir=/scratch/logs", output="out")
        self.assertIn(f"{ENVIRONMENT} on GPU 0\n", done.out)
        self.target("add", "one", "--partition", "gpu", "--constraint", "one")
        self.assertIn(f"{ENVIRONMENT} on GPU 0\n", self.job("--on", "one").out)
        self.assertEqual(self.say_in_session("--on", "one"), f"{ENVIRONMENT} on GPU 0")


if __name__ == "__main__":
    run_tests()
