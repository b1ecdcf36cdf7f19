#!/usr/bin/env python3
"""An environment with CUDA 13 for nodes with driver 535: the doctor names the cause, and its advice, pasted into a shell, gives an
environment that it passes: advice_test.py [whole].

With `whole` from the channel that has cuBLAS, cuDNN and NCCL of both; else the runtime and NVRTC.
"""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path

from thread_support import Answer, World

WHOLE = "whole" in sys.argv[1:]
WORLD = World()
SPECS = ["cuda-version=13.0", "cuda-cudart", "cuda-nvrtc", *(["libcublas", "cudnn", "nccl"] if WHOLE else [])]
DRIVER = "535.261.03"


def target() -> Path:
    """The profile of a node with an A100 and driver 535; the rest is this machine's."""
    probed = WORLD.hpcenv("probe", "--json")
    profile = probed.json["profile"]
    device = {"name": "NVIDIA A100-SXM4-80GB", "uuid": "GPU-1", "capability": "8.0", "capability_major": 8, "capability_minor": 0}
    profile["hostname"] = "gpu01"
    profile["nvidia"] = {"pci_gpus": 1, "kernel_module": DRIVER, "winner": 0, "libcuda": [
        {"path": "/usr/lib64/libcuda.so.1", "real_path": f"/usr/lib64/libcuda.so.{DRIVER}", "found_in": "ld.so.cache",
         "file_version": DRIVER, "end": "answered", "version_code": 0, "cuda_version": 12020, "init_end": "answered",
         "init_code": 0, "devices": [device]}]}
    file = WORLD.home / "gpu.json"
    file.write_text(json.dumps({"format": 1, "nodes": [profile]}))
    return file


class Advice(unittest.TestCase):
    def doctor(self, name: str, file: Path) -> Answer:
        return WORLD.hpcenv("doctor", "-n", name, "--on", file, "toolkit", "--json")

    def test_the_advice_for_cuda_13_on_driver_535_helps(self) -> None:
        channel, file = WORLD.channel("whole" if WHOLE else "cuda"), target()
        created = WORLD.hpcenv("create", "-n", "work", "--override-channels", "-c", channel, "-y", *SPECS, CONDA_OVERRIDE_CUDA="13.0")
        self.assertEqual(created.code, 0, created)
        judged = self.doctor("work", file)
        self.assertEqual(judged.code, 1, judged)
        failures = {one["id"]: one for one in judged.json["findings"] if one["severity"] == "failure"}
        self.assertIn("P01", failures, judged)
        self.assertIn(f"CUDA 13.0 of this environment is too new for driver {DRIVER}, which supports CUDA up to 12.2",
                      failures["P01"]["text"])
        command = failures["P01"]["remedy"]["commands"][0]
        pasted = WORLD.run(["bash", "-c", command], PATH=f"{WORLD.program.parent}:/usr/bin:/bin")
        self.assertEqual(pasted.code, 0, f"{command}\n{pasted}")
        passed = self.doctor("work-cuda12", file)
        self.assertEqual((passed.code, passed.json["failures"]), (0, 0), passed)
        major = next(one for one in passed.json["findings"] if one["id"] == "P01")
        self.assertEqual(major["severity"], "pass", passed)

    def test_a_target_gives_the_plan_that_its_node_gives(self) -> None:
        """The node is this machine with the real libcuda of driver 535 in front, the login node the same without it."""
        node = {"LD_LIBRARY_PATH": str(WORLD.driver("real-535"))}
        words = ["create", "-n", "plan", "--override-channels", "-c", WORLD.channel("cuda"), "--dry-run", "--json", "cuda-cudart",
                 "cuda-nvrtc"]
        added = WORLD.hpcenv("target", "add", "node535", "--here", "--replace", **node)
        self.assertEqual(added.code, 0, added)
        there, here, without = WORLD.hpcenv(*words, **node), WORLD.hpcenv(*words, "--on", "node535"), WORLD.hpcenv(*words)
        self.assertEqual((there.code, here.code), (0, 0), here)

        def solved(answer: Answer) -> tuple[list[str], dict[str, tuple[str, str]]]:
            plan = answer.json["plan"]
            offered = {one["name"]: (one["version"], one["build"]) for one in plan["solved_for"]["virtual_packages"]}
            return [package["url"] for package in plan["link"]], offered

        self.assertEqual(solved(here), solved(there))
        self.assertEqual(solved(here)[1]["__cuda"], ("12.2", "0"))
        self.assertNotIn("__cuda", solved(without)[1])
        self.assertEqual(here.json["plan"]["solved_for"]["target"], "node535")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
