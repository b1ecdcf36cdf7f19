"""The checks of the group toolkit over environments on disk, for targets from profile files: each result that is no pass.

Packages have the real names and records of a few lines; libraries with GPU code are made by the assembler.
"""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import tiny_channel
from cli_case import CliCase, skip

GLIBC = "__glibc >=2.28,<3.0.a0"


def device(capability):
    major, minor = capability.split(".")
    return {"name": "GPU", "uuid": f"GPU-{capability}", "capability": capability, "capability_major": int(major),
            "capability_minor": int(minor)}


class Toolkit(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel, cls.other = f"{cls.work}/channels/conda-forge", f"{cls.work}/channels/nvidia"
        if not shutil.which("gcc"):
            skip("no C compiler")
        cls.hopper, cls.ptx = cls.library(90), cls.library(80, kind=1)

        def add(name, version, **more):
            return tiny_channel.add_package(cls.channel, name, version, **more)

        nvcc_limit = ["gcc_impl_linux-64 >=6,<15.0a0"]
        tiny_channel.write_repodata(cls.channel, [
            *[add("cuda-version", version) for version in ("10.2", "11.8", "12.0", "12.2", "12.4", "12.9", "13.0")],
            add("cudatoolkit", "11.8.0"), add("cuda-cudart", "12.4.1"), add("cuda-nvcc-tools", "12.9.86", constrains=nvcc_limit),
            add("gcc_impl_linux-64", "13.3.0"), add("openmm", "8.1"), add("numba", "0.61"),
            add("libcudnn", "9.10.2.21", depends=["cuda-version >=12,<13.0a0"]), add("libcudnn", "9.13.0.50"),
            add("pytorch", "2.10.0", build="cpu_mkl_py311_101"), add("cupy-core", "14.1.1", build="py311_0"),
            add("needs-glibc", "1", depends=["__glibc >=2.17"]), add("needs-driver", "1", constrains=["__cuda >=12"]),
            add("libcublas", "12.9", depends=["cuda-version >=12"], files={"share/blas": ("blas\n", 0o644)}),
            add("python", "3.11.2", files={"lib/python3.11/os.py": ("\n", 0o644)})])
        tiny_channel.write_repodata(cls.other, [tiny_channel.add_package(cls.other, "cuda-nvrtc", "12.4.1")])

    @classmethod
    def library(cls, capability, kind=2):
        """The bytes of a shared library with one piece of GPU code."""
        with tempfile.TemporaryDirectory(dir=cls.work) as folder:
            source, target = f"{folder}/code.S", f"{folder}/lib.so"
            with open(source, "w", encoding="utf-8") as out:
                out.write(".section .nv_fatbin,\"a\"\n.balign 8\n.int 0xBA55ED50, 0x00100001\n.quad 64\n"
                          f".short {kind}, 1\n.int 64\n.quad 0\n.int 0, 0\n.short 0, 8\n.int {capability}\n.zero 32\n")
            subprocess.run(["gcc", "-shared", "-nostdlib", "-o", target, source], check=True)
            with open(target, "rb") as file:
                return file.read()

    def target(self, driver="535.261.03", cuda=12020, capability="8.0", **more):
        """A file of a target with one node."""
        path = f"{self.home}/target.json"
        nvidia = {"pci_gpus": 1 if capability else 0, "kernel_module": driver, "winner": 0, "libcuda": [
            {"path": "/usr/lib64/libcuda.so.1", "real_path": f"/usr/lib64/libcuda.so.{driver}", "found_in": "ld.so.cache",
             "file_version": driver, "end": "answered", "version_code": 0, "cuda_version": cuda, "init_end": "answered",
             "init_code": 0, "devices": [device(capability)] if capability else []}]}
        profile = self.profile()
        profile.update({"hostname": "gpu01", "machine": "x86_64", "kernel": "5.14.0", "glibc": "2.28", "nvidia": nvidia, **more})
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"format": 1, "nodes": [profile]}, out)
        return path

    def profile(self):
        """What `probe --json` says of this machine, to be changed."""
        return self.run_json("probe")["profile"]

    def create(self, *specs, channels=()):
        words = [word for channel in channels for word in ("-c", f"file://{channel}")]
        self.run_program("create", "-y", "-n", "work", *words, *specs, check=0)

    def finding(self, check, *words, env=None, severity=None):
        done = self.run_program("doctor", "-n", "work", check, "--json", *words, env=env)
        answer = json.loads(done.stdout)
        found = [one for one in answer["findings"] if one["id"] == check]
        self.assertEqual(len(found), 1, done.stdout + done.stderr)
        self.assertEqual(done.returncode, 1 if answer["failures"] else 0)
        if severity:
            self.assertEqual(found[0]["severity"], severity, found[0])
            if severity in ("warning", "failure"):
                self.assertTrue(found[0]["remedy"]["text"])
        return found[0]

    def on(self, check, severity, **target):
        return self.finding(check, "--on", self.target(**target), severity=severity)

    def command(self, finding):
        self.assertEqual(len(finding["remedy"]["commands"]), 1, finding)
        return finding["remedy"]["commands"][0]

    def put(self, path, content):
        full = f"{self.prefix}/{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as out:
            out.write(content)

    def wheel(self, name, version):
        self.put(f"lib/python3.11/site-packages/{name}-{version}.dist-info/METADATA", b"")

    def edit_record(self, name, change):
        folder = f"{self.prefix}/conda-meta"
        file = next(f"{folder}/{one}" for one in os.listdir(folder) if one.startswith(f"{name}-") and one.endswith(".json"))
        with open(file, encoding="utf-8") as source:
            record = json.load(source)
        change(record)
        with open(file, "w", encoding="utf-8") as out:
            json.dump(record, out)

    def test_p01_p02_p03_the_driver(self):
        self.create("cuda-version=13.0", "openmm")
        found = self.on("P01", "failure")
        self.assertIn("CUDA 13.0 of this environment is too new for driver 535.261.03", found["text"])
        self.assertTrue(self.command(found).endswith("openmm cuda-version=12"), found)
        self.on("P01", "pass", driver="580.65.06", cuda=13000)
        self.assertIn("not older than 580.65.06", self.on("P02", "pass", driver="580.65.06", cuda=13000)["text"])
        low = self.on("P02", "failure", driver="580.10", cuda=13000)
        self.assertIn("580.10 is older than 580.65.06", low["text"])
        self.assertIn("cuda-version<=12.9", self.command(low))

    def test_p03_names_whom_it_hits(self):
        self.create("cuda-version=12.9", "openmm", "libcublas")
        self.edit_record("libcublas", lambda record: record["paths_data"]["paths"].append(
            {"_path": "lib/libcublas.so.12", "path_type": "hardlink"}))
        self.put("lib/libcublas.so.12", self.ptx)
        found = self.on("P03", "warning", capability="8.6")
        self.assertIn("openmm 8.1, lib/libcublas.so.12 will fail with error 222", found["text"])
        self.assertIn("cuda-version<=12.2", self.command(found))
        self.assertIn("refuses that of CUDA 12.9 with error 222", self.on("P04", "warning", capability="8.6")["text"])
        self.on("P03", "pass", driver="575.57.08", cuda=12090)

    def test_p04_code_of_packages_pip_and_the_list_of_torch(self):
        self.create("cuda-version=12.2", "libcublas", "python")
        self.on("P04", "pass")
        self.put("lib/python3.11/site-packages/mine/kernels.so", self.hopper)
        found = self.on("P04", "failure")
        self.assertEqual(found["evidence"], ["lib/python3.11/site-packages/mine/kernels.so for 8.0: it has sm_90"])
        self.on("P04", "pass", capability="9.0")
        self.on("P04", "unavailable", capability=None)
        cache = f"{self.root}/cache/gpu-code.json"
        self.assertEqual(os.stat(cache).st_mode & 0o777, 0o600)
        with open(cache, "w", encoding="utf-8") as out:
            out.write("damaged")
        self.on("P04", "failure")
        script = "etc/conda/activate.d/libtorch_activate.sh"
        self.edit_record("libcublas", lambda record: record["paths_data"]["paths"].append(
            {"_path": script, "path_type": "hardlink"}))
        self.put(script, b'export CF_TORCH_CUDA_ARCH_LIST="7.5;8.0;12.0+PTX"\n')
        shutil.rmtree(f"{self.prefix}/lib/python3.11/site-packages/mine")
        self.on("P04", "pass")
        old = self.on("P04", "failure", capability="7.0")
        self.assertIn(f"{script} for 7.0: it has sm_75 sm_80 sm_120 compute_120", old["evidence"])
        self.assertIn("cuda-version=12", self.command(old))

    def test_p04_two_nodes_of_a_target(self):
        self.create("cuda-version=12.2", "python")
        self.put("lib/python3.11/site-packages/kernels.so", self.hopper)
        path = self.target(capability="9.0")
        with open(path, encoding="utf-8") as source:
            good = json.load(source)["nodes"][0]
        bad = json.loads(json.dumps(good))
        bad["hostname"] = "old01"
        bad["nvidia"]["libcuda"][0]["devices"] = [device("7.0")]
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"format": 1, "nodes": [good, bad]}, out)
        self.assertEqual(self.finding("P04", "--on", path, severity="failure")["evidence"][0], "on old01")

    def test_p05_p06_p07_cudnn_and_the_gpu(self):
        self.create("cuda-version=13.0", "libcudnn=9.13", "python")
        found = self.on("P05", "failure", capability="7.0")
        self.assertIn("no code for GPUs of compute capability 7.0", found["text"])
        self.assertTrue(self.command(found).endswith("\"libcudnn<9.11\" cuda-version=12"), found)
        self.on("P05", "pass", capability="8.0")
        self.on("P05", "unavailable", capability=None)
        self.assertIn("cuda-version=12", self.command(self.on("P07", "failure", capability="7.0")))
        self.on("P07", "pass", capability="7.5")
        self.on("P06", "pass")
        self.wheel("nvidia_cudnn_cu12", "9.10.2.21")
        copies = self.on("P06", "warning")
        self.assertIn("pip uninstall -y nvidia-cudnn-cu12", self.command(copies))
        self.edit_record("libcudnn", lambda record: record.update(depends=["cuda-version >=12,<13.0a0"]))
        self.assertIn("libcudnn-9.13.0.50-0 needs cuda-version >=12,<13.0a0", self.on("P06", "failure")["evidence"])

    def test_p07_a_gpu_that_is_newer_than_the_toolkit(self):
        self.create("cuda-version=12.4")
        self.assertIn("cuda-version>=12.8", self.command(self.on("P07", "warning", capability="10.0")))
        self.on("P07", "pass", capability="8.9")
        self.on("P05", "pass")

    def test_p08_eras_channels_and_pip(self):
        self.create("cuda-version=12.4", "cuda-cudart", "cuda-nvrtc", "python", channels=(self.channel, self.other))
        found = self.on("P08", "warning")
        self.assertIn("comes from 2 channels", found["text"])
        self.assertEqual(self.command(found).count("-c "), 1)
        self.run_program("remove", "-y", "-n", "work", "cuda-nvrtc", check=0)
        self.on("P08", "pass")
        self.wheel("nvidia_cublas_cu12", "12.9.1.4")
        self.assertEqual(self.on("P08", "warning")["evidence"], ["nvidia-cublas-cu12 12.9.1.4"])
        self.wheel("torch", "2.10.0")
        self.assertTrue(self.command(self.on("P08", "warning")).endswith("pytorch-gpu"))
        self.run_program("install", "-y", "-n", "work", "cudatoolkit", check=0)
        mixed = self.on("P08", "failure")
        self.assertIn("cuda-version=12.4", self.command(mixed))
        self.assertNotIn("cudatoolkit", self.command(mixed))

    def test_p09_cpu_builds(self):
        self.create("pytorch")
        self.assertTrue(self.command(self.on("P09", "warning")).endswith("pytorch-gpu"))
        self.on("P09", "info", driver="", cuda=None, capability=None)
        self.run_program("remove", "-y", "-n", "work", "pytorch", check=0)
        self.run_program("install", "-y", "-n", "work", "cupy-core", check=0)
        self.assertEqual(self.command(self.on("P09", "warning")), "hpcenv install -n work cupy")

    def test_p10_what_packages_need(self):
        self.create("needs-glibc", "needs-driver")
        self.on("P10", "pass")
        self.edit_record("needs-glibc", lambda record: record.update(depends=[GLIBC.replace("2.28", "2.34")]))
        found = self.on("P10", "failure")
        self.assertEqual(found["evidence"], ["needs-glibc-1-0 needs __glibc >=2.34,<3.0.a0; the node has 2.28"])
        self.on("P10", "pass", glibc="2.34")
        self.edit_record("needs-driver", lambda record: record.update(depends=["__cuda >=13", "__archspec 1 zen2"]))
        self.assertIn("needs-driver-1-0 needs __cuda >=13; the node has 12.2",
                      self.on("P10", "failure", glibc="2.34", cpu="zen3")["evidence"])
        both = self.on("P10", "failure", glibc="2.34", cpu="haswell")["evidence"]
        self.assertIn("needs-driver-1-0 needs __archspec 1 zen2; the node has haswell", both)

    def test_p11_the_host_compiler(self):
        self.create("cuda-nvcc-tools")
        tools = f"{self.home}/tools"
        os.makedirs(tools)
        env = {"PATH": tools, "CXX": ""}
        self.assertIn("no C++ compiler", self.finding("P11", env=env, severity="warning")["text"])
        for version, severity in (("14", "pass"), ("15", "warning")):
            program = f"{tools}/g++-{version}"
            with open(program, "w", encoding="utf-8"):
                os.chmod(program, 0o755)
            if os.path.lexists(f"{tools}/g++"):
                os.unlink(f"{tools}/g++")
            os.symlink(program, f"{tools}/g++")
            found = self.finding("P11", env=env, severity=severity)
        self.assertEqual(self.command(found), "hpcenv install -n work \"gxx_linux-64 >=6,<15.0a0\"")
        self.run_program("install", "-y", "-n", "work", "gcc_impl_linux-64", check=0)
        self.finding("P11", env=env, severity="pass")
        flags = {**env, "NVCC_PREPEND_FLAGS": f"-ccbin={tools}/g++-15"}
        self.assertEqual(self.command(self.finding("P11", env=flags, severity="warning")), "unset NVCC_PREPEND_FLAGS")

    def test_p12_other_toolkits(self):
        self.create("cuda-version=12.2")
        self.variables["PATH"] = "/usr/bin:/bin"
        self.finding("P12", severity="pass")
        self.finding("P12", env={"CUDA_HOME": self.prefix}, severity="pass")
        tools = f"{self.home}/tools"
        os.makedirs(tools)
        with open(f"{tools}/nvcc", "w", encoding="utf-8"):
            pass
        found = self.finding("P12", env={"PATH": tools}, severity="warning")
        self.assertEqual(found["evidence"], [f"{tools}/nvcc is first in PATH"])
        found = self.finding("P12", env={"CUDA_HOME": "/opt/cuda", "CUDA_PATH": "/opt/cuda"}, severity="warning")
        self.assertEqual(self.command(found), "unset CUDA_HOME CUDA_PATH")
        found = self.finding("P12", env={"CUDA_HOME": "/opt/cuda", "LOADEDMODULES": "gcc/12:cuda/12.4"}, severity="warning")
        self.assertEqual(self.command(found), "module unload cuda/12.4")

    def test_p13_damaged_files(self):
        self.create("libcublas")
        self.finding("P13", severity="pass")
        os.unlink(f"{self.prefix}/share/blas")
        self.put("share/blas", b"blaz\n")
        found = self.finding("P13", severity="failure")
        self.assertIn("libcublas-12.9-0: share/blas", found["evidence"][0])
        self.run_program(*self.command(found).split()[1:], "-y", check=0)
        self.finding("P13", severity="pass")

    def test_p14_broken_records_and_the_other_checks_go_on(self):
        self.create("cuda-version=13.0", "numba")
        self.finding("P14", severity="pass")
        for text in (b"", b"{", b"[1]", b"\xff\xfe", b'{"name": 1}', b'{"name":"x","version":[],"build":null,"paths_data":7}'):
            self.put("conda-meta/broken-1-0.json", text)
            found = self.on("P14", "failure")
            self.assertIn("broken-1-0.json", found["evidence"][0])
            self.assertTrue(self.command(found).startswith("hpcenv create -n work-new --on"))
            self.on("P01", "failure")
        os.unlink(f"{self.prefix}/conda-meta/broken-1-0.json")
        os.mkdir(f"{self.prefix}/conda-meta/folder-1-0.json")
        self.on("P14", "failure")


if __name__ == "__main__":
    unittest.main()
