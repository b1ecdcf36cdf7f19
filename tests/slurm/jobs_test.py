#!/usr/bin/env python3
"""What jobs do once they are with Slurm: arrays, dependencies, signals, requeues, steps, sessions on a terminal, failing ranks."""
import json
import subprocess
import time

from cluster_config import Node
from slurm_case import HPCENV, PREFIX, SlurmCase, run_tests

SAVES = """
import os, pathlib, signal, sys, time
state = pathlib.Path(sys.argv[1])
def leave(number, frame):
    state.write_text("17")
    print("got", signal.Signals(number).name, flush=True)
    # As Python itself does for a moment at its end: a second signal would end it.
    signal.signal(number, signal.SIG_DFL)
    time.sleep(0.2)
    sys.exit(int(sys.argv[2]))
signal.signal(signal.SIGUSR1, leave)
signal.signal(signal.SIGTERM, leave)
if state.exists():
    print("goes on from", state.read_text(), "in run", os.environ["SLURM_RESTART_COUNT"], "of", os.environ["SLURM_JOB_ID"], flush=True)
    sys.exit(6)
print("starts", flush=True)
time.sleep(300)
"""

# The same for each of several tasks.
SAVES_EACH = SAVES.replace("sys.argv[1]", "sys.argv[1] + os.environ['SLURM_PROCID']").replace("int(sys.argv[2])", "0")


class Jobs(SlurmCase):
    site = {"nodes": (Node("cpu01"), Node("cpu02"), Node("cpu03"), Node("gpu01", 2))}

    def start(self, *command: str, options=(), name: str = "out", **more):
        """The id of a job that is not waited for, and where it writes."""
        output = f"{self.directory}/{name}"
        done, _ = self.submit(*command, options=options, output=output, wait=False, **more)
        return done.out.strip(), self.on_this_machine(output)

    def wait_for(self, condition, seconds: float = 60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain")
            time.sleep(0.1)

    def wait_for_text(self, path, text: str, seconds: float = 60):
        try:
            self.wait_for(lambda: path.exists() and text in path.read_text(), seconds)
        except AssertionError as error:
            raise AssertionError(f"{text!r} did not come: {path.read_text() if path.exists() else 'no file'}") from error

    def job(self, number: str) -> dict[str, str]:
        """What Slurm knows of it."""
        words = self.on("root", "scontrol", "-o", "show", "job", number).out.split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for_end(self, number: str) -> str:
        """The exit code as Slurm has it: CODE:SIGNAL."""
        self.wait_for(lambda: self.job(number)["JobState"] not in ("PENDING", "RUNNING", "COMPLETING"))
        return self.job(number)["ExitCode"]

    # ---- arrays and dependencies ----------------------------------------------------------------------------------

    def test_an_array_hands_the_task_id_on(self):
        show = "import os, sys; print(os.environ['SLURM_ARRAY_TASK_ID'], sys.prefix); sys.exit(os.environ['SLURM_ARRAY_TASK_ID'] == '5')"
        done, _ = self.submit("python", "-c", show, options=["--array", "3-7:2"], output=f"{self.directory}/%a", check=1)
        self.assertTrue(done.out.strip().isdigit(), done.out)
        folder = self.on_this_machine(self.directory)
        self.assertEqual({path.name: path.read_text() for path in folder.iterdir()}, {one: f"{one} {PREFIX}\n" for one in ("3", "5", "7")})

    def test_dependencies(self):
        first, _ = self.start("sh", "-c", "sleep 2; exit 3", name="first")
        after, output = self.start("echo", "ran", options=["--dependency", f"afternotok:{first}"], name="after")
        never, nothing = self.start("echo", "ran", options=["--dependency", f"afterok:{first}"], name="never")
        self.assertEqual(self.job(after)["JobState"], "PENDING")
        self.wait_for_end(after)
        self.assertEqual(output.read_text(), "ran\n")
        self.wait_for(lambda: self.job(never).get("Reason") in ("DependencyNeverSatisfied", "Dependency"))
        self.assertFalse(nothing.exists())
        self.on("alice", "scancel", never)

    # ---- signals --------------------------------------------------------------------------------------------------

    def test_a_cancelled_job_gets_sigterm_and_its_code_arrives(self):
        program = ["python", "-c", SAVES]
        kinds = {"none": [], "srun": ["--ntasks", "2", "--launcher", "srun"], "requeue": ["--requeue-on-signal", "USR1@55", "--time", "5"]}
        jobs = {kind: self.start(*program, f"{self.directory}/state-{kind}", "9", options=options, name=kind) for kind, options in kinds.items()}
        for kind, (number, output) in jobs.items():
            with self.subTest(kind):
                tasks = 2 if kind == "srun" else 1
                self.wait_for(lambda: output.exists() and output.read_text().count("starts") == tasks)
                self.on("alice", "scancel", number)
                self.wait_for(lambda: output.read_text().count("got SIGTERM") >= tasks)
                self.assertEqual(self.wait_for_end(number), "9:0")
                self.assertNotIn("failed at", output.read_text())
        self.assertEqual(self.queue(), "")

    def test_a_signal_before_the_limit_and_a_second_run(self):
        options = ["--requeue-on-signal", "USR1@55", "--time", "1"]
        saves, saved = self.start("python", "-c", SAVES, f"{self.directory}/state", "0", options=options, name="saves")
        fails, failed = self.start("python", "-c", SAVES, f"{self.directory}/other", "4", options=options, name="fails")
        tasks, several = self.start("python", "-c", SAVES_EACH, f"{self.directory}/rank-", options=[*options, "--nodes", "2"], name="tasks")
        warned, told = self.start("python", "-c", SAVES_EACH, f"{self.directory}/warned-", name="warned",
                                  options=["--sbatch=--signal=USR1@55", "--time", "1", "--ntasks", "2"])
        self.wait_for_text(saved, "goes into the queue again")
        time.sleep(2)
        self.on("alice", "scontrol", "update", f"jobid={saves}", "StartTime=now")
        self.wait_for_text(saved, f"goes on from 17 in run 1 of {saves}\n")
        self.assertEqual(self.wait_for_end(saves), "6:0")
        self.assertEqual(saved.read_text().count("starts\ngot SIGUSR1\n"), 1)
        self.assertEqual(self.wait_for_end(fails), "4:0")
        self.wait_for_text(several, "goes into the queue again")
        self.assertEqual(several.read_text().count("got SIGUSR1\n"), 2)
        self.assertEqual(self.job(tasks)["Restarts"], "1")
        self.on("alice", "scancel", tasks)
        # Without a requeue: each task is told, and its code is the job's.
        self.assertEqual(self.wait_for_end(warned), "0:0")
        self.assertEqual(told.read_text().count("got SIGUSR1\n"), 2)
        self.assertIn("got SIGUSR1\nhpcenv: after USR1 the program ended with 4", failed.read_text())
        self.assertEqual(self.job(fails)["Restarts"], "0")

    # ---- several tasks ------------------------------------------------------------------------------------------------

    def test_the_first_rank_that_fails_is_named(self):
        program = ("import os, sys, time; rank = int(os.environ['SLURM_PROCID'])\n"
                   "print('rank', rank, os.environ['SLURMD_NODENAME'], sys.prefix, flush=True)\n"
                   "time.sleep(1 if rank == 1 else 60); sys.exit(5)")
        done, text = self.submit("python", "-c", program, options=["--nodes", "3", "--ntasks-per-node", "1"], check=5)
        self.assertIn("FAILED, exit code 5", done.err)
        for rank in range(3):
            self.assertIn(f"rank {rank} cpu0{rank + 1} {PREFIX}\n", text)
        self.assertRegex(text, r"hpcenv: task 1 of 3, on cpu02, failed at \d\d:\d\d:\d\d with exit code 5\n")
        self.assertEqual(text.count("hpcenv: task"), 1, text)

    def test_a_node_that_is_lost(self):
        """Slurm puts the job into the queue again, and whoever waits sees it through; or the job has failed, and that is said."""
        program = ["python", "-c", "import os, time; print('run', os.environ.get('SLURM_RESTART_COUNT', 0), os.environ['SLURMD_NODENAME'], flush=True)\n"
                                   "if 'SLURM_RESTART_COUNT' not in os.environ: time.sleep(300)"]
        for options, code, end in (([], 0, "COMPLETED"), (["--sbatch=--no-requeue"], 1, "NODE_FAIL")):
            with self.subTest(end):
                output = f"{self.directory}/{end}"
                words = [HPCENV, "slurm", "submit", "-p", PREFIX, "--wait", "--output", output, "--sbatch=--exclude=cpu01,cpu02", *options]
                with subprocess.Popen(self.cluster.command("login01", "alice", [*words, "--", *program]), stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True) as waiting:
                    file = self.on_this_machine(output)
                    self.wait_for_text(file, "run 0 cpu03\n")
                    job = self.on("alice", "squeue", "-h", "-o", "%i").out.strip()
                    self.on("root", "pkill", "-9", "slurmd|slurmstepd|python", host="cpu03", check=None)
                    self.on("root", "scontrol", "update", "NodeName=cpu03", "State=DOWN", "Reason=test")
                    self.wait_for(lambda: self.job(job)["JobState"] in ("PENDING", "NODE_FAIL"))
                    self.on("root", "slurmd", host="cpu03")
                    self.on("root", "scontrol", "update", "NodeName=cpu03", "State=RESUME", check=None)
                    if not options:
                        time.sleep(2)
                        self.on("alice", "scontrol", "update", f"jobid={job}", "StartTime=now", check=None)
                    out, err = waiting.communicate(timeout=120)
                self.assertEqual(waiting.returncode, code, out + err)
                self.assertIn(f"Job {job} has ended: {end}, exit code {code}", err)
                self.assertEqual(file.read_text().count("run 1 cpu03\n"), 0 if options else 1)

    def test_each_task_has_the_processors_and_gpus_that_were_asked_for(self):
        show = "import os; print(os.environ['SLURM_PROCID'], os.environ['SRUN_CPUS_PER_TASK'], os.environ['CUDA_VISIBLE_DEVICES'], flush=True)"
        options = ["--partition", "gpu", "--ntasks", "2", "--cpus-per-task", "3", "--gpus-per-task", "1"]
        _, text = self.submit("python", "-c", show, options=options)
        self.assertEqual(sorted(text.splitlines()), ["0 3 0", "1 3 1"])

    # ---- steps and sessions ---------------------------------------------------------------------------------------------

    def test_run_outside_and_inside_an_allocation(self):
        show = "import os, sys; print(os.environ['SLURM_JOB_ID'], os.environ['SLURM_STEP_ID'], os.environ['SLURM_PROCID'], sys.prefix)"
        words = [HPCENV, "slurm", "run", "-p", PREFIX]
        out = self.on("alice", *words, "--", "python", "-c", show).out
        self.assertRegex(out, rf"^\d+ 0 0 {PREFIX}\n$")
        self.on("alice", *words, "--ntasks", "2", "--", "python", "-c", "import sys; sys.exit(7)", check=7)
        done = self.on("alice", *words, "--", "no-such-program", check=125)
        self.assertIn(f"there is no program no-such-program in the environment {PREFIX}, nor on this machine", done.err)
        self.on("alice", *words, "--", "/no/such/program", check=127)
        inside = self.on("alice", "salloc", "-N2", "-Q", "sh", "-c", 'echo "$SLURM_JOB_ID"; "$@"', "sh", *words, "--ntasks", "2", "--",
                         "python", "-c", show).out.splitlines()
        number = inside[0]
        self.assertEqual(sorted(inside[1:]), [f"{number} 0 {rank} {PREFIX}" for rank in range(2)])
        _, text = self.submit(*words, "--ntasks", "2", "--", "python", "-c", show, options=["--nodes", "2", "--launcher", "none"])
        self.assertEqual([line.split()[2:] for line in sorted(text.splitlines())], [["0", PREFIX], ["1", PREFIX]])
        self.assertEqual(self.queue(), "")

    def test_a_shell_on_a_node(self):
        for user, variable in (("alice", "$CONDA_PREFIX"), ("zoe", "$CONDA_PREFIX"), ("finn", "$CONDA_PREFIX"), ("tina", "$CONDA_PREFIX")):
            with self.subTest(user):
                (self.cluster.home / user / ".zshrc").touch()
                terminal = self.session(user, "--partition", "gpu", "--gpus", "1", "--time", "5")
                # The answer, not what the terminal echoes of the question.
                terminal.type("echo the' 'answer: " + variable)
                terminal.wait_for(f"the answer: {PREFIX}")
                terminal.type("python -c 'import os, sys, socket; print(os.isatty(0), sys.prefix, socket.gethostname(), os.environ[\"CUDA_VISIBLE_DEVICES\"])'")
                terminal.wait_for(rf"True {PREFIX} gpu01 0")
                terminal.type("exit 3")
                self.assertEqual(terminal.code(), 3)
                self.wait_for(lambda: self.queue() == "")

    def test_a_shell_in_an_allocation(self):
        terminal = self.session("alice", within=("salloc", "-Q", "-w", "cpu02"))
        terminal.type("python -c 'import os, socket; print(socket.gethostname(), os.environ[\"SLURM_JOB_ID\"])'")
        terminal.wait_for(r"cpu02 \d+")
        # Keys arrive: the shell goes on after the program that was interrupted.
        terminal.type("python -c 'import time; print(\"sle\" + \"eps\", flush=True); time.sleep(60)'")
        terminal.wait_for("sleeps")
        terminal.press(b"\x03")
        terminal.wait_for("KeyboardInterrupt")
        terminal.type("exit 4")
        self.assertEqual(terminal.code(), 4)

    def test_json_of_an_array(self):
        done, _ = self.submit("true", options=["--array", "1-2", "--json"], output=f"{self.directory}/%a")
        answer = json.loads(done.out)
        self.assertEqual((answer["state"], answer["exit_code"]), ("COMPLETED", 0))


if __name__ == "__main__":
    run_tests()
