#!/usr/bin/env python3
"""hpcenv slurm submit and script on a real Slurm cluster."""
import json
import subprocess
import time

from slurm_case import HPCENV, LOGIN, PREFIX, SlurmCase, run_tests

WHO = "import os, socket, sys; print(sys.prefix, socket.gethostname(), os.environ['CONDA_PREFIX'])"
NASTY = ["", " ", "a b", "it's", '"', "$HOME", "`id`", "$(id)", "\\", "a\nb", "*", "~", "!", "#x", "a;b", "-n", "@PREFIX@"]


class Submit(SlurmCase):
    def assert_ran_in_environment(self, text, node="cpu01"):
        self.assertIn(f"{PREFIX} {node} {PREFIX}\n", text)

    def test_runs_python_of_the_environment_on_a_node(self):
        done, text = self.submit("python", "-c", WHO, options=["--time", "5"])
        self.assertEqual(text, f"{PREFIX} cpu01 {PREFIX}\n")
        job, log = done.out.split("\n", 1)
        self.assertTrue(job.isdigit(), done.out)
        self.assertEqual(log, text)
        self.assertIn(f"Job {job} has ended: COMPLETED, exit code 0", done.err)
        script = self.cluster.home / f"alice/.local/state/hpcenv/jobs/{job}/job.sh"
        self.assertIn("\nexec -- python -c ", script.read_text())
        self.assertEqual(script.parent.stat().st_mode & 0o777, 0o700)

    def test_exit_code_arrives(self):
        done, _ = self.submit("python", "-c", "raise SystemExit(7)", check=7)
        self.assertIn("FAILED, exit code 7", done.err)

    def test_dirty_login_shell(self):
        """Another conda half active and broken, its Python first in PATH, wrong libraries, strict shells."""
        other = self.cluster.home / "alice/other"
        for folder in ("bin", "conda-meta", "condabin", "lib"):
            (other / folder).mkdir(parents=True)
        (other / "conda-meta/history").touch()
        for name in ("python", "only-there"):
            (other / "bin" / name).write_text("#!/bin/sh\necho the wrong one\n")
            (other / "bin" / name).chmod(0o755)
        library = next(path for path in sorted((self.cluster.scratch / "envs/py/lib").glob("lib*.so*"))
                       if path.name.startswith(("libffi", "libsqlite3", "libexpat", "libpython")))
        (other / "lib" / library.name).write_text("no library at all")
        (self.cluster.home / "alice/.bash_profile").write_text(
            'conda() { echo "conda is broken" >&2; return 1; }\nexport -f conda\n'
            "export CONDA_PREFIX=/home/alice/other CONDA_SHLVL=1 CONDA_DEFAULT_ENV=base CONDA_EXE=/gone _CE_CONDA=\n"
            "export PATH=/home/alice/other/bin:/home/alice/other/condabin:$PATH\n"
            "export LD_LIBRARY_PATH=/home/alice/other/lib PYTHONPATH=/wrong PYTHONHOME=/wrong BASH_ENV=$HOME/.bashenv\n"
            "export SHELLOPTS\n")
        (self.cluster.home / "alice/.bashenv").write_text("set -euo pipefail\nshopt -s failglob expand_aliases\nalias exec=false\n")
        show = (WHO + "; import ctypes, shutil; names = [n for n in os.environ if n.startswith(('CONDA_', '_CE', 'PYTHON'))]; "
                "print(sorted(names), os.environ.get('LD_LIBRARY_PATH'), shutil.which('only-there'))")
        self.addCleanup((self.cluster.home / "alice/.bash_profile").unlink)
        words = [HPCENV, "slurm", "submit", "--wait", "-p", PREFIX, "--output", f"{self.directory}/out", "--", "python", "-c", show]
        self.on("alice", "bash", "-lc", '"$@"', "login", *words)
        text = (self.cluster.home / "alice/test_dirty_login_shell/out").read_text()
        self.assert_ran_in_environment(text)
        self.assertIn("['CONDA_DEFAULT_ENV', 'CONDA_PREFIX', 'CONDA_SHLVL', 'PYTHONNOUSERSITE'] None None", text)
        self.assertIn(f"hpcenv: not in LD_LIBRARY_PATH: /home/alice/other/lib (its {library.name} hides", text)
        self.assertNotIn("wrong", text)

    def test_environment_without_any_variable(self):
        _, text = self.submit("srun", "python", "-c", WHO, options=["--sbatch=--export=NONE"])
        self.assert_ran_in_environment(text)

    def test_the_user_adds_strict_mode_to_the_script(self):
        script = self.on("alice", HPCENV, "slurm", "script", "-p", PREFIX, "--", "python", "-c", WHO).out
        script = script.replace("\n\n", "\n\nset -euo pipefail\n", 1)
        script = script.replace("set +euf +o pipefail +o posix\nshopt -u failglob nullglob\n", "")
        self.on("alice", "sh", "-c", f"cat > {self.directory}/job.sh", stdin=script)
        self.on("alice", "sbatch", "--wait", "-o", f"{self.directory}/out", f"{self.directory}/job.sh")
        self.assert_ran_in_environment((self.cluster.home / "alice/test_the_user_adds_strict_mode_to_the_script/out").read_text())

    def test_the_script_is_clean(self):
        script = self.on("alice", HPCENV, "slurm", "script", "-p", PREFIX, "--gpus", "1", "--", "python", *NASTY).out
        done = subprocess.run(["shellcheck", "-"], input=script, capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")

    def test_arguments_and_names_arrive_as_they_were(self):
        name = "a b #1 \"x\" $(id) \\"
        show = "import sys, os, json; print(json.dumps([sys.argv[1:], os.environ['SLURM_JOB_NAME']]))"
        output = "/home/alice/test_arguments_and_names_arrive_as_they_were/out put #1"
        _, text = self.submit("python", "-c", show, *NASTY, options=["--job-name", name], output=output)
        self.assertEqual(json.loads(text), [NASTY, name])
        self.on("alice", HPCENV, "slurm", "script", "-p", PREFIX, "--job-name", name, "--output", output, "--", "python", "-c",
                show, *NASTY)
        script = self.on("alice", HPCENV, "slurm", "script", "-p", PREFIX, "--job-name", name, "--output", output + "2", "--",
                         "python", "-c", show, *NASTY).out
        self.on("alice", "sbatch", "--wait", stdin=script)
        self.assertEqual(json.loads((self.cluster.home / output.removeprefix("/home/")).with_name("out put #12").read_text()),
                         [NASTY, name])

    def test_termination_reaches_the_program(self):
        program = ("import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('got TERM', flush=True), sys.exit(9)))\n"
                   "print('ready', flush=True); time.sleep(60)")
        done, _ = self.submit("python", "-c", program, wait=False)
        out = self.cluster.home / "alice/test_termination_reaches_the_program/out"
        self.wait_for(lambda: out.exists() and "ready" in out.read_text())
        self.on("alice", "scancel", done.out.strip())
        self.wait_for(lambda: "got TERM" in out.read_text())

    def test_gpus(self):
        _, text = self.submit("python", "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])",
                              options=["--partition", "gpu", "--gpus", "a100:2", "--time", "10"])
        self.assertEqual(text, "0,1\n")

    def test_variables_of_the_user_do_not_beat_the_command_line(self):
        _, text = self.submit("python", "-c", WHO, options=["--partition", "gpu"],
                              env={"SBATCH_PARTITION": "cpu", "SBATCH_WAIT": "1", "SLURM_EXPORT_ENV": "NONE"})
        self.assert_ran_in_environment(text, "gpu01")

    def test_json(self):
        done, _ = self.submit("python", "-c", "raise SystemExit(3)", options=["--json"], check=3)
        answer = json.loads(done.out)
        self.assertEqual((answer["schema"], answer["state"], answer["exit_code"]), (1, "FAILED", 3))

    def test_program_that_is_not_there(self):
        done, _ = self.submit("no-such-program", check=1)
        self.assertIn("there is no program no-such-program in the environment", done.err)
        script = self.on("alice", HPCENV, "slurm", "script", "-p", PREFIX, "--", "no-such-program").out
        self.on("alice", "sbatch", "--wait", "-o", f"{self.directory}/out", stdin=script, check=127)
        self.assertEqual((self.cluster.home / "alice/test_program_that_is_not_there/out").read_text(),
                         "hpcenv: no-such-program: no such program, neither in the environment nor on cpu01\n")

    def test_environment_that_the_node_does_not_see(self):
        self.on("alice", "mkdir", "-p", "/tmp/env/conda-meta")
        self.on("alice", "touch", "/tmp/env/conda-meta/history")
        done, text = self.submit("true", prefix="/tmp/env", check=127)
        self.assertIn("/tmp/env looks like a disk of this node alone", done.err)
        self.assertIn("hpcenv: cpu01 does not see the environment /tmp/env.", text)

    def test_half_changed_environment(self):
        self.on("alice", "sh", "-c", "mkdir -p half/conda-meta half/.hpcenv/x && touch half/conda-meta/history")
        script = self.on("alice", HPCENV, "slurm", "script", "-p", "/home/alice/half", "--", "true").out
        self.on("alice", "touch", "half/.hpcenv/x/record")
        done, _ = self.submit("true", prefix="/home/alice/half", check=None)
        self.assertEqual(done.code, 1)
        self.assertIn("unfinished", done.err)
        script = script.replace("patience = 30", "patience = 1")
        self.on("alice", "sbatch", "--wait", "-o", f"{self.directory}/out", stdin=script, check=125)
        self.assertIn("a change of the environment /home/alice/half is unfinished",
                      (self.cluster.home / "alice/test_half_changed_environment/out").read_text())

    def wait_for(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain")
            time.sleep(0.1)


class Refusals(SlurmCase):
    """Each with a message and an exit code, nothing submitted and nothing left behind."""
    needs_environment = False

    def setUp(self):
        super().setUp()
        self.prefix = "/home/alice/env"
        self.on("alice", "sh", "-c", "mkdir -p env/conda-meta && touch env/conda-meta/history")

    def refuse(self, code, *texts, options=(), **more):
        done, _ = self.submit("true", options=options, prefix=self.prefix, check=code, **more)
        for text in texts:
            self.assertIn(text, done.err)
        self.assertEqual(done.out, "")
        if more.get("controller", "up") == "up":
            self.assertEqual(self.queue(), "")
        jobs = self.cluster.home / "alice/.local/state/hpcenv/jobs"
        self.assertEqual(list(jobs.iterdir()) if jobs.exists() else [], [])
        return done

    def test_unknown_partition(self):
        self.refuse(1, "there is no partition 'gpus' here", "did you mean gpu?", "partitions: cpu (default), gpu",
                    options=["--partition", "gpus"])

    def test_more_gpus_than_there_are(self):
        self.refuse(1, "no node of partition 'gpu' has --gpus 3: it offers a100 (2 a node)",
                    options=["--partition", "gpu", "--gpus", "3"])
        self.refuse(1, "the nodes of partition 'cpu' have no GPU", "partitions that have them: gpu",
                    options=["--partition", "cpu", "--gpus", "1"])

    def test_time_over_the_limit(self):
        self.refuse(1, "--time 2:00:00 is over the limit of partition 'gpu', which is 01:00:00",
                    options=["--partition", "gpu", "--time", "2:00:00"])

    def test_what_only_slurm_knows(self):
        self.refuse(1, "Slurm refuses the job: ", "Requested node configuration is not available", options=["--mem", "900G"])
        self.refuse(1, "Slurm refuses the job: ", options=["--sbatch=--constraint=nosuch"])

    def test_options_that_cannot_be_read(self):
        self.refuse(2, "--time soon is no time", options=["--time", "soon"])
        self.refuse(2, "holds a line break", options=["--job-name", "a\n#SBATCH --uid=0"])

    def test_output_directory_that_is_missing(self):
        self.refuse(1, "the directory of the job's output does not exist: /home/alice/nowhere", "mkdir -p /home/alice/nowhere",
                    output="/home/alice/nowhere/out")

    def test_output_directory_that_is_not_writable(self):
        self.refuse(1, "the job cannot write its output to /etc", "--output", output="/etc/out")

    def test_no_environment(self):
        self.prefix = "/home/alice/nosuch"
        self.refuse(1, "/home/alice/nosuch")

    def test_no_slurm(self):
        self.refuse(1, "there is no Slurm here: sbatch is not in PATH", "hpcenv slurm script", env={"PATH": "/nonexistent"})

    def test_controller_down(self):
        self.on("root", "scontrol", "shutdown", "slurmctld")
        self.wait_until_gone()
        started = time.monotonic()
        try:
            done, _ = self.submit("true", prefix=self.prefix, check=3)
        finally:
            self.on("root", "slurmctld", "-c")
        self.assertRegex(done.err, r"Slurm's controller does not answer: .* is DOWN; nothing was submitted\n")
        self.assertLess(time.monotonic() - started, 15)

    def wait_until_gone(self):
        end = time.monotonic() + 20
        while self.cluster.on(LOGIN, "root", "pgrep", "-x", "slurmctld").code == 0 and time.monotonic() < end:
            time.sleep(0.1)


if __name__ == "__main__":
    run_tests()
