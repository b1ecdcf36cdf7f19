#!/usr/bin/env python3
"""Our fatbin scanner beside NVIDIA's cuobjdump, piece by piece: fatbin_test.py cuda|whole FATBIN_LIST.

Over every library that the CUDA packages of a profile of tests/channel install, and over libraries that nvcc makes with code in
the forms that those do not have. Static archives are no libraries that a program loads; the scanner does not read them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile
from collections import Counter
from pathlib import Path

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
sys.path[:0] = [str(SOURCE / "tests/thread"), str(SOURCE / "tests/channel"), str(SOURCE / "tests/tools")]

from channelkit import cache, pypi
from channelkit.errors import Unavailable
from thread_support import World, skip

PROFILE, LISTER = sys.argv[1], sys.argv[2]
JUDGE = "nvidia-cuda-cuobjdump==13.5.37"
WORLD = World()
LIBRARIES = ["cuda-cudart", "cuda-nvrtc"]
MORE = ["libcublas", "cudnn", "nccl"]
SPECS = {"13": ["cuda-version=13.0", *LIBRARIES, *MORE, "cuda-nvcc", "cuda-cudart-dev", "gxx_linux-64"],
         "12": ["cuda-version=12.9", *LIBRARIES, *(MORE if PROFILE == "whole" else [])]}
# Libraries in which both may differ, with the reason. None is known.
MAY_DIFFER: dict[str, str] = {}
# Arguments of nvcc; sm_100f is listed as sm_100 by cuobjdump.
FORMS = {
    "variants": "-gencode arch=compute_75,code=sm_75 -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_100f,code=sm_100f "
                "-gencode arch=compute_120f,code=[sm_120f,compute_120f]",
    "specific_ptx": "-gencode arch=compute_90a,code=[sm_90a,compute_90a]",
    "relocatable": "-rdc=true -gencode arch=compute_75,code=sm_75",
    "tight": "-compress-mode=size -gencode arch=compute_80,code=[sm_80,compute_80]",
    "plain": "-no-compress -gencode arch=compute_80,code=[sm_80,compute_80]"}
Pieces = Counter[tuple[str, str]]


def judge(folder: Path) -> Path:
    """The program cuobjdump, out of NVIDIA's wheel."""
    try:
        wheel = pypi.fetch([JUDGE], cache.default_root() / "channel/downloads/wheels")[0]
    except Unavailable as reason:
        skip(f"no cuobjdump: {reason}")
    with zipfile.ZipFile(wheel) as archive:
        program = Path(archive.extract("nvidia/cu13/bin/cuobjdump", folder))
    program.chmod(0o755)
    return program


def judged(program: Path, library: Path) -> Pieces:
    """What cuobjdump lists of a library."""
    found: Pieces = Counter()
    for kind, option, ending in (("sass", "--list-elf", "cubin"), ("ptx", "--list-ptx", "ptx")):
        done = subprocess.run([program, option, library], capture_output=True, text=True, check=False)
        codes = re.findall(rf"\.(?:sm|compute)_(\d+[af]?)\.{ending}$", done.stdout, re.MULTILINE)
        if not codes and done.stderr.strip() and not re.search("does not contain device code|^cuobjdump info *: No ", done.stderr):
            raise AssertionError(f"cuobjdump {option} {library}: {done.stderr}")
        found.update((kind, code) for code in codes)
    return found


def scanned(libraries: list[Path]) -> dict[Path, Pieces]:
    """What our scanner finds, as cuobjdump names it."""
    done = subprocess.run([LISTER, *libraries], capture_output=True, text=True, check=True)
    found: dict[Path, Pieces] = {}
    for line in done.stdout.splitlines():
        if line.startswith("/"):
            found[Path(line)] = current = Counter()
            continue
        kind, code, count = line.split()
        current[(kind, code.rstrip("f") if kind == "sass" else code)] += int(count)
    return found


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


class Beside(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hpcenv-fatbin-")
        cls.addClassCleanup(folder.cleanup)
        cls.program = judge(Path(folder.name))
        channel = WORLD.channel(PROFILE)
        for major, specs in SPECS.items():
            answer = WORLD.hpcenv("create", "-n", f"cuda{major}", "--override-channels", "-c", channel, "-y", *specs,
                                  CONDA_OVERRIDE_CUDA="13.0")
            if answer.code != 0:
                raise AssertionError(f"create failed: {answer}")

    def compare(self, libraries: list[Path]) -> Counter[str]:
        """Asserts that both say the same of all; the sum of what there is."""
        ours, total = scanned(libraries), Counter[str]()
        self.assertEqual(set(ours), set(libraries))
        for library in libraries:
            theirs = judged(self.program, library)
            with self.subTest(library=library.name):
                if library.name not in MAY_DIFFER:
                    self.assertEqual(ours[library], theirs)
            total.update(kind for kind, _ in theirs.elements())
        return total

    def test_every_library_of_the_toolkit_packages(self) -> None:
        for major in SPECS:
            prefix = WORLD.prefix(f"cuda{major}")
            libraries = sorted(path for path in prefix.rglob("*.so*") if path.is_file() and not path.is_symlink() and is_elf(path))
            total = self.compare(libraries)
            size = sum(path.stat().st_size for path in libraries)
            print(f"CUDA {major}: {len(libraries)} libraries of {size / 1e6:.0f} MB, {total['sass']} pieces of machine code, "
                  f"{total['ptx']} of PTX", file=sys.stderr)
            self.assertGreaterEqual(len(libraries), 5)
            if major == "13" or PROFILE == "whole":
                self.assertGreater(total["sass"], 1000)

    def test_every_form_that_nvcc_makes(self) -> None:
        source = WORLD.home / "kernel.cu"
        source.write_bytes((SOURCE / "tests/host/kernel.cu").read_bytes())
        made = []
        for name, arguments in FORMS.items():
            made.append(WORLD.home / f"lib{name}.so")
            answer = WORLD.hpcenv("run", "-n", "cuda13", "--", "nvcc", "-shared", "-Xcompiler", "-fPIC", "-cudart", "shared",
                                  *arguments.split(), source, "-o", made[-1])
            self.assertEqual(answer.code, 0, answer)
        total = self.compare(made)
        self.assertGreaterEqual((total["sass"], total["ptx"]), (12, 4))
        done = subprocess.run([LISTER, made[0]], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.splitlines()[1:], ["sass 75 2", "sass 90a 2", "sass 100f 2", "sass 120f 2", "ptx 120f 1"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
