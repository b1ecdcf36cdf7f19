"""What the machine needs for the bare work, with nothing of an installer around it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import backports.zstd as zstd

CHUNK = 1 << 20


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def link_tree(source: Path, target: Path) -> float:
    """`cp -al` of the unpacked packages."""
    shutil.rmtree(target, ignore_errors=True)
    seconds = _timed(lambda: subprocess.run(["cp", "-al", source, target], check=True))
    shutil.rmtree(target)
    return seconds


def remove_tree(source: Path, target: Path) -> float:
    """`rm -rf` of a linked tree."""
    subprocess.run(["cp", "-al", source, target], check=True)
    return _timed(lambda: subprocess.run(["rm", "-rf", target], check=True))


def _members(archive: Path) -> list[bytes]:
    with zipfile.ZipFile(archive) as file:
        return [file.read(name) for name in file.namelist() if name.endswith(".tar.zst")]


def _drain(archive: Path, sink: int) -> None:
    for member in _members(archive):
        with zstd.ZstdFile(io.BytesIO(member)) as stream:
            while chunk := stream.read(CHUNK):
                os.write(sink, chunk)


def unpack(archives: list[Path], folder: Path) -> dict[str, float]:
    """Seconds on all processors: zstd of all archives to nowhere, sha256 of them, and both with the bytes written."""
    archives = [one for one in archives if one.suffix == ".conda"]
    workers = os.cpu_count() or 1

    def to_nowhere(archive: Path) -> None:
        with open(os.devnull, "wb") as sink:
            _drain(archive, sink.fileno())

    def hash_one(archive: Path) -> None:
        hashlib.sha256(archive.read_bytes()).digest()

    def to_file(archive: Path) -> None:
        hash_one(archive)
        with (folder / archive.name).open("wb") as sink:
            _drain(archive, sink.fileno())

    found = {}
    folder.mkdir(parents=True)
    for name, work in (("zstd", to_nowhere), ("sha256", hash_one), ("all", to_file)):
        with ThreadPoolExecutor(max_workers=workers) as pool:
            found[name] = _timed(lambda work=work, pool=pool: list(pool.map(work, archives)))
    shutil.rmtree(folder)
    return found


def decompress(files: list[Path]) -> float:
    """zstd of repodata.json.zst to nowhere, one file a thread."""
    with ThreadPoolExecutor(max_workers=len(files)) as pool:
        return _timed(lambda: list(pool.map(lambda file: zstd.decompress(file.read_bytes()), files)))
