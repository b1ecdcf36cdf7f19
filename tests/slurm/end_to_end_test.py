#!/usr/bin/env python3
"""From a login node without a GPU to jobs on two kinds of GPU nodes: targets, an environment for each, the doctor, and the jobs.

The driver of gpu01 is NVIDIA's own libcuda of branch 535 where it can be had, CUDA's runtime is NVIDIA's own in both versions.
"""
import json
import pathlib
import shutil
import sys
import tempfile

from cluster_config import Node
from probe_test import library_folder, make_driver
from slurm_case import CHANNEL, HPCENV, TESTS, SlurmCase, run_tests

sys.path.append(str(TESTS / "cli"))
from terminal import Terminal  # noqa: E402

# What a program sees of CUDA: its runtime's version, the driver's, and whether the runtime starts (35: this driver is too old for it).
ASKS = """
import ctypes, os
runtime = ctypes.CDLL([name for name in ("libcudart.so.13", "libcudart.so.12") if os.path.exists(os.environ["CONDA_PREFIX"] + "/lib/" + name)][0])
driver = ctypes.CDLL("libcuda.so.1")
has, takes, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
runtime.cudaRuntimeGetVersion(ctypes.byref(has))
driver.cuDriverGetVersion(ctypes.byref(takes))
code = runtime.cudaGetDeviceCount(ctypes.byref(count))
print(f"{os.environ['SLURMD_NODENAME']}: runtime {has.value // 1000}, driver {takes.value}, too old: {code == 35}, GPU {os.environ['CUDA_VISIBLE_DEVICES']}")
"""
ON_OLD = "gpu01: runtime 12, driver 12020, too old: False, GPU 0\n"
ON_NEW = "gpu02: runtime 13, driver 13000, too old: False, GPU 0\n"


class EndToEnd(SlurmCase):
    site = {"nodes": (Node("cpu01"), Node("gpu01", 2, features="a100,drv-535"), Node("gpu02", 2, features="a100,drv-580"))}
    needs_environment = False

    @classmethod
    def setUpClass(cls):
        work = pathlib.Path(tempfile.mkdtemp(prefix="hpcenv-drivers-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, work)
        cls.drivers = {"gpu01": make_driver(work / "gpu01", library_folder("real-535", "a100-12.2"), "535.261.03"),
                       "gpu02": make_driver(work / "gpu02", library_folder("a100-13.0"), "580.65.06")}
        super().setUpClass()
        cls.make_channel("cuda")
        (cls.cluster.scratch / "asks.py").write_text(ASKS)

    def hpcenv(self, *words: str, check: int | None = 0, **more):
        return self.on("alice", HPCENV, *words, check=check, env={"SCRATCH": "/scratch", "HPCENV_ROOT": "/scratch/root", **more}, timeout=300)

    def run_job(self, name: str, *options: str, check=0) -> str:
        output = f"{self.directory}/{name}-{len(options)}"
        return self.submit("python", "/scratch/asks.py", options=["--on", name, *options], prefix=f"/scratch/root/envs/{name}", output=output,
                           check=check)[1]

    def test_two_kinds_of_nodes(self):
        for name, feature in (("old", "drv-535"), ("new", "drv-580")):
            self.hpcenv("target", "add", name, "--partition", "gpu", "--gpus", "1", "--constraint", feature)
            self.hpcenv("create", "-y", "-n", name, "--on", name, "--override-channels", "-c", CHANNEL, "python=3.11", "cuda-cudart")
        held = {name: json.loads(self.hpcenv("list", "-n", name, "--json").out)["packages"] for name in ("old", "new")}
        versions = {name: next(one["version"] for one in packages if one["name"] == "cuda-version") for name, packages in held.items()}
        self.assertEqual(versions, {"old": "12.9", "new": "13.0"})
        self.the_doctor_finds_what_does_not_fit()
        self.jobs_run_where_they_fit_and_are_stopped_where_they_do_not()
        self.arrays_and_dependencies()
        self.a_shell_on_the_target()

    def the_doctor_finds_what_does_not_fit(self):
        for name in ("old", "new"):
            report = json.loads(self.hpcenv("doctor", "P01", "-n", name, "--on", name, "--json").out)
            self.assertEqual([finding["severity"] for finding in report["findings"]], ["pass"], report)
        report = json.loads(self.hpcenv("doctor", "P01", "P10", "-n", "new", "--on", "old", "--json", check=1).out)
        found = {finding["id"]: finding["severity"] for finding in report["findings"]}
        self.assertEqual(found, {"P01": "failure", "P10": "failure"}, report)

    def jobs_run_where_they_fit_and_are_stopped_where_they_do_not(self):
        self.assertEqual(self.run_job("old"), ON_OLD)
        # The real driver of gpu01 has no device behind it, and --check says so; the stand-in on gpu02 has one.
        for options in ((), ("--check",)):
            self.assertEqual(self.run_job("new", *options), ON_NEW)
        wrong = {"options": ["--on", "old"], "prefix": "/scratch/root/envs/new", "output": f"{self.directory}/wrong"}
        _, text = self.submit("python", "/scratch/asks.py", **wrong)
        self.assertEqual(text, "gpu01: runtime 13, driver 12020, too old: True, GPU 0\n")
        _, text = self.submit("python", "/scratch/asks.py", **{**wrong, "options": ["--on", "old", "--check"],
                                                               "output": f"{self.directory}/checked"}, check=125)
        self.assertIn("hpcenv: the environment does not fit here (--check); the program was not started.\n", text)
        self.assertRegex(text, r"x +P01\b.*CUDA 13")
        self.assertNotIn("runtime 13, driver", text)

    def arrays_and_dependencies(self):
        self.submit("python", "/scratch/asks.py", options=["--on", "old", "--array", "1-2"], prefix="/scratch/root/envs/old",
                    output=f"{self.directory}/%a")
        texts = [self.on_this_machine(f"{self.directory}/{task}").read_text() for task in "12"]
        self.assertEqual({text.split(", GPU")[0] for text in texts}, {ON_OLD.split(", GPU", maxsplit=1)[0]})
        first, _ = self.submit("true", options=["--on", "new"], prefix="/scratch/root/envs/new", wait=False)
        self.assertEqual(self.run_job("old", "--dependency", f"afterok:{first.out.strip()}"), ON_OLD)

    def a_shell_on_the_target(self):
        words = self.cluster.command("login01", "alice", ["env", "TERM=dumb", HPCENV, "slurm", "shell", "-p", "/scratch/root/envs/new", "--on", "new"])
        terminal = Terminal(["/usr/bin/" + words[0], *words[1:]], {"PATH": "/usr/bin:/bin"})
        self.addCleanup(terminal.close)
        terminal.type("python /scratch/asks.py")
        terminal.wait_for(ON_NEW.strip())
        terminal.type("exit")
        self.assertEqual(terminal.code(), 0)


if __name__ == "__main__":
    run_tests()
