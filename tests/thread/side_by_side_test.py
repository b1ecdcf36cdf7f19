#!/usr/bin/env python3
"""CUDA 12 and CUDA 13 side by side, used in two shells at once; one removed, the other whole: side_by_side_test.py [whole].

Without `whole` from the small channel, where CUDA 12 is its runtime and NVRTC; with it also cuBLAS, cuDNN and NCCL of both.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
import unittest
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from real_software import unresolved
from thread_support import Answer, World, tree

WHOLE = "whole" in sys.argv[1:]
WORLD = World()
LIMIT_S = 300
SPECS = {"12": ["cuda-version=12.9", "cuda-cudart", "cuda-nvrtc-dev", "gxx_linux-64", "python=3.11"],
         "13": ["cuda-version=13.0", "cuda-cudart", "cuda-nvrtc-dev", "gxx_linux-64", "python=3.11"]}
LIBRARIES = ["libcublas", "cudnn", "nccl"] if WHOLE else []
# In an activated shell: build the program, wait for the other shell, use the environment while that one is used too.
SHELL = r"""
set -eu
eval "$("$HPCENV" shell-hook bash)"
hpcenv activate "cuda$1"
echo "prefix $CONDA_PREFIX"
"$CXX" $CXXFLAGS -I"$CONDA_PREFIX/targets/x86_64-linux/include" nvrtc_kernel.cpp -o "kernel$1" $LDFLAGS -lnvrtc
meet() { touch "$1$2"; for _ in $(seq 3000); do [ ! -e "$1$3" ] || return 0; sleep 0.1; done; echo "nobody came"; exit 9; }
meet built "$1" "$2"
"./kernel$1"
python libraries.py
meet used "$1" "$2"
if [ "$1" = 13 ]; then
  meet waited "$1" removed
  "./kernel$1"
  python libraries.py
  "$CXX" $CXXFLAGS -I"$CONDA_PREFIX/targets/x86_64-linux/include" nvrtc_kernel.cpp -o again $LDFLAGS -lnvrtc
  ./again
fi
"""
# Loads every CUDA library of the environment by its name alone, with what the environment's python finds.
PYTHON = r"""
import ctypes, glob, os, re, sys
def version(library, function):
    number = ctypes.c_int()
    getattr(library, function)(ctypes.byref(number))
    return number.value
def load(name):
    return ctypes.CDLL(glob.glob(f"{sys.prefix}/lib/{name}.so.*[0-9]")[0])
print("runtime", version(load("libcudart"), "cudaRuntimeGetVersion"))
if glob.glob(f"{sys.prefix}/lib/libcublas.so.*"):
    cublas, numbers = load("libcublas"), []
    for part in range(3):
        number = ctypes.c_int()
        cublas.cublasGetProperty(part, ctypes.byref(number))
        numbers.append(number.value)
    print("cublas", *numbers)
    cudnn = load("libcudnn")
    cudnn.cudnnGetVersion.restype = cudnn.cudnnGetCudartVersion.restype = ctypes.c_size_t
    print("cudnn", cudnn.cudnnGetVersion(), "built for", cudnn.cudnnGetCudartVersion())
    print("nccl", version(load("libnccl"), "ncclGetVersion"))
for path in sorted({line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/" in line}):
    if re.search(r"cuda|cublas|cudnn|nccl|nvrtc", os.path.basename(path)):
        print("loaded", path)
"""


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    channel = WORLD.channel("whole" if WHOLE else "cuda")
    shutil.copy(Path(__file__).resolve().parent / "nvrtc_kernel.cpp", WORLD.home)
    (WORLD.home / "libraries.py").write_text(PYTHON)
    for major, specs in SPECS.items():
        started = time.monotonic()
        answer = WORLD.hpcenv("create", "-n", f"cuda{major}", "--override-channels", "-c", channel, "-y", *specs, *LIBRARIES)
        print(f"create cuda{major}: {time.monotonic() - started:.1f} s", file=sys.stderr)
        if answer.code != 0:
            raise AssertionError(f"create failed: {answer}")


def versions(major: str) -> dict[str, str]:
    """The packages of an environment that carry CUDA's version."""
    records = [json.loads(path.read_bytes()) for path in (WORLD.prefix(f"cuda{major}") / "conda-meta").glob("*.json")]
    return {record["name"]: record["version"] for record in records}


class SideBySide(unittest.TestCase):
    def test_1_each_has_its_own_versions(self) -> None:
        found = {major: versions(major) for major in SPECS}
        self.assertEqual({major: one["cuda-version"] for major, one in found.items()}, {"12": "12.9", "13": "13.0"})
        for name in ("cuda-cudart", "cuda-nvrtc"):
            self.assertRegex(found["12"][name], r"^12\.9\.")
            self.assertRegex(found["13"][name], r"^13\.0\.")
        if WHOLE:
            self.assertEqual([found["12"][name] for name in ("libcublas", "libcudnn")], ["12.9.1.4", "9.10.2.21"])
            self.assertEqual([found["13"][name] for name in ("libcublas", "libcudnn")], ["13.1.0.3", "9.13.0.50"])

    def test_2_every_library_is_found_inside_its_own_prefix(self) -> None:
        for major in SPECS:
            self.assertEqual(unresolved(WORLD, WORLD.prefix(f"cuda{major}")), [])

    def _shell(self, mine: str, other: str) -> Answer:
        return WORLD.run(["bash", "-c", SHELL, "shell", mine, other], timeout=LIMIT_S, HPCENV=str(WORLD.program))

    def _wait_for(self, name: str, shells: list[Future]) -> None:
        until = time.monotonic() + LIMIT_S
        while not (WORLD.home / name).exists():
            ended = [shell.result() for shell in shells if shell.done()]
            self.assertEqual([str(answer) for answer in ended if answer.code != 0], [])
            self.assertLess(time.monotonic(), until, f"{name} never came")
            time.sleep(0.05)

    def test_3_two_shells_use_both_at_once_and_one_is_removed(self) -> None:
        thirteen = WORLD.prefix("cuda13")
        before = tree(thirteen)
        with ThreadPoolExecutor(max_workers=2) as pool:
            shells = [pool.submit(self._shell, "12", "13"), pool.submit(self._shell, "13", "12")]
            self._wait_for("waited13", shells)
            self.assertEqual(shells[0].result().code, 0, shells[0].result())
            removed = WORLD.hpcenv("env", "remove", "-n", "cuda12", "-y")
            self.assertEqual(removed.code, 0, removed)
            self.assertFalse(WORLD.prefix("cuda12").exists())
            (WORLD.home / "waitedremoved").touch()
            twelve, thirteen_said = (shell.result() for shell in shells)
        self.assertEqual(thirteen_said.code, 0, thirteen_said)
        self._check_words("12", twelve.out, times=1)
        self._check_words("13", thirteen_said.out, times=2)
        self.assertIn(f"nvrtc 13.0 ptx good cubin good\nloaded {thirteen}/", thirteen_said.out.rpartition("runtime")[2])
        self.assertEqual({path for path in before - tree(thirteen) if "__pycache__" not in path}, set())
        verified = WORLD.hpcenv("verify", "-n", "cuda13")
        self.assertEqual(verified.code, 0, verified)

    def _check_words(self, major: str, said: str, times: int) -> None:
        prefix, minor = WORLD.prefix(f"cuda{major}"), {"12": "9", "13": "0"}[major]
        self.assertIn(f"prefix {prefix}\n", said)
        self.assertGreaterEqual(said.count(f"nvrtc {major}.{minor} ptx good cubin good\n"), times, said)
        self.assertEqual(said.count(f"runtime {major}0{minor}0\n"), times, said)
        loaded = re.findall(r"^loaded (.+)$", said, re.MULTILINE)
        self.assertGreaterEqual(len(loaded), 3 * times)
        self.assertEqual([path for path in loaded if not path.startswith(f"{prefix}/")], [])
        self.assertTrue(any("libnvrtc-builtins" in path for path in loaded), loaded)
        if WHOLE:
            expected = {"12": ("cublas 12 9 1", "cudnn 91002 built for 12090"), "13": ("cublas 13 1 0", "cudnn 91300 built for 13000")}
            for line in (*expected[major], "nccl 22809"):
                self.assertEqual(said.count(line), times, said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
