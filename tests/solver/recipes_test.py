"""Solves every recipe on the records of real channels, for targets of CUDA 12 and 13 and for linux-aarch64.

The program reads the corpus as channels on this disk; py-rattler's match specs judge what it chose: each `depends` and
`constrains` of each package, on the target's virtual packages. CUDA builds of tensorflow are among the partial records only:
there both are laid into one channel.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from dataclasses import dataclass, field
from pathlib import Path

from backports import zstd
from rattler import MatchSpec, PackageRecord
from rattler.package.build_string import BuildString

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tools")]
from ending import leave  # noqa: E402

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
CORPUS = SOURCE.parent / "shared" / "corpus"
SUBDIRS = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}


def program() -> str:
    for name in ("HPCENV_BIN", "HPCENV_RELEASE_PROGRAM", "HPCENV_PROGRAM"):
        if Path(os.environ.get(name, "/nonexistent")).is_file():
            return os.environ[name]
    raise SystemExit("no program to test: build one, or set HPCENV_BIN")


@dataclass(frozen=True)
class Target:
    """A kind of node that jobs run on."""

    name: str
    cuda: str = ""
    capability: tuple[int, int] = (8, 0)
    machine: str = "x86_64"

    def profile(self) -> dict:
        library = {"path": "/usr/lib64/libcuda.so.1", "real_path": "/usr/lib64/libcuda.so.1", "found_in": "ld.so.cache",
                   "file_version": "", "is_stub": False, "end": "answered", "detail": "", "version_code": 0,
                   "init_end": "answered", "init_detail": "", "init_code": 0,
                   "devices": [{"name": "GPU", "uuid": "GPU-1", "pci_bus_id": "0000:01:00.0", "capability_major": self.capability[0],
                                "capability_minor": self.capability[1], "memory_bytes": 1 << 35, "multiprocessors": 100,
                                "compute_mode": 0, "ecc": True}]}
        if self.cuda:
            major, minor = self.cuda.split(".")
            library["cuda_version"] = int(major) * 1000 + int(minor) * 10
        nvidia = {"pci_gpus": 1 if self.cuda else 0, "kernel_module": "", "open_kernel_module": False, "nouveau": False,
                  "uvm": False, "wsl": False, "device_nodes": ["/dev/nvidiactl"] if self.cuda else [],
                  "libcuda": [library] if self.cuda else []}
        if self.cuda:
            nvidia["winner"] = 0
        return {"format": 1, "hostname": self.name, "taken_at": 1795000000, "machine": self.machine,
                "kernel": "5.14.0-503.el9", "glibc": "2.34",
                "cpu": "x86_64_v4" if self.machine == "x86_64" else "neoverse_v2", "memory_bytes": 1 << 38, "nvidia": nvidia,
                "mounts": [], "environment": {}}


LOGIN = Target("login")
CUDA_12 = Target("cuda12", "12.9")
CUDA_13 = Target("cuda13", "13.0")
ARM = Target("arm-login", machine="aarch64")
ARM_12 = Target("arm-cuda12", "12.9", (9, 0), "aarch64")
ARM_13 = Target("arm-cuda13", "13.0", (9, 0), "aarch64")


@dataclass(frozen=True)
class Solve:
    """A recipe on a target, and which builds have to be among what is chosen: name to "VERSION BUILD" as a pattern."""

    recipe: str
    target: Target
    expected: dict[str, str]
    more: tuple[str, ...] = ()
    channels: str = "corpus"
    options: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return " ".join([self.recipe, *self.more, "on", self.target.name])


PYTORCH = {"pytorch-gpu": "2.12* cuda*", "pytorch": "2.12* cuda12*", "cuda-version": "12.9 *"}
JAX = {"jaxlib": "0.10* cuda12*", "jax": "0.10* *", "cuda-version": "12.9 *"}
TENSORFLOW = {"tensorflow": "2.19* cuda12*", "tensorflow-base": "2.19* cuda12*", "cuda-version": "12.* *"}
TOOLKIT_12 = {"cuda-nvcc": "12.9* *", "cudnn": "9.* *", "nccl": "2.* *", "libcublas-dev": "12.* *", "cuda-version": "12.9 *"}
RAPIDS_12 = {"cudf": "26.02* cuda12*", "cuml": "26.02* cuda12*", "rmm": "26.02* cuda12*", "cuda-version": "12.9 *"}
RAPIDS_13 = {"cudf": "26.02* cuda13*", "cuml": "26.02* cuda13*", "rmm": "26.02* cuda13*", "cuda-version": "13.0 *"}
PYTHON = {"python": "3.14* *", "pip": "* *"}
JUPYTER = {"jupyterlab": "4.6* *", "ipykernel": "7* *", "python": "3.14* *"}
# CUDA 13 runs what is built for 12: where the newest of a package is built for 12 only (pytorch and jaxlib of 2026-08 for
# linux-64, cudnn's headers in this corpus), that is chosen; `cuda-version=13` beside the recipe asks for 13.
SOLVES = [
    *(Solve("python", target, PYTHON) for target in (LOGIN, CUDA_12, CUDA_13, ARM)),
    *(Solve("jupyter", target, JUPYTER) for target in (LOGIN, CUDA_12, CUDA_13, ARM)),
    *(Solve("mpi4py", target, {"mpi4py": "4.1* *", "mpich": "5* *"}) for target in (LOGIN, CUDA_12, CUDA_13)),
    Solve("mpi4py", LOGIN, {"mpi4py": "4.1* *", "openmpi": "5* *"}, ("openmpi",)),
    Solve("mpi4py", ARM, {"mpi4py": "4.1* *", "openmpi": "5* *"}, ("openmpi",)),
    *(Solve("r", target, {"r-base": "4.5* *", "r-recommended": "4.5 *", "gxx_linux-64": "* *"})
      for target in (LOGIN, CUDA_12, CUDA_13)),
    *(Solve("cuda-dev", target, TOOLKIT_12) for target in (LOGIN, CUDA_12, CUDA_13)),
    Solve("cuda-dev", Target("cuda12.4", "12.4"), {"cuda-nvcc": "12.4* *", "cuda-version": "12.4 *"}),
    *(Solve("cuda-dev", target, {**TOOLKIT_12, "gxx_linux-aarch64": "* *"}) for target in (ARM, ARM_12, ARM_13)),
    *(Solve("pytorch", target, PYTORCH) for target in (CUDA_12, CUDA_13)),
    Solve("pytorch", ARM_13, {"pytorch": "2.10* cuda12*"}, ("pytorch-gpu=2.10",)),
    Solve("pytorch", CUDA_12, {**PYTORCH, "pandas": "* *"}, ("pandas",)),
    Solve("pytorch", CUDA_12, {**PYTORCH, "jupyterlab": "4.6* *"}, options=("--recipe", "jupyter")),
    *(Solve("pytorch", target, {"pytorch-gpu": "2.* cuda*", "pytorch": "2.* cuda12*", "cuda-version": "12.9 *"})
      for target in (ARM_12, ARM_13)),
    *(Solve("jax", target, JAX) for target in (CUDA_12, CUDA_13)),
    *(Solve("tensorflow", target, TENSORFLOW, channels="with-partial") for target in (CUDA_12, CUDA_13)),
    Solve("rapids", CUDA_12, RAPIDS_12),
    Solve("rapids", CUDA_13, {name: "26.02* cuda1*" for name in ("cudf", "cuml", "rmm")}),
    Solve("rapids", CUDA_13, RAPIDS_13, ("cuda-version=13",)),
    Solve("rapids", ARM_12, RAPIDS_12),
    Solve("rapids", ARM_13, RAPIDS_13, ("cuda-version=13",)),
    Solve("rapids", CUDA_12, {**RAPIDS_12, "pytorch": "2.* cuda12*"}, options=("--recipe", "pytorch")),
]
# What the corpus has no records for, and the package that it lacks.
NOT_THERE = [("r", ARM, "r-base"), ("jax", ARM_12, "jaxlib"), ("jax", ARM_13, "jaxlib"), ("tensorflow", ARM_12, "tensorflow"),
             ("tensorflow", ARM_13, "tensorflow")]
GPU_ONLY = ["pytorch", "jax", "tensorflow", "rapids"]


class World:
    """Channels, targets and a home for the program, made once."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hpcenv-recipes-"))
        self.records: dict[str, dict[str, dict]] = {}
        for target in {solve.target for solve in SOLVES} | {ARM_12, ARM_13}:
            (self.folder / f"{target.name}.json").write_text(json.dumps(target.profile()))
        for channel, subdirs in {"conda-forge": ("linux-64", "noarch", "linux-aarch64"),
                                 "rapidsai": ("linux-64", "noarch", "linux-aarch64")}.items():
            for subdir in subdirs:
                self.records[f"{channel}/{subdir}"] = self._read(f"{channel}/{subdir}")
        for subdir in ("linux-64", "noarch"):
            partial = self._read(f"partial/conda-forge/{subdir}")
            both = {**partial, **self.records[f"conda-forge/{subdir}"]}
            self.records[f"conda-forge/{subdir}"] = both
            place = self.folder / "with-partial/conda-forge" / subdir
            place.mkdir(parents=True)
            sections: dict[str, dict] = {"packages": {}, "packages.conda": {}}
            for name, record in both.items():
                sections["packages.conda" if name.endswith(".conda") else "packages"][name] = record
            (place / "repodata.json").write_text(json.dumps({"info": {"subdir": subdir}, **sections}))

    def _read(self, folder: str) -> dict[str, dict]:
        document = json.loads(zstd.decompress((CORPUS / folder / "repodata.json.zst").read_bytes()))
        return {**document.get("packages", {}), **document.get("packages.conda", {})}

    def create(self, recipe: str, target: Target, *more: str, channels: str = "corpus", **variables: str) -> dict:
        """The answer of a dry run."""
        alias = CORPUS if channels == "corpus" else self.folder / channels
        environment = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C", "HPCENV_ROOT": str(self.folder / "root"),
                       "HPCENV_CHANNEL_ALIAS": f"file://{alias}", **variables}
        on = ["--on", str(self.folder / f"{target.name}.json")]
        done = subprocess.run([program(), "create", "-n", "x", "--dry-run", "--json", "--recipe", recipe, *on, *more], text=True,
                              env=environment, cwd=self.folder, capture_output=True, timeout=300, check=False)
        return {"code": done.returncode, **json.loads(done.stdout)}


def record_of(one: dict) -> PackageRecord:
    return PackageRecord(name=one["name"], version=one["version"], build=BuildString(one["build"]),
                         build_number=one.get("build_number", 0), subdir=one.get("subdir", "linux-64"))


def faults_of(world: World, plan: dict) -> list[str]:
    """What is wrong with a solution, by py-rattler's match specs."""
    chosen = {one["name"]: record_of(one) for one in plan["solved_for"]["virtual_packages"]}
    raw: dict[str, dict] = {}
    faults = []
    for one in plan["link"]:
        channel = one["channel"].rsplit("/", 1)[-1]
        raw[one["name"]] = world.records[f"{channel}/{one['subdir']}"][one["fn"]]
        if one["name"] in chosen:
            faults.append(f"{one['name']} is there twice")
        chosen[one["name"]] = record_of(one)
    for name, record in raw.items():
        for text in record["depends"]:
            spec = MatchSpec(text)
            if (other := chosen.get(spec.name.normalized)) is None or not spec.matches(other):
                faults.append(f"{name} needs '{text}', chosen is {other}")
        for text in record.get("constrains") or []:
            spec = MatchSpec(text)
            if (other := chosen.get(spec.name.normalized)) is not None and not spec.matches(other):
                faults.append(f"{name} goes only with '{text}', chosen is {other}")
    return faults


class Recipes(unittest.TestCase):
    world: World

    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World()
        cls.addClassCleanup(shutil.rmtree, cls.world.folder, ignore_errors=True)

    def test_each_recipe_solves_with_the_builds_for_the_target(self) -> None:
        for solve in SOLVES:
            with self.subTest(str(solve)):
                answer = self.world.create(solve.recipe, solve.target, *solve.options, *solve.more, channels=solve.channels)
                self.assertEqual(answer["code"], 0, json.dumps(answer.get("error"), indent=1))
                plan = answer["plan"]
                self.assertEqual(faults_of(self.world, plan), [])
                found = {one["name"]: f"{one['version']} {one['build']}" for one in plan["link"]}
                for name, pattern in solve.expected.items():
                    self.assertTrue(fnmatch.fnmatchcase(found.get(name, "(none)"), pattern), f"{name}: {found.get(name)}")
                subdirs = {one["subdir"] for one in plan["link"]}
                self.assertLessEqual(subdirs, {"noarch", SUBDIRS[solve.target.machine]})

    def test_each_recipe_is_solved_for_both_cuda_versions(self) -> None:
        names = {path.stem for path in (SOURCE / "recipes").glob("*.yml")}
        for target in (CUDA_12, CUDA_13):
            self.assertEqual({solve.recipe for solve in SOLVES if solve.target == target}, names)
        arm = {solve.recipe for solve in SOLVES if solve.target.machine == "aarch64"}
        self.assertEqual(arm | {recipe for recipe, _, _ in NOT_THERE}, names)

    def test_what_the_records_lack_is_named(self) -> None:
        for recipe, target, lacking in NOT_THERE:
            with self.subTest(recipe, target=target.name):
                answer = self.world.create(recipe, target)
                self.assertEqual(answer["code"], 1)
                self.assertIn(lacking, json.dumps(answer["error"]))

    def test_a_recipe_for_gpus_is_refused_where_there_is_none(self) -> None:
        for recipe in GPU_ONLY:
            with self.subTest(recipe):
                answer = self.world.create(recipe, LOGIN, "numpy", channels="with-partial")
                self.assertEqual((answer["code"], answer["error"]["kind"]), (1, "refused"))
                self.assertIn(f"the recipe {recipe} is for machines with an NVIDIA GPU", answer["error"]["message"])
                hints = "\n".join(answer["error"]["hints"])
                self.assertIn("then --on gpu", hints)
                self.assertIn("CONDA_OVERRIDE_CUDA=12.9", hints)

    def test_a_toolkit_of_cuda_13_from_a_recipe_of_ones_own(self) -> None:
        """cudnn's headers for CUDA 13 are not among the records, its library is: cuda-dev with that, as a user would write it."""
        text = (SOURCE / "recipes/cuda-dev.yml").read_text().replace("  - cudnn\n", "  - libcudnn\n  - cuda-version=13\n")
        own = self.world.folder / ".config/hpcenv/recipes"
        own.mkdir(parents=True)
        (own / "cuda13.yml").write_text(text)
        for target, toolkit in ((CUDA_13, "13.0"), (Target("cuda13.1", "13.1"), "13.1")):
            with self.subTest(target.name):
                (self.world.folder / f"{target.name}.json").write_text(json.dumps(target.profile()))
                answer = self.world.create("cuda13", target)
                self.assertEqual(answer["code"], 0, json.dumps(answer.get("error"), indent=1))
                self.assertEqual(faults_of(self.world, answer["plan"]), [])
                found = {one["name"]: one["version"] for one in answer["plan"]["link"]}
                self.assertEqual(found["cuda-version"], toolkit)
                self.assertTrue(found["cuda-nvcc"].startswith(toolkit), found)
                self.assertTrue(found["libcublas-dev"].startswith("13."), found)
                self.assertTrue(found["libcudnn"].startswith("9."), found)
        refused = self.world.create("cuda13", CUDA_12)
        self.assertEqual((refused["code"], refused["error"]["kind"]), (1, "conflict"))
        self.assertIn("12.9", json.dumps(refused["error"]))

    def test_an_override_stands_for_the_driver(self) -> None:
        answer = self.world.create("pytorch", LOGIN, CONDA_OVERRIDE_CUDA="12.9")
        self.assertEqual(answer["code"], 0, answer)
        found = {one["name"]: one["build"] for one in answer["plan"]["link"]}
        self.assertRegex(found["pytorch"], "^cuda12")


if __name__ == "__main__":
    if not CORPUS.is_dir():
        print("SKIP: there is no ../shared")
        sys.exit(77)
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
