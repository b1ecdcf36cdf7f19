"""A stack of conda packages of the size that a deep-learning environment has, made from numbers: the same each time.

Beside CPython and the libraries below it (real ones, of tests/channel) there are pure Python packages, C libraries with
headers, links and files that hold their prefix, and a few large data files. About 150 packages, 30,000 files, 2 GB.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "channel"))

import backports.zstd as zstd  # noqa: E402
from channelkit.package import PLACEHOLDER, TIMESTAMP_MS, add_bytes, build_string  # noqa: E402
from conda_package_streaming.create import conda_builder  # noqa: E402

LEVEL = 3
MEBI = 1 << 20
WORDS = ("value index buffer table offset length kernel tensor stream handle result status device memory block thread "
         "config option filter matrix vector column record schema writer reader policy method module object").split()


@dataclass(frozen=True)
class Shape:
    """What is made. The numbers are of the generated packages; `python` is what the real part has."""

    pure: int = 68
    pure_files: int = 13_000
    libraries: int = 54
    library_files: int = 13_500
    library_bytes: int = 800 * MEBI
    blobs: tuple[int, ...] = (420 * MEBI, 260 * MEBI, 160 * MEBI)


@dataclass
class Content:
    """The files of one package before it is packed."""

    name: str
    version: str
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    depends: list[str] = field(default_factory=list)
    noarch: bool = False

    @property
    def build(self) -> str:
        return "pyhd8ed1ab_0" if self.noarch else build_string(self.name, self.version)

    @property
    def subdir(self) -> str:
        return "noarch" if self.noarch else "linux-64"


def machine_code(dice: random.Random, size: int) -> bytes:
    """Bytes that pack to about two fifths, as shared libraries do."""
    common = dice.randbytes(2048)
    pieces = []
    for _ in range(max(1, size // 4096)):
        pieces += [dice.randbytes(1400), common, common[:648]]
    return b"".join(pieces)[:size].ljust(size, b"\0")


def source_text(dice: random.Random, size: int) -> bytes:
    """A Python module that compiles, of about `size` bytes."""
    lines, length, number = ['"""Generated for measurements."""\n'], 40, 0
    while length < size:
        words = dice.choices(WORDS, k=5)
        number += 1
        line = (f"\n\ndef {words[0]}_{number}({words[1]}, {words[2]}={dice.randrange(9999)}):\n"
                f"    {words[3]} = [{words[1]} + {dice.randrange(99)} for _ in range({words[2]})]\n"
                f"    return {{'{words[4]}': {words[3]}, 'n': len({words[3]})}}\n")
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()


def pure_package(number: int, files: int) -> Content:
    """A `noarch: python` package; every fourth has an entry point's worth of dependencies on earlier ones."""
    dice = random.Random(f"pure {number}")
    content = Content(f"bench-pure{number:02}", f"1.{number}.0", noarch=True, depends=["python >=3.9"])
    if number:
        content.depends.append(f"bench-pure{dice.randrange(number):02}")
    top = f"site-packages/bench_pure{number:02}"
    for index in range(files):
        folder = top if index % 9 == 0 else f"{top}/part{index % 9}"
        name = "__init__.py" if index < 9 else f"module_{index}.py"
        content.files[f"{folder}/{name}"] = source_text(dice, int(min(dice.lognormvariate(8.3, 0.9), 60_000)))
    return content


def library_package(number: int, files: int, size: int) -> Content:
    """A C library: shared objects (every third holds its prefix), links, headers, .pc and .cmake files."""
    dice = random.Random(f"library {number}")
    name = f"bench-lib{number:02}"
    content = Content(name, f"2.{number}.1", depends=["__glibc >=2.17"])
    if number:
        content.depends.append(f"bench-lib{dice.randrange(number):02}")
    objects = 6
    for index in range(objects):
        data = machine_code(dice, size // objects)
        if index % 3 == 0:
            middle = len(data) // 2
            path = PLACEHOLDER.encode() + b"/share/bench\0"
            data = data[:middle] + path + data[middle + len(path):]
        content.files[f"lib/lib{name}{index}.so.2.{number}"] = data
        content.links[f"lib/lib{name}{index}.so.2"] = f"lib{name}{index}.so.2.{number}"
        content.links[f"lib/lib{name}{index}.so"] = f"lib{name}{index}.so.2"
    for index in range(10):
        text = f"prefix={PLACEHOLDER}\nlibdir=${{prefix}}/lib\nName: {name}{index}\nVersion: 2\nLibs: -L${{libdir}} -l{name}\n"
        content.files[f"lib/pkgconfig/{name}{index}.pc"] = text.encode()
    for index in range(files - 10 - 3 * objects):
        text = source_text(dice, int(min(dice.lognormvariate(7.6, 1.0), 80_000)))
        content.files[f"include/{name}/detail{index % 7}/header_{index}.h"] = b"/* " + text.replace(b"*/", b"") + b" */\n"
    return content


def blob_package(number: int, size: int) -> Content:
    """One large file of data that packs to about two fifths."""
    dice = random.Random(f"blob {number}")
    step = 16 * MEBI
    data = b"".join(machine_code(dice, step) for _ in range(size // step))
    return Content(f"bench-blob{number}", "3.0.0", {f"share/bench/blob{number}.bin": data}, depends=["__glibc >=2.17"])


def _entries(content: Content) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for path, data in content.files.items():
        entry: dict[str, object] = {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(),
                                    "size_in_bytes": len(data)}
        if PLACEHOLDER.encode() in data:
            entry |= {"file_mode": "binary" if b"\0" in data else "text", "prefix_placeholder": PLACEHOLDER}
        entries.append(entry)
    empty = hashlib.sha256(b"").hexdigest()
    entries += [{"_path": path, "path_type": "softlink", "sha256": empty, "size_in_bytes": 0} for path in content.links]
    return sorted(entries, key=lambda one: str(one["_path"]))


def _index(content: Content) -> dict[str, object]:
    index: dict[str, object] = {
        "build": content.build, "build_number": 0, "constrains": [], "depends": content.depends, "license": "0BSD",
        "name": content.name, "subdir": content.subdir, "timestamp": TIMESTAMP_MS, "version": content.version,
        "arch": None if content.noarch else "x86_64", "platform": None if content.noarch else "linux"}
    if content.noarch:
        index["noarch"] = "python"
    return index


def pack(content: Content, channel: Path) -> tuple[str, str, dict[str, object]]:
    """Writes the archive; its subdir, file name and repodata record."""
    folder = channel / content.subdir
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{content.name}-{content.version}-{content.build}"
    info = {"info/index.json": _index(content), "info/paths.json": {"paths": _entries(content), "paths_version": 1}}
    if content.noarch:
        info["info/link.json"] = {"noarch": {"type": "python"}, "package_metadata_version": 1}
    with conda_builder(stem, folder, compression_level=LEVEL, compression_threads=1) as tar:
        for name, value in info.items():
            add_bytes(tar, name, json.dumps(value, indent=2).encode())
        for name, data in content.files.items():
            add_bytes(tar, name, data)
        for name, target in content.links.items():
            member = tar.tarinfo(name)
            member.type, member.linkname, member.mtime = b"2", target, TIMESTAMP_MS // 1000
            tar.addfile(member)
    data = (folder / f"{stem}.conda").read_bytes()
    record = {**_index(content), "md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(),
              "size": len(data)}
    return content.subdir, f"{stem}.conda", record


def _jobs(shape: Shape) -> list[tuple[str, tuple[int, ...]]]:
    blobs = [("blob", (number, size)) for number, size in enumerate(shape.blobs)]
    libraries = [("library", (number, shape.library_files // shape.libraries, shape.library_bytes // shape.libraries))
                 for number in range(shape.libraries)]
    return blobs + libraries + [("pure", (number, shape.pure_files // shape.pure)) for number in range(shape.pure)]


def _make_one(kind: str, numbers: tuple[int, ...], channel: Path) -> tuple[str, str, dict[str, object]]:
    makers = {"blob": blob_package, "library": library_package, "pure": pure_package}
    return pack(makers[kind](*numbers), channel)


def write_repodata(channel: Path, records: dict[str, dict[str, dict[str, object]]]) -> None:
    """repodata.json and .zst of both subdirs."""
    for subdir, packages in records.items():
        tar_bz2 = {name: record for name, record in packages.items() if name.endswith(".tar.bz2")}
        conda = {name: record for name, record in packages.items() if name.endswith(".conda")}
        text = json.dumps({"info": {"subdir": subdir}, "packages": tar_bz2, "packages.conda": conda, "removed": [],
                           "repodata_version": 1}).encode()
        (channel / subdir).mkdir(parents=True, exist_ok=True)
        (channel / subdir / "repodata.json").write_bytes(text)
        (channel / subdir / "repodata.json.zst").write_bytes(zstd.compress(text, LEVEL))


def make(channel: Path, real: Path, names: list[str], shape: Shape | None = None) -> list[str]:
    """Fills `channel` with the generated packages and with `names` of the channel `real`; the specs that install all."""
    jobs = _jobs(shape or Shape())
    with ProcessPoolExecutor(max_workers=2) as pool:
        made = list(pool.map(_make_one, [kind for kind, _ in jobs], [numbers for _, numbers in jobs],
                             [channel] * len(jobs), chunksize=1))
    records: dict[str, dict[str, dict[str, object]]] = {"linux-64": {}, "noarch": {}}
    for subdir, name, record in made:
        records[subdir][name] = record
    specs = [str(record["name"]) for _, _, record in made] + list(names)
    for subdir, packages in records.items():
        repodata = json.loads((real / subdir / "repodata.json").read_bytes())
        packages |= repodata["packages"] | repodata["packages.conda"]
        for archive in (real / subdir).iterdir():
            if archive.suffix in (".conda", ".bz2"):
                shutil.copy2(archive, channel / subdir / archive.name)
    write_repodata(channel, records)
    return specs
