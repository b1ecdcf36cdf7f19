"""One conda package: what it says of itself, and how its files become a .conda or .tar.bz2 archive."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from conda_package_streaming.create import conda_builder

ZSTD_LEVEL = 3
ZSTD_THREADS = 2
TIMESTAMP_MS = 1_767_225_600_000
_BUILD_ROOT = "/home/conda/feedstock_root/build_artifacts/stack_1767225600000/_h_env_"
PLACEHOLDER = (_BUILD_ROOT + "placehold_" * 26)[:255]


def build_string(name: str, version: str, number: int = 0) -> str:
    """A build string of the usual shape: h, seven hex digits, the build number."""
    return f"h{hashlib.sha256(f'{name} {version}'.encode()).hexdigest()[:7]}_{number}"


@dataclass
class Package:
    """Files below `tree` and the record that goes with them. A `noarch` package lands in the noarch subdir."""

    name: str
    version: str
    tree: Path
    license: str
    build: str = ""
    build_number: int = 0
    depends: list[str] = field(default_factory=list)
    constrains: list[str] = field(default_factory=list)
    noarch: str | None = None
    entry_points: list[str] = field(default_factory=list)
    track_features: str = ""
    site_packages: str = ""
    tar_bz2: bool = False
    timestamp: int = TIMESTAMP_MS

    def __post_init__(self) -> None:
        self.build = self.build or build_string(self.name, self.version, self.build_number)

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else "linux-64"

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    def index_json(self) -> dict[str, object]:
        """info/index.json, from which an indexer makes the repodata record."""
        index: dict[str, object] = {
            "arch": None if self.noarch else "x86_64", "build": self.build, "build_number": self.build_number,
            "constrains": self.constrains, "depends": self.depends, "license": self.license, "name": self.name,
            "platform": None if self.noarch else "linux", "subdir": self.subdir, "timestamp": self.timestamp,
            "version": self.version}
        if self.noarch:
            index["noarch"] = self.noarch
        if self.track_features:
            index["track_features"] = self.track_features
        if self.site_packages:
            index["python_site_packages_path"] = self.site_packages
        return index


def _content_hash(tree: Path, path: Path) -> tuple[str, int, bytes]:
    target = path.resolve()
    inside = target.is_file() and target.is_relative_to(tree.resolve())
    data = target.read_bytes() if inside or not path.is_symlink() else b""
    return hashlib.sha256(data).hexdigest(), len(data), data


def path_entry(tree: Path, path: Path) -> dict[str, object]:
    """The paths.json entry of one file or link: hash, size, and where it holds the build prefix, in which mode."""
    digest, size, data = _content_hash(tree, path)
    entry: dict[str, object] = {
        "_path": str(path.relative_to(tree)), "path_type": "softlink" if path.is_symlink() else "hardlink",
        "sha256": digest, "size_in_bytes": size}
    if not path.is_symlink() and PLACEHOLDER.encode() in data:
        entry["file_mode"] = "binary" if b"\0" in data else "text"
        entry["prefix_placeholder"] = PLACEHOLDER
    return entry


def _files(tree: Path) -> list[Path]:
    return sorted(path for path in tree.rglob("*") if path.is_symlink() or not path.is_dir())


def info_files(package: Package) -> dict[str, bytes]:
    """The info/ folder, by path."""
    entries = [path_entry(package.tree, path) for path in _files(package.tree)]
    info: dict[str, object] = {
        "info/index.json": package.index_json(), "info/paths.json": {"paths": entries, "paths_version": 1},
        "info/about.json": {"license": package.license, "summary": f"{package.name}, repacked for tests"}}
    if package.noarch == "python":
        noarch: dict[str, object] = {"type": "python"}
        if package.entry_points:
            noarch["entry_points"] = package.entry_points
        info["info/link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    texts = {path: json.dumps(value, indent=2, sort_keys=True).encode() for path, value in info.items()}
    texts["info/files"] = "".join(f"{entry['_path']}\n" for entry in entries).encode()
    prefixed = [entry for entry in entries if "file_mode" in entry]
    if prefixed:
        texts["info/has_prefix"] = "".join(
            f'"{PLACEHOLDER}" "{entry["file_mode"]}" "{entry["_path"]}"\n' for entry in prefixed).encode()
    return texts


def add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Adds a regular file made of `data`."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o644, TIMESTAMP_MS // 1000
    tar.addfile(member, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, tree: Path, path: Path) -> None:
    member = tarfile.TarInfo(str(path.relative_to(tree)))
    member.mtime = TIMESTAMP_MS // 1000
    if path.is_symlink():
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        tar.addfile(member)
        return
    status = path.stat()
    member.size, member.mode = status.st_size, 0o775 if status.st_mode & 0o111 else 0o664
    with path.open("rb") as file:
        tar.addfile(member, file)


@contextlib.contextmanager
def _archive(package: Package, folder: Path) -> Iterator[tarfile.TarFile]:
    if package.tar_bz2:
        with tarfile.open(folder / f"{package.stem}.tar.bz2", "w:bz2", compresslevel=1) as tar:
            yield tar
        return
    with conda_builder(package.stem, folder, compression_level=ZSTD_LEVEL, compression_threads=ZSTD_THREADS) as tar:
        yield tar


def write(package: Package, channel: Path) -> None:
    """Writes the archive of `package` into its subdir of `channel`."""
    folder = channel / package.subdir
    folder.mkdir(parents=True, exist_ok=True)
    with _archive(package, folder) as tar:
        for name, data in sorted(info_files(package).items()):
            add_bytes(tar, name, data)
        for path in _files(package.tree):
            _add_file(tar, package.tree, path)
