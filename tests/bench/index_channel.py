"""A channel of records without archives, of any size, shaped as large channels are: for measuring index and solver.

A few dozen libraries stand below everything; later packages need earlier ones, the popular ones more often. A third is
compiled for each of four Pythons, half is pure Python. The newest versions go together, as they mostly do.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import backports.zstd as zstd

MINORS = (10, 11, 12, 13)
CORE = 60
RECORDS_A_NAME = 24
WANTED_CLOSURE = 300
SUBDIRS = ("linux-64", "noarch")


@dataclass
class Name:
    """One package through all its versions."""

    name: str
    kind: str  # "library", "compiled" (against Python) or "pure"
    versions: list[str]
    needs: list[int] = field(default_factory=list)

    @property
    def builds(self) -> int:
        return len(MINORS) if self.kind == "compiled" else 2 if self.kind == "library" else 1


def _versions(dice: random.Random, builds: int) -> list[str]:
    count = max(2, round(dice.expovariate(builds / RECORDS_A_NAME)))
    return [f"{1 + index // 8}.{index % 8}.{dice.randrange(4)}" for index in range(count)]


def _kind(dice: random.Random, index: int) -> str:
    return "library" if index < CORE else dice.choices(("library", "compiled", "pure"), (17, 33, 50))[0]


def names_for(records: int) -> list[Name]:
    """As many names as hold about `records` records."""
    dice = random.Random(f"index {records}")
    names: list[Name] = []
    total = 0
    while total < records:
        kind = _kind(dice, len(names))
        one = Name(f"bench-{len(names):05}", kind, [])
        one.versions = _versions(dice, one.builds)
        for _ in range(dice.randrange(1, 6) if names else 0):
            # Low numbers are popular, high ones have their own circle.
            reach = len(names) if len(names) < CORE else int(len(names) * dice.random() ** 3) + 1
            needed = dice.randrange(max(1, reach))
            if needed not in one.needs and (kind != "library" or names[needed].kind == "library"):
                one.needs.append(needed)
        names.append(one)
        total += len(one.versions) * one.builds
    return names


def _spec(name: Name, share: float, dice: random.Random) -> str:
    """What a record at `share` of its own history (1: the newest) asks of `name`."""
    aligned = round(share * (len(name.versions) - 1))
    least = name.versions[int(aligned * 0.7)]
    if dice.random() < 0.25:
        return f"{name.name} >={least},<{int(name.versions[aligned].split('.')[0]) + 1}.0a0"
    return f"{name.name} >={least}"


def _record(name: Name, version: str, build: str, number: int, depends: list[str], noarch: bool) -> tuple[str, str]:
    file_name = f"{name.name}-{version}-{build}.conda"
    digest = hashlib.sha256(file_name.encode()).hexdigest()
    record = {"build": build, "build_number": number, "depends": depends, "license": "BSD-3-Clause", "md5": digest[:32],
              "name": name.name, "sha256": digest, "size": 10_000 + int(digest[:5], 16),
              "subdir": "noarch" if noarch else "linux-64", "timestamp": 1_700_000_000_000 + int(digest[5:13], 16),
              "version": version}
    if noarch:
        record["noarch"] = "python"
    return file_name, json.dumps(record)


def _records_of(name: Name, names: list[Name], dice: random.Random) -> Iterator[tuple[str, str]]:
    last = max(1, len(name.versions) - 1)
    for index, version in enumerate(name.versions):
        needs = [_spec(names[needed], index / last, dice) for needed in name.needs]
        if name.kind == "pure":
            yield _record(name, version, "pyhd8ed1ab_0", 0, ["python >=3.9", *needs], noarch=True)
        elif name.kind == "library":
            for number in range(name.builds):
                yield _record(name, version, f"h{index:04x}abc_{number}", number, ["__glibc >=2.17", *needs], noarch=False)
        else:
            for minor in MINORS:
                python = [f"python >=3.{minor},<3.{minor + 1}.0a0", f"python_abi 3.{minor}.* *_cp3{minor}"]
                yield _record(name, version, f"py3{minor}h{index:04x}ab_0", 0, [*python, *needs], noarch=False)


def _pythons(names: list[Name]) -> Iterator[tuple[str, str, bool]]:
    libraries = [f"{one.name} >={one.versions[len(one.versions) // 2]}" for one in names[:12]]
    for minor in MINORS:
        for patch in range(8):
            python = Name("python", "library", [])
            file_name, text = _record(python, f"3.{minor}.{patch}", f"h12345{patch}_0_cpython", 0, libraries, noarch=False)
            yield file_name, text, False
        abi = Name("python_abi", "library", [])
        depends = [f"python 3.{minor}.* *_cpython"]
        file_name, text = _record(abi, f"3.{minor}", f"8_cp3{minor}", 8, depends, noarch=True)
        yield file_name, text, True


def closure(names: list[Name], roots: list[int]) -> set[int]:
    """All names that the roots can reach, the core's Python libraries included."""
    open_names, reached = [*roots, *range(12)], set()
    while open_names:
        index = open_names.pop()
        if index not in reached:
            reached.add(index)
            open_names += names[index].needs
    return reached


def roots_for(names: list[Name], wanted: int = WANTED_CLOSURE) -> list[int]:
    """Names, late ones, that together reach about `wanted` names."""
    dice = random.Random("roots")
    roots: list[int] = []
    size = len(closure(names, roots))
    while size < wanted - 5:
        candidates = [dice.randrange(CORE, len(names)) for _ in range(12)]
        sizes = {one: len(closure(names, [*roots, one])) for one in candidates}
        best = max((one for one in candidates if sizes[one] <= wanted), key=lambda one: sizes[one], default=None)
        if best is None or sizes[best] == size:
            break
        roots.append(best)
        size = sizes[best]
    return roots


def make(channel: Path, records: int) -> list[str]:
    """Writes repodata.json and .zst of both subdirs; the specs of a request that reaches about 300 names."""
    names = names_for(records)
    dice = random.Random("specs")
    lines: dict[str, list[tuple[str, str]]] = {subdir: [] for subdir in SUBDIRS}
    for name in names:
        lines["noarch" if name.kind == "pure" else "linux-64"] += _records_of(name, names, dice)
    for file_name, text, noarch in _pythons(names):
        lines["noarch" if noarch else "linux-64"].append((file_name, text))
    for subdir, entries in lines.items():
        (channel / subdir).mkdir(parents=True, exist_ok=True)
        entries.sort()
        body = ",\n".join(f'"{name}": {text}' for name, text in entries)
        text = (f'{{"info": {{"subdir": "{subdir}"}}, "packages": {{}}, "packages.conda": {{\n{body}\n}}, "removed": [], '
                f'"repodata_version": 1}}\n').encode()
        (channel / subdir / "repodata.json").write_bytes(text)
        (channel / subdir / "repodata.json.zst").write_bytes(zstd.compress(text, 3))
    return ["python=3.12", *(names[root].name for root in roots_for(names))]
