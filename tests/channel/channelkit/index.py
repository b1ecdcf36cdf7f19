"""repodata.json and repodata.json.zst of a folder of packages, by py-rattler."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import backports.zstd as zstd
import conda_package_streaming.package_streaming as streaming
from rattler.index import index_fs

SUBDIRS = ("linux-64", "noarch")


def _index_json(archive: Path) -> dict:
    with archive.open("rb") as file:
        for tar, member in streaming.stream_conda_component(archive.name, file, "info"):
            if member.name == "info/index.json":
                return json.loads(tar.extractfile(member).read())
    raise RuntimeError(f"{archive.name} has no info/index.json")


def _restore_specs(folder: Path) -> None:
    """Gives `depends` and `constrains` the packages' own text back: rattler writes "a 1 b" as "a ==1 b"."""
    repodata = json.loads((folder / "repodata.json").read_bytes())
    for section in ("packages", "packages.conda"):
        for name, record in repodata.get(section, {}).items():
            index = _index_json(folder / name)
            record["depends"] = index["depends"]
            if index["constrains"]:
                record["constrains"] = index["constrains"]
    text = json.dumps(repodata, indent=1).encode()
    (folder / "repodata.json").write_bytes(text)
    (folder / "repodata.json.zst").write_bytes(zstd.compress(text, 3))


def write_repodata(channel: Path) -> None:
    """Indexes both subdirs of `channel`, which come into being where they are missing."""
    for subdir in SUBDIRS:
        (channel / subdir).mkdir(parents=True, exist_ok=True)
    asyncio.run(index_fs(channel, write_zst=True, write_shards=False, force=True))
    for subdir in SUBDIRS:
        _restore_specs(channel / subdir)
