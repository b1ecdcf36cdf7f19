#!/usr/bin/env python3
"""Runs the commands of the guides on jobs, as a reader would, on the login node of a real cluster."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from probe_test import library_folder, make_driver
from slurm_case import TESTS, SlurmCase, run_tests

sys.path.insert(0, str(TESTS / "tools"))

from guides import pattern_of, steps_of  # noqa: E402


class Guides(SlurmCase):
    needs_environment = False

    @classmethod
    def setUpClass(cls):
        work = pathlib.Path(tempfile.mkdtemp(prefix="hpcenv-drivers-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, work)
        driver = library_folder("a100-13.0")
        cls.drivers = {node: make_driver(work / node, driver, "580.65.06") for node in ("gpu01", "gpu02")}
        super().setUpClass()
        subprocess.run([os.environ["HPCENV_TEST_PYTHON"], "-B", str(TESTS / "channel" / "build_channel.py"), "--profile", "mini",
                        "--out", str(cls.cluster.scratch / "channels/conda-forge")], check=True, stdout=subprocess.DEVNULL)

    def follow(self, page: str):
        self.on("alice", "sh", "-c", "cd && rm -rf site .cache .config .local *.txt *.py *.sh")
        steps = steps_of(str(TESTS.parent / "docs" / "guides" / page))
        self.assertGreater(len(steps), 2)
        variables = {"PATH": "/scratch/bin:/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C",
                     "HPCENV_CHANNEL_ALIAS": "file:///scratch/channels"}
        for command, expected in steps:
            with self.subTest(command=command):
                done = self.on("alice", "bash", "-c", command + " 2>&1", env=variables, check=None)
                codes = (0, 1) if " doctor" in command else (0,)
                self.assertIn(done.code, codes, done.out)
                self.assertRegex(done.out, re.compile(pattern_of(expected)))

    def test_first_gpu_job(self):
        self.follow("first-gpu-job.md")

    def test_many_jobs(self):
        self.follow("many-jobs.md")

    def test_several_nodes(self):
        self.follow("several-nodes.md")

    def test_interactive_work(self):
        self.follow("interactive-work.md")

    def test_site_layer(self):
        self.follow("site-layer.md")


if __name__ == "__main__":
    run_tests()
