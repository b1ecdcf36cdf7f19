#!/usr/bin/env python3
"""Measures hpcenv beside py-rattler and writes a table: run.py [--groups install,cuda,far,solve,oracles,start,activation,doctor,slurm,image]
[--runs N].

Needs the static program (./bootstrap makes it) and the Python of the tests; `./bootstrap bench` sees to both. Channels of
generated packages come into being on the first run and are kept; it takes some minutes and 2 GB there (5 GB with NVIDIA's).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import activation_rows
import doctor_rows
import image_rows
import rows as all_rows
import slurm_rows
from ground import HERE, Ground
from rows import CUDA_ROOM, SMALL, Bench, Row, Sizes

ROOT = HERE.parents[1]
GROUPS = {**all_rows.GROUPS, "activation": activation_rows.activation, "doctor": doctor_rows.doctor, "slurm": slurm_rows.slurm,
          "image": image_rows.image}


def number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if unit == "MiB" else f"{value:.2f}" if unit == "s" else f"{value:.1f}"


def ratio(row: Row) -> str:
    return f"{row.ours / row.peer:.2f}" if row.peer else ""


def table(rows: list[Row], facts: dict[str, object]) -> str:
    """The report for people."""
    lines = ["# hpcenv beside py-rattler", "", *(f"- {name}: {value}" for name, value in facts.items()), "",
             "Medians. Ratio: hpcenv / py-rattler, below 1 is faster. CPU is of all processes' threads, in the row's unit.", "",
             "| work | unit | hpcenv | py-rattler | ratio | floor | over floor | CPU | its CPU | peak MiB | its peak | aim |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        over = f"{row.ours / row.floor:.1f}x" if row.floor else ""
        cells = [row.name, row.unit, number(row.ours, row.unit), number(row.peer, row.unit), ratio(row),
                 number(row.floor, row.unit), over, number(row.our_cpu, row.unit), number(row.peer_cpu, row.unit),
                 number(row.our_peak, "MiB"), number(row.peer_peak, "MiB"), row.aim]
        lines.append("| " + " | ".join(cells) + " |")
    notes = [f"- {row.name}: floor is {row.floor_is}" for row in rows if row.floor_is]
    notes += [f"- {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, "", *notes, ""])


def machine(ground: Ground, runs: int) -> dict[str, object]:
    version = subprocess.run([ground.program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return {"program": version, "kernel": platform.release(), "processors": os.cpu_count(), "load at the start": load,
            "runs of each": runs, "place": "tmpfs" if ground.on_tmpfs else "NOT on tmpfs: none has room"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", default=",".join(GROUPS), help="which rows, of: %(default)s")
    parser.add_argument("--runs", type=int, help="how often the long ones are run")
    parser.add_argument("--small", action="store_true", help="tiny sizes: shows that the measuring works")
    parser.add_argument("--program", type=Path, default=Path(os.environ.get("HPCENV_BIN", ROOT / "build/release/hpcenv")))
    parser.add_argument("--scanner", type=Path, default=ROOT / "build/bench/tests/host/fatbin_list", metavar="FILE",
                        help="the program that scans libraries for GPU code")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench-report", metavar="DIR")
    options = parser.parse_args()
    if options.small and not options.program.is_file():
        print("SKIP: there is no release program")
        return 77
    unknown = set(options.groups.split(",")) - set(GROUPS)
    if unknown or not options.program.is_file():
        parser.error(f"no such group: {unknown}" if unknown else f"there is no {options.program}: run ./bootstrap")
    sizes = SMALL if options.small else Sizes()
    sizes = dataclasses.replace(sizes, runs=options.runs or sizes.runs)
    room = CUDA_ROOM if {"cuda", "image"} & set(options.groups.split(",")) else sizes.room
    ground = Ground(options.program.resolve(), room)
    ground.serve()
    facts = machine(ground, sizes.runs)
    rows: list[Row] = []
    for group in options.groups.split(","):
        started = time.monotonic()
        rows += GROUPS[group](Bench(ground, sizes, options.scanner))
        print(f"bench: {group} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    report = {"schema": 1, "facts": facts, "rows": [dataclasses.asdict(row) for row in rows]}
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    (options.out / "report.md").write_text(table(rows, facts))
    print(table(rows, facts))
    print(f"bench: written to {options.out}/report.md and report.json", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
