"""The rows of jobs, on the virtual cluster of tests/slurm: what a job's script costs before its program, and what submitting costs."""

from __future__ import annotations

import re
import shutil
import statistics
import sys

from activation_rows import LIVE, TWELVE
from ground import HERE, Failed
from rows import Bench, Row

sys.path.insert(0, str(HERE.parent / "slurm"))

import cluster as virtual  # noqa: E402

LOGIN = virtual.config.LOGIN
PREFIX = "/scratch/twelve"
STARTS = re.compile(r"\b(?:clone|clone3|fork|vfork)\(.*\) = \d+|<\.\.\. (?:clone|clone3|fork|vfork) resumed>.* = \d+")


class Jobs:
    def __init__(self, bench: Bench, cluster: virtual.Cluster) -> None:
        self.cluster = cluster
        self.sizes = bench.sizes
        for file, name in ((bench.ground.program, "hpcenv"), (bench.ground.launcher, "launch")):
            shutil.copy(file, cluster.scratch / name)
        shutil.copytree(HERE.parent / "activation", cluster.scratch / "activation", ignore=shutil.ignore_patterns("__pycache__"))
        self.on("python3", "-B", "-c", f"import collection; collection.build_prefix('{PREFIX}', {TWELVE!r})",
                variables=["PYTHONPATH=/scratch/activation"])
        self.write("job.sh", self.on("/scratch/hpcenv", "slurm", "script", "-p", PREFIX, "--", "true"))
        self.write("empty.sh", "#!/bin/bash\nexec true\n")
        self.write("sourced.sh", "#!/bin/bash\nset -- " + PREFIX + "\n" + LIVE.replace("; ", "\n").replace("do\n", "do ") + "\n")

    def write(self, name: str, text: str) -> None:
        (self.cluster.scratch / name).write_text(text)

    def on(self, *words: str, variables: list[str] | None = None) -> str:
        done = self.cluster.on(LOGIN, "alice", *(["env", *variables] if variables else []), *words, timeout=300)
        if done.code != 0:
            raise Failed(f"{' '.join(words)[:300]}: exit code {done.code}: {done.err[-2000:]}")
        return done.out

    # ---- before the program -------------------------------------------------------------------------------------

    def processes(self, script: str) -> int:
        """How many processes it starts in a job, beside the one it is."""
        self.on("srun", "strace", "-f", "-qq", "-e", "trace=clone,clone3,fork,vfork", "-o", "/scratch/trace", "bash", f"/scratch/{script}")
        return len(STARTS.findall((self.cluster.scratch / "trace").read_text()))

    def milliseconds(self, script: str) -> float:
        """What it takes in a job, beyond a script that does nothing."""
        times: dict[str, list[int]] = {script: [], "empty.sh": []}
        for _ in range(self.sizes.quick_runs):
            for one, found in times.items():
                self.on("srun", "/scratch/launch", "/scratch/samples", "4", "/bin/bash", f"/scratch/{one}")
                samples = [line.split() for line in (self.cluster.scratch / "samples").read_text().splitlines()]
                if any(sample[-1] != "0" for sample in samples):
                    raise Failed(f"{one} ends with {samples[0][-1]}")
                found += [int(sample[0]) for sample in samples]
        return (statistics.median(times[script]) - statistics.median(times["empty.sh"])) / 1e6

    # ---- submitting -----------------------------------------------------------------------------------------------

    def submitting(self) -> tuple[float, float]:
        """Milliseconds until the job is with Slurm: medians of hpcenv's and of plain sbatch's, one after the other."""
        ours = ["/scratch/hpcenv", "slurm", "submit", "-p", PREFIX, "--time", "1", "--output", "/dev/null", "--", "true"]
        pairs = [(self.seconds(*ours), self.seconds("sbatch", "--time=1", "--output=/dev/null", "/scratch/empty.sh"))
                 for _ in range(self.sizes.quick_runs)]
        return 1000 * statistics.median(one for one, _ in pairs), 1000 * statistics.median(one for _, one in pairs)

    def seconds(self, *words: str) -> float:
        self.on("/scratch/launch", "/scratch/samples", "1", *words)
        return int((self.cluster.scratch / "samples").read_text().split()[0]) / 1e9


def slurm(bench: Bench) -> list[Row]:
    if reason := virtual.why_not():
        print(f"bench: no jobs: {reason}", file=sys.stderr)
        return []
    cluster = virtual.temporary()
    try:
        cluster.up(lease=True)
        jobs = Jobs(bench, cluster)
        started, sourced = jobs.processes("job.sh"), jobs.processes("sourced.sh")
        ours, theirs = jobs.milliseconds("job.sh"), jobs.milliseconds("sourced.sh")
        submit, plain = jobs.submitting()
    finally:
        cluster.down()
    wait = "Slurm looks for jobs to start once a second here; that wait is in neither"
    return [Row("job script in a job: processes before the program", started, aim="0", unit="", note=f"12 activation scripts sourced: {sourced}"),
            Row("job script in a job, over an empty script", ours, aim="5 ms", unit="ms", note=f"12 activation scripts sourced: {theirs:.1f} ms"),
            Row("from slurm submit to the program's first line, over sbatch of an empty script", submit + ours - plain, unit="ms",
                note=f"submit takes {submit:.0f} ms, sbatch {plain:.0f} ms; {wait}")]
