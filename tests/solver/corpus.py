"""Runs solver_corpus on the corpus of real records, if there is one: corpus.py PROGRAM FOLDER EVERY [both]."""

import io
import os
import pathlib
import subprocess
import sys
import tarfile

from backports import zstd


def main() -> int:
    program, folder, *options = sys.argv[1:]
    source = pathlib.Path(os.environ["HPCENV_SOURCE_DIR"])
    corpus = source.parent / "shared" / "corpus"
    if not corpus.is_dir():
        print("SKIP: there is no ../shared")
        return 77
    packed = corpus / "cases.tar.zst"
    cases = pathlib.Path(folder) / "cases"
    if not (cases / "index.json").exists() or cases.stat().st_mtime < packed.stat().st_mtime:
        with tarfile.open(fileobj=io.BytesIO(zstd.decompress(packed.read_bytes()))) as archive:
            archive.extractall(folder, filter="data")
        os.utime(cases)
    return subprocess.run([program, corpus, cases, *options], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
