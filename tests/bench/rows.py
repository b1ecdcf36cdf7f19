"""The rows of the table: each a function from the ground to figures, with its target in words."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import backports.zstd as zstd
import floors
import index_channel
import package_stack
from ground import HERE, Failed, Ground, Sample

REAL = ["python=3.11", "pip", "rich", "requests", "click", "zlib", "pkgconf"]
CUDA = ["cuda-nvcc", "cuda-cudart-dev", "libcublas-dev", "cudnn", "nccl", "gxx_linux-64"]
CUDA_ROOM = 14 << 30  # bytes: both caches, hpcenv's environment and py-rattler's, and all packages unpacked bare
DELAY_MS = 30


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the small one only shows that the measuring works."""

    stack: package_stack.Shape = field(default_factory=package_stack.Shape)
    indexes: tuple[int, ...] = (300_000, 1_000_000)
    runs: int = 3
    quick_runs: int = 25
    oracle_step: int = 1
    cuda: str = "whole"  # the profile of tests/channel that has the CUDA environment
    examined: str = "whole"  # the same for what the doctor examines, beside generated packages; empty: the stack
    room: int = 10 << 30  # bytes: both caches, both environments, and the packages unpacked bare


SMALL = Sizes(package_stack.Shape(4, 200, 3, 200, 12 * package_stack.MEBI, (16 * package_stack.MEBI,)), (5_000,), 1, 3, 100,
              "cuda", "", 1 << 30)


@dataclass
class Row:
    """One line: seconds (or what `unit` says) of both, the floor, and what was aimed at. Peaks are in MiB."""

    name: str
    ours: float
    peer: float | None = None
    floor: float | None = None
    floor_is: str = ""
    aim: str = ""
    our_cpu: float | None = None
    peer_cpu: float | None = None
    our_peak: float | None = None
    peer_peak: float | None = None
    unit: str = "s"
    note: str = ""


def middle(samples: list[Sample]) -> tuple[float, float, float]:
    """Medians of wall, processor time and peak."""
    return (statistics.median(one.seconds for one in samples), statistics.median(one.cpu for one in samples),
            statistics.median(one.peak_mib for one in samples))


def middle_of(answers: list[dict[str, float]], key: str) -> float:
    return statistics.median(answer[key] for answer in answers)


class Bench:
    """Both tools at the same work, one after the other in each run."""

    def __init__(self, ground: Ground, sizes: Sizes, scanner: Path) -> None:
        """`scanner`: the program fatbin_list."""
        self.ground = ground
        self.sizes = sizes
        self.scanner = scanner

    # ---- installing -------------------------------------------------------------------------------------------

    def real_channel(self, profile: str = "mini") -> Path:
        """A channel of tests/channel."""
        script = HERE.parent / "channel/build_channel.py"
        done = subprocess.run([sys.executable, "-B", script, "--profile", profile], stdout=subprocess.PIPE, text=True, check=True)
        return Path(done.stdout.strip())

    def stack(self) -> tuple[Path, list[str]]:
        """The channel of the package stack, and what installs all of it."""
        real, shape = self.real_channel(), self.sizes.stack
        sources = [HERE / "package_stack.py", real / "channel.key"]
        channel = self.ground.channel(f"stack-{shape.pure_files + shape.library_files}", sources,
                                      lambda out: package_stack.make(out, real, REAL, shape))
        return channel, json.loads((channel / "specs.json").read_text())

    def _create(self, prefix: Path, address: str, specs: list[str], *more: str) -> Sample:
        shutil.rmtree(prefix, ignore_errors=True)
        return self.ground.hpcenv("create", "-p", prefix, "--override-channels", "-c", address, "-y", *more, *specs)[0]

    def _both_install(self, address: str, specs: list[str], cold: bool) -> tuple[list[Sample], list[dict[str, float]]]:
        ours, peers = [], []
        folder = self.ground.folder
        for _ in range(self.sizes.runs):
            if cold:
                self.ground.drop("root", "peer-cache")
            ours.append(self._create(folder / "env", address, specs, "--no-pyc"))
            self.ground.drop("peer-env")
            peers.append(self.ground.rattler("install", url=address, specs=specs, cache=str(folder / "peer-cache"),
                                             prefix=str(folder / "peer-env")))
        return ours, peers

    def install(self) -> list[Row]:
        """Cold, link only, with bytecode, and the removal of what was made."""
        channel, specs = self.stack()
        address, folder = f"{self.ground.address}/{channel.name}", self.ground.folder
        cold, peer_cold = self._both_install(address, specs, cold=True)
        warm, peer_warm = self._both_install(address, specs, cold=False)
        compiled = [self._create(folder / "compiled", address, specs) for _ in range(self.sizes.runs)]
        files = sum(len(names) for _, _, names in os.walk(folder / "env"))
        bare = floors.unpack([one for subdir in index_channel.SUBDIRS for one in (channel / subdir).iterdir()], folder / "bare")
        link_floor = statistics.median(floors.link_tree(folder / "root/pkgs", folder / "linked") for _ in range(3))
        remove_floor = floors.remove_tree(folder / "env", folder / "linked")
        removed = self.ground.hpcenv("env", "remove", "-p", folder / "compiled", "-y")[0]
        packages = int(peer_cold[0]["packages"])
        rows = [
            self._row(f"cold install of {packages} packages, {files} files", cold, peer_cold, "seconds", bare["all"],
                      "zstd, sha256 and write on all cores, one file a package", "3.0 s where it needs 4.5; peak 75 MiB"),
            self._row("the same from a warm cache: solve and link", warm, peer_warm, "seconds", link_floor,
                      "cp -al of the unpacked packages", "0.30 s where it needs 0.50")]
        rows[0].note = f"zstd alone {bare['zstd']:.2f} s, sha256 alone {bare['sha256']:.2f} s"
        rows[1].peer_cpu = middle_of(peer_warm, "cpu")
        seconds, cpu, peak = middle(compiled)
        rows.append(Row("warm, with bytecode", seconds, our_cpu=cpu, our_peak=peak, note="py-rattler compiles none"))
        rows.append(Row("removal of the environment with bytecode", removed.seconds, floor=remove_floor,
                        floor_is="rm -rf of it without bytecode", our_cpu=removed.cpu, our_peak=removed.peak_mib))
        return rows

    def _row(self, name: str, ours: list[Sample], peers: list[dict[str, float]], key: str, floor: float | None, floor_is: str,
             aim: str) -> Row:
        seconds, cpu, peak = middle(ours)
        return Row(name, seconds, middle_of(peers, key), floor, floor_is, aim, cpu, middle_of(peers, "cpu"), peak,
                   middle_of(peers, "peak_mib"))

    def far(self) -> list[Row]:
        """A small Python environment through a relay that adds 30 ms each way."""
        real = self.real_channel()
        channel = self.ground.channel("real", [real / "channel.key"], lambda out: copy_channel(real, out))
        script = HERE / "delay_proxy.py"
        port = self.ground.address.rsplit(":", 1)[1]
        relay = subprocess.Popen([sys.executable, "-B", script, port, str(DELAY_MS)], stdout=subprocess.PIPE, text=True)
        try:
            assert relay.stdout is not None
            address = f"http://127.0.0.1:{relay.stdout.readline().strip()}/{channel.name}"
            ours, peers = self._both_install(address, REAL, cold=True)
        finally:
            relay.terminate()
            relay.wait()
        return [self._row(f"cold install of {int(peers[0]['packages'])} real packages, {DELAY_MS} ms away", ours, peers,
                          "seconds", 4 * 2 * DELAY_MS / 1000, "four round trips: connection, repodata, connection, packages", "")]

    def cuda(self) -> list[Row]:
        """The CUDA toolkit with a compiler, cuBLAS, cuDNN and NCCL from NVIDIA's own files: few files, most of them huge."""
        real = self.real_channel(self.sizes.cuda)
        channel = self.ground.channel(f"real-{self.sizes.cuda}", [real / "channel.key"], lambda out: copy_channel(real, out))
        folder = self.ground.folder
        ours, peers = self._both_install(f"{self.ground.address}/{channel.name}", CUDA, cold=True)
        disk = [bytes_on_disk(folder / one, folder / two) / (1 << 20)
                for one, two in (("root", "env"), ("peer-cache", "peer-env"))]
        names = {path.stem for path in (folder / "env/conda-meta").glob("*.json")}
        archives = [path for subdir in index_channel.SUBDIRS for path in (channel / subdir).glob("*.conda") if path.stem in names]
        self.ground.drop("root", "env", "peer-cache", "peer-env")
        bare = floors.unpack(archives, folder / "bare")
        name = f"CUDA environment, {len(names)} packages of {sum(path.stat().st_size for path in archives) >> 20} MiB"
        install = self._row(f"cold install of the {name}", ours, peers, "seconds", bare["all"],
                            "zstd, sha256 and write on all cores, one file a package", "faster, and less memory")
        install.note = f"profile {self.sizes.cuda}; zstd alone {bare['zstd']:.2f} s, sha256 alone {bare['sha256']:.2f} s"
        return [install, Row(f"package cache and {name}, on disk", disk[0], disk[1], unit="MiB", aim="no more")]

    # ---- solving ----------------------------------------------------------------------------------------------

    def _solve_once(self, address: str, specs: list[str], state: str) -> tuple[Sample, dict[str, float]]:
        if state == "cold":
            self.ground.drop("root", "peer-cache")
        ours = self.ground.hpcenv("create", "-p", self.ground.folder / "none", "--override-channels", "-c", address, "--dry-run",
                                  "--json", *specs)[0]
        count = len(json.loads(self.ground.answer())["plan"]["link"])
        peer = self.ground.rattler("solve", url=address, specs=specs, cache=str(self.ground.folder / "peer-cache"))
        if count != int(peer["packages"]):
            raise Failed(f"solutions of different sizes: {count} and {peer['packages']}")
        return ours, peer

    def solve(self) -> list[Row]:
        """A closure of 300 names out of channels of each size."""
        rows = []
        for records in self.sizes.indexes:
            channel = self.ground.channel(f"index-{records}", [HERE / "index_channel.py"],
                                          lambda out, records=records: index_channel.make(out, records))
            specs = json.loads((channel / "specs.json").read_text())
            address = f"{self.ground.address}/{channel.name}"
            packed = [channel / subdir / "repodata.json.zst" for subdir in index_channel.SUBDIRS]
            for state in ("cold", "warm"):
                pairs = [self._solve_once(address, specs, state) for _ in range(self.sizes.runs)]
                floor, floor_is = (floors.decompress(packed), "zstd of both repodata.json.zst") if state == "cold" else (None, "")
                rows.append(self._row(f"solve for {int(pairs[0][1]['packages'])} packages of {records} records, {state}",
                                      [ours for ours, _ in pairs], [peer for _, peer in pairs], "seconds", floor, floor_is,
                                      "faster, and less memory"))
        return rows

    def oracles(self) -> list[Row]:
        """The corpus of real records, which lies in memory: processor time of the solve alone."""
        source = Path(os.environ.get("HPCENV_SOURCE_DIR", HERE.parents[1]))
        corpus, program = source.parent / "shared/corpus", source / "build/bench/tests/solver/solver_corpus"
        if not corpus.is_dir() or not program.exists():
            print("bench: no oracles: there is no ../shared, or no build of the preset bench", file=sys.stderr)
            return []
        work = self.ground.folder / "corpus"
        _unpack_corpus(corpus, work)
        script = HERE.parent / "solver/corpus.py"
        done = subprocess.run([sys.executable, script, program, work / "ours", str(self.sizes.oracle_step)], capture_output=True,
                              text=True, env={**os.environ, "HPCENV_SOURCE_DIR": str(source)}, check=False)
        found = re.search(r"dive: CPU ms median ([\d.]+), p95 ([\d.]+), p99 [\d.]+, max ([\d.]+)", done.stdout)
        if found is None:
            raise Failed(f"solver_corpus: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        oracles = [case for case in json.loads((work / "cases/index.json").read_text()) if case["oracle"]]
        cases = [[str(work / ("overlaid" if case["needs_partial"] else "channels")), str(work / "cases" / case["file"])]
                 for case in oracles[:: self.sizes.oracle_step]]
        # Too long for a command line.
        (work / "cases.json").write_text(json.dumps(cases))
        peer = self.ground.rattler("oracles", cases=str(work / "cases.json"))
        times = sorted(1000 * one for one in peer["times"])
        rows = []
        for share, name, aim, ours in zip((0.5, 0.95, 1.0), ("median", "p95", "worst"), ("10", "30", "60"), found.groups(),
                                          strict=True):
            rows.append(Row(f"oracles of the corpus, {name} of {len(times)}", float(ours), times[round(share * (len(times) - 1))],
                            aim=f"{aim} ms", unit="ms CPU"))
        rows[0].note = f"py-rattler fails {len(peer['failed'])}"
        return rows

    # ---- starting ---------------------------------------------------------------------------------------------

    def start(self) -> list[Row]:
        """Small commands beside a static program that does nothing."""
        channel, specs = self.stack()
        address, prefix = f"{self.ground.address}/{channel.name}", self.ground.folder / "env"
        self._create(prefix, address, specs, "--no-pyc")
        runs = self.sizes.quick_runs
        empty = middle(self.ground.launch([self.ground.empty], runs))[0] * 1000
        commands: list[tuple[str, str, list[str | Path]]] = [
            ("--version", "2 ms", ["--version"]), ("run true", "5 ms", ["run", "-p", prefix, "true"]),
            (f"list of {len(list((prefix / 'conda-meta').glob('*.json')))} packages", "10 ms", ["list", "-p", prefix]),
            ("install of what is there", "15 ms", ["install", "-p", prefix, "--override-channels", "-c", address, "-y", "python"])]
        rows = []
        for name, aim, command in commands:
            seconds, cpu, peak = middle(self.ground.hpcenv(*command, runs=runs))
            rows.append(Row(name, 1000 * seconds, floor=empty, floor_is="an empty static program", aim=aim, our_cpu=1000 * cpu,
                            our_peak=peak, unit="ms"))
        return rows


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copy_channel(source: Path, target: Path) -> list[str]:
    """Its subdirs, linked where they can be."""
    for subdir in index_channel.SUBDIRS:
        shutil.copytree(source / subdir, target / subdir, copy_function=_link_or_copy)
    return REAL


def bytes_on_disk(*folders: Path) -> int:
    """What the files below take up; one with several links counts once."""
    sizes = {}
    for folder in folders:
        for path in folder.rglob("*"):
            status = path.lstat()
            sizes[(status.st_dev, status.st_ino)] = status.st_blocks * 512
    return sum(sizes.values())


def _unpack_corpus(corpus: Path, work: Path) -> None:
    """Cases, the channels of the full records, and the same with the partial ones, which some cases need."""
    work.mkdir(exist_ok=True)
    with tarfile.open(fileobj=zstd.ZstdFile(corpus / "cases.tar.zst")) as archive:
        archive.extractall(work)
    for packed in corpus.glob("**/repodata.json.zst"):
        folder = packed.relative_to(corpus).parent
        if folder.parts[0] == "partial":
            continue
        full = json.loads(zstd.decompress(packed.read_bytes()))
        _write_repodata(work / "channels" / folder, full)
        partial = corpus / "partial" / folder / packed.name
        if partial.exists():
            more = json.loads(zstd.decompress(partial.read_bytes()))
            for section in ("packages", "packages.conda"):
                full[section] = more.get(section, {}) | full.get(section, {})
        _write_repodata(work / "overlaid" / folder, full)


def _write_repodata(folder: Path, document: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "repodata.json").write_text(json.dumps(document))


GROUPS: dict[str, Callable[[Bench], list[Row]]] = {
    "install": Bench.install, "cuda": Bench.cuda, "far": Bench.far, "solve": Bench.solve, "oracles": Bench.oracles, "start": Bench.start}
