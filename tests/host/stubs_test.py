#!/usr/bin/env python3
"""NVIDIA's own stubs of libcuda and NVML, first in the loader's way: what they answer, and that nobody falls for them.

For the sweep of ./bootstrap test --all: half a gigabyte of nvidia-cuda-dev is downloaded for them. CI has a stand-in (drivers_test.py).
"""

from __future__ import annotations

import ctypes
import json
import unittest
from pathlib import Path

import drivers_test
from drivers_test import PROGRAM, run

STUB = 34


class Stubs(unittest.TestCase):
    library, setUp = drivers_test.Drivers.library, drivers_test.Drivers.setUp

    def test_it_answers_34_and_touches_nothing(self) -> None:
        loaded = ctypes.CDLL(str(self.library("real-stub") / "libcuda.so.1"))
        version, count, name = ctypes.c_int(-1), ctypes.c_int(-1), ctypes.c_char_p()
        for code in (loaded.cuDriverGetVersion(ctypes.byref(version)), loaded.cuInit(0), loaded.cuDeviceGetCount(ctypes.byref(count)),
                     loaded.cuGetErrorName(STUB, ctypes.byref(name))):
            self.assertEqual(code, STUB)
        self.assertEqual((version.value, count.value, name.value), (-1, -1, None))

    def test_the_probe_calls_it_a_stub_and_asks_it_nothing_more(self) -> None:
        done = run(["probe", "--json", "--devices"], self.library("real-stub"), self.root)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        nvidia = json.loads(done.stdout)["profile"]["nvidia"]
        found = nvidia["libcuda"][nvidia["winner"]]
        self.assertEqual((found["is_stub"], found["version_code"], found["init_end"]), (True, STUB, "not_run"))
        self.assertNotIn("cuda_version", found)
        self.assertNotIn("WARNING", done.stdout)  # NVML's stub says so on stdout

    def test_the_doctor_says_what_to_take_away(self) -> None:
        folder = self.library("real-stub")
        done = run(["doctor", "--json"], folder, self.root)
        self.assertEqual(done.returncode, 1, done.stderr)
        finding = next(one for one in json.loads(done.stdout)["findings"] if one["id"] == "D04")
        self.assertEqual((finding["severity"], finding["remedy"]["commands"]), ("failure", ["unset LD_LIBRARY_PATH"]))
        self.assertIn(str(folder), finding["text"])

    def test_it_lies_behind_a_real_driver_and_changes_nothing(self) -> None:
        folders = Path(f"{self.library('real-535')}:{self.library('real-stub')}")
        done = run(["probe", "--json"], folders, self.root)
        nvidia = json.loads(done.stdout)["profile"]["nvidia"]
        self.assertEqual(nvidia["libcuda"][nvidia["winner"]]["cuda_version"], 12020)
        self.assertEqual(sum(one["is_stub"] for one in nvidia["libcuda"]), 1)


if __name__ == "__main__":
    print(f"with {PROGRAM}")
    unittest.main(verbosity=1)
