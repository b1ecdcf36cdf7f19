#!/usr/bin/env python3
"""The same packages installed by hpcenv and by py-rattler to the same path: the same files with the same bytes.

What may differ is a numbered rule below, by field or path, never by package, each with its reason.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from rattler import Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName, PrefixRecord, Version, install, solve
from rattler.package.build_string import BuildString

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
HPCENV = os.environ["HPCENV_PROGRAM"]
SPECS = ["python", "flask", "httpie", "black", "rich", "pip"]
VIRTUAL = {"__glibc": "2.36", "__unix": "0", "__linux": "6.1"}
# Fields of a conda-meta record that both tools have to say alike.
FIELDS = ["name", "version", "build", "build_number", "subdir", "noarch", "depends", "constrains", "md5", "sha256", "size",
          "license", "timestamp", "fn", "url"]


def snapshot(prefix: Path) -> dict[str, tuple[str, int, str]]:
    """Path -> kind, permission bits, digest or link target."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(prefix))
        if stat.S_ISLNK(status.st_mode):
            found[name] = ("link", 0, os.readlink(path))
        elif stat.S_ISDIR(status.st_mode):
            found[name] = ("directory", 0, "")
        else:
            # 5. py-rattler keeps the archive's bits for group and others, hpcenv and conda obey the umask (022 here).
            found[name] = ("file", stat.S_IMODE(status.st_mode) & ~0o022, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def records(prefix: Path) -> dict[str, dict]:
    return {path.name: json.loads(path.read_bytes()) for path in sorted((prefix / "conda-meta").glob("*.json"))}


def entry_points(prefix: Path) -> set[str]:
    return {path["_path"] for record in records(prefix).values() for path in record["paths_data"]["paths"]
            if path["path_type"] == "unix_python_entry_point"}


def compiled(prefix: Path) -> dict[str, bytes]:
    """The bytecode that hpcenv made."""
    return {path["_path"]: (prefix / path["_path"]).read_bytes() for record in records(prefix).values()
            for path in record["paths_data"]["paths"] if path["path_type"] == "pyc_file"}


def is_allowed(name: str, ours: tuple | None, theirs: tuple | None, scripts: set[str]) -> bool:
    """The rules."""
    # 1. The records are compared field by field; the history of py-rattler is empty.
    if name.startswith("conda-meta/"):
        return True
    # 2. py-rattler marks the prefix as a cache for backup programs; to others an environment is no cache.
    if name == "CACHEDIR.TAG":
        return ours is None
    # 3. Only hpcenv compiles bytecode.
    if "__pycache__" in Path(name).parts:
        return theirs is None
    # 4. Entry points do the same in other words (no `re` at start-up); that they run is tested.
    if name in scripts:
        return ours is not None and theirs is not None and ours[:2] == theirs[:2]
    return False


class Environment:
    """Both tools' installations of SPECS at one path."""

    def __init__(self, channel: Path, place: Path, cache: Path):
        self.prefix = place
        self.kept = place.parent / "by-rattler"
        asyncio.run(self._by_rattler(channel, cache))
        place.rename(self.kept)
        self.output = self._by_hpcenv(channel, cache)

    async def _by_rattler(self, channel: Path, cache: Path) -> None:
        packages = [GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
                    for name, version in VIRTUAL.items()]
        solution = await solve([Channel(channel.as_uri())], [MatchSpec(spec) for spec in SPECS], gateway=Gateway(),
                               platforms=["linux-64", "noarch"], virtual_packages=packages)
        await install(solution, str(self.prefix), cache_dir=cache / "rattler", show_progress=False)

    def _by_hpcenv(self, channel: Path, cache: Path) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(cache), "HPCENV_ROOT": str(cache / "hpcenv"), "LC_ALL": "C"}
        command = [HPCENV, "create", "-y", "-p", str(self.prefix), "--override-channels", "-c", channel.as_uri(), *SPECS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"hpcenv create: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


class RattlerTest(unittest.TestCase):
    channel = Path()

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hpcenv-interop-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name).resolve()
        cls.cache = cls.folder / "cache"
        cls.cache.mkdir()

    def compare(self, place: Path) -> None:
        place.parent.mkdir(exist_ok=True)
        made = Environment(self.channel, place, self.cache)
        self.same_files(made)
        self.records_agree(made)
        self.digests_agree(made.prefix)
        before = compiled(made.prefix)
        self.assertGreater(len(before), 1000)
        self.programs_run(made.prefix)
        self.assertEqual(compiled(made.prefix), before, "python did not take the bytecode for fresh")

    def same_files(self, made: Environment) -> None:
        ours, theirs = snapshot(made.prefix), snapshot(made.kept)
        scripts = entry_points(made.prefix)
        self.assertEqual(scripts, entry_points(made.kept))
        self.assertGreater(len(scripts), 5)
        different = [(name, ours.get(name), theirs.get(name)) for name in sorted({*ours, *theirs})
                     if ours.get(name) != theirs.get(name)
                     and not is_allowed(name, ours.get(name), theirs.get(name), scripts)]
        self.assertEqual(different[:10], [])
        self.assertGreater(len(ours), 3000)

    def records_agree(self, made: Environment) -> None:
        ours, theirs = records(made.prefix), records(made.kept)
        self.assertEqual(set(ours), set(theirs))
        for name, record in ours.items():
            PrefixRecord.from_path(made.prefix / "conda-meta" / name)
            for field in FIELDS:
                self.assertEqual(record.get(field) or None, theirs[name].get(field) or None, f"{name}: {field}")
            self.assertEqual(record["channel"].rstrip("/"), theirs[name]["channel"].rstrip("/"))
            self.assertEqual(record["link"]["type"], theirs[name]["link"]["type"], name)
            listed = {path["_path"]: path for path in record["paths_data"]["paths"] if path["path_type"] != "pyc_file"}
            expected = {path["_path"]: path for path in theirs[name]["paths_data"]["paths"]}
            self.assertEqual(set(listed), set(expected), name)
            for path, entry in listed.items():
                for field in ("path_type", "prefix_placeholder", "file_mode"):
                    self.assertEqual(entry.get(field), expected[path].get(field), f"{name}: {path}: {field}")

    def digests_agree(self, prefix: Path) -> None:
        for name, record in records(prefix).items():
            for path in record["paths_data"]["paths"]:
                if path["path_type"] not in ("softlink", "directory", "pyc_file"):
                    digest = hashlib.sha256((prefix / path["_path"]).read_bytes()).hexdigest()
                    self.assertEqual(digest, path["sha256_in_prefix"], f"{name}: {path['_path']}")
                self.assertTrue(os.path.lexists(prefix / path["_path"]), path["_path"])

    def programs_run(self, prefix: Path) -> None:
        """By their paths, without activation."""
        python = "import sys, ssl, sqlite3, flask; print(sys.prefix); print(flask.__file__)"
        site = next(prefix.glob("lib/python3.*/site-packages"))
        for command, expected in ((["python", "-I", "-c", python], f"{prefix}\n{site}/flask/__init__.py\n"),
                                  (["black", "--version"], "black, "), (["flask", "--version"], "Python 3."),
                                  (["http", "--version"], "3."), (["pip", "--version"], "pip ")):
            done = subprocess.run([str(prefix / "bin" / command[0]), *command[1:]], env={"PATH": "/usr/bin:/bin"},
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
            self.assertTrue(done.stdout.startswith(expected), done.stdout)

    def test_an_ordinary_path(self) -> None:
        self.compare(self.folder / "plain" / "env")

    def test_a_path_with_a_blank(self) -> None:
        self.compare(self.folder / "with blank" / "env")

    def test_a_path_of_200_characters(self) -> None:
        place = self.folder / "long"
        self.compare(place / ("e" * (199 - len(str(place)))))


if __name__ == "__main__":
    build = [sys.executable, "-B", str(SOURCE / "tests/channel/build_channel.py"), "--profile", "python"]
    RattlerTest.channel = Path(subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    unittest.main()
