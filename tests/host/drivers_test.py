#!/usr/bin/env python3
"""The program with real driver libraries of Debian and with stand-ins that misbehave, in front by LD_LIBRARY_PATH.

The static program (HPCENV_RELEASE_PROGRAM) is what cannot load libcuda itself, so it is the one tried where it was built;
else HPCENV_PROGRAM. Without a GPU the real ones tell their CUDA version all the same, and cuInit fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
RELEASE = os.environ.get("HPCENV_RELEASE_PROGRAM", "")
PROGRAM = RELEASE if Path(RELEASE).is_file() else os.environ["HPCENV_PROGRAM"]
sys.path[:0] = [str(SOURCE / "tests/channel"), str(SOURCE / "tests/tools")]

import drivers
from channelkit.errors import Unavailable
from skipping import skip

REAL = {"real-470": ("470.", 11040), "real-525": ("525.", 12000), "real-535": ("535.", 12020)}


def run(command: list[str], library: Path | None, root: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "HPCENV_ROOT": str(root / "hpcenv"), "LC_ALL": "C", **extra}
    if library:
        environment["LD_LIBRARY_PATH"] = str(library)
    return subprocess.run([PROGRAM, *command], env=environment, capture_output=True, text=True, timeout=120)


def as_nobody(program: Path) -> list[str]:
    """A command line that runs the program without root's rights, which cuInit would use to make device nodes."""
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    return [*nobody, str(program)]


def cuda_environment(prefix: Path, version: str) -> None:
    meta = prefix / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "history").write_text("")
    record = {"name": "cuda-version", "version": version, "build": "h0_3", "build_number": 3, "subdir": "noarch",
              "channel": "https://conda.anaconda.org/conda-forge/noarch", "fn": f"cuda-version-{version}-h0_3.conda",
              "url": f"https://conda.anaconda.org/conda-forge/noarch/cuda-version-{version}-h0_3.conda", "depends": [],
              "constrains": [f"__cuda >={version.split('.')[0]}"], "files": [], "requested_spec": f"cuda-version={version}"}
    (meta / f"cuda-version-{version}-h0_3.json").write_text(json.dumps(record))


class Drivers(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.root = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)

    def library(self, kind: str) -> Path:
        try:
            return drivers.ensure(kind)
        except Unavailable as reason:
            skip(f"no libcuda of kind {kind}: {reason}")

    def probe(self, kind: str, *options: str) -> dict:
        done = run(["probe", "--json", *options], self.library(kind), self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["profile"]["nvidia"]

    def winner(self, kind: str, *options: str) -> dict:
        nvidia = self.probe(kind, *options)
        self.assertIn("winner", nvidia)
        return nvidia["libcuda"][nvidia["winner"]]

    def findings(self, library: Path | None, prefix: Path) -> dict[str, dict]:
        done = run(["doctor", "--json", "-p", str(prefix)], library, self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}

    def test_real_drivers_tell_their_cuda(self) -> None:
        for kind, (branch, code) in REAL.items():
            with self.subTest(kind):
                found = self.winner(kind, "--no-devices")
                self.assertTrue(found["file_version"].startswith(branch), found)
                self.assertEqual(found["cuda_version"], code)
                self.assertFalse(found["is_stub"])

    def test_a_real_driver_without_gpu_fails_to_start(self) -> None:
        self.root.chmod(0o755)
        shutil.copy(PROGRAM, self.root / "hpcenv-copy")
        shutil.copytree(self.library("real-535"), self.root / "driver", symlinks=True)
        command = [*as_nobody(self.root / "hpcenv-copy"), "probe", "--json", "--devices"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LD_LIBRARY_PATH": str(self.root / "driver")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        nvidia = json.loads(done.stdout)["profile"]["nvidia"]
        found = nvidia["libcuda"][nvidia["winner"]]
        self.assertEqual(found["cuda_version"], 12020)
        # 0 where there is a GPU, 100 (no device) where there is none.
        self.assertIn(found["init_code"], (0, 100))

    def test_cuda_13_is_too_new_for_driver_535(self) -> None:
        prefix = self.root / "hpcenv/envs/new"
        cuda_environment(prefix, "13.0")
        finding = self.findings(self.library("real-535"), prefix)["P01"]
        self.assertEqual(finding["severity"], "failure")
        self.assertIn("CUDA 13.0 of this environment is too new for driver 535", finding["text"])
        self.assertIn("up to 12.2", finding["text"])
        self.assertIn('"cuda-version<=12.2"', finding["remedy"]["commands"][0])
        self.assertIn("partition with a newer driver", finding["remedy"]["text"])

    def test_cuda_12_runs_with_driver_535(self) -> None:
        prefix = self.root / "hpcenv/envs/old"
        cuda_environment(prefix, "12.9")
        found = self.findings(self.library("real-535"), prefix)
        self.assertEqual(found["P01"]["severity"], "pass")
        self.assertEqual(found["P03"]["severity"], "warning")

    def test_a_stub_is_called_one(self) -> None:
        found = self.winner("stub")
        self.assertTrue(found["is_stub"])
        prefix = self.root / "hpcenv/envs/any"
        cuda_environment(prefix, "12.9")
        self.assertEqual(self.findings(self.library("stub"), prefix)["D04"]["severity"], "failure")

    def test_a_hanging_driver_does_not_hold_anybody_up(self) -> None:
        began = time.monotonic()
        found = self.winner("hang-version")
        self.assertEqual(found["end"], "timed_out")
        self.assertLess(time.monotonic() - began, 20)

    def test_a_driver_that_hangs_in_cuinit_still_has_its_version(self) -> None:
        began = time.monotonic()
        found = self.winner("hang-init", "--devices")
        self.assertEqual((found["cuda_version"], found["init_end"]), (12040, "timed_out"))
        self.assertLess(time.monotonic() - began, 40)

    def test_noise_and_crashes_change_nothing(self) -> None:
        self.assertEqual(self.winner("noisy")["cuda_version"], 12040)
        self.assertEqual(self.winner("crash")["end"], "crashed")

    def test_without_a_driver_the_doctor_says_so_in_one_line(self) -> None:
        prefix = self.root / "hpcenv/envs/cuda"
        cuda_environment(prefix, "13.0")
        found = self.findings(None, prefix)
        if found["D01"]["severity"] == "pass":
            skip("there is a GPU here")
        self.assertTrue(found["D01"]["text"].startswith("no NVIDIA GPU on this node"))
        self.assertNotIn("D08", found)
        self.assertEqual(found["P01"]["severity"], "unavailable")


if __name__ == "__main__":
    unittest.main(verbosity=1)
