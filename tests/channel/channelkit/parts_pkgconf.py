"""pkgconf, built from Debian's source with the long prefix: a program and a library that hold and print their prefix."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import apt, elf, package
from .errors import Unavailable
from .parts_clib import GLIBC


def _run(command: list[str], cwd: Path) -> None:
    environment = dict(os.environ, CFLAGS="-O1", LC_ALL="C.UTF-8")
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"pkgconf does not build: {' '.join(command)[:80]}: {done.stderr[-300:]}")


def _build(tarball: Path, work: Path) -> tuple[str, Path]:
    if not shutil.which("cc") or not shutil.which("make"):
        raise Unavailable("no C compiler or make to build pkgconf with")
    _run(["tar", "-xf", str(tarball)], work)
    source = next(path for path in work.iterdir() if path.is_dir())
    _run(["./configure", f"--prefix={package.PLACEHOLDER}", "--disable-static", "--enable-shared",
          "--with-system-libdir=/lib:/usr/lib", "--with-system-includedir=/usr/include"], source)
    _run(["make", "-j2"], source)
    _run(["make", "install", f"DESTDIR={work}/root"], source)
    version = re.search(r"(\d[\d.]*\d)", source.name)
    return version.group(1) if version else "0", Path(f"{work}/root{package.PLACEHOLDER}")


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes pkgconf; tells what was left out."""
    version, tree = _build(apt.Apt(downloads).fetch_source("pkgconf"), work)
    for archive in tree.rglob("*.la"):
        archive.unlink()
    (tree / "bin/pkg-config").symlink_to("pkgconf")
    elf.set_run_paths(tree)
    package.write(package.Package("pkgconf", version, tree, "ISC", depends=[GLIBC, "libgcc >=12"]), channel)
    return []
