"""The records of the corpus as lines (one file a subdir), for programs of ours and for py-rattler."""

from __future__ import annotations

import functools
import io
import json
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backports import zstd
from rattler import MatchSpec, PackageRecord, VersionWithSource
from rattler.package.build_string import BuildString

FIELDS = 10


@dataclass(frozen=True)
class Line:
    """What a channel says of one archive; `place` is CHANNEL/SUBDIR/FILE."""

    place: str
    name: str
    version: str
    build: str
    number: int
    subdir: str
    depends: list[str]
    constrains: list[str]


def corpus_folder() -> Path:
    return Path(os.environ["HPCENV_SOURCE_DIR"]).parent / "shared" / "corpus"


def _line_of(file_name: str, record: dict) -> str:
    features = record.get("track_features") or ""
    fields = [
        file_name,
        record["name"],
        record["version"],
        record["build"],
        str(record.get("build_number", 0)),
        str(record.get("noarch") or ""),
        str(int(record.get("timestamp") or 0)),
        features if isinstance(features, str) else " ".join(features),
        "\x1f".join(record.get("depends", [])),
        "\x1f".join(record.get("constrains", [])),
    ]
    return "\t".join(fields) + "\n"


def prepare(folder: Path) -> None:
    """Unpacks cases and records into `folder`, once for each state of the corpus."""
    corpus, stamp = corpus_folder(), folder / "prepared"
    cases = corpus / "cases.tar.zst"
    if stamp.exists() and stamp.stat().st_mtime >= cases.stat().st_mtime:
        return
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress(cases.read_bytes()))) as archive:
        archive.extractall(folder)
    for packed in corpus.glob("**/repodata.json.zst"):
        place = folder / "records" / packed.parent.relative_to(corpus).with_suffix(".txt")
        place.parent.mkdir(parents=True, exist_ok=True)
        document = json.loads(zstd.decompress(packed.read_bytes()))
        with place.open("w", encoding="utf-8") as lines:
            for section in ("packages", "packages.conda"):
                lines.writelines(_line_of(name, record) for name, record in document.get(section, {}).items())
    stamp.touch()


def read_lines(folder: Path) -> Iterator[Line]:
    """All records; of a file of the full tree and of partial/ both."""
    for file in sorted((folder / "records").glob("**/*.txt")):
        subdir = file.stem
        base = file.relative_to(folder / "records").with_suffix("")
        for text in file.read_text(encoding="utf-8").splitlines():
            fields = text.split("\t")
            assert len(fields) == FIELDS, text
            yield Line(f"{base}/{fields[0]}", fields[1], fields[2], fields[3], int(fields[4]), subdir,
                       fields[8].split("\x1f") if fields[8] else [], fields[9].split("\x1f") if fields[9] else [])


def peer_record(name: str, version: str, build: str, number: int = 0, subdir: str = "noarch") -> PackageRecord:
    return PackageRecord(name, VersionWithSource(version), BuildString(build), number, subdir)


@functools.cache
def peer_spec(text: str) -> MatchSpec | None:
    """None where py-rattler cannot read it."""
    try:
        return MatchSpec(text, strict=False, exact_names_only=False)
    except Exception:  # noqa: BLE001 (its exceptions have no common base)
        return None
