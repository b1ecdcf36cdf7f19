"""Runs solver_corpus on the corpus of real records, then the second judge on what it chose.

corpus.py PROGRAM FOLDER EVERY [VARIANTS]: FOLDER keeps the unpacked cases and the records as lines, which a sanitizer build
reads in seconds.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import corpus_records
import judge
from ending import leave


def main() -> int:
    program, folder, *options = sys.argv[1:]
    if not corpus_records.corpus_folder().is_dir():
        print("SKIP: there is no ../shared")
        return 77
    corpus_records.prepare(Path(folder))
    code = subprocess.run([program, folder, *options], check=False).returncode
    return code if code != 0 else 0 if judge.judge(Path(folder)) else 1


if __name__ == "__main__":
    leave(main())
