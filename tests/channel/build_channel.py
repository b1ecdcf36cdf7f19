#!/usr/bin/env python3
"""Makes a real conda channel of other people's software, for tests, and prints the folder where it lies.

Parts are made once and kept in the cache by the hash of what makes them; a warm cache needs no network. Two runs at once
are safe. A part whose source cannot be reached is left out, with its reason on stderr and in DIR/skipped.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "tools")]

from channelkit import (cache, index, parts_clib, parts_compiler, parts_cuda, parts_cuda_libraries, parts_fault, parts_jupyter,
                        parts_pkgconf, parts_python, parts_torch, parts_wheels)
from channelkit.errors import Unavailable
from ending import leave

Skips = list[dict[str, str]]
Maker = Callable[[Path, Path, Path], Skips]
COMMON = ["apt.py", "elf.py", "layout.py", "package.py", "pypi.py"]


@dataclass(frozen=True)
class Part:
    """Packages that are made together; `sources` (beside the common ones) decide whether a kept one is still good."""

    name: str
    make: Maker
    sources: tuple[str, ...]

    def key(self) -> str:
        digest = hashlib.sha256(self.name.encode())
        kit = Path(__file__).resolve().parent / "channelkit"
        for name in sorted({*COMMON, *self.sources}):
            for file in sorted((kit / name).iterdir()) if (kit / name).is_dir() else [kit / name]:
                digest.update(file.read_bytes())
        digest.update((kit.parents[1] / "tools/requirements.txt").read_bytes())
        return digest.hexdigest()[:16]


CLIB = Part("clib", parts_clib.make, ("parts_clib.py",))
PYTHON = Part("python", parts_python.make, ("parts_python.py", "parts_clib.py"))
OLDER_CLIB = Part("clib-older", parts_clib.make_older, ("parts_clib.py",))
OLDER_PYTHON = Part("python-older", parts_python.make_older, ("parts_python.py", "parts_clib.py"))
OLDER_WHEELS = Part("wheels-older", parts_wheels.make_older, ("parts_wheels.py",))
PKGCONF = Part("pkgconf", parts_pkgconf.make, ("parts_pkgconf.py",))
WHEELS = Part("wheels-basic", parts_wheels.make_basic, ("parts_wheels.py",))
MORE_WHEELS = Part("wheels-more", parts_wheels.make_more, ("parts_wheels.py",))
NUMPY = Part("numpy", parts_wheels.make_numpy, ("parts_wheels.py",))
JUPYTER = Part("jupyter", parts_jupyter.make, ("parts_jupyter.py", "parts_wheels.py"))
COMPILER = Part("compiler", parts_compiler.make, ("parts_compiler.py", "parts_clib.py", "../scripts"))
CUDA_SOURCES = ("parts_cuda.py", "parts_compiler.py", "parts_clib.py", "../scripts")
CUDA_VERSIONS = Part("cuda-version", parts_cuda.make_versions, ("parts_cuda.py",))
TOOLKIT = Part("cuda13", parts_cuda.make_toolkit, CUDA_SOURCES)
CUDA12 = Part("cuda12", parts_cuda.make_cuda12, CUDA_SOURCES)
LIBRARY_SOURCES = ("parts_cuda_libraries.py", *CUDA_SOURCES)
CUBLAS = Part("cublas13", parts_cuda_libraries.make_cublas13, LIBRARY_SOURCES)
NCCL = Part("nccl13", parts_cuda_libraries.make_nccl13, LIBRARY_SOURCES)
CUDNN = Part("cudnn13", parts_cuda_libraries.make_cudnn13, LIBRARY_SOURCES)
SMALL_CUDNN = Part("cudnn13-small", parts_cuda_libraries.make_cudnn13_small, LIBRARY_SOURCES)
LIBRARIES12 = [Part("cublas12", parts_cuda_libraries.make_cublas12, LIBRARY_SOURCES),
               Part("cudnn12", parts_cuda_libraries.make_cudnn12, LIBRARY_SOURCES),
               Part("nccl12", parts_cuda_libraries.make_nccl12, LIBRARY_SOURCES)]
TORCH = Part("torch", parts_torch.make, ("parts_torch.py", "parts_wheels.py"))
FAULT = Part("fault", parts_fault.make, ("parts_fault.py",))
MINI = [CLIB, PYTHON, PKGCONF, WHEELS, CUDA_VERSIONS, OLDER_CLIB, OLDER_PYTHON, OLDER_WHEELS]
FIRST = [CLIB, PYTHON, WHEELS]
PYTHONS = [*MINI, MORE_WHEELS, NUMPY]
CUDA13 = [COMPILER, TOOLKIT, CUBLAS, NCCL]
# `cuda` is the small form that tests take without --all; `whole` is all that this tool can make but PyTorch and faults.
PROFILES = {"first": FIRST, "mini": MINI, "python": PYTHONS, "jupyter": [*PYTHONS, JUPYTER],
            "cuda": [*MINI, NUMPY, *CUDA13, SMALL_CUDNN, CUDA12], "torch": [*FIRST, NUMPY, CUDA_VERSIONS, TORCH], "fault": [FAULT],
            "whole": [*PYTHONS, JUPYTER, *CUDA13, CUDNN, CUDA12, *LIBRARIES12]}


def _say(text: str) -> None:
    print(f"build_channel: {text}", file=sys.stderr, flush=True)


def ensure_part(part: Part, root: Path) -> Path:
    """The folder of the finished part, made now if the cache lacks it. Raises Unavailable."""
    target = root / "parts" / f"{part.name}-{part.key()}"
    target.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with cache.made_once(target) as scratch:
        if scratch is None:
            return target
        with tempfile.TemporaryDirectory(prefix=f"work-{part.name}-", dir=root) as work:
            skips = part.make(root / "downloads", Path(work), scratch)
        (scratch / "skipped.json").write_text(json.dumps(skips))
    _say(f"made {part.name} in {time.monotonic() - started:.1f} s")
    return target


def gather_parts(parts: list[Part], root: Path) -> tuple[list[Path], Skips]:
    """The folders of all parts that can be had, and what is missing or left out, each with its reason."""
    def attempt(part: Part) -> Path | Unavailable:
        try:
            return ensure_part(part, root)
        except Unavailable as reason:
            return reason

    folders, skips = [], []
    with ThreadPoolExecutor(max_workers=2) as pool:
        made = list(pool.map(attempt, parts))
    for part, folder in zip(parts, made, strict=True):
        if isinstance(folder, Unavailable):
            skips.append({"part": part.name, "left_out": "all of it", "reason": str(folder)})
            continue
        folders.append(folder)
        skips += json.loads((folder / "skipped.json").read_text())
    return folders, skips


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def ensure_channel(profile: str, root: Path) -> tuple[Path, Skips]:
    """The indexed channel of a profile in the cache, and what it lacks."""
    folders, skips = gather_parts(PROFILES[profile], root)
    index_source = (Path(__file__).resolve().parent / "channelkit/index.py").read_bytes()
    key = hashlib.sha256(" ".join(folder.name for folder in folders).encode() + index_source).hexdigest()[:16]
    target = root / "channels" / f"{profile}-{key}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with cache.made_once(target) as scratch:
        if scratch is not None:
            for folder in folders:
                shutil.copytree(folder, scratch, copy_function=_link_or_copy, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("skipped.json"))
            if not (scratch / "noarch/repodata.json").exists():
                index.write_repodata(scratch)
            (scratch / "skipped.json").write_text(json.dumps(skips, indent=2) + "\n")
            (scratch / "channel.key").write_text(key + "\n")
            for file in scratch.rglob("*"):
                file.chmod(0o755 if file.is_dir() else 0o444)
    return target, skips


def publish(channel: Path, out: Path, root: Path) -> None:
    """Puts the channel at `out` by rename; what was there goes away. Nothing is done where it is that channel already."""
    key = channel / "channel.key"
    with cache.locked(root / "publish" / f"{hashlib.sha256(str(out).encode()).hexdigest()[:16]}.lock"):
        if (out / key.name).exists() and (out / key.name).read_bytes() == key.read_bytes():
            return
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        scratch.chmod(0o755)
        shutil.copytree(channel, scratch, copy_function=_link_or_copy, dirs_exist_ok=True)
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            out.rename(old / "channel")
            shutil.rmtree(old)
        scratch.rename(out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", choices=sorted(PROFILES), required=True)
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the channel is to lie; else in the cache")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where downloads and parts are kept")
    options = parser.parse_args()
    started = time.monotonic()
    root = (options.cache or cache.default_root() / "channel").resolve()
    root.mkdir(parents=True, exist_ok=True)
    channel, skips = ensure_channel(options.profile, root)
    if options.out:
        publish(channel, options.out.absolute(), root)
    print(options.out.absolute() if options.out else channel, flush=True)
    for skip in skips:
        _say(f"left out of {skip['part']}: {skip['left_out']}: {skip['reason']}")
    cache.drop_unused(root / "parts")
    cache.drop_unused(root / "channels")
    cache.drop_unused(root, "work-*", days=1)
    archives = [path for path in channel.rglob("*") if path.suffix in (".conda", ".bz2")]
    megabytes = sum(path.stat().st_size for path in archives) / 1e6
    _say(f"{options.profile}: {len(archives)} packages, {megabytes:.0f} MB, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    leave(main())
