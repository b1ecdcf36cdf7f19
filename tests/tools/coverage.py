#!/usr/bin/env python3
"""Says which share of the lines of each folder of src/ the tests ran: coverage.py BUILD-FOLDER.

The folder is of the preset coverage, after its tests. Prints a table and writes coverage.json beside the profiles. Processes that
are killed write no profile, so that what runs just before a kill may be missing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

LLVM = "-19"


def merged(build: Path) -> Path:
    """One profile out of all that the tests left."""
    profiles = sorted((build / "profiles").glob("*.profraw"))
    if not profiles:
        raise SystemExit(f"coverage: no profiles in {build}/profiles; run the tests of the preset coverage first")
    target = build / "profiles/all.profdata"
    command = [f"llvm-profdata{LLVM}", "merge", "--sparse", "--failure-mode=all", "-o", str(target), *map(str, profiles)]
    subprocess.run(command, check=True)
    return target


def programs(build: Path) -> list[Path]:
    """What the tests ran."""
    found = [build / "hpcenv", *(build / "tests").rglob("test_*"), *(build / "tests").rglob("solver_*")]
    return [path for path in found if path.is_file() and path.stat().st_mode & 0o111]


def lines_by_folder(build: Path, source: Path) -> dict[str, tuple[int, int]]:
    """Folder of src/ -> lines run and lines that could run; a line counts once, whichever program ran it."""
    objects = [word for path in programs(build) for word in ("-object", str(path))]
    command = [f"llvm-cov{LLVM}", "export", "--summary-only", f"--instr-profile={merged(build)}", *objects[1:], str(source)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file in report["data"][0]["files"]:
        folder = Path(file["filename"]).resolve().relative_to(source).parts[0]
        for name in (folder, "all"):
            counts[name][0] += file["summary"]["lines"]["covered"]
            counts[name][1] += file["summary"]["lines"]["count"]
    return {name: (covered, count) for name, (covered, count) in counts.items()}


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    source = Path(__file__).resolve().parents[2] / "src"
    counts = lines_by_folder(build, source)
    for name, (covered, count) in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
        print(f"{name:10} {100 * covered / max(1, count):5.1f} %  {covered:6} of {count:6} lines")
    report = {name: {"covered": covered, "lines": count} for name, (covered, count) in counts.items()}
    (build / "profiles/coverage.json").write_text(json.dumps({"schema": 1, "folders": report}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
