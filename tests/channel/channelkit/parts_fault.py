"""A channel of packages that are wrong in one way each. An installer has to refuse them, and leave nothing behind."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import backports.zstd as zstd

from .package import PLACEHOLDER, TIMESTAMP_MS

SHORT_PLACEHOLDER = "/opt/short_placehold"
GOOD_TEXT = b"good\n"


@dataclass
class Hostile:
    """A package by its archive members and its paths.json, which need not agree."""

    name: str
    files: dict[str, bytes] = field(default_factory=lambda: {"share/a.txt": GOOD_TEXT})
    links: dict[str, str] = field(default_factory=dict)
    paths: list[dict[str, object]] | None = None
    depends: list[str] = field(default_factory=list)
    constrains: list[str] = field(default_factory=list)
    entry_points: list[str] = field(default_factory=list)
    extra_members: list[tarfile.TarInfo] = field(default_factory=list)
    version: str = "1.0"
    damage: Callable[[bytes], bytes] = lambda data: data
    record: dict[str, object] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-0"


def entry(path: str, data: bytes = GOOD_TEXT, **more: object) -> dict[str, object]:
    """A paths.json entry that tells the truth about `data`, but for what `more` says."""
    return {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data), **more}


def _tar(files: dict[str, bytes], links: dict[str, str], extra: list[tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
        for member in extra:
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _index(hostile: Hostile) -> dict[str, object]:
    index: dict[str, object] = {
        "name": hostile.name, "version": hostile.version, "build": "0", "build_number": 0, "depends": hostile.depends,
        "constrains": hostile.constrains, "subdir": "noarch" if hostile.entry_points else "linux-64",
        "license": "0BSD", "timestamp": TIMESTAMP_MS}
    if hostile.entry_points:
        index["noarch"] = "python"
    return index


def _info(hostile: Hostile) -> dict[str, bytes]:
    default = [entry(name, data) for name, data in hostile.files.items()]
    default += [entry(name, b"", path_type="softlink") for name in hostile.links]
    paths = hostile.paths if hostile.paths is not None else default
    files = {"info/index.json": json.dumps(_index(hostile)).encode(),
             "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
             "info/files": "".join(f"{one['_path']}\n" for one in paths if isinstance(one, dict)).encode()}
    if hostile.entry_points:
        noarch = {"type": "python", "entry_points": hostile.entry_points}
        files["info/link.json"] = json.dumps({"noarch": noarch, "package_metadata_version": 1}).encode()
    return files


def _archive(hostile: Hostile) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        content = _tar(hostile.files, hostile.links, hostile.extra_members)
        archive.writestr(f"pkg-{hostile.stem}.tar.zst", hostile.damage(zstd.compress(content, 3)))
        archive.writestr(f"info-{hostile.stem}.tar.zst", zstd.compress(_tar(_info(hostile), {}, []), 3))
    return buffer.getvalue()


def _noise(size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    return b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(size // 32))


def _device() -> tarfile.TarInfo:
    member = tarfile.TarInfo("dev/null-copy")
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    return member


def _hardlink(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.LNKTYPE, target
    return member


def _fifo() -> tarfile.TarInfo:
    member = tarfile.TarInfo("share/fifo")
    member.type = tarfile.FIFOTYPE
    return member


def _link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def _set_id(name: str, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member


def _tampered(paths: object) -> list[dict[str, object]]:
    """Something else than a list of entries, in the place of one."""
    return paths  # type: ignore[return-value]


def hostile_packages() -> list[Hostile]:
    """Each with one fault; `good` has none, and faulty ones that depend on it must not leave it behind either."""
    noise = {f"share/noise{number}.bin": _noise(100_000) + bytes([number]) for number in range(5)}
    short = f"{SHORT_PLACEHOLDER}/share\0".encode() + bytes(64)
    return [
        Hostile("good", {"share/good.txt": GOOD_TEXT}),
        Hostile("wrong-hash", depends=["good"], record={"sha256": "0" * 64}),
        Hostile("wrong-size", record={"size": 12}),
        Hostile("truncated", noise, depends=["good"], damage=lambda data: data[:len(data) // 2]),
        Hostile("bad-zstd", noise, damage=lambda data: data[:200_000] + bytes(1000) + data[201_000:]),
        Hostile("dotdot-archive", {"share/a.txt": GOOD_TEXT, "../../../hpcenv-evil-archive": b"evil\n"}, depends=["good"]),
        Hostile("absolute-archive", {"share/a.txt": GOOD_TEXT, "/tmp/hpcenv-evil-absolute": b"evil\n"}),
        Hostile("symlink-archive", {"share/out/hpcenv-evil-symlink": b"evil\n"}, links={"share/out": "/tmp"}),
        Hostile("hardlink-archive", extra_members=[_hardlink("share/passwd", "/etc/passwd")]),
        Hostile("device-archive", extra_members=[_device()]),
        Hostile("fifo-archive", depends=["good"], extra_members=[_fifo()]),
        Hostile("climbing-link-archive", extra_members=[_link("share/up", "../../../../hpcenv-evil-link")]),
        Hostile("staged-link-archive", {"share/step/hpcenv-evil-staged": b"evil\n"},
                extra_members=[_link("share/step", "here/.."), _link("share/here", "../..")]),
        Hostile("link-then-file-archive", {"share/swap": b"evil\n"}, extra_members=[_link("share/swap", "/tmp/hpcenv-evil-swap")]),
        Hostile("linked-hardlink-archive", extra_members=[_link("share/door", "/etc"), _hardlink("share/evil", "share/door/passwd")]),
        Hostile("hardlink-dotdot-archive", extra_members=[_hardlink("share/evil", "../good-1.0-0/share/good.txt")]),
        Hostile("bomb", {"share/zeros": bytes(160 << 20)}),
        Hostile("set-id", extra_members=[_set_id("bin/as-root", 0o6755)], paths=[entry("share/a.txt"), entry("bin/as-root", b"")]),
        Hostile("paths-no-list", paths=_tampered({"share/a.txt": 1})),
        Hostile("paths-no-object", paths=_tampered([3])),
        Hostile("paths-odd-type", paths=[entry("share/a.txt", path_type="device")]),
        Hostile("paths-control", paths=[entry("share/a\u0007.txt")]),
        Hostile("paths-through-link", {"share/target/a.txt": GOOD_TEXT}, links={"share/door": "target"},
                paths=[entry("share/door/a.txt")]),
        Hostile("dotdot-paths", depends=["good"], paths=[entry("share/a.txt"), entry("../../hpcenv-evil-paths")]),
        Hostile("absolute-paths", paths=[entry("/tmp/hpcenv-evil-paths-absolute")]),
        Hostile("meta-paths", {"conda-meta/good-1.0-0.json": b"{}\n"}, depends=["good"]),
        Hostile("missing-file", depends=["good"], paths=[entry("share/a.txt"), entry("share/missing.txt")]),
        Hostile("wrong-file-hash", paths=[entry("share/a.txt", b"other\n", size_in_bytes=len(GOOD_TEXT))]),
        Hostile("wrong-file-size", paths=[entry("share/a.txt", size_in_bytes=77)]),
        Hostile("clobber-one", {"share/same.txt": b"one\n"}),
        Hostile("clobber-two", {"share/same.txt": b"two\n"}),
        Hostile("short-placeholder", {"lib/short.bin": short}, paths=[
            entry("lib/short.bin", short, file_mode="binary", prefix_placeholder=SHORT_PLACEHOLDER)]),
        Hostile("no-nul", {"lib/no-nul.bin": b"\0head" + PLACEHOLDER.encode()}, paths=[
            entry("lib/no-nul.bin", b"\0head" + PLACEHOLDER.encode(), file_mode="binary", prefix_placeholder=PLACEHOLDER)]),
        Hostile("evil-entry-point", {"site-packages/evil.py": b"def main(): pass\n"},
                entry_points=["../../hpcenv-evil-entry = evil:main"]),
        Hostile("needs-absent", depends=["absent >=2"]),
        Hostile("fights-good", constrains=["good >=2"]),
        Hostile("needs-cuda-99", depends=["__cuda >=99"]),
    ]


def _write(hostile: Hostile, channel: Path) -> tuple[str, str, dict[str, object]]:
    data = _archive(hostile)
    subdir = str(_index(hostile)["subdir"])
    (channel / subdir).mkdir(parents=True, exist_ok=True)
    (channel / subdir / f"{hostile.stem}.conda").write_bytes(data)
    record = {**_index(hostile), "md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(),
              "size": len(data), **hostile.record}
    return subdir, f"{hostile.stem}.conda", record


def _cut_archive(channel: Path) -> tuple[str, str, dict[str, object]]:
    """An archive whose file lacks its end: shorter than its record says, as after a broken upload."""
    subdir, name, record = _write(Hostile("cut-archive", {"share/noise.bin": _noise(200_000)}), channel)
    path = channel / subdir / name
    path.write_bytes(path.read_bytes()[:100_000])
    return subdir, name, record


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes the channel with its own repodata.json, since a true index of it would tell what is wrong."""
    del downloads, work
    records: dict[str, dict[str, object]] = {"linux-64": {}, "noarch": {}}
    for subdir, name, record in [_cut_archive(channel), *(_write(one, channel) for one in hostile_packages())]:
        records[subdir][name] = record
    for subdir, packages in records.items():
        (channel / subdir).mkdir(exist_ok=True)
        text = json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages,
                           "repodata_version": 1}, indent=1).encode()
        (channel / subdir / "repodata.json").write_bytes(text)
        (channel / subdir / "repodata.json.zst").write_bytes(zstd.compress(text, 3))
    return []
