#!/usr/bin/env python3
"""Prints a folder that holds a libcuda.so.1 of the kind asked for; makes it at the first call and keeps it in the cache.

    drivers.py real-450 | real-460 | real-470 | real-525 | real-535 | real-550 | real-555 | hang-init | hang-version | crash |
               stub | noisy | wild | no-device | a100-12.2 | a100-12.4 | a100-13.0 | real-stub

The real ones are NVIDIA's own libraries of that driver branch (535 has CUDA 12.2), out of Debian's non-free packages: they
work without a GPU as far as cuDriverGetVersion. The others are compiled from tests/fake/libcuda.c. Put the folder in front with
LD_LIBRARY_PATH. real-stub is NVIDIA's own link-time stub, of libnvidia-ml too: half a gigabyte is downloaded for it. Exit 77 with a line `SKIP: reason` where a library cannot be had here.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from channelkit import apt, cache
from channelkit.errors import Unavailable

SOURCE = Path(__file__).resolve().parents[1] / "fake/libcuda.c"
FAKES = {"hang-init": ["-DHANG_INIT"], "hang-version": ["-DHANG_VERSION"], "crash": ["-DCRASH"], "stub": ["-DSTUB"],
         "noisy": ["-DNOISY"], "wild": ["-DWILD"], "no-device": ["-DNO_DEVICE", "-DVERSION=12020"],
         "a100-12.2": ["-DVERSION=12020"], "a100-12.4": ["-DVERSION=12040"], "a100-13.0": ["-DVERSION=13000"]}
REAL_STUB = "real-stub"
# Package and Debian release of each branch.
REAL = {"real-450": ("libnvidia-tesla-450-cuda1", apt.OLDER_RELEASE), "real-460": ("libnvidia-tesla-460-cuda1", apt.OLDER_RELEASE),
        "real-470": ("libnvidia-tesla-470-cuda1", apt.RELEASE), "real-525": ("libnvidia-tesla-cuda1", apt.RELEASE),
        "real-535": ("libcuda1", apt.RELEASE), "real-550": ("libcuda1", "trixie"), "real-555": ("libcuda1", "experimental")}


def _compile(options: list[str], folder: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        raise Unavailable("no C compiler to make a stand-in for libcuda with")
    # As the toolkit's stub has no dependency at all, the stand-in for it has none either.
    bare = ["-nostdlib", "-nodefaultlibs"] if "-DSTUB" in options else []
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-w", *bare, *options, "-Wl,-soname,libcuda.so.1",
                    "-o", str(folder / "libcuda.so.1"), str(SOURCE)], check=True)
    (folder / "libcuda.so").symlink_to("libcuda.so.1")


def _real(package: str, release: str, root: Path, folder: Path) -> None:
    deb = apt.Apt(root / "downloads", "non-free", release).fetch([package])[package]
    apt.unpack(deb, folder / "unpacked")
    library = next((path for path in (folder / "unpacked").rglob("libcuda.so.*") if not path.is_symlink()), None)
    if library is None:
        raise Unavailable(f"{package} holds no libcuda")
    shutil.move(library, folder / library.name)
    shutil.rmtree(folder / "unpacked")
    (folder / "libcuda.so.1").symlink_to(library.name)


def _real_stub(root: Path, folder: Path) -> None:
    """The stubs of NVIDIA's toolkit, under the name that programs load: as where somebody made that link."""
    package = "nvidia-cuda-dev"
    deb = apt.Apt(root / "downloads", "non-free", apt.OLDER_RELEASE).fetch([package])[package]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", str(folder), "--wildcards", "*/stubs/libcuda.so", "*/stubs/libnvidia-ml.so*"],
                       stdin=archive.stdout, check=True)
    deb.unlink()
    for library in list(folder.rglob("stubs/lib*.so*")):
        shutil.move(library, folder / library.name)
    shutil.rmtree(folder / "usr")
    (folder / "libcuda.so.1").symlink_to("libcuda.so")
    if not (folder / "libnvidia-ml.so.1").exists():
        (folder / "libnvidia-ml.so.1").symlink_to("libnvidia-ml.so")


def ensure(kind: str, root: Path | None = None) -> Path:
    """The folder of the library of `kind`. Raises Unavailable."""
    root = root or cache.default_root() / "channel"
    key = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12] if kind in FAKES else "debian"
    target = root / "drivers" / f"{kind}-{key}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with cache.made_once(target) as scratch:
        if scratch is None:
            return target
        if kind in FAKES:
            _compile(FAKES[kind], scratch)
        elif kind == REAL_STUB:
            _real_stub(root, scratch)
        else:
            _real(*REAL[kind], root, scratch)
    return target


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in {*FAKES, *REAL, REAL_STUB}:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(ensure(sys.argv[1]))
    except Unavailable as reason:
        print(f"SKIP: no libcuda of kind {sys.argv[1]}: {reason}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
