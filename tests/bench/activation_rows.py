"""The rows of activation: twelve scripts as compilers and libraries bring them, recorded, beside sourcing them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ground import HERE
from rows import Bench, Row, middle

sys.path.insert(0, str(HERE.parent / "activation"))

import collection  # noqa: E402

TWELVE = ("gcc", "gxx", "gfortran", "binutils", "cuda-nvcc", "libgdal", "proj", "geotiff", "libxml2", "libglib", "openjdk", "go")
LIVE = "export PATH=\"$1/bin:$PATH\" CONDA_PREFIX=\"$1\" CONDA_SHLVL=1; for script in \"$1\"/etc/conda/activate.d/*.sh; do . \"$script\"; done; exec true"
BASH = ("/bin/bash", "--noprofile", "--norc", "-c")


def activation(bench: Bench) -> list[Row]:
    ground, runs = bench.ground, bench.sizes.quick_runs
    prefix = collection.build_prefix(ground.folder / "activation", TWELVE)
    record = prefix / ".hpcenv" / "activation.json"

    def record_anew() -> float:
        record.unlink(missing_ok=True)
        return ground.hpcenv("run", "-p", prefix, "true")[0].seconds

    recording = sorted(record_anew() for _ in range(bench.sizes.runs))[bench.sizes.runs // 2]
    classes = [script["class"] for script in json.loads(record.read_text())["records"][0]["scripts"]]
    if len(classes) != len(TWELVE):
        raise AssertionError(classes)
    rows = [Row("recording 12 activation scripts, once", recording, aim="4 s", note=f"{classes.count('recorded')} recorded")]
    empty = middle(ground.launch([ground.empty], runs))[0] * 1000
    live = middle(ground.launch([*BASH, LIVE, "bash", prefix], runs))[0] * 1000
    seconds, cpu, peak = middle(ground.hpcenv("run", "-p", prefix, "true", runs=runs))
    peer = ground.rattler("activate", prefix=str(prefix), runs=runs)
    rows.append(Row("run true, with 12 recorded scripts", 1000 * seconds, peer=1000 * peer["seconds"], floor=empty,
                    floor_is="an empty static program", aim="6 ms", our_cpu=1000 * cpu, our_peak=peak, unit="ms",
                    note=f"the same scripts sourced in bash: {live:.1f} ms"))
    nothing = ground.folder / "empty.sh"
    nothing.write_text("#!/bin/bash\n")
    bash = middle(ground.launch(["/bin/bash", nothing], runs, USER="me"))[0] * 1000
    ground.hpcenv("activate", "-p", prefix, "--shell", "bash")
    lines = ground.folder / "entered.sh"
    lines.write_text(ground.answer())
    ground.hpcenv("slurm", "script", "-p", prefix, "--", "true")
    job = ground.folder / "job.sh"
    job.write_text(ground.answer().replace("\nexec -- true", "\n"))
    for name, script, aim in (("the lines of activate in bash, over an empty script", lines, "1 ms"),
                              ("a job script up to its program, over an empty script", job, "")):
        entered = middle(ground.launch(["/bin/bash", script], runs, USER="me"))[0] * 1000
        rows.append(Row(name, entered - bash, aim=aim, unit="ms", note=f"with bash's start: {entered:.1f} ms"))
    return rows
