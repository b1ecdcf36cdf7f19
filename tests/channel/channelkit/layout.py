"""From Debian's file layout to a conda prefix's: multiarch folders folded, /usr dropped, text prefixes replaced."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from pathlib import Path, PurePosixPath

from .package import PLACEHOLDER

TRIPLET = "x86_64-linux-gnu"
_FOLDS = [(f"usr/lib/{TRIPLET}/", "lib/"), (f"lib/{TRIPLET}/", "lib/"), (f"usr/include/{TRIPLET}/", "include/"),
          ("usr/sbin/", "bin/"), ("usr/", ""), ("sbin/", "bin/")]
_USR = re.compile(r"(?<![\w./-])/usr(?![\w-])")
_MULTIARCH = f"/{TRIPLET}"


def conda_path(debian: str) -> str:
    """Where a conda package has the file that Debian has at `debian` (both relative)."""
    for start, instead in _FOLDS:
        if debian.startswith(start):
            return instead + debian[len(start):]
    return debian


def _retarget(debian: str, link: str) -> str:
    target = link[1:] if link.startswith("/") else os.path.normpath(str(PurePosixPath(debian).parent / link))
    return os.path.relpath(conda_path(target), str(PurePosixPath(conda_path(debian)).parent))


def move(unpacked: Path, tree: Path, patterns: list[str]) -> int:
    """Moves the files of `unpacked` whose conda path matches one of `patterns` to `tree`; tells how many."""
    moved = 0
    for path in sorted(unpacked.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        debian = str(path.relative_to(unpacked))
        target = conda_path(debian)
        if not any(fnmatch.fnmatchcase(target, pattern) for pattern in patterns):
            continue
        place = tree / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            link = _retarget(debian, os.readlink(path))
            path.unlink()
            place.unlink(missing_ok=True)
            place.symlink_to(link)
        else:
            shutil.move(path, place)
        moved += 1
    return moved


def place_prefix(text: str) -> str:
    """`text` with Debian's prefix /usr replaced by the placeholder and its multiarch folders folded away."""
    return _USR.sub(PLACEHOLDER, text).replace(_MULTIARCH, "")


def place_prefix_in(tree: Path, patterns: list[str]) -> None:
    """Replaces the prefix in the text files below `tree` that match one of `patterns`."""
    for path in sorted(tree.rglob("*")):
        relative = str(path.relative_to(tree))
        if path.is_symlink() or not path.is_file():
            continue
        if any(fnmatch.fnmatchcase(relative, pattern) for pattern in patterns):
            path.write_text(place_prefix(path.read_text()))
