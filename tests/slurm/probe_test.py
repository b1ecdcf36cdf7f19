#!/usr/bin/env python3
"""What hpcenv sees on nodes with different drivers, through Slurm: gpu01 with NVIDIA's real libcuda where it can be had."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from slurm_case import HPCENV, TESTS, SlurmCase, run_tests

HISTORY = "==> 2026-11-26 00:00:00 <==\n# cmd: hpcenv create\n# recipes: ['node']\n"
RECIPE = """\
dependencies: [python]
hpcenv:
  title: what a node has
  description: For this test.
  tests:
    - {name: anywhere, command: test "$CONDA_PREFIX" = /scratch/env}
    - {name: device, needs: gpu, command: echo ran on $(hostname)}
"""
LIBRARIES = "usr/lib/x86_64-linux-gnu"


def library_folder(*kinds: str) -> pathlib.Path:
    """The first of these libcudas that can be had (drivers.py)."""
    for kind in kinds:
        done = subprocess.run([os.environ["HPCENV_TEST_PYTHON"], "-B", str(TESTS / "channel/drivers.py"), kind],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return pathlib.Path(done.stdout.strip())
    raise RuntimeError(f"no libcuda of {kinds}: {done.stdout}{done.stderr}")


def make_driver(root: pathlib.Path, libcuda: pathlib.Path, version: str) -> str:
    """What a driver puts on a node: its library and /proc/driver/nvidia."""
    target = root / LIBRARIES
    target.mkdir(parents=True)
    shutil.copy(libcuda / "libcuda.so.1", target / f"libcuda.so.{version}")
    (target / "libcuda.so.1").symlink_to(f"libcuda.so.{version}")
    proc = root / "proc-driver/nvidia"
    proc.mkdir(parents=True)
    (proc / "version").write_text(
        f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Thu Jun  1 00:00:00 UTC 2025\n")
    return str(root)


class Probe(SlurmCase):
    needs_environment = False

    @classmethod
    def setUpClass(cls):
        work = pathlib.Path(tempfile.mkdtemp(prefix="hpcenv-drivers-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, work)
        cls.drivers = {"gpu01": make_driver(work / "gpu01", library_folder("real-535", "no-device"), "535.261.03"),
                       "gpu02": make_driver(work / "gpu02", library_folder("a100-13.0"), "580.65.06")}
        super().setUpClass()

    def probe(self, *where: str) -> dict:
        done = self.on("alice", *(["srun", *where] if where else []), HPCENV, "probe", "--json")
        answer = json.loads(done.out)
        self.assertEqual(answer["schema"], 1)
        return answer["profile"]

    def test_two_drivers_in_one_partition(self):
        for node, version, code, words in (("gpu01", "535.261.03", 12020, "12.2"), ("gpu02", "580.65.06", 13000, "13.0")):
            with self.subTest(node):
                where = ("-p", "gpu", "-w", node, "--gres=gpu:1")
                profile = self.probe(*where)
                nvidia = profile["nvidia"]
                self.assertEqual(profile["hostname"], node)
                self.assertEqual(nvidia["kernel_module"], version)
                self.assertEqual(nvidia["libcuda"][nvidia["winner"]]["cuda_version"], code)
                text = self.on("alice", "srun", *where, HPCENV, "probe").out
                self.assertRegex(text, rf"CUDA +up to {re.escape(words)} \(__cuda={re.escape(words)}\)\n")

    def test_hosts_without_a_driver(self):
        for where in ((), ("-p", "cpu")):
            nvidia = self.probe(*where)["nvidia"]
            self.assertEqual(nvidia["kernel_module"], "")
            self.assertIsNone(nvidia.get("winner"))

    def test_a_smoke_test_uses_the_gpu_that_its_job_has(self):
        scratch = pathlib.Path(self.cluster.scratch)
        for path, text in (("site/recipes/node.yml", RECIPE), ("env/conda-meta/history", HISTORY)):
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).write_text(text)
        words = (HPCENV, "test", "-p", "/scratch/env", "--json")
        site = {"HPCENV_SITE": "/scratch/site"}
        gpu01, gpu02 = (("srun", "-p", "gpu", "-w", node, "--gres=gpu:1") for node in ("gpu01", "gpu02"))
        for where, usable, reason in (((), False, "there is no NVIDIA driver on this machine"),
                                      (("srun", "-p", "cpu"), False, "there is no NVIDIA driver on this machine"),
                                      (gpu01, False, "the driver gives none to this process (in a Slurm job: ask for one with --gpus 1)"),
                                      (gpu02, True, "ran on gpu02")):
            with self.subTest(" ".join(where)):
                answer = json.loads(self.on("alice", *where, *words, env=site).out)
                self.assertEqual(answer["gpu"]["usable"], usable)
                anywhere, device = answer["checks"]
                self.assertEqual(anywhere["result"], "passed")
                self.assertEqual(device["result"], "passed" if usable else "not_possible")
                self.assertTrue(device["reason"].endswith(reason), device["reason"])


if __name__ == "__main__":
    run_tests()
