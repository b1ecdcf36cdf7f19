"""Wheels of pinned versions from PyPI, through pip as the machine has it set up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .cache import locked
from .errors import Unavailable

PLATFORMS = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux2010_x86_64", "manylinux_2_12_x86_64",
             "manylinux_2_18_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64"]


def fetch(pins: list[str], folder: Path, minor: str = "3.11") -> list[Path]:
    """The wheels of `pins` ("name==version"), for CPython `minor` on linux-64, in that order. Raises Unavailable.

    A folder holds the wheels of one minor."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        missing = [pin for pin in pins if _wheel(pin, folder) is None]
        if missing:
            _download(missing, folder, minor)
    wheels = [(pin, _wheel(pin, folder)) for pin in pins]
    if lost := [pin for pin, wheel in wheels if wheel is None]:
        raise Unavailable(f"pip left no wheel of {', '.join(lost)}")
    return [wheel for _, wheel in wheels if wheel is not None]


def _wheel(pin: str, folder: Path) -> Path | None:
    start = pin.replace("==", "-", 1).lower().replace("-", "_")
    found = [path for path in folder.glob("*.whl") if path.name.lower().replace("-", "_").startswith(start + "_")]
    return min(found, default=None)


def _target(minor: str) -> list[str]:
    abis = [f"cp{minor.replace('.', '')}", "abi3", "none"]
    return ["--python-version", minor, "--implementation", "cp", *(word for abi in abis for word in ("--abi", abi))]


def _download(pins: list[str], folder: Path, minor: str) -> None:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
               "--only-binary", ":all:", *_target(minor), *platforms, "--dest", str(folder), *pins]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"pip download {' '.join(pins)[:200]}: {done.stderr.strip()[-400:]}")
