"""What tests of `hpcenv image build` stand on: a channel of odd packages, a home, the program."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "cli")]

import tiny_channel  # noqa: E402
from skipping import skip  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]
PLACEHOLDER = tiny_channel.PLACEHOLDER
PREFIX = "opt/envs/app"
LONG = "long_" + "n" * 240


def debian() -> Path:
    """The base image of prepare.sh, as an OCI layout."""
    folder = subprocess.run([TESTS / "image/prepare.sh", "--path"], capture_output=True, text=True, check=True).stdout.strip()
    if not Path(folder, "complete").exists():
        raise RuntimeError("no base image: run tests/image/prepare.sh")
    return Path(folder, "debian")


def add_raw_package(channel: str, name: str, files: dict[bytes, tuple[bytes, int]], links: dict[bytes, str] | None = None,
                    hard: dict[bytes, bytes] | None = None, depends: tuple[str, ...] = (), version: str = "1.0", build: str = "0") -> tuple[str, dict]:
    """As tiny_channel.add_package, with names and contents of any bytes; NUL in a file with the placeholder makes it binary."""
    import bz2
    index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": list(depends), "subdir": "linux-64",
             "license": "MIT", "timestamp": 1700000000000}
    paths, raw = [], io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape", encoding="utf-8") as archive:
        def add(path: bytes, data: bytes, mode: int = 0o644) -> None:
            info = tarfile.TarInfo(os.fsdecode(path))
            info.size, info.mode, info.mtime = len(data), mode, 1_690_000_000
            archive.addfile(info, io.BytesIO(data))
        for path, (data, mode) in sorted(files.items()):
            entry = {"_path": os.fsdecode(path), "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(),
                     "size_in_bytes": len(data)}
            if PLACEHOLDER.encode() in data:
                entry.update(prefix_placeholder=PLACEHOLDER, file_mode="binary" if b"\0" in data else "text")
            paths.append(entry)
            add(path, data, mode)
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(os.fsdecode(path))
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
            paths.append({"_path": os.fsdecode(path), "path_type": "softlink"})
        for path, target in (hard or {}).items():
            info = tarfile.TarInfo(os.fsdecode(path))
            info.type, info.linkname = tarfile.LNKTYPE, os.fsdecode(target)
            archive.addfile(info)
            paths.append({"_path": os.fsdecode(path), "path_type": "hardlink",
                          "sha256": hashlib.sha256(files[target][0]).hexdigest(), "size_in_bytes": len(files[target][0])})
        add(b"info/index.json", json.dumps(index).encode())
        add(b"info/paths.json", json.dumps({"paths": paths, "paths_version": 1}).encode())
    data = bz2.compress(raw.getvalue())
    file_name = f"{name}-{version}-{build}.tar.bz2"
    Path(channel, "linux-64").mkdir(parents=True, exist_ok=True)
    Path(channel, "linux-64", file_name).write_bytes(data)
    return file_name, dict(index, sha256=hashlib.sha256(data).hexdigest(), md5=hashlib.md5(data).hexdigest(), size=len(data))


def make_channel(channel: str) -> None:
    """odd (names, links, modes, placeholders), unsayable (a name that layers give a meaning), twin-a and twin-b (one path), scripted (link and activation scripts), big (a
    layer of its own), gpu (for CUDA 12.8), newglibc, 300 packages p0 ... p299."""
    place = PLACEHOLDER.encode()
    script = b"#!/bin/sh\necho made > \"$PREFIX/share/made-by-script\"\necho \"in $PREFIX\" >> \"$PREFIX/share/made-by-script\"\n"
    entries = [
        add_raw_package(channel, "odd", {
            "share/übung/naïve 中文.txt".encode(): (b"u", 0o644),
            f"share/{LONG}/{LONG}.txt".encode(): (b"l", 0o644),
            b"share/private": (b"n", 0o600),
            b"bin/tool": (b"#!" + place + b"/bin/sh\necho tool of " + place + b"\n", 0o775),
            b"lib/libodd.so.1": (b"\x7fELF\0" + place + b"/lib:" + place + b"\0\0end", 0o755),
            b"lib/libodd.a": (b"archive", 0o644), b"share/man/man1/odd.1": (b"manual", 0o644),
            b"share/empty": (b"", 0o644), b"share/one": (b"same" * 500, 0o644)},
            links={b"lib/libodd.so": "libodd.so.1", b"share/dangling": "/nonexistent/x"}, hard={b"share/two": b"share/one"}),
        add_raw_package(channel, "unsayable", {b"share/.wh.trap": (b"no whiteout", 0o644)}),
        add_raw_package(channel, "twin-a", {b"share/twin": (b"of a", 0o644), b"share/a": (b"a", 0o644)}),
        add_raw_package(channel, "twin-b", {b"share/twin": (b"of b", 0o644)}, depends=("twin-a",)),
        add_raw_package(channel, "scripted", {
            b"bin/.scripted-post-link.sh": (script, 0o755),
            b"etc/conda/activate.d/scripted.sh": (b"export SCRIPTED_HOME=\"$CONDA_PREFIX/share\"\n", 0o644),
        }),
        add_raw_package(channel, "big", {b"lib/big.bin": (os.urandom(11_000_000), 0o644)}),
        add_raw_package(channel, "cuda-version", {b"share/cuda-version": (b"x", 0o644)}, version="12.8"),
        add_raw_package(channel, "gpu", {b"share/gpu": (b"g", 0o644)}, depends=("cuda-version", "__cuda >=12")),
        add_raw_package(channel, "activated", {b"etc/conda/activate.d/activated.sh": (b"export ACTIVATED=$CONDA_PREFIX/share\n", 0o644)}),
        add_raw_package(channel, "certificates", {b"ssl/cacert.pem": (b"c", 0o644)}),
        add_raw_package(channel, "pytorch", {b"share/pytorch": (b"p", 0o644)}, build="cpu_0"),
        add_raw_package(channel, "newglibc", {b"share/new": (b"g", 0o644)}, depends=("__glibc >=9.9",)),
        *[add_raw_package(channel, f"p{i}", {f"share/p/{i}".encode(): (str(i).encode(), 0o644)}) for i in range(300)],
    ]
    tiny_channel.write_repodata(channel, entries)


class ImageCase(unittest.TestCase):
    """Each test has a folder of its own; the channel and the package cache are shared."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = Path(tempfile.mkdtemp(prefix="hpcenv-image-"))
        cls.work.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.channel = f"{cls.work}/channel"
        make_channel(cls.channel)

    @classmethod
    def with_real_channel(cls, profile: str) -> None:
        """In place of setUpClass: packages of Debian and PyPI."""
        cls.work = Path(tempfile.mkdtemp(prefix="hpcenv-image-"))
        cls.work.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.channel = f"{cls.work}/channel"
        subprocess.run([sys.executable, "-B", TESTS / "channel/build_channel.py", "--profile", profile, "--out", cls.channel],
                       check=True, stdout=subprocess.DEVNULL)

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.work))
        self.folder.chmod(0o755)
        self.root = self.work / "root"
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(self.work / "home"), "LC_ALL": "C",
                          "HPCENV_ROOT": str(self.root), "HPCENV_CHANNELS": f"file://{self.channel}", "CONDA_OVERRIDE_CUDA": "12.9",
                          "ASAN_OPTIONS": "detect_leaks=0"}

    def hpcenv(self, *words: str | Path, check: int | None = 0, umask: int = 0o022, user: int | None = None,
               before: list[str] | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        command = [*(before or []), PROGRAM, *map(str, words)]
        if user is not None:
            # The checkout may lie in a home that is closed to others.
            program = self.work / "hpcenv"
            if not program.exists():
                shutil.copy2(PROGRAM, program)
                program.chmod(0o755)
            command[command.index(PROGRAM)] = str(program)
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        done = subprocess.run(command, env={**self.variables, **env}, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=600, check=False, umask=umask, cwd=self.folder)
        if check is not None:
            self.assertEqual(done.returncode, check, f"{command}\n{done.stdout}\n{done.stderr}")
        return done

    def create(self, name: str, *packages: str, **env: str) -> None:
        if not (self.root / "envs" / name / "conda-meta/history").exists():
            self.hpcenv("create", "-y", "-n", name, *packages, **env)

    def specs(self, *packages: str) -> Path:
        """A file of specs."""
        file = self.folder / "specs.txt"
        file.write_text("\n".join(packages) + "\n")
        return file

    def explicit(self, *packages: str) -> Path:
        """A file that names exact packages: `-f` without solving."""
        file = self.folder / f"{'-'.join(packages)[:40]}.txt"
        lines = []
        for name in packages:
            [archive] = Path(self.channel, "linux-64").glob(f"{name}-[0-9]*.tar.bz2")
            lines.append(f"file://{archive}#{hashlib.md5(archive.read_bytes()).hexdigest()}")
        file.write_text("@EXPLICIT\n" + "\n".join(lines) + "\n")
        return file

    def build(self, *words: str | Path, out: str = "image", base: str | Path = "none", form: str = "oci-dir",
              **options: object) -> Path:
        self.hpcenv("image", "build", *words, "--base", base, "--format", form, "-o", self.folder / out, **options)
        return self.folder / out
