#!/usr/bin/env python3
"""What conda-package-streaming packs, and other packers' odd forms, unpack to the same tree as its own extractor gives: types,
bytes, link targets, hard links, times of files, and modes by three rules:

    files lose what the umask forbids     the extractor takes the archive's word, also for files that all may write
    files lose set-id bits                nothing in a package may run as somebody else
    directories are made like new ones    a directory that its owner cannot enter could not be cleaned away
"""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
import unittest
import zipfile
from collections.abc import Callable
from pathlib import Path

import backports.zstd as zstd
from conda_package_streaming.create import conda_builder
from conda_package_streaming.extract import extract
from conda_package_streaming.transmute import transmute

FOLDER = Path(tempfile.mkdtemp(prefix="hpcenv-extraction-"))
UMASK = 0o022
MODIFIED = 1_600_000_000
LONG = "/".join(["a-rather-long-name-of-a-folder"] * 9)


def program() -> str:
    names = ("HPCENV_BIN", "HPCENV_RELEASE_PROGRAM", "HPCENV_PROGRAM")
    return next(os.environ[name] for name in names if os.path.isfile(os.environ.get(name, "")))


def noise(size: int) -> bytes:
    return b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(size // 32 + 1))[:size]


# path: content and mode, or where a link leads
CONTENT: dict[str, tuple[bytes, int] | str] = {
    "bin/run": (b"#!/bin/sh\n", 0o755),
    "bin/set-id": (b"#!/bin/sh\n", 0o4755),
    "bin/group-can-write": (b"x", 0o775),
    "etc/read-only": (b"read only\n", 0o444),
    "etc/secret": (b"secret\n", 0o600),
    "etc/all-can-write": (b"x", 0o666),
    "lib/large.bin": (noise(1_000_000), 0o644),
    "lib/libx.so.1.2": (noise(70_000), 0o755),
    "lib/libx.so.1": "libx.so.1.2",
    "lib/libx.so": "libx.so.1",
    "lib/dangling": "is-not-there",
    "lib/up": "../bin/run",
    "lib/system": "/usr/lib/libsystem.so.1",
    "lib/out": "../../../outside",
    "lib64": "lib",
    "share/empty": (b"", 0o644),
    "share/zeros": (bytes(2_000_000), 0o644),
    "share/with space & quote'": (b"x", 0o644),
    "share/ünïcode-ж-日本": (b"composed", 0o644),
    "share/e\u0301": (b"decomposed", 0o644),
    f"share/{LONG}/{'n' * 120}": (b"a long path\n", 0o644),
    f"share/{LONG}/link": "n" * 120,
}
HARD_LINKS = {"share/hard-1": "lib/libx.so.1.2", "share/hard-2": "etc/read-only"}


def info_of(name: str) -> dict[str, bytes]:
    paths = []
    for path, what in {**CONTENT, **{link: CONTENT[target] for link, target in HARD_LINKS.items()}}.items():
        if isinstance(what, str):
            paths.append({"_path": path, "path_type": "softlink"})
        else:
            paths.append({"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(what[0]).hexdigest(),
                          "size_in_bytes": len(what[0])})
    index = {"name": name, "version": "1.0", "build": "0", "build_number": 0, "depends": [], "subdir": "linux-64"}
    return {"info/index.json": json.dumps(index).encode(), "info/about.json": b"{}",
            "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode()}


def add(tar: tarfile.TarFile, path: str, data: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(path)
    member.mtime, member.size = MODIFIED, len(data)
    for key, value in fields.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(data))


def add_content(tar: tarfile.TarFile) -> None:
    for path, what in CONTENT.items():
        if isinstance(what, str):
            add(tar, path, type=tarfile.SYMTYPE, linkname=what, mode=0o777)
        else:
            add(tar, path, what[0], mode=what[1])
    for path, target in HARD_LINKS.items():
        add(tar, path, type=tarfile.LNKTYPE, linkname=target, mode=CONTENT[target][1])
    add(tar, "share/empty-folder", type=tarfile.DIRTYPE, mode=0o755)
    add(tar, "share/closed-folder", type=tarfile.DIRTYPE, mode=0o700)


def add_info(tar: tarfile.TarFile, name: str) -> None:
    for path, data in info_of(name).items():
        add(tar, path, data, mode=0o664)


def tar_of(fill: Callable[[tarfile.TarFile], None], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        fill(tar)
    return buffer.getvalue()


class Unseekable(io.RawIOBase):
    """A pipe, as far as zipfile can tell: sizes and checksums go behind the data."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:  # noqa: ANN001 (any buffer)
        return self.file.write(data)

    def close(self) -> None:
        self.file.close()
        super().close()


def conda_members(name: str, frames: int = 1, options: dict | None = None) -> dict[str, bytes]:
    def packed(data: bytes) -> bytes:
        size = len(data) // frames + 1
        return b"".join(zstd.compress(data[at:at + size], options=options) for at in range(0, len(data), size))

    return {"metadata.json": b'{"conda_pkg_format_version": 2}',
            f"pkg-{name}-1.0-0.tar.zst": packed(tar_of(add_content)),
            f"info-{name}-1.0-0.tar.zst": packed(tar_of(lambda tar: add_info(tar, name)))}


def plain_zip(target: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def by_streaming(target: Path, name: str) -> None:
    """As conda-build and conda-package-handling do it: files of a folder, packed by the library itself."""
    source = FOLDER / f"source-{name}"
    for path, what in CONTENT.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, str):
            (source / path).symlink_to(what)
        else:
            (source / path).write_bytes(what[0])
            (source / path).chmod(what[1])
            os.utime(source / path, (MODIFIED, MODIFIED))
    for path, origin in HARD_LINKS.items():
        os.link(source / origin, source / path)
    for path, data in info_of(name).items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(data)
    with conda_builder(f"{name}-1.0-0", str(target.parent)) as builder:
        for top in sorted(os.listdir(source)):
            builder.add(source / top, arcname=top)


def by_transmute(target: Path, name: str) -> None:
    old = FOLDER / f"{name}-1.0-0.tar.bz2"
    tar_bz2(old, name)
    transmute(str(old), str(target.parent))


def zip64(target: Path, name: str) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for member, data in conda_members(name).items():
            with archive.open(member, "w", force_zip64=True) as out:
                out.write(data)


def data_descriptors(target: Path, name: str) -> None:
    with Unseekable(target) as out, zipfile.ZipFile(out, "w") as archive:
        for member, data in conda_members(name).items():
            archive.writestr(member, data)


def zip64_data_descriptors(target: Path, name: str) -> None:
    with Unseekable(target) as out, zipfile.ZipFile(out, "w") as archive:
        for member, data in conda_members(name).items():
            with archive.open(member, "w", force_zip64=True) as stream:
                stream.write(data)


def info_first(target: Path, name: str) -> None:
    members = conda_members(name)
    order = sorted(members, key=lambda member: not member.startswith("info-"))
    plain_zip(target, {member: members[member] for member in order})


def many_frames(target: Path, name: str) -> None:
    plain_zip(target, conda_members(name, frames=7))


def checksummed_frames(target: Path, name: str) -> None:
    plain_zip(target, conda_members(name, options={zstd.CompressionParameter.checksum_flag: 1,
                                                   zstd.CompressionParameter.window_log: 23}))


def commented(target: Path, name: str) -> None:
    plain_zip(target, conda_members(name))
    with zipfile.ZipFile(target, "a") as archive:
        archive.comment = b"with a comment"


def tar_bz2(target: Path, name: str, form: int = tarfile.PAX_FORMAT) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        add_info(tar, name)
        add_content(tar)

    target.write_bytes(bz2.compress(tar_of(fill, form)))


def gnu_tar_bz2(target: Path, name: str) -> None:
    tar_bz2(target, name, tarfile.GNU_FORMAT)


def many_streams_tar_bz2(target: Path, name: str) -> None:
    """As pbzip2 writes it."""
    tar_bz2(target, name)
    data = bz2.decompress(target.read_bytes())
    target.write_bytes(b"".join(bz2.compress(data[at:at + 900_000]) for at in range(0, len(data), 900_000)))


def program_tar_bz2(target: Path, name: str) -> None:
    """By tar(1), with `./` before every name and entries for every folder."""
    by_streaming(FOLDER / f"{name}-1.0-0.conda", name)
    subprocess.run(["tar", "--create", "--bzip2", "--file", target, "--directory", FOLDER / f"source-{name}", "."], check=True)


PACKERS: dict[str, tuple[str, Callable[[Path, str], None]]] = {
    "streaming": (".conda", by_streaming), "transmute": (".conda", by_transmute), "zip64": (".conda", zip64),
    "descriptors": (".conda", data_descriptors), "zip64-descriptors": (".conda", zip64_data_descriptors),
    "info-first": (".conda", info_first), "frames": (".conda", many_frames), "checksums": (".conda", checksummed_frames),
    "comment": (".conda", commented), "pax": (".tar.bz2", tar_bz2), "gnu": (".tar.bz2", gnu_tar_bz2),
    "streams": (".tar.bz2", many_streams_tar_bz2), "tar": (".tar.bz2", program_tar_bz2),
}


def facts_of(folder: Path) -> dict[str, tuple]:
    """What is compared of each path."""
    facts: dict[str, tuple] = {}
    inodes: dict[int, str] = {}
    for path in sorted(folder.rglob("*")):
        name, status = str(path.relative_to(folder)), path.lstat()
        if name == "info/repodata_record.json":
            continue
        if stat.S_ISLNK(status.st_mode):
            facts[name] = ("link", os.readlink(path))
        elif stat.S_ISDIR(status.st_mode):
            facts[name] = ("folder",)
        else:
            first = inodes.setdefault(status.st_ino, name)
            mode = stat.S_IMODE(status.st_mode) & 0o777 & ~UMASK
            facts[name] = ("file", hashlib.sha256(path.read_bytes()).hexdigest(), oct(mode), int(status.st_mtime), first)
    return facts


class Extraction(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.channel = FOLDER / "channel"
        (cls.channel / "linux-64").mkdir(parents=True)
        (cls.channel / "noarch").mkdir()
        records: dict[str, dict[str, dict]] = {".conda": {}, ".tar.bz2": {}}
        for name, (suffix, pack) in PACKERS.items():
            target = cls.channel / "linux-64" / f"{name}-1.0-0{suffix}"
            pack(target, name)
            data = target.read_bytes()
            records[suffix][target.name] = {
                "name": name, "version": "1.0", "build": "0", "build_number": 0, "depends": [], "subdir": "linux-64",
                "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for subdir, known in (("linux-64", records), ("noarch", {".conda": {}, ".tar.bz2": {}})):
            (cls.channel / subdir / "repodata.json").write_text(json.dumps(
                {"info": {"subdir": subdir}, "packages": known[".tar.bz2"], "packages.conda": known[".conda"]}))

    def create(self, name: str) -> Path:
        """Unpacks one package into a cache of its own and gives its folder."""
        home = FOLDER / f"home-{name}"
        home.mkdir()
        done = subprocess.run(
            [program(), "create", "-p", home / "env", "-y", "--override-channels", "-c", self.channel.as_uri(), name],
            env={"HOME": str(home), "HPCENV_ROOT": str(home / "root"), "PATH": "/usr/bin:/bin", "CONDA_OVERRIDE_CUDA": ""},
            capture_output=True, text=True, umask=UMASK, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return home / f"root/pkgs/{name}-1.0-0"

    def test_every_form_gives_the_tree_that_its_own_extractor_gives(self) -> None:
        for name, (suffix, _) in PACKERS.items():
            with self.subTest(packer=name):
                judged = FOLDER / f"judged-{name}"
                judged.mkdir()
                extract(str(self.channel / "linux-64" / f"{name}-1.0-0{suffix}"), str(judged))
                ours, theirs = facts_of(self.create(name)), facts_of(judged)
                self.assertEqual(sorted(ours), sorted(theirs))
                for path, facts in theirs.items():
                    self.assertEqual(ours[path], facts, path)
                self.assertGreater(len(ours), len(CONTENT))

    def test_rules_for_modes(self) -> None:
        home = FOLDER / "home-pax"
        package = home / "root/pkgs/pax-1.0-0" if home.exists() else self.create("pax")
        modes = {"bin/run": 0o755, "bin/set-id": 0o755, "bin/group-can-write": 0o755, "etc/read-only": 0o444,
                 "etc/secret": 0o600, "etc/all-can-write": 0o644, "share/closed-folder": 0o755, "info/index.json": 0o644}
        for path, mode in modes.items():
            self.assertEqual(oct(stat.S_IMODE((package / path).lstat().st_mode)), oct(mode), path)
        self.assertLess((package / "bin/run").stat().st_mtime, time.time() - 1_000_000)


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
