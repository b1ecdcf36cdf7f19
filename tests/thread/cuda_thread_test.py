#!/usr/bin/env python3
"""The way of a user from nothing to a compiled CUDA program: create, run, compile, look at the records, ask the doctor."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
import unittest
from pathlib import Path

from rattler import PrefixRecord
from real_software import run_every_entry_point, unresolved
from thread_support import Answer, World, machine_has_driver, skip, tree

from ending import leave

PLACEHOLDER = b"_h_env_placehold"
ON_GPU = Path(__file__).resolve().parents[1] / "host/on_gpu.cu"
MORE = ["rich", "numpy"]
FIRST = World()
NAME = "cuda"
HANG_LIMIT_S = 30


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    channel = FIRST.channel("cuda")
    started = time.monotonic()
    answer = FIRST.hpcenv("create", "-n", NAME, "--recipe", "cuda-dev", "--override-channels", "-c", channel, *MORE, "-y",
                          PATH=FIRST.plain_path())
    print(f"create --recipe cuda-dev: {time.monotonic() - started:.1f} s", file=sys.stderr)
    if answer.code != 0:
        raise AssertionError(f"create failed: {answer}")


def records() -> list[dict]:
    """All records of the environment."""
    return [json.loads(path.read_bytes()) for path in sorted((FIRST.prefix(NAME) / "conda-meta").glob("*.json"))]


class Installed(unittest.TestCase):
    prefix = FIRST.prefix(NAME)

    def test_the_list_names_what_the_recipe_asks_for(self) -> None:
        answer = FIRST.hpcenv("list", "-n", NAME, "--json")
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual(answer.json["schema"], 1)
        for record in records():
            self.assertIn(f'"{record["name"]}"', answer.out)
        names = {record["name"] for record in records()}
        self.assertLessEqual({"python", "pip", "cuda-nvcc", "libcublas-dev", "cudnn", "nccl", "gxx_linux-64", "cuda-version", "rich"},
                             names)

    def test_the_recipe_passes_its_smoke_test(self) -> None:
        answer = FIRST.hpcenv("test", "-n", NAME, "--json", PATH=FIRST.plain_path(), LD_LIBRARY_PATH="")
        self.assertEqual(answer.code, 0, answer)
        checks = {check["name"]: check for check in answer.json["checks"]}
        self.assertEqual((checks["versions"]["result"], checks["build"]["result"]), ("passed", "passed"), answer)
        self.assertRegex(checks["build"]["reason"], r"^CUDA 13\.0, cuBLAS 13, cuDNN 9\d+, NCCL 2\d+$")
        if not answer.json["gpu"]["usable"]:
            self.assertEqual(checks["gpu"]["result"], "not_possible", answer)
            self.assertIn(answer.json["gpu"]["text"], checks["gpu"]["reason"])

    def test_python_runs_with_and_without_activation(self) -> None:
        code = "import sys, ssl, sqlite3, ctypes, lzma, rich; print(sys.prefix)"
        for answer in (FIRST.hpcenv("run", "-n", NAME, "python", "-c", code),
                       FIRST.run([self.prefix / "bin/python", "-c", code])):
            self.assertEqual((answer.code, answer.out.strip()), (0, str(self.prefix)), answer)

    def test_numpy_computes(self) -> None:
        answer = FIRST.run([self.prefix / "bin/python", "-c", "import numpy; print(numpy.__file__, numpy.ones((3, 3)).sum())"])
        self.assertEqual(answer.code, 0, answer)
        self.assertTrue(answer.out.startswith(str(self.prefix)) and answer.out.endswith(" 9.0\n"), answer)

    def test_every_entry_point_runs(self) -> None:
        run_every_entry_point(self, FIRST, self.prefix, 5)

    def test_every_library_is_found_inside_the_prefix(self) -> None:
        self.assertEqual(unresolved(FIRST, self.prefix), [])

    def test_entry_points_run_without_activation(self) -> None:
        for command, said in (("pip", f"from {self.prefix}"), ("pygmentize", "Pygments version")):
            option = "-V" if command == "pygmentize" else "--version"
            answer = FIRST.run([self.prefix / "bin" / command, option])
            self.assertEqual(answer.code, 0, answer)
            self.assertIn(said, answer.out)

    def test_the_exit_code_of_a_program_is_that_of_run(self) -> None:
        self.assertEqual(FIRST.hpcenv("run", "-n", NAME, "python", "-c", "raise SystemExit(7)").code, 7)
        self.assertEqual(FIRST.hpcenv("run", "-n", NAME, "no-such-program").code, 127)

    def test_nvcc_compiles_and_links_with_cublas_cudnn_and_nccl_without_a_compiler_of_the_host(self) -> None:
        source, binary = FIRST.home / "on_gpu.cu", FIRST.home / "on_gpu"
        source.write_bytes(ON_GPU.read_bytes())
        rpath = ["-Xlinker", "-rpath", "-Xlinker", str(self.prefix / "lib")]
        answer = FIRST.hpcenv("run", "-n", NAME, "--", "nvcc", "-DWITH_NCCL", "-cudart", "shared", source, "-o", binary, "-lcublas",
                              "-lcudnn", "-lnccl", *rpath, PATH=FIRST.plain_path())
        self.assertEqual(answer.code, 0, answer)
        ran = FIRST.run([binary])
        self.assertEqual(ran.code, 0 if machine_has_driver() else 77, ran)
        self.assertRegex(ran.out, r"^libraries: runtime 130\d\d driver \d+ cublas 13\.1\.0 cudnn 9\d+ cudnn-built-for 130\d\d "
                                  r"nccl 228\d\d\n")
        self.assertEqual(unresolved(FIRST, self.prefix, [binary]), [])
        listing = FIRST.run(["ldd", binary]).out
        for library in ("libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcudnn.so.9", "libnccl.so.2", "libstdc++.so.6"):
            self.assertIn(f"{library} => {self.prefix}/lib/", listing)

    def test_activation_points_to_the_compiler_of_the_prefix(self) -> None:
        answer = FIRST.hpcenv("run", "-n", NAME, "env", PATH=FIRST.plain_path(), LD_LIBRARY_PATH="/opt/elsewhere/lib",
                              CONDA_PREFIX="/opt/broken", CONDA_SHLVL="3", PYTHONPATH="/opt/broken/site")
        self.assertEqual(answer.code, 0, answer)
        variables = dict(line.split("=", 1) for line in answer.out.splitlines() if "=" in line)
        self.assertEqual(variables["CONDA_PREFIX"], str(self.prefix))
        self.assertEqual(variables["PATH"].split(":")[0], str(self.prefix / "bin"))
        self.assertEqual(variables["CXX"], str(self.prefix / "bin/x86_64-conda-linux-gnu-c++"))
        self.assertIn(f"-ccbin={variables['CXX']}", variables["NVCC_PREPEND_FLAGS"])
        self.assertNotIn("PYTHONPATH", variables)


class Records(unittest.TestCase):
    prefix = FIRST.prefix(NAME)

    def test_rattler_reads_every_record(self) -> None:
        paths = sorted((self.prefix / "conda-meta").glob("*.json"))
        self.assertGreater(len(paths), 40)
        for path in paths:
            with self.subTest(record=path.name):
                record = PrefixRecord.from_path(path)
                self.assertEqual(path.name, f"{record.name.normalized}-{record.version}-{record.build}.json")
                self.assertEqual(len(record.files), len(json.loads(path.read_bytes())["files"]))
                self.assertTrue(record.url.startswith(FIRST.server.address), record.url)

    def test_each_file_is_what_its_record_says(self) -> None:
        wrong = []
        for record in records():
            for entry in record["paths_data"]["paths"]:
                if fault := self._fault(entry):
                    wrong.append(f"{record['name']}: {entry['_path']}: {fault}")
        self.assertEqual(wrong, [])

    def _fault(self, entry: dict) -> str:
        path = self.prefix / entry["_path"]
        if not os.path.lexists(path):
            return "is not there"
        if entry["path_type"] == "softlink":
            return "" if path.is_symlink() else "is no symbolic link"
        if path.is_symlink():
            return "is a symbolic link"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        recorded = entry.get("sha256_in_prefix") or entry.get("sha256")
        return "" if recorded in (None, digest) else f"has sha256 {digest}, its record says {recorded}"

    def test_files_and_paths_data_agree_and_own_all(self) -> None:
        owned = set()
        for record in records():
            self.assertEqual(sorted(record["files"]), sorted(entry["_path"] for entry in record["paths_data"]["paths"]))
            owned |= set(record["files"])
        found = {path for path in tree(self.prefix)
                 if not (self.prefix / path).is_dir() or (self.prefix / path).is_symlink()}
        ours = {path for path in found if path.startswith(("conda-meta/", ".hpcenv"))}
        self.assertEqual(found - ours - owned, set())

    def test_no_placeholder_is_left(self) -> None:
        left = []
        for path in self.prefix.rglob("*"):
            relative = str(path.relative_to(self.prefix))
            own = path.is_file() and not path.is_symlink() and not relative.startswith("conda-meta/")
            if own and PLACEHOLDER in path.read_bytes():
                left.append(relative)
        self.assertEqual(left, [])

    def test_history_and_registry_know_the_environment(self) -> None:
        self.assertIn("cuda-nvcc", (self.prefix / "conda-meta/history").read_text())
        self.assertIn(str(self.prefix), (FIRST.home / ".conda/environments.txt").read_text().splitlines())

    def test_nothing_lies_beside_the_environment(self) -> None:
        self.assertEqual([path.name for path in FIRST.prefix("").iterdir() if path.name != NAME], [])

    def test_programs_can_be_run_and_nobody_else_can_write(self) -> None:
        self.assertTrue(os.access(self.prefix / "bin/nvcc", os.X_OK))
        for path in self.prefix.rglob("*"):
            if not path.is_symlink():
                self.assertFalse(path.stat().st_mode & stat.S_IWOTH, path)


class Driver(unittest.TestCase):
    def test_doctor_says_that_there_is_no_driver(self) -> None:
        if machine_has_driver():
            skip("this machine has a driver")
        answer = FIRST.hpcenv("doctor", "-n", NAME, "--json")
        self.assertEqual(answer.code, 0, answer)
        found = {one["id"]: one for one in answer.json["findings"]}
        self.assertEqual(found["D01"]["text"], "no NVIDIA GPU on this node", answer)
        self.assertIn("no driver on this node to compare CUDA 13.0 with", found["P01"]["text"], answer)

    def test_doctor_says_that_cuda_13_is_too_new_for_driver_535(self) -> None:
        answer = FIRST.hpcenv("doctor", "-n", NAME, LD_LIBRARY_PATH=str(FIRST.driver("real-535")))
        self.assertEqual(answer.code, 1, answer)
        self.assertRegex(answer.out, r"(?m)^\[x\]  Environment and GPU: \d+ failure", answer)
        self.assertRegex(answer.out, r"x  P01  CUDA 13\.0 of this environment is too new for driver 535", answer)
        self.assertRegex(answer.out, r"12\.2", answer)
        self.assertRegex(answer.out, r"cuda-version|580", answer)

    def test_doctor_in_json_carries_advice_for_what_fails(self) -> None:
        answer = FIRST.hpcenv("doctor", "-n", NAME, "--json", LD_LIBRARY_PATH=str(FIRST.driver("real-535")))
        self.assertEqual((answer.code, answer.json["schema"]), (1, 1), answer)
        failures = [one for one in answer.json["findings"] if one["severity"] == "failure"]
        self.assertTrue(failures, answer)
        for finding in failures:
            self.assertTrue(finding["remedy"], finding)

    def said(self, answer: Answer, check: str) -> str:
        """The sentence of a check that failed."""
        finding = next(one for one in answer.json["findings"] if one["id"] == check)
        self.assertEqual(finding["severity"], "failure", finding)
        return finding["text"]

    def timed(self, kind: str, *arguments: str) -> Answer:
        started = time.monotonic()
        answer = FIRST.hpcenv(*arguments, timeout=HANG_LIMIT_S * 2, LD_LIBRARY_PATH=str(FIRST.driver(kind)))
        self.assertLess(time.monotonic() - started, HANG_LIMIT_S, kind)
        return answer

    def test_a_driver_that_hangs_does_not_hang_the_doctor(self) -> None:
        answer = self.timed("hang-version", "doctor", "-n", NAME, "--json")
        self.assertEqual(answer.code, 1, answer)
        self.assertIn("no answer within", self.said(answer, "D08"))
        self.assertIn(self.timed("hang-init", "doctor", "-n", NAME).code, (0, 1))

    def test_a_driver_whose_devices_hang_does_not_hang_the_probe(self) -> None:
        answer = self.timed("hang-init", "probe", "--devices", "--json")
        self.assertEqual(answer.code, 0, answer)
        self.assertIn("no answer within", answer.out)
        self.assertIn("12040", answer.out)

    def test_crashing_noisy_and_stub_drivers_are_told_apart(self) -> None:
        crash = self.timed("crash", "doctor", "-n", NAME, "--json")
        self.assertEqual(crash.code, 1, crash)
        self.assertIn("signal 11", self.said(crash, "D08"))
        stub = self.timed("stub", "doctor", "-n", NAME, "--json")
        self.assertEqual(stub.code, 1, stub)
        self.assertIn("stub", self.said(stub, "D04"))
        noisy = self.timed("noisy", "probe", "--devices", "--json")
        self.assertEqual((noisy.code, noisy.out.count("NVIDIA A100-SXM4-80GB")), (0, 2), noisy)
        self.assertEqual(noisy.json["schema"], 1)

    def test_create_refuses_cuda_13_with_driver_535(self) -> None:
        before = tree(FIRST.prefix(""))
        answer = FIRST.hpcenv("create", "-n", "refused", "--override-channels", "-c", FIRST.channel("cuda"), "cuda-version=13",
                              "-y", LD_LIBRARY_PATH=str(FIRST.driver("real-535")))
        self.assertEqual(answer.code, 1, answer)
        for part in ("cuda-version", "__cuda", "12.2"):
            self.assertIn(part, answer.err)
        self.assertEqual(tree(FIRST.prefix("")), before)

    def test_a_driver_chooses_the_newest_cuda_that_it_can_run(self) -> None:
        for kind, version in (("real-535", "12.2"), ("a100-12.4", "12.4"), ("a100-13.0", "13.0")):
            answer = FIRST.hpcenv("create", "-n", "chosen", "--override-channels", "-c", FIRST.channel("cuda"), "cuda-version",
                                  "--dry-run", "--json", LD_LIBRARY_PATH=str(FIRST.driver(kind)))
            self.assertEqual(answer.code, 0, answer)
            self.assertIn(f'"{version}"', answer.out, kind)

    def test_an_override_stands_for_a_driver(self) -> None:
        arguments = ["create", "-n", "chosen", "--override-channels", "-c", FIRST.channel("cuda"), "cuda-version=13",
                     "--dry-run"]
        self.assertEqual(FIRST.hpcenv(*arguments, CONDA_OVERRIDE_CUDA="13.0").code, 0)
        refused = FIRST.hpcenv(*arguments, CONDA_OVERRIDE_CUDA="12.4")
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("CONDA_OVERRIDE_CUDA", refused.err)


if __name__ == "__main__":
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
