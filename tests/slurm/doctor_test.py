#!/usr/bin/env python3
"""The doctor's checks on Slurm, on a real cluster: on the login node, in jobs with and without GPUs, without a controller."""
import json

from slurm_case import HPCENV, SlurmCase, run_tests


class Doctor(SlurmCase):
    needs_environment = False

    def findings(self, *where: str, checks=("slurm",), env=None) -> dict:
        done = self.on("alice", *where, HPCENV, "doctor", "--json", *checks, check=None,
                       env={"HPCENV_ROOT": "/home/alice/hpcenv", **(env or {})})
        self.assertIn(done.code, (0, 1), done.err)
        return {finding["id"]: finding for finding in json.loads(done.out)["findings"]}

    def test_a_login_node(self):
        found = self.findings()
        self.assertEqual(found["S01"]["severity"], "pass", found["S01"])
        self.assertRegex(found["S01"]["text"], r"^Slurm [0-9.]+ answers$")
        self.assertEqual(found["S02"]["text"], "GPUs are in gpu")
        self.assertIn("a100", found["S02"]["evidence"][0])
        self.assertEqual(found["S03"]["text"], "not inside a Slurm job")
        self.assertNotEqual(found["S04"]["severity"], "failure", found["S04"])

    def test_a_root_that_jobs_do_not_find(self):
        found = self.findings(checks=("S04",), env={"HPCENV_ROOT": "/tmp/alice"})
        self.assertEqual(found["S04"]["severity"], "failure", found["S04"])
        self.assertIn("is on this node alone", found["S04"]["text"])

    def test_a_job_with_a_gpu(self):
        found = self.findings("srun", "-p", "gpu", "--gres=gpu:1", checks=("S03", "S04"))
        self.assertEqual(found["S03"]["severity"], "pass", found["S03"])
        self.assertIn("has 1 GPU", found["S03"]["text"])
        self.assertEqual(found["S04"]["severity"], "pass", found["S04"])

    def test_a_job_that_names_more_than_it_has(self):
        found = self.findings("srun", "-p", "gpu", "--gres=gpu:1", "env", "CUDA_VISIBLE_DEVICES=0,1", checks=("S03",))
        self.assertEqual(found["S03"]["severity"], "failure", found["S03"])
        self.assertIn("names 2 GPUs", found["S03"]["text"])

    def test_a_job_without_gres_where_there_are_gpus(self):
        found = self.findings("srun", "-p", "gpu", checks=("S03",))
        self.assertEqual(found["S03"]["severity"], "warning", found["S03"])
        self.assertIn("in partition gpu, which has GPUs, but was given none", found["S03"]["text"])
        self.assertEqual(self.findings("srun", "-p", "cpu", checks=("S03",))["S03"]["severity"], "pass")

    def test_a_job_that_hands_nothing_on(self):
        found = self.findings("srun", "--export=ALL", "env", "SLURM_EXPORT_ENV=NONE", checks=("S04",))
        self.assertEqual(found["S04"]["remedy"]["commands"], ["unset SLURM_EXPORT_ENV"])

    def test_a_partition_that_is_down(self):
        self.on("root", "scontrol", "update", "PartitionName=gpu", "State=DOWN")
        self.addCleanup(self.on, "root", "scontrol", "update", "PartitionName=gpu", "State=UP")
        found = self.findings(checks=("S02",))
        self.assertEqual(found["S02"]["severity"], "warning", found["S02"])
        self.assertEqual(found["S02"]["remedy"]["commands"], ["sinfo -R"])


class WithoutController(SlurmCase):
    needs_environment = False

    def test_it_is_down(self):
        self.on("root", "scontrol", "shutdown", "slurmctld", check=None)
        self.wait_for_the_end()
        done = self.on("alice", HPCENV, "doctor", "--json", "S01", "S02", check=1)
        found = {finding["id"]: finding for finding in json.loads(done.out)["findings"]}
        self.assertEqual(found["S01"]["severity"], "failure", found["S01"])
        self.assertIn("DOWN", found["S01"]["text"])
        self.assertEqual(found["S02"]["severity"], "unavailable", found["S02"])

    def wait_for_the_end(self):
        for _ in range(100):
            if " UP" not in self.on("alice", "scontrol", "ping", check=None).out:
                return
        self.fail("slurmctld does not end")


if __name__ == "__main__":
    run_tests()
