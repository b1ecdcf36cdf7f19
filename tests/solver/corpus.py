"""Runs solver_corpus on the corpus of real records, if there is one: corpus.py PROGRAM FOLDER EVERY [both].

FOLDER keeps the unpacked cases and the records as lines, which a sanitizer build reads in seconds.
"""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile

from backports import zstd


def line_of(file_name: str, record: dict) -> str:
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


def prepare(corpus: pathlib.Path, folder: pathlib.Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress((corpus / "cases.tar.zst").read_bytes()))) as archive:
        archive.extractall(folder)
    for packed in corpus.glob("**/repodata.json.zst"):
        place = folder / "records" / packed.parent.relative_to(corpus).with_suffix(".txt")
        place.parent.mkdir(parents=True, exist_ok=True)
        document = json.loads(zstd.decompress(packed.read_bytes()))
        with place.open("w", encoding="utf-8") as lines:
            for section in ("packages", "packages.conda"):
                lines.writelines(line_of(name, record) for name, record in document.get(section, {}).items())
    (folder / "prepared").touch()


def main() -> int:
    program, folder, *options = sys.argv[1:]
    corpus = pathlib.Path(os.environ["HPCENV_SOURCE_DIR"]).parent / "shared" / "corpus"
    if not corpus.is_dir():
        print("SKIP: there is no ../shared")
        return 77
    stamp = pathlib.Path(folder) / "prepared"
    if not stamp.exists() or stamp.stat().st_mtime < (corpus / "cases.tar.zst").stat().st_mtime:
        prepare(corpus, pathlib.Path(folder))
    return subprocess.run([program, folder, *options], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
