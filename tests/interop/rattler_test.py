#!/usr/bin/env python3
"""The same packages installed by hpcenv and by py-rattler to the same path: the same files with the same bytes.

What may differ stands in may_differ.toml.
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
import unittest
from dataclasses import dataclass
from pathlib import Path

from rattler import Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName, PrefixRecord, Version, install, solve
from rattler.package.build_string import BuildString

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from ending import leave

HERE = Path(__file__).resolve().parent
SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
HPCENV = os.environ["HPCENV_PROGRAM"]
SPECS = ["python=3.11", "flask", "httpie", "black", "rich", "pip", "numpy", "pkgconf", "openssl", "ncurses", "zlib"]
OLDER_SPECS = ["python=3.9", "requests", "rich", "pip", "numpy", "tzdata"]
CUDA_SPECS = ["cuda-nvcc", "cuda-cudart-dev", "libcublas-dev", "cudnn", "nccl", "gxx_linux-64"]
VIRTUAL = {"__glibc": "2.36", "__unix": "0", "__linux": "6.1"}
# Fields of a conda-meta record that both tools have to say alike.
FIELDS = ["name", "version", "build", "build_number", "subdir", "noarch", "depends", "constrains", "md5", "sha256", "size",
          "license", "timestamp", "fn", "url"]


@dataclass(frozen=True)
class Entry:
    """What lies at one path."""

    kind: str
    mode: int
    content: str


def snapshot(prefix: Path) -> dict[str, Entry]:
    """All below the prefix: kind, permission bits, digest or link target."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(prefix))
        if stat.S_ISLNK(status.st_mode):
            found[name] = Entry("link", 0, os.readlink(path))
        elif stat.S_ISDIR(status.st_mode):
            found[name] = Entry("directory", 0, "")
        else:
            found[name] = Entry("file", stat.S_IMODE(status.st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
    return found


class Rules:
    """may_differ.toml, and which of its rules were needed."""

    def __init__(self) -> None:
        self.rules = tomllib.loads((HERE / "may_differ.toml").read_text())["rule"]
        self.needed: set[int] = set()

    def allow(self, path: str, what: str, path_type: str) -> bool:
        """Whether a rule covers that kind of difference there."""
        for number, rule in enumerate(self.rules):
            applies = fnmatch.fnmatchcase(path, rule["path"]) if "path" in rule else path_type == rule["field"]
            if applies and rule["what"] in (what, "record"):
                self.needed.add(number)
                return True
        return False


def differences(ours: Entry | None, theirs: Entry | None) -> list[str]:
    """In which ways two sides of one path differ, in the words of the rules."""
    if ours is None:
        return ["only_theirs"]
    if theirs is None:
        return ["only_ours"]
    if ours.kind != theirs.kind:
        return ["kind"]
    found = ["content"] if ours.content != theirs.content else []
    if ours.mode != theirs.mode:
        found.append("mode" if (ours.mode ^ theirs.mode) & ~0o022 else "write_bits")
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


class Environment:
    """Both tools' installations of the same specs at one path."""

    def __init__(self, channel: Path, place: Path, cache: Path, specs: list[str]):
        self.prefix = place
        self.specs = specs
        self.kept = place.parent / "by-rattler"
        asyncio.run(self._by_rattler(channel, cache))
        place.rename(self.kept)
        self.output = self._by_hpcenv(channel, cache)

    async def _by_rattler(self, channel: Path, cache: Path) -> None:
        packages = [GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
                    for name, version in VIRTUAL.items()]
        solution = await solve([Channel(channel.as_uri())], [MatchSpec(spec) for spec in self.specs], gateway=Gateway(),
                               platforms=["linux-64", "noarch"], virtual_packages=packages)
        await install(solution, str(self.prefix), cache_dir=cache / "rattler", show_progress=False)

    def _by_hpcenv(self, channel: Path, cache: Path) -> str:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(cache), "HPCENV_ROOT": str(cache / "hpcenv"), "LC_ALL": "C"}
        command = [HPCENV, "create", "-y", "-p", str(self.prefix), "--override-channels", "-c", channel.as_uri(), *self.specs]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"hpcenv create: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


@dataclass(frozen=True)
class Least:
    """What has to be in an environment, so that a comparison of nothing with nothing does not pass."""

    files: int = 2500
    scripts: int = 4


class RattlerTest(unittest.TestCase):
    channel = Path()
    cuda_channel = Path()

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hpcenv-interop-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name).resolve()
        cls.cache = cls.folder / "cache"
        cls.cache.mkdir()
        cls.rules = Rules()

    @classmethod
    def tearDownClass(cls) -> None:
        rules = cls.rules
        assert len(rules.rules) <= 10 and all(rule["reason"] for rule in rules.rules)
        idle = [rule for number, rule in enumerate(rules.rules) if number not in rules.needed]
        assert not idle, f"rules that nothing needs: {idle}"

    def compare(self, place: Path, specs: list[str], channel: Path | None = None, least: Least = Least()) -> Environment:
        place.parent.mkdir(exist_ok=True)
        made = Environment(channel or self.channel, place, self.cache, specs)
        self.same_files(made, least)
        self.records_agree(made)
        self.digests_agree(made.prefix)
        return made

    def compare_and_run(self, place: Path) -> None:
        made = self.compare(place, SPECS)
        before = compiled(made.prefix)
        self.assertGreater(len(before), 1000)
        self.programs_run(made.prefix)
        self.assertEqual(compiled(made.prefix), before, "python did not take the bytecode for fresh")

    def same_files(self, made: Environment, least: Least) -> None:
        ours, theirs = snapshot(made.prefix), snapshot(made.kept)
        scripts = entry_points(made.prefix)
        self.assertEqual(scripts, entry_points(made.kept))
        self.assertGreaterEqual(len(scripts), least.scripts)
        refused = []
        for name in sorted({*ours, *theirs}):
            path_type = "unix_python_entry_point" if name in scripts else ""
            refused += [(name, what) for what in differences(ours.get(name), theirs.get(name))
                        if not self.rules.allow(name, what, path_type)]
        self.assertEqual(refused[:10], [])
        self.assertGreater(len(ours), least.files)

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
        self.compare_and_run(self.folder / "plain" / "env")

    def test_the_older_python(self) -> None:
        self.compare(self.folder / "older" / "env", OLDER_SPECS)

    def test_the_cuda_toolkit_with_cudnn(self) -> None:
        made = self.compare(self.folder / "cuda" / "env", CUDA_SPECS, self.cuda_channel, Least(files=5000, scripts=0))
        self.assertEqual(os.readlink(made.prefix / "lib/libcublas.so.13"), "../targets/x86_64-linux/lib/libcublas.so.13")
        shutil.rmtree(made.prefix)
        shutil.rmtree(made.kept)

    def test_a_path_with_a_blank(self) -> None:
        self.compare_and_run(self.folder / "with blank" / "env")

    def test_a_path_of_200_characters(self) -> None:
        place = self.folder / "long"
        self.compare_and_run(place / ("e" * (199 - len(str(place)))))


def built(profile: str) -> Path:
    """The channel of a profile."""
    build = [sys.executable, "-B", str(SOURCE / "tests/channel/build_channel.py"), "--profile", profile]
    return Path(subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


if __name__ == "__main__":
    RattlerTest.channel, RattlerTest.cuda_channel = built("python"), built("cuda")
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
