"""What every environment of real software has to be able to do: its entry points run, its libraries are found inside it."""

from __future__ import annotations

import json
import os
import re
import unittest
from pathlib import Path

from thread_support import World

# These come with the machine's C library, on purpose (__glibc), and with its driver.
OF_THE_MACHINE = re.compile(r"(lib(c|m|dl|rt|pthread|util|resolv|anl|mvec)|ld-linux-x86-64)\.so\.\d+"
                            r"|libcuda\.so\.1|linux-vdso\.so\.1")
# What a program answers to that does not know --help; None where it cannot run as its package is: what it needs besides is an
# extra, on conda-forge too.
ARGUMENTS: dict[str, list[str] | None] = {
    "pygmentize": ["-V"], "debugpy": ["--version"],
    "jupyter-labhub": None,  # JupyterHub
    "jupyter-events": None,  # click
    "httpx": None}           # click and rich
BATCH = 200


def entry_points(prefix: Path) -> list[str]:
    """The scripts that were made for entry points of noarch packages."""
    records = [json.loads(path.read_bytes()) for path in (prefix / "conda-meta").glob("*.json")]
    return sorted(Path(entry["_path"]).name for record in records for entry in record["paths_data"]["paths"]
                  if entry["path_type"] == "unix_python_entry_point")


def run_every_entry_point(case: unittest.TestCase, world: World, prefix: Path, at_least: int) -> None:
    """Each starts, finds its packages and answers."""
    names = entry_points(prefix)
    case.assertGreaterEqual(len(names), at_least)
    for name in names:
        arguments = ARGUMENTS.get(name, ["--help"])
        if arguments is None:
            continue
        with case.subTest(entry_point=name):
            answer = world.run([prefix / "bin" / name, *arguments], PATH=f"{prefix}/bin:/usr/bin:/bin")
            case.assertEqual(answer.code, 0, answer)


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(18)
    return head[:4] == b"\x7fELF" and head[16] in (2, 3) and path.suffix != ".o"


def elf_files(prefix: Path) -> list[Path]:
    """Programs and libraries by the paths through which they are used; a sysroot is for linking, not for running."""
    found = []
    for folder, names, files in os.walk(prefix):
        names[:] = [name for name in names if name not in ("sysroot", "targets", "conda-meta")]
        found += [path for path in (Path(folder) / name for name in files) if path.is_file() and _is_elf(path)]
    # A program that is reached by a link looks from where it lies; a link libX.so is for the linker, and nothing loads it.
    links = {path.resolve() for path in found if path.is_symlink() and ".so" not in path.name}
    return sorted({path for path in found if not path.is_symlink() or ".so." in path.name} | links)


def unresolved(world: World, prefix: Path, files: list[Path] | None = None) -> list[str]:
    """What the loader finds outside the prefix, or not at all, for all programs and libraries below it (or `files`)."""
    wrong, files = [], files or elf_files(prefix)
    assert files
    for start in range(0, len(files), BATCH):
        listing = world.run(["ldd", *files[start:start + BATCH], "/bin/true"]).out
        owner = ""
        for line in listing.splitlines():
            if not line.startswith("\t"):
                owner = line.rstrip(":")
                continue
            name, _, place = line.strip().partition(" => ")
            inside = place.startswith(f"{prefix}/") or name.startswith(f"{prefix}/")
            if not inside and not OF_THE_MACHINE.fullmatch(Path(name.split(" (")[0]).name) and "statically linked" not in line:
                wrong.append(f"{owner.removeprefix(str(prefix))}: {line.strip()}")
    return wrong
