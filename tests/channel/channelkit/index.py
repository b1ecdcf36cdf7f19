"""The repodata of a folder of packages: by py-rattler, and in forms that it does not write but other indexers do."""

from __future__ import annotations

import asyncio
import bz2
import json
import os
from pathlib import Path

import backports.zstd as zstd
import conda_package_streaming.package_streaming as streaming
from rattler.index import index_fs

SUBDIRS = ("linux-64", "noarch")
# moved: the archives lie below files/, as info.base_url says (CEP 15). backwards: records before `info`, records and their
# fields in reverse order, .conda before .tar.bz2, keys that nobody knows in between. plain: repodata.json alone.
FORMS = ("moved", "backwards", "plain")


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
    (folder / "repodata.json.bz2").write_bytes(bz2.compress(text, 1))


def write_repodata(channel: Path) -> None:
    """Indexes both subdirs of `channel`, which come into being where they are missing."""
    for subdir in SUBDIRS:
        (channel / subdir).mkdir(parents=True, exist_ok=True)
    asyncio.run(index_fs(channel, write_zst=True, write_shards=False, force=True))
    for subdir in SUBDIRS:
        _restore_specs(channel / subdir)


def _backwards(repodata: dict) -> dict:
    def turned(records: dict) -> dict:
        return {name: dict(reversed(record.items())) for name, record in reversed(records.items())}

    return {"zz_unknown": {"packages": {"not-one-1-0.conda": {}}}, "packages.conda": turned(repodata["packages.conda"]),
            "yy_unknown": [1, "packages"], "packages": turned(repodata["packages"]), "info": repodata["info"],
            "repodata_version": 1}


def _link_archives(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for archive in folder.iterdir():
        if archive.suffix in (".conda", ".bz2") and not archive.name.startswith("repodata"):
            os.link(archive, target / archive.name)


def write_form(channel: Path, out: Path, form: str) -> None:
    """The same channel at `out`, which is to be on the same file system, in one of FORMS."""
    for subdir in SUBDIRS:
        repodata = json.loads((channel / subdir / "repodata.json").read_bytes())
        if form == "moved":
            repodata |= {"info": {**repodata["info"], "base_url": f"../files/{subdir}/"}, "repodata_version": 2}
        _link_archives(channel / subdir, out / "files" / subdir if form == "moved" else out / subdir)
        (out / subdir).mkdir(parents=True, exist_ok=True)
        text = json.dumps(_backwards(repodata) if form == "backwards" else repodata).encode()
        (out / subdir / "repodata.json").write_bytes(text)
        if form == "backwards":
            (out / subdir / "repodata.json.zst").write_bytes(zstd.compress(text, 1))
