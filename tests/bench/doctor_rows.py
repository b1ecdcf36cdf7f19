"""The rows of the doctor: what this machine is, whether it fits an environment, and the GPU code in libraries.

An environment of 300 packages: CPython, JupyterLab, CUDA with cuBLAS, cuDNN and NCCL from their makers' files, and generated
ones. It lies on the disk, not in memory: a part of the rows is about what has to be read from there.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import package_stack
from ground import HERE, Ground, Sample
from rows import CUDA, REAL, Bench, Row, copy_channel

MIB = 1 << 20
# Beside the packages of CUDA and JupyterLab these make 300.
STACK = package_stack.Shape(pure=82, libraries=66, library_bytes=400 * MIB, blobs=())
OLDER_CUDA = ["cuda-version=12.9", "cuda-cudart", "cuda-nvrtc", "libcublas", "cudnn", "nccl"]
ANSWER = (0, 1)  # doctor leaves with 1 where a check fails
MACHINES = HERE.parent / "host"


def share(samples: list[Sample], part: float) -> float:
    """Seconds that `part` of the runs did not exceed."""
    return sorted(sample.seconds for sample in samples)[math.ceil(part * len(samples)) - 1]


@dataclasses.dataclass
class Environments:
    """What is examined, and how it is called."""

    prefix: Path
    older: Path | None  # the libraries of CUDA 12 beside those of CUDA 13
    root: Path
    channel: str
    packages: int


class DoctorBench:
    def __init__(self, bench: Bench, disk: Path) -> None:
        self.ground = bench.ground
        self.sizes = bench.sizes
        self.bench = bench
        self.disk = disk
        # No program is found: neither quota nor scontrol nor ldconfig is part of what is measured.
        self.nowhere = disk / "nowhere"
        self.nowhere.mkdir()

    # ---- the ground -----------------------------------------------------------------------------------------------

    def _create(self, name: str, channels: list[str], specs: list[str]) -> Path:
        prefix = self.disk / name
        words = [word for channel in channels for word in ("-c", channel)]
        self.ground.hpcenv("create", "-p", prefix, "--override-channels", *words, "-y", "--no-pyc", *specs,
                           HPCENV_ROOT=str(self.disk / "root"), CONDA_OVERRIDE_CUDA="13.0")
        return prefix

    def _channels(self) -> tuple[list[str], list[str]]:
        """Addresses, and what installs all that is to be examined."""
        if not self.sizes.examined:
            channel, specs = self.bench.stack()
            return [f"{self.ground.address}/{channel.name}"], specs
        real = self.bench.real_channel(self.sizes.examined)
        whole = self.ground.channel(f"real-{self.sizes.examined}", [real / "channel.key"], lambda out: copy_channel(real, out))
        mini = self.bench.real_channel("mini")
        stack = self.ground.channel(f"stack-{STACK.pure}-{STACK.libraries}", [HERE / "package_stack.py", mini / "channel.key"],
                                    lambda out: package_stack.make(out, mini, REAL, STACK))
        made = [spec for spec in json.loads((stack / "specs.json").read_text()) if spec.startswith("bench-")]
        return [f"{self.ground.address}/{one.name}" for one in (whole, stack)], [*CUDA, "jupyterlab", *made]

    def environments(self) -> Environments:
        channels, specs = self._channels()
        prefix = self._create("env", channels, specs)
        older = self._create("older", channels[:1], OLDER_CUDA) if self.sizes.examined else None
        packages = len(list((prefix / "conda-meta").glob("*.json")))
        return Environments(prefix, older, self.disk / "root", channels[0], packages)

    def _profile(self, machine: str) -> Path:
        """A target: a captured machine as a profile."""
        self.ground.hpcenv("probe", "--captured", MACHINES / machine, "--json")
        file = self.disk / f"{machine}.json"
        file.write_text(self.ground.answer())
        return file

    # ---- rows -----------------------------------------------------------------------------------------------------

    def probe(self) -> list[Row]:
        runs = self.sizes.quick_runs
        empty = statistics.median(one.seconds for one in self.ground.launch([self.ground.empty], runs)) * 1000
        samples = self.ground.hpcenv("probe", runs=runs, PATH=str(self.nowhere))
        rows = []
        for name, part in (("median", 0.5), ("p95", 0.95), ("slowest", 1.0)):
            cpu = statistics.median(one.cpu for one in samples) * 1000 if part == 0.5 else None
            rows.append(Row(f"probe without a GPU, {name} of {runs}", 1000 * share(samples, part), floor=empty,
                            floor_is="an empty static program", aim="30 ms", our_cpu=cpu,
                            our_peak=statistics.median(one.peak_mib for one in samples), unit="ms"))
        rows[0].note = "no program of the machine (quota, scontrol) is found, so none is counted"
        return rows

    def doctor(self, found: Environments) -> list[Row]:
        """Of this machine, which has no GPU, and for one that has: there the GPU code in the libraries is looked at."""
        gpu = self._profile("h100-node")
        files = sum(len(names) for _, _, names in os.walk(found.prefix))
        name = f"doctor -p PREFIX, {found.packages} packages, {files} files"
        rows = []
        for words, label in (([], "warm"), (["--on", gpu], "for a node with an H100, warm")):
            command = ["doctor", "-p", found.prefix, *words]
            first = self._doctor(command, found)[0]
            samples = self._doctor(command, found, self.sizes.quick_runs)
            row = Row(f"{name}, {label}", share(samples, 0.5), aim="1 s", unit="s",
                      our_cpu=statistics.median(one.cpu for one in samples),
                      our_peak=statistics.median(one.peak_mib for one in samples))
            row.note = f"p95 {share(samples, 0.95):.2f} s, slowest {share(samples, 1.0):.2f} s of {len(samples)}; " \
                       f"the first, of which nothing is known before, {first.seconds:.2f} s"
            rows.append(row)
        return rows

    def _doctor(self, command: list[str | Path], found: Environments, runs: int = 1) -> list[Sample]:
        return self.ground.hpcenv(*command, runs=runs, codes=ANSWER, PATH=str(self.nowhere), HPCENV_ROOT=str(found.root),
                                  HPCENV_CHANNELS=found.channel)

    def scan(self, found: Environments, scanner: Path) -> list[Row]:
        """The scanner beside a program that touches exactly the pages that it touched, in the same order."""
        prefixes = [prefix for prefix in (found.prefix, found.older) if prefix is not None]
        libraries = [path for prefix in prefixes for path in sorted(prefix.rglob("*.so*")) if is_library(path)]
        size = sum(path.stat().st_size for path in libraries)
        pages, touched = Pages(self.ground, libraries), self.disk / "touched"
        if pages.drop() > 0:
            print("bench: no scan for GPU code: the kernel keeps pages of the libraries, whatever it is told", file=sys.stderr)
            return []
        self._scanned(scanner, libraries)
        count = pages.kept(touched)
        rows = []
        for state, runs in (("cold", self.sizes.runs), ("warm", self.sizes.quick_runs)):
            ours, floor = [], []
            for _ in range(runs):
                if state == "cold":
                    pages.drop()
                ours.append(self._scanned(scanner, libraries))
                if state == "cold":
                    pages.drop()
                floor.append(pages.read(touched))
            row = Row(f"GPU code in {len(libraries)} libraries of {size / 1e9:.1f} GB, {state}", 1000 * statistics.median(ours),
                      floor=1000 * statistics.median(floor), aim="2x of the floor", unit="ms",
                      floor_is=f"one byte of each of the {count} pages that the scanner touched, {count * 4 >> 10} MiB of them")
            rows.append(row)
        rows[0].note = "cold: after POSIX_FADV_DONTNEED of each file; which pages it touched, mincore tells after a cold run"
        return rows

    def _scanned(self, scanner: Path, libraries: list[Path]) -> float:
        """Seconds that the scanner says it took, start of the program excluded."""
        done = subprocess.run([scanner, "--time", *libraries], capture_output=True, text=True, check=True)
        return int(done.stdout) / 1e9


class Pages:
    """The program pages.c over some files."""

    def __init__(self, ground: Ground, files: list[Path]) -> None:
        self.program = ground.compile("pages", (HERE / "pages.c").read_text())
        self.files = files

    def _run(self, *words: str | Path) -> str:
        return subprocess.run([self.program, *words], capture_output=True, text=True, check=True).stdout

    def drop(self) -> int:
        """How many pages the kernel keeps all the same: all of them where the files lie in memory."""
        self._run("drop", *self.files)
        return self.kept(Path(os.devnull))

    def kept(self, out: Path) -> int:
        """How many pages the kernel keeps; `out` lists them."""
        return int(self._run("kept", out, *self.files).split()[0])

    def read(self, pages: Path) -> float:
        return int(self._run("read", pages)) / 1e9


def is_library(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


@contextmanager
def _disk(ground: Ground) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="doctor-", dir=ground.kept))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def doctor(bench: Bench) -> list[Row]:
    with _disk(bench.ground) as disk:
        mine = DoctorBench(bench, disk)
        rows = mine.probe()
        found = mine.environments()
        rows += mine.doctor(found)
        if bench.scanner.is_file():
            return rows + mine.scan(found, bench.scanner)
        print(f"bench: no scan for GPU code: there is no {bench.scanner} (preset bench)", file=sys.stderr)
        return rows
