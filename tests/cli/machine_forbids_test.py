#!/usr/bin/env python3
"""What the machine of the jobs forbids: told in the doctor's words, with a command that works there. Each command is pasted."""
import json
import os
import re
import subprocess
import unittest
from pathlib import Path

import tiny_channel
from cli_case import PROGRAM, CliCase, skip

MACHINES = Path(os.environ["HPCENV_SOURCE_DIR"]) / "tests/host"
RECORDS = [
    ("cuda-version", "13.0", [], ["__cuda >=13"]), ("cuda-version", "12.9", [], ["__cuda >=12"]),
    ("cuda-version", "12.2", [], ["__cuda >=12"]), ("cuda-version", "11.4", [], ["__cuda >=11"]),
    ("cuda-toolkit", "13.0", ["cuda-version >=13.0,<13.1.0a0"], []), ("cuda-toolkit", "12.9", ["cuda-version >=12.9,<12.10.0a0"], []),
    ("cuda-toolkit", "12.2", ["cuda-version >=12.2,<12.3.0a0"], []),
    # Of a channel that says nothing about drivers.
    ("cudatoolkit", "13.0", [], []), ("cudatoolkit", "11.8", [], []),
    ("pytorch", "2.9", ["cuda-version >=13.0,<14", "__cuda"], []), ("pytorch", "2.5", ["cuda-version >=12.2,<13", "__cuda"], []),
    ("pytorch-gpu", "2.9", ["pytorch 2.9"], []), ("pytorch-gpu", "2.5", ["pytorch 2.5"], []),
    ("cuda-arch", "9.0", ["__cuda_arch >=9.0"], []), ("cuda-arch", "7.0", ["__cuda_arch >=7.0"], []),
    ("flash-attn", "2.8", ["cuda-arch >=9.0"], []), ("flash-attn", "2.1", ["cuda-arch >=7.0"], []),
    ("nodejs", "22.1", ["__glibc >=2.28,<3.0.a0"], []), ("nodejs", "18.2", ["__glibc >=2.17,<3.0.a0"], []),
    ("_x86_64-microarch-level", "4", ["__archspec 1.* ^(x86_64_v4|zen4|zen5|skylake_avx512)$"], []),
    ("_x86_64-microarch-level", "3", ["__archspec 1.* ^(x86_64_v3|haswell|broadwell|zen2|zen3|x86_64_v4|zen4)$"], []),
    ("fast", "2.0", ["_x86_64-microarch-level >=4"], []), ("fast", "1.0", ["_x86_64-microarch-level >=3"], []),
    ("libcudnn", "9.14.0", ["cuda-version >=12,<14"], []), ("libcudnn", "9.10.2", ["cuda-version >=12,<13"], []),
    ("plain", "1", [], []), ("plain", "2", ["plain-missing"], []),
]


class MachineForbids(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cuda_channel = f"{cls.work}/channels/cuda"
        tiny_channel.write_repodata(cls.cuda_channel, [
            tiny_channel.add_package(cls.cuda_channel, name, version, depends=depends, constrains=constrains)
            for name, version, depends, constrains in RECORDS])

    def setUp(self):
        super().setUp()
        self.variables.pop("CONDA_OVERRIDE_CUDA")
        self.targets = Path(self.home) / ".config/hpcenv/targets"
        self.targets.mkdir(parents=True)
        self.target("gpu", "a100-job")
        self.target("old", "p100-centos7")
        bin_folder = Path(self.home) / "bin"
        bin_folder.mkdir()
        (bin_folder / "hpcenv").symlink_to(os.path.abspath(PROGRAM))
        self.variables["PATH"] = f"{bin_folder}:{self.variables['PATH']}"

    def target(self, name, machine, change=None):
        """A target from a captured machine, by what the program itself writes of it."""
        profile = self.run_json("probe", "--captured", str(MACHINES / machine))["profile"]
        if change:
            change(profile)
        (self.targets / f"{name}.json").write_text(json.dumps({"format": 1, "nodes": [profile]}))

    def refused(self, *words, env=None):
        """The words of a refusal, and the command that it offers."""
        done = self.run_program(*words, check=1, env=env)
        offered = re.findall(r"^hint: what runs there: (.*)$", done.stderr, re.MULTILINE)
        self.assertEqual(len(offered), 1, done.stderr)
        return done.stderr, offered[0]

    def paste(self, command, check=0, env=None):
        done = subprocess.run(["sh", "-c", command], env={**self.variables, **(env or {})}, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, check, f"{command}\n{done.stderr}")
        return done

    def doctor_says(self, check, target, prefix):
        done = self.run_program("doctor", "--json", "-p", prefix, "--on", target, check)
        return json.loads(done.stdout)["findings"][0]

    def installed(self, prefix):
        return {record["name"]: record["version"] for record in map(json.loads, (
            path.read_text() for path in Path(prefix, "conda-meta").glob("*.json")))}

    def create(self, *words):
        return ("create", "-n", "work", "--override-channels", "-c", f"file://{self.cuda_channel}", "-y", *words)

    def forced(self, *words):
        """An environment that nobody's target forbids."""
        prefix = f"{self.home}/forced"
        self.run_program("create", "-p", prefix, "--override-channels", "-c", f"file://{self.cuda_channel}", "-y", *words, check=0,
                         env={"CONDA_OVERRIDE_CUDA": "13.0", "CONDA_OVERRIDE_CUDA_ARCH": "9.0", "CONDA_OVERRIDE_GLIBC": "2.36",
                              "CONDA_OVERRIDE_ARCHSPEC": "zen4"})
        return prefix

    def test_a_toolkit_newer_than_the_driver(self):
        said, command = self.refused(*self.create("--on", "gpu", "cuda-toolkit=13.*"))
        finding = self.doctor_says("P01", "gpu", self.forced("cuda-toolkit=13"))
        self.assertEqual(finding["severity"], "failure")
        self.assertIn(f"  {finding['title']} (P01): {finding['text']}\n", said)
        self.assertIn("the NVIDIA driver of target gpu knows CUDA up to 12.2", said)
        self.assertEqual(command, f"hpcenv create -n work --override-channels -c file://{self.cuda_channel} -y --on gpu cuda-toolkit=12.2")
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"cuda-toolkit": "12.2", "cuda-version": "12.2"})
        self.assertEqual(self.doctor_says("P01", "gpu", self.prefix)["severity"], "pass")

    def test_what_is_soft_gives_way_to_a_wish(self):
        self.run_program(*self.create("--on", "gpu", "cuda-version"), check=0)
        self.assertEqual(self.installed(self.prefix)["cuda-version"], "12.2")
        done = self.run_program("install", "-n", "work", "--override-channels", "-c", f"file://{self.cuda_channel}", "-y", "--on", "gpu",
                                "cuda-toolkit=12.9", check=0)
        self.assertEqual(self.installed(self.prefix)["cuda-version"], "12.9")
        self.assertIn("'cuda-version <=12.2' would be better here", done.stdout + done.stderr)

    def test_the_newest_of_a_package_that_builds_on_the_toolkit(self):
        said, command = self.refused(*self.create("--on", "gpu", "pytorch-gpu >=2.9", "plain=1"))
        self.assertIn("is too new for driver 535", said)
        self.assertTrue(command.endswith("--on gpu pytorch-gpu=2.5 plain=1"), command)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix)["pytorch"], "2.5")

    def test_several_wishes_give_way_together(self):
        _, command = self.refused(*self.create("--on", "gpu", "pytorch-gpu>=2.9", "cuda-toolkit=13.0"))
        self.paste(command)
        self.assertEqual(self.installed(self.prefix)["cuda-version"], "12.2")
        self.assertIn("pytorch-gpu=2.5", command)

    def test_what_no_package_says_is_judged_all_the_same(self):
        said, command = self.refused(*self.create("--on", "gpu", "cudatoolkit=13"))
        finding = self.doctor_says("P01", "gpu", self.forced("cudatoolkit=13"))
        self.assertIn(finding["text"], said)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"cudatoolkit": "11.8"})

    def test_a_gpu_that_is_too_old(self):
        said, command = self.refused(*self.create("--on", "gpu", "flash-attn=2.8"))
        self.assertIn("the oldest GPU of target gpu has compute capability 8.0", said)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"flash-attn": "2.1", "cuda-arch": "7.0"})

    def test_a_c_library_that_is_too_old(self):
        said, command = self.refused(*self.create("--on", "old", "nodejs>=20"))
        finding = self.doctor_says("H01", "old", self.forced("nodejs>=20"))
        self.assertIn(finding["text"], said)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"nodejs": "18.2"})

    def test_a_processor_that_is_too_old(self):
        said, command = self.refused(*self.create("--on", "old", "fast=2"))
        finding = self.doctor_says("H02", "old", self.forced("fast=2"))
        self.assertEqual(finding["severity"], "failure")
        self.assertIn(finding["text"], said)
        self.assertIn("the processor of target old is broadwell", said)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"fast": "1.0", "_x86_64-microarch-level": "3"})

    def test_without_a_driver_the_jobs_machine_is_asked_for_first(self):
        if os.path.exists("/proc/driver/nvidia/version"):
            skip("there is a driver here")
        done = self.run_program(*self.create("pytorch-gpu>=2"), check=1)
        hints = [line for line in done.stderr.splitlines() if line.startswith("hint: ")]
        self.assertIn("if the jobs run elsewhere", hints[0])
        self.assertIn("nothing in these channels that this machine runs", hints[1])

    def volta(self):
        """V100s with a driver that is as new as can be: CUDA 13 starts, and finds no code for them."""
        def change(profile):
            profile["glibc"] = "2.34"
            profile["nvidia"]["kernel_module"] = "580.95.05"
            for library in profile["nvidia"]["libcuda"]:
                library.update(cuda_version=13000, file_version="580.95.05")
                for device in library["devices"]:
                    device.update(name="Tesla V100-SXM2-32GB", capability_major=7, capability_minor=0)

        self.target("v100", "p100-centos7", change)

    def test_what_an_old_gpu_runs_is_preferred(self):
        self.volta()
        self.run_program(*self.create("--on", "v100", "libcudnn", "cuda-toolkit"), check=0)
        self.assertEqual(self.installed(self.prefix), {"libcudnn": "9.10.2", "cuda-toolkit": "12.9", "cuda-version": "12.9"})

    def test_what_an_old_gpu_cannot_run(self):
        """No record says so: the doctor's checks of GPU and toolkit do."""
        self.volta()
        listed = {check["id"] for check in self.run_json("doctor", "--list")["checks"]}
        for check, wish, runs in (("P05", "libcudnn=9.14", {"libcudnn": "9.10.2"}), ("P07", "cuda-toolkit=13.0", {"cuda-toolkit": "12.9"})):
            if check not in listed:
                continue
            with self.subTest(check):
                said, command = self.refused(*self.create("--on", "v100", wish))
                self.assertIn(f"({check}): ", said)
                self.paste(f"{command} -p {self.home}/{check}".replace("-n work ", ""))
                self.assertLessEqual(runs.items(), self.installed(f"{self.home}/{check}").items())

    def test_where_nothing_runs_that_is_said(self):
        done = self.run_program(*self.create("--on", "old", "flash-attn>=2"), check=1)
        self.assertIn("hint: nothing in these channels that target old runs meets the wishes", done.stderr)
        self.assertNotIn("what runs there", done.stderr)

    def test_a_conflict_of_packages_is_not_the_machines(self):
        done = self.run_program(*self.create("--on", "gpu", "plain=2"), check=1)
        self.assertNotIn("runs there", done.stderr)
        self.assertIn("it fits with any plain", done.stderr)

    def test_wishes_of_a_file_are_spelt_out(self):
        file = Path(self.home) / "environment.yml"
        file.write_text(f"name: work\nchannels: ['file://{self.cuda_channel}']\ndependencies: ['cuda-toolkit=13.*', plain=1]\n")
        _, command = self.refused("create", "--on", "gpu", "-f", str(file), "-n", "work", "-y")
        self.assertNotIn("environment.yml", command)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"cuda-toolkit": "12.2", "cuda-version": "12.2", "plain": "1"})

    def test_what_is_overridden_is_in_the_command(self):
        said, command = self.refused(*self.create("--on", "gpu", "cuda-toolkit=13.*"), env={"CONDA_OVERRIDE_CUDA": "12.9"})
        self.assertTrue(command.startswith("CONDA_OVERRIDE_CUDA=12.9 hpcenv create"), command)
        self.assertNotIn("(P01)", said)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix)["cuda-toolkit"], "12.9")

    def test_an_override_has_the_last_word(self):
        self.run_program(*self.create("--on", "gpu", "cudatoolkit=13"), check=0, env={"CONDA_OVERRIDE_CUDA": "13.0"})

    def test_an_environment_that_is_wrong_already_can_be_changed(self):
        prefix = self.forced("cudatoolkit=13")
        self.run_program("install", "-p", prefix, "--override-channels", "-c", f"file://{self.cuda_channel}", "-y", "--on", "gpu", "plain=1",
                         check=0)
        self.assertEqual(self.installed(prefix), {"cudatoolkit": "13.0", "plain": "1"})

    def test_install_offers_an_install(self):
        self.run_program(*self.create("--on", "gpu", "plain=1"), check=0)
        _, command = self.refused("install", "-n", "work", "--override-channels", "-c", f"file://{self.cuda_channel}", "-y", "--on", "gpu",
                                  "cuda-toolkit >=13")
        self.assertTrue(command.startswith("hpcenv install -n work"), command)
        self.paste(command)
        self.assertEqual(self.installed(self.prefix), {"plain": "1", "cuda-toolkit": "12.2", "cuda-version": "12.2"})

    def test_json_has_the_same(self):
        answer = self.run_json(*self.create("--on", "gpu", "cuda-toolkit=13.*"), check=1)
        self.assertTrue(any("(P01): CUDA 13.0" in line for line in answer["error"]["context"]), answer)
        self.assertTrue(answer["error"]["hints"][0].startswith("what runs there: hpcenv create"), answer)
        self.assertFalse(os.path.exists(self.prefix))


if __name__ == "__main__":
    unittest.main()
