#!/usr/bin/env python3
"""The CUDA environment with 2 GB of weights as an image, before engines: loaded, its recipe's test run, its services up. Long."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tarfile
import unittest
from pathlib import Path

import yaml
from engine_case import EngineCase, need_root
from engines import Daemons, Podman, run
from image_case import TESTS, debian
from oci_image import Image

NAME = "lab.example/cuda:1"
WEIGHTS = 2 << 30  # bytes
RECIPE = yaml.safe_load((TESTS.parent / "recipes/cuda-dev.yml").read_text())["hpcenv"]["tests"]
COMPOSE = Path(sys.executable).parent / "docker-compose"

# What a program sees of CUDA where no driver is: libraries load, and say that there is no device.
WITHOUT_DRIVER = """
import ctypes, glob, os, numpy
lib = os.environ["CONDA_PREFIX"] + "/lib/"
runtime = ctypes.CDLL(glob.glob(lib + "libcudart.so.1*")[0])
for name in ("libcublas.so.1*", "libcudnn.so.*", "libnccl.so.2"):
    ctypes.CDLL(glob.glob(lib + name)[0])
count = ctypes.c_int(-1)
print("devices:", runtime.cudaGetDeviceCount(ctypes.byref(count)), numpy.ones((8, 8)).sum())
"""


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    need_root()


class Cuda(EngineCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.need_static_program()
        cls.with_real_channel("cuda")
        cls.weights = cls.work / "model.safetensors"
        with cls.weights.open("wb") as file:
            piece = os.urandom(32 << 20)
            for i in range(WEIGHTS // len(piece)):
                file.write(i.to_bytes(8, "little") + piece[8:])
        case = cls()
        case.setUp()
        case.ours("create", "-y", "-n", "cuda", "--recipe", "cuda-dev", "numpy", "--override-channels", "-c",
                  cls.channel, CONDA_OVERRIDE_CUDA="13.0")
        cls.file = cls.work / "cuda.tar"
        case.ours("image", "build", "-n", "cuda", "--base", debian(), "--tag", NAME, "--add",
                  f"{cls.weights}:/opt/weights/model.safetensors", "-o", cls.file)
        cls.image = Image(cls.file)
        cls.daemons = Daemons(cls.work)
        cls.addClassCleanup(cls.daemons.stop)
        cls.loaded = cls.daemons.cli("load", "-i", cls.file)

    def smoke_tests(self) -> list[str]:
        return [check["command"] for check in RECIPE if check.get("needs") != "gpu"]

    def test_docker_runs_the_recipes_test(self) -> None:
        self.succeeds(self.loaded)
        for command in self.smoke_tests():
            out = self.succeeds(self.daemons.cli("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp:exec,mode=1777",
                                                 "--workdir", "/tmp", "-u", "4711", NAME, "/bin/sh", "-ec", command))
        self.assertRegex(out, r"^CUDA 13\.0, cuBLAS 13, cuDNN 9\d+, NCCL 2\d+$")

    def test_podman_runs_the_recipes_test(self) -> None:
        podman = Podman(self.folder)
        self.succeeds(podman.cli("load", "-i", self.file))
        for command in self.smoke_tests():
            out = self.succeeds(podman.run(NAME, "/bin/sh", "-ec", command, options=("--read-only", "--tmpfs", "/tmp:exec",
                                           "--workdir", "/tmp", "--user", "4711")))
        self.assertRegex(out, r"^CUDA 13\.0, cuBLAS 13, cuDNN 9\d+, NCCL 2\d+$")

    def test_trap_18_cuda_libraries_load_without_a_driver(self) -> None:
        out = self.succeeds(self.daemons.cli("run", "--rm", "--network", "none", "--read-only", "-u", "4711", NAME, "python", "-c",
                                             WITHOUT_DRIVER))
        self.assertRegex(out, r"^devices: (35|100) 64\.0$")

    def test_the_weights_are_a_plain_layer_below_nothing_else(self) -> None:
        layer = self.image.layers[-1]
        self.assertEqual(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar")
        self.assertEqual(layer["digest"], self.image.config["rootfs"]["diff_ids"][-1])
        out = self.succeeds(self.daemons.cli("run", "--rm", "--network", "none", NAME, "sha256sum", "/opt/weights/model.safetensors"))
        with self.weights.open("rb") as file:
            self.assertEqual(out.split()[0], hashlib.file_digest(file, "sha256").hexdigest())

    def test_its_variables_are_those_of_a_gpu_image(self) -> None:
        self.assertEqual(self.image.env["NVIDIA_REQUIRE_CUDA"], "cuda>=13.0")
        self.assertNotIn("LD_LIBRARY_PATH", self.image.env)
        self.assertNotIn("CUDA_VERSION", self.image.env)
        with tarfile.open(self.file) as archive:
            self.assertIn("manifest.json", archive.getnames())

    def test_two_services_come_up_and_are_well(self) -> None:
        compose = self.folder / "compose.yaml"
        self.ours("image", "compose", self.file, "--local", "--service", "api=python -m http.server 8000", "--port", "api=8000",
                  "--service", "files=python -m http.server 9000", "--port", "files=9000", "-o", compose)
        view = yaml.safe_load(compose.read_text())
        names = [name for name, service in view["services"].items() if "cpu" in service.get("profiles", [])]
        self.assertEqual(len(names), 2, compose.read_text())
        # This machine allows no bridge: each service has its own loopback alone.
        override = self.folder / "override.yaml"
        override.write_text("services:\n" + "".join(
            f"  {name}:\n    network_mode: none\n    networks: !reset []\n    ports: !reset []\n    ulimits: {{nofile: 1024}}\n"
            for name in names))
        words = [COMPOSE, "-f", compose, "-f", override, "--profile", "cpu"]
        environment = {**os.environ, "DOCKER_HOST": self.daemons.docker}
        try:
            self.succeeds(run(*words, "up", "-d", "--wait", "--wait-timeout", "240", env=environment))
            found = [json.loads(line) for line in self.succeeds(run(*words, "ps", "--format", "json", env=environment)).splitlines()]
            self.assertEqual({service["Health"] for service in found}, {"healthy"})
            self.assertEqual(len(found), 2)
        finally:
            run(*words, "down", "--timeout", "2", env=environment)


class Large(EngineCase):
    def test_trap_11_nine_gibibytes_in_constant_memory(self) -> None:
        self.need_static_program()
        weights = self.folder / "weights"
        with weights.open("wb") as file:
            file.truncate((9 << 30) + 5)
        out = self.folder / "image"
        self.ours("image", "build", "-f", self.explicit("odd"), "--base", "none", "--add", f"{weights}:/opt/w", "--format", "oci-dir",
                  "-o", out)
        manifest = json.loads((out / "index.json").read_text())["manifests"][0]["digest"].removeprefix("sha256:")
        layer = json.loads((out / "blobs/sha256" / manifest).read_text())["layers"][-1]
        blob = out / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
        with tarfile.open(blob) as archive:
            member = archive.getmember("opt/w")
            self.assertEqual(member.size, (9 << 30) + 5)
            self.assertEqual(member.pax_headers["size"], str((9 << 30) + 5))
        with blob.open("rb") as file:
            self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), blob.name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
