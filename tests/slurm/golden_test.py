#!/usr/bin/env python3
"""Job scripts beside those kept in golden/: what people get to read. Each passes shellcheck and runs on the cluster.

golden_test.py write: replaces the kept ones.
"""
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import time

from cluster_config import Node
from slurm_case import HPCENV, PREFIX, PROGRAMS, SlurmCase, run_tests, skip_without_modules

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
WRITE = sys.argv[1:] == ["write"]
SAY = "import os, sys; os.write(1, f\"{os.environ['SLURMD_NODENAME']} {sys.argv[1:]}\\n\".encode())"
NASTY = ["", "a b", "it's", '"', "$HOME", "`id`", "\\", "a\nb", "*", "-n", "@PREFIX@"]
SITE = """
defaults:
  time: "10"
head: |
  module load tools
  export http_proxy=http://proxy.example.org:3128
"""
REACH = {"partition": "cpu", "constraint": "x86", "host_suffix": "i", "interface": "eth0", "head": ["ulimit -c 0"], "options": ["--nice=5"]}


@dataclasses.dataclass
class Case:
    options: list[str]
    command: list[str]
    output: str  # what the job writes, its lines sorted
    site: bool = False


def said(*nodes: str, words=()) -> str:
    return "".join(f"{node} {list(words)!r}\n" for node in nodes)


def met(nodes: dict[int, str]) -> str:
    return "".join(f"rank {rank} of {len(nodes)} on {node}: sum {sum(nodes)}, , in {PREFIX}\n" for rank, node in nodes.items())


CASES = {
    "one-node": Case(["--time", "10"], ["python", "-c", SAY], said("cpu01")),
    "words": Case(["--job-name", "a b #1 \"x\" $(id) \\"], ["python", "-c", SAY, *NASTY], said("cpu01", words=NASTY)),
    "array": Case(["--array", "1-2"], ["sh", "-c", "echo $SLURM_ARRAY_TASK_ID"], "1\n2\n"),
    "after-others": Case(["--dependency", "singleton", "--mail-type", "END,FAIL", "--mail-user", "alice@example.org", "--account", "proj", "--qos", "normal"],
                         ["python", "-c", SAY], said("cpu01")),
    "gpu": Case(["--partition", "gpu", "--gpus", "a100:1", "--cpus-per-task", "2", "--mem", "200M"],
                ["python", "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['SRUN_CPUS_PER_TASK'])"], "0 2\n"),
    "tasks": Case(["--nodes", "2", "--ntasks-per-node", "2"], ["python", "-c", SAY], said("cpu01", "cpu01", "cpu02", "cpu02")),
    "gpu-for-each-task": Case(["--partition", "gpu", "--ntasks", "2", "--gpus-per-task", "1"],
                              ["python", "-c", "import os; os.write(1, (os.environ['CUDA_VISIBLE_DEVICES'] + '\\n').encode())"], "0\n1\n"),
    "mpi": Case(["--launcher", "mpi", "--mpi", "pmi2", "--ntasks", "2"], ["python", "-c", SAY], said("cpu01", "cpu01")),
    "torchrun": Case(["--launcher", "torchrun", "--ntasks-per-node", "2"], ["python", "/scratch/all_reduce.py"], met({0: "cpu01", 1: "cpu01"})),
    "torchrun-on-two-nodes": Case(["--launcher", "torchrun", "--nodes", "2", "--ntasks-per-node", "1"], ["/scratch/all_reduce.py"],
                                  met({0: "cpu01", 1: "cpu02"})),
    "requeue": Case(["--requeue-on-signal", "USR1@120", "--time", "10"], ["python", "-c", SAY], said("cpu01")),
    "requeue-tasks": Case(["--requeue-on-signal", "USR1@120", "--time", "10", "--nodes", "2"], ["python", "-c", SAY], said("cpu01", "cpu02")),
    "check": Case(["--check"], ["python", "-c", SAY], said("cpu01")),
    "check-on-two-nodes": Case(["--check", "--nodes", "2"], ["python", "-c", SAY], said("cpu01", "cpu02")),
    "target": Case(["--on", "islands", "--launcher", "torchrun", "--nodes", "2", "--ntasks-per-node", "1"], ["/scratch/all_reduce.py"],
                   met({0: "cpu01", 1: "cpu02"})),
    "site": Case([], ["sh", "-c", "echo $http_proxy $TOOLS"], "http://proxy.example.org:3128 there\n", site=True),
}


class Golden(SlurmCase):
    @classmethod
    def setUpClass(cls):
        skip_without_modules()
        cls.site = {"modules": "lmod", "nodes": (Node("cpu01"), Node("cpu02"), Node("gpu01", 2))}
        super().setUpClass()
        scratch = cls.cluster.scratch
        (scratch / "all_reduce.py").write_text((PROGRAMS / "all_reduce.py").read_text())
        (scratch / "envs/py/etc/conda/activate.d").mkdir(parents=True)
        (scratch / "envs/py/etc/conda/activate.d/tools.sh").write_text("export TOOLS_HOME=\"$CONDA_PREFIX/share/tools\"\n")
        (scratch / "site").mkdir()
        (scratch / "site/slurm.yml").write_text(SITE)
        cls.cluster.write_module("tools", "setenv TOOLS there")
        for node in ("cpu01", "cpu02"):
            cls.cluster.on(node, "root", "sh", "-c", "echo 10.77.0.2 cpu01i >> /etc/hosts")

    def make_target(self):
        self.on("alice", HPCENV, "target", "add", "islands", "--here")
        file = self.cluster.home / "alice/.config/hpcenv/targets/islands.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "reach": REACH}))

    def script(self, case: Case) -> str:
        return self.on("alice", HPCENV, "slurm", "script", "-p", PREFIX, *case.options, "--", *case.command,
                       env={"HPCENV_SITE": "/scratch/site"} if case.site else None).out

    def test_scripts(self):
        self.install_torchrun("2.5.1")
        self.make_target()
        version = self.on("alice", HPCENV, "--version").out.split()[1]
        scripts = {name: self.script(case) for name, case in CASES.items()}
        for name, script in scripts.items():
            with self.subTest(name):
                shown = script.replace(f"by hpcenv {version}.", "by hpcenv VERSION.")
                if WRITE:
                    (GOLDEN / f"{name}.sh").write_text(shown)
                self.assertEqual(shown, (GOLDEN / f"{name}.sh").read_text())
                self.assertEqual(subprocess.run(["shellcheck", "-"], input=script, capture_output=True, text=True, check=False).stdout, "")
        self.assertEqual(sorted(path.stem for path in GOLDEN.iterdir()), sorted(CASES))
        jobs = {name: self.start(name, script) for name, script in scripts.items()}
        for name, job in jobs.items():
            with self.subTest(name):
                self.assertEqual(self.end_of(job), ("COMPLETED", "0:0"), self.output(name))
                # All run at once: a job on one node may get either, and a step may have to wait, which srun says.
                wrote = re.sub(r"^srun: (?!error).*\n", "", self.output(name), flags=re.MULTILINE)
                expected = "".join(sorted(CASES[name].output.splitlines(keepends=True)))
                self.assertIn(expected, (wrote, wrote.replace("cpu02", "cpu01")))

    def start(self, name: str, script: str) -> str:
        """By plain sbatch, from a file of the user's."""
        self.on("alice", "sh", "-c", f"cat > {self.directory}/{name}.sh", stdin=script)
        return self.on("alice", "sbatch", "--parsable", "--open-mode=append", "-o", f"{self.directory}/{name}.out", f"{self.directory}/{name}.sh").out.strip()

    def end_of(self, job: str) -> tuple[str, str]:
        end = time.monotonic() + 120
        while True:
            shown = self.on("root", "scontrol", "-o", "show", "job", job).out.splitlines()
            found = {(line.split("JobState=")[1].split()[0], line.split("ExitCode=")[1].split()[0]) for line in shown}
            if not {state for state, _ in found} & {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}:
                return found.pop() if len(found) == 1 else ("several", str(found))
            self.assertLess(time.monotonic(), end, f"job {job} does not end: {shown}")
            time.sleep(0.2)

    def output(self, name: str) -> str:
        lines = self.on_this_machine(f"{self.directory}/{name}.out").read_text().splitlines(keepends=True)
        return "".join(sorted(lines))


if __name__ == "__main__":
    sys.argv[1:] = []
    run_tests()
