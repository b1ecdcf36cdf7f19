#!/usr/bin/env python3
"""`hpcenv run --cuda-compat` with NVIDIA's own libraries: driver 550's (CUDA 12.4) as package cuda-compat of a tiny channel, the
libraries of other branches as the host's driver, in front by LD_LIBRARY_PATH as a container's.

What the program gets is seen in itself: its LD_LIBRARY_PATH, what its loader took for libcuda.so.1 (/proc/self/maps) and what CUDA
that library answers. Nodes with a kernel module and a GPU are shown by a file system over /proc/driver, in a mount namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
PROGRAM = os.environ["HPCENV_PROGRAM"]
sys.path[:0] = [str(SOURCE / "tests/channel"), str(SOURCE / "tests/tools")]

import drivers
from channelkit import index, package
from channelkit.errors import Unavailable
from ending import leave
from skipping import skip

CHILD = """
import ctypes, json, os
seen = {"path": os.environ.get("LD_LIBRARY_PATH", "")}
try:
    version = ctypes.c_int(-1)
    seen["code"] = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    seen["cuda"] = version.value
except OSError:
    pass
seen["loaded"] = sorted({line.split()[-1] for line in open("/proc/self/maps") if "libcuda.so" in line})
print(json.dumps(seen))
"""


def library(kind: str) -> Path:
    try:
        return drivers.ensure(kind)
    except Unavailable as reason:
        skip(f"no libcuda of kind {kind}: {reason}")


def node(kernel: str, model: str) -> list[str]:
    """The beginning of a command line for a program on a node with that driver and GPU."""
    version = f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {kernel}  Tue Feb  1 00:00:00 UTC 2026"
    gpu = "/proc/driver/nvidia/gpus/0000:07:00.0"
    script = (f"mount -t tmpfs none /proc/driver && mkdir -p {gpu} && echo '{version}' >/proc/driver/nvidia/version && "
              f"printf 'Model: \\t\\t %s\\nIRQ: 1\\n' '{model}' >{gpu}/information && exec \"$@\"")
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]


class Compat(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if Path("/proc/driver/nvidia/version").exists():
            skip("there is an NVIDIA driver here")
        cls.work = Path(tempfile.mkdtemp(prefix="hpcenv-compat-"))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        real = next(path for path in library("real-550").iterdir() if not path.is_symlink())
        tree = cls.work / "tree"
        (tree / "cuda-compat").mkdir(parents=True)
        # The layout of conda-forge's package.
        os.link(real, tree / "cuda-compat" / real.name) if real.stat().st_dev == tree.stat().st_dev else shutil.copy(
            real, tree / "cuda-compat")
        for link, target in (("libcuda.so.1", real.name), ("libcuda.so", "libcuda.so.1")):
            (tree / "cuda-compat" / link).symlink_to(target)
        channel = cls.work / "channel"
        package.write(package.Package("cuda-compat", "12.4.1", tree, "LicenseRef-NVIDIA-End-User-License-Agreement"), channel)
        (cls.work / "nothing").mkdir()
        package.write(package.Package("nothing", "1", cls.work / "nothing", "MIT"), channel)
        index.write_repodata(channel)
        for name, spec in (("gpu", "cuda-compat"), ("plain", "nothing")):
            done = cls.hpcenv("create", "-n", name, "--override-channels", "-c", channel.as_uri(), "-y", spec)
            assert done.returncode == 0, done.stderr
        cls.prefix = cls.work / "root/envs/gpu"

    @classmethod
    def hpcenv(cls, *words: str, host: Path | None = None, before: tuple[str, ...] | list[str] = ()) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(cls.work), "HPCENV_ROOT": str(cls.work / "root"), "LC_ALL": "C"}
        if host:
            environment["LD_LIBRARY_PATH"] = str(host)
        return subprocess.run([*before, PROGRAM, *words], env=environment, capture_output=True, text=True, timeout=120)

    def seen(self, host: Path | None, *, name: str = "gpu", before: tuple[str, ...] | list[str] = ()) -> tuple[dict, str]:
        """What a program under --cuda-compat sees, and what hpcenv says."""
        if before and subprocess.run([*before, "true"], capture_output=True).returncode != 0:
            skip("no root: a node with a driver cannot be shown here")
        done = self.hpcenv("run", "-n", name, "--cuda-compat", "--", "python3", "-c", CHILD, host=host, before=before)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout), done.stderr

    def assert_in_front(self, seen: dict, host: Path) -> None:
        directory = f"{self.prefix}/cuda-compat"
        self.assertEqual(seen["path"], f"{directory}:{host}")
        self.assertEqual(seen["loaded"], [f"{directory}/libcuda.so.550.163.01"])
        self.assertEqual((seen["code"], seen["cuda"]), (0, 12040))

    def assert_left_out(self, seen: dict, host: Path, cuda: int) -> None:
        self.assertEqual(seen["path"], str(host))
        self.assertEqual([Path(one).parent for one in seen["loaded"]], [host])
        self.assertEqual((seen["code"], seen["cuda"]), (0, cuda))

    def test_an_older_driver_gets_the_newer_library(self) -> None:
        for kind, version in (("real-535", "driver 535."), ("real-470", "driver 470.")):
            with self.subTest(kind):
                host = library(kind)
                seen, said = self.seen(host)
                self.assert_in_front(seen, host)
                self.assertIn(f"works on {version}", said)
                self.assertIn("its GPU is not known here", said)

    def test_a_data_centre_gpu_gets_it_without_a_word(self) -> None:
        host = library("real-535")
        seen, said = self.seen(host, before=node("535.261.03", "NVIDIA A100-SXM4-80GB"))
        self.assert_in_front(seen, host)
        self.assertEqual(said, "")

    def test_geforce_does_not(self) -> None:
        host = library("real-535")
        seen, said = self.seen(host, before=node("535.261.03", "NVIDIA GeForce RTX 4090"))
        self.assert_left_out(seen, host, 12020)
        self.assertIn("--cuda-compat is not used: cuda-compat 550.163.01 (CUDA 12.4) does not work on NVIDIA GeForce RTX 4090", said)
        self.assertIn("error 804", said)

    def test_the_same_branch_needs_none(self) -> None:
        host = library("real-550")
        seen, said = self.seen(host)
        self.assert_left_out(seen, host, 12040)
        self.assertIn("is not needed", said)

    def test_a_newer_driver_must_not_have_it(self) -> None:
        host = library("real-555")
        seen, said = self.seen(host)
        self.assert_left_out(seen, host, 12050)
        self.assertIn("is older than driver 555.", said)
        self.assertIn("error 803", said)

    def test_the_kernel_counts_more_than_the_library_in_reach(self) -> None:
        host = library("real-535")
        seen, said = self.seen(host, before=node("570.86.15", "NVIDIA H100 80GB HBM3"))
        self.assert_left_out(seen, host, 12020)
        self.assertIn("is older than driver 570.86.15 (CUDA 12.8)", said)

    def test_another_compatibility_library_in_front_is_no_driver(self) -> None:
        folder = self.work / "elsewhere/compat"
        folder.parent.mkdir()
        folder.symlink_to(library("real-555"))
        host = library("real-535")
        done = self.hpcenv("run", "-n", "gpu", "--cuda-compat", "-e", f"LD_LIBRARY_PATH={folder}:{host}", "--", "python3", "-c", CHILD,
                           host=Path(f"{folder}:{host}"))
        self.assertEqual(json.loads(done.stdout)["path"], f"{self.prefix}/cuda-compat:{folder}:{host}")

    def test_without_a_driver_it_says_so_and_runs(self) -> None:
        done = self.hpcenv("run", "-n", "gpu", "--cuda-compat", "--", "sh", "-c", "echo \"[$LD_LIBRARY_PATH]\"; exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, "[]\n"))
        self.assertIn("no NVIDIA driver is here", done.stderr)

    def test_without_the_package_it_says_so_and_runs(self) -> None:
        host = library("real-535")
        seen, said = self.seen(host, name="plain")
        self.assert_left_out(seen, host, 12020)
        self.assertIn("there is no", said)
        self.assertIn("package cuda-compat", said)

    def test_nothing_is_written_down(self) -> None:
        before = sorted((str(path), path.lstat().st_mtime_ns) for path in self.prefix.rglob("*"))
        self.seen(library("real-535"))
        self.assertEqual(before, sorted((str(path), path.lstat().st_mtime_ns) for path in self.prefix.rglob("*")))
        plain = self.hpcenv("run", "-n", "gpu", "--", "sh", "-c", "echo \"[$LD_LIBRARY_PATH]\"")
        self.assertEqual((plain.stdout, plain.stderr), ("[]\n", ""))
        script = self.hpcenv("slurm", "script", "-n", "gpu", "--", "python3", "train.py")
        self.assertEqual(script.returncode, 0, script.stderr)
        self.assertNotIn("cuda-compat", script.stdout)


if __name__ == "__main__":
    leave(0 if unittest.main(verbosity=1, exit=False).result.wasSuccessful() else 1)
