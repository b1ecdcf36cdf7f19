#!/usr/bin/env python3
"""The program with real driver libraries of Debian and with stand-ins that misbehave, in front by LD_LIBRARY_PATH.

The static program (HPCENV_RELEASE_PROGRAM) is what cannot load libcuda itself, so it is the one tried where it was built;
else HPCENV_PROGRAM. Without a GPU the real ones tell their CUDA version all the same, and cuInit fails.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
RELEASE = os.environ.get("HPCENV_RELEASE_PROGRAM", "")
PROGRAM = RELEASE if Path(RELEASE).is_file() else os.environ["HPCENV_PROGRAM"]
sys.path[:0] = [str(SOURCE / "tests/channel"), str(SOURCE / "tests/tools")]

import drivers
from channelkit.errors import Unavailable
from skipping import skip

# What cuDriverGetVersion of each branch says, without a GPU, a kernel module or cuInit.
REAL = {"real-450": ("450.", 11000), "real-460": ("460.", 11020), "real-470": ("470.", 11040), "real-525": ("525.", 12000),
        "real-535": ("535.", 12020), "real-550": ("550.", 12040), "real-555": ("555.", 12050)}
LEAST_BRANCHES = 5
NO_DEVICE = 100
# System calls by which a library would leave something behind, look at a device, or live on.
EFFECTS = ("mknod,mknodat,mkdir,mkdirat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,unlink,unlinkat,creat,open,openat,"
           "connect,execve,execveat,fork,vfork,clone,clone3")


def run(command: list[str], library: Path | None, root: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "HPCENV_ROOT": str(root / "hpcenv"), "LC_ALL": "C", **extra}
    if library:
        environment["LD_LIBRARY_PATH"] = str(library)
    return subprocess.run([PROGRAM, *command], env=environment, capture_output=True, text=True, timeout=120)


OWN_DEVICES = {"null", "zero", "urandom", "shm"}


def as_nobody() -> list[str]:
    """The beginning of a command line for a program without root's rights, which cuInit would use to make device nodes."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []


def devices() -> set[str]:
    """Device files of NVIDIA, wherever the driver would make them."""
    return {str(path) for folder in ("/dev", "/dev/char") for path in Path(folder).glob("*")
            if path.name.startswith(("nvidia", "195:"))}


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

    def branches(self, trial: Callable[[str, Path], None]) -> None:
        """Each branch that can be had, and enough of them."""
        tried = 0
        for kind in REAL:
            try:
                folder = drivers.ensure(kind)
            except Unavailable as reason:
                print(f"no libcuda of kind {kind}: {reason}", flush=True)
                continue
            tried += 1
            with self.subTest(kind):
                trial(kind, folder)
        if tried < LEAST_BRANCHES:
            skip(f"only {tried} branches of the driver can be had from Debian")

    def test_real_drivers_tell_their_cuda(self) -> None:
        def trial(kind: str, folder: Path) -> None:
            branch, code = REAL[kind]
            found = self.winner(kind, "--no-devices")
            self.assertTrue(found["file_version"].startswith(branch), found)
            self.assertEqual((found["end"], found["version_code"], found["cuda_version"]), ("answered", 0, code))
            self.assertFalse(found["is_stub"])
            self.assertEqual(found["init_end"], "not_run")

        self.branches(trial)

    def shared(self, folder: Path) -> list[str]:
        """A command line that probes with the libraries of `folder`, for who may not read our cache."""
        self.root.chmod(0o755)
        program, copy = self.root / "hpcenv-copy", self.root / folder.name
        if not program.exists():
            shutil.copy(PROGRAM, program)
        if not copy.exists():
            shutil.copytree(folder, copy, symlinks=True)
        return ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent", f"LD_LIBRARY_PATH={copy}", str(program), "probe", "--json"]

    def started(self, done: subprocess.CompletedProcess[str], code: int) -> dict:
        self.assertEqual(done.returncode, 0, done.stderr)
        nvidia = json.loads(done.stdout)["profile"]["nvidia"]
        found = nvidia["libcuda"][nvidia["winner"]]
        self.assertEqual((found["cuda_version"], found["init_end"]), (code, "answered"))
        # 0 where there is a GPU.
        self.assertIn(found["init_code"], (0, NO_DEVICE))
        return found

    def test_a_real_driver_without_gpu_fails_to_start(self) -> None:
        before = devices()

        def trial(kind: str, folder: Path) -> None:
            command = self.shared(folder)
            done = subprocess.run([*as_nobody(), *command, "--devices"], capture_output=True, text=True, timeout=120)
            found = self.started(done, REAL[kind][1])
            print(f"{kind}: cuInit {found['init_code']} in {found['init_milliseconds']} ms", flush=True)

        self.branches(trial)
        self.assertEqual(devices(), before)

    def test_as_root_the_driver_makes_device_files_which_is_why_nobody_asks_it(self) -> None:
        """In a /dev of its own: what the library makes is seen there, and stays there."""
        namespace = ["unshare", "--mount", "--propagation", "private"]
        if subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0:
            skip("no root: the driver cannot be started as root in a /dev of its own")
        before = devices()

        def trial(kind: str, folder: Path) -> None:
            script = ("mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 && "
                      "mknod -m 666 /dev/urandom c 1 9 && mkdir /dev/shm && cd / && \"$@\" && ls -1 /dev >&2")
            command = [*namespace, "sh", "-c", script, "sh", *self.shared(folder)]
            asked = subprocess.run([*command, "--devices"], capture_output=True, text=True, timeout=120)
            self.started(asked, REAL[kind][1])
            left = set(asked.stderr.split()) - OWN_DEVICES
            print(f"{kind}: as root cuInit leaves {' '.join(sorted(left)) or 'nothing'}", flush=True)
            self.assertLessEqual(left, {"nvidiactl", "char"})
            plain = subprocess.run(command, capture_output=True, text=True, timeout=120)
            self.assertEqual(plain.returncode, 0, plain.stderr)
            self.assertEqual(set(plain.stderr.split()), OWN_DEVICES)

        self.branches(trial)
        self.assertEqual(devices(), before)

    def calls(self, folder: Path, *options: str) -> str:
        """System calls of EFFECTS by the helper that loads libcuda. The program tries file systems in folders that go again."""
        if not shutil.which("strace") or subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
            skip("strace is missing, or may not trace here")
        with tempfile.TemporaryDirectory(dir=self.root) as logs:
            Path(logs).chmod(0o777)
            trace = ["strace", "-ff", "-qq", "-e", f"trace={EFFECTS}", "-o", f"{logs}/log"]
            command = self.shared(folder)
            done = subprocess.run([*as_nobody(), *trace, *command, *options], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            texts = [path.read_text() for path in sorted(Path(logs).glob("log.*"))]
        self.assertEqual(list(self.root.glob("**/.hpcenv-probe-*")), [])
        library = re.compile(r'openat\(AT_FDCWD, "[^"]*/libcuda\.so\.[^"]*", .*\) = \d')
        # The helper has no path: it is started from memory. What comes before in its log is the fork of the program.
        started = [text[text.rindex("execve"):] for text in texts if "execve" in text]
        helpers = [text for text in started if text.startswith("execveat") and library.search(text)]
        self.assertTrue(helpers)
        for line in "\n".join(helpers).splitlines() if "--devices" not in options else ():
            self.assertNotRegex(line, r"O_CREAT.* = \d|^(mknod|mkdir|symlink|link|rename|unlink|creat|connect)\w*\(.* = 0$")
        return "\n".join(helpers)

    def test_asking_for_the_version_has_no_side_effect(self) -> None:
        def trial(kind: str, folder: Path) -> None:
            calls = self.calls(folder, "--no-devices")
            for line in calls.splitlines():
                done = re.match(r"(\w+)\((.*)\) = (\d+)", line)
                if not done or done[1] == "execveat":
                    continue
                self.assertEqual(done[1], "openat", line)
                self.assertNotRegex(done[2], "O_CREAT|O_WRONLY|O_RDWR|\"/dev/", line)
            self.assertNotIn("libnvidia-ml", calls)

        self.branches(trial)

    def test_starting_the_driver_has_side_effects_that_the_trace_shows(self) -> None:
        self.assertRegex(self.calls(self.library("real-550"), "--devices"), r"clone3?\(.*CLONE_THREAD.*\) = \d")

    def test_the_management_library_is_left_alone(self) -> None:
        """NVML's stub starts programs and writes to stdout: one that nobody vouches for is not loaded."""
        folder = self.root / "with-nvml"
        shutil.copytree(self.library("real-535"), folder, symlinks=True)
        trap, mark = folder / "libnvidia-ml.so.1", self.root / "loaded"
        source = self.root / "trap.c"
        source.write_text(f'#include <fcntl.h>\n__attribute__((constructor)) void trap(void) {{ open("{mark}", O_CREAT | O_WRONLY, 0600); }}\n')
        if not shutil.which("cc"):
            skip("no C compiler to make a trap with")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(trap), str(source)], check=True)
        for options in ([], ["--devices"]):
            done = subprocess.run([*as_nobody(), *self.shared(folder), *options], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = run(["doctor", "--json"], folder, self.root)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertFalse(mark.exists())
        self.assertEqual(subprocess.run(["python3", "-c", f"import ctypes; ctypes.CDLL('{trap}')"]).returncode, 0)
        self.assertTrue(mark.exists())

    def test_cuda_13_is_too_new_for_driver_535(self) -> None:
        prefix = self.root / "hpcenv/envs/new"
        cuda_environment(prefix, "13.0")
        finding = self.findings(self.library("real-535"), prefix)["P01"]
        self.assertEqual(finding["severity"], "failure")
        self.assertIn("CUDA 13.0 of this environment is too new for driver 535", finding["text"])
        self.assertIn("up to 12.2", finding["text"])
        self.assertEqual(finding["remedy"]["commands"], ["hpcenv create -n new-cuda12 cuda-version=12"])
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

    def test_drivers_that_hang_do_not_hold_anybody_up(self) -> None:
        def timed(kind: str, *options: str) -> tuple[dict, float]:
            began = time.monotonic()
            return self.winner(kind, *options), time.monotonic() - began

        with ThreadPoolExecutor() as threads:
            version, init = threads.submit(timed, "hang-version"), threads.submit(timed, "hang-init", "--devices")
        self.assertEqual(version.result()[0]["end"], "timed_out")
        self.assertLess(version.result()[1], 20)
        self.assertEqual((init.result()[0]["cuda_version"], init.result()[0]["init_end"]), (12040, "timed_out"))
        self.assertLess(init.result()[1], 40)

    def test_noise_and_crashes_change_nothing(self) -> None:
        self.assertEqual(self.winner("noisy")["cuda_version"], 12040)
        self.assertEqual(self.winner("crash")["end"], "crashed")

    def test_what_lies_is_not_believed(self) -> None:
        found = self.winner("wild")
        self.assertEqual(found["end"], "answered")
        self.assertNotIn("cuda_version", found)
        self.assertIn("it names the CUDA version 2147483647, which is none", found["detail"])

    def test_none_at_all(self) -> None:
        done = run(["probe", "--json"], None, self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        nvidia = json.loads(done.stdout)["profile"]["nvidia"]
        if nvidia["pci_gpus"]:
            skip("there is a GPU here")
        self.assertEqual([one["end"] for one in nvidia["libcuda"]], ["cannot_load"])
        self.assertNotIn("winner", nvidia)

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
