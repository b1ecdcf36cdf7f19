#!/usr/bin/env python3
"""PyTorch for CUDA, whole, as an image that is built and run where no driver is. As root, in --all: 4 GB are fetched, 7 GB packed."""

from __future__ import annotations

import unittest

from engine_case import EngineCase, need_root
from engines import Daemons
from image_case import debian
from oci_image import Image

NAME = "lab.example/torch:1"
CODE = """
import numpy, os, torch
layer = torch.nn.Linear(3, 3, bias=False)
torch.nn.init.ones_(layer.weight)
layer(torch.ones(2, 3)).sum().backward()
print(os.getuid(), torch.__version__, torch.version.cuda, torch.cuda.is_available(), layer.weight.grad.sum().item(),
      torch.from_numpy(numpy.ones((3, 3))).sum().item(), torch.backends.cudnn.version(), torch.cuda.nccl.version())
"""


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    need_root()


class Torch(EngineCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.need_static_program()
        cls.with_real_channel("torch")
        case = cls()
        case.setUp()
        case.ours("create", "-y", "-n", "torch", "pytorch", CONDA_OVERRIDE_CUDA="12.8")
        file = cls.work / "torch.tar"
        case.ours("image", "build", "-n", "torch", "--base", debian(), "--tag", NAME, "-o", file)
        cls.image = Image(file)
        cls.daemons = Daemons(cls.work)
        cls.addClassCleanup(cls.daemons.stop)
        case.succeeds(cls.daemons.cli("load", "-i", file))

    def in_docker(self, *command: str) -> str:
        return self.succeeds(self.daemons.cli("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "-u", "4711", NAME,
                                              *command))

    def test_trap_18_torch_is_imported_without_a_driver(self) -> None:
        out = self.in_docker("python", "-c", CODE)
        self.assertEqual(out, "4711 2.10.0+cu128 12.8 False 18.0 9.0 91002 (2, 27, 5)\n")

    def test_trap_16_it_brings_no_driver(self) -> None:
        out = self.in_docker("sh", "-c", "find /opt -name 'libcuda.so*' -not -path '*/stubs/*'")
        self.assertEqual(out, "")
        self.assertNotIn("CUDA_VERSION", self.image.env)
        self.assertNotIn("LD_LIBRARY_PATH", self.image.env)

    def test_trap_17_any_driver_for_cuda_12_will_do(self) -> None:
        self.assertEqual(self.image.env["NVIDIA_REQUIRE_CUDA"], "cuda>=12.0")

    def test_large_packages_are_layers_of_their_own(self) -> None:
        large = [layer for layer in self.image.layers if layer["size"] > 100_000_000]
        self.assertGreaterEqual(len(large), 8)
        packages = [layer["annotations"]["org.hpcenv.packages"] for layer in large]
        self.assertEqual({"package"}, {self.image.content(layer) for layer in large}, packages)
        self.assertRegex("\n".join(packages), r"(?m)^pytorch-2\.10\.0-cuda128_py311\w+$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
