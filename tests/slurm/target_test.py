#!/usr/bin/env python3
"""`hpcenv target add` through a real Slurm: two drivers in one partition, kinds of nodes, queues, interrupts, a lost controller."""
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import tempfile
import time

import cluster_config as config
from probe_test import library_folder, make_driver
from slurm_case import HPCENV, LOGIN, SlurmCase, run_tests

SCRATCH = {"SCRATCH": "/scratch"}


class TargetCase(SlurmCase):
    """Each probe sends the program along: without debugging symbols, and where that will do the one that users have."""
    needs_environment = False
    static_program = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        program = cls.cluster.scratch / "bin/hpcenv"
        if cls.static_program and os.path.exists(os.environ["HPCENV_RELEASE_PROGRAM"]):
            shutil.copy(os.environ["HPCENV_RELEASE_PROGRAM"], program)
        else:
            subprocess.run(["strip", str(program)], check=True)

    def target(self, *words: str, check: int | None = 0, env=None, **options):
        return self.on("alice", HPCENV, "target", *words, check=check, env={**SCRATCH, **(env or {})}, timeout=90, **options)

    def add(self, name: str, *options: str, env=None) -> dict:
        return json.loads(self.target("add", name, *options, "--json", env=env).out)

    def stored(self, name: str) -> dict:
        return json.loads((self.cluster.home / f"alice/.config/hpcenv/targets/{name}.json").read_text())

    def reach(self, name: str) -> dict:
        return {key: (fact["value"], fact["source"]) for key, fact in self.stored(name)["reach"].items()}

    def leftovers(self) -> list[str]:
        """Files of probes: in scratch, at home, in the state, on the nodes' own disks; jobs."""
        folders = [self.cluster.scratch, self.cluster.home / "alice", self.cluster.home / "alice/.config/hpcenv/targets",
                   self.cluster.home / "alice/.local/state/hpcenv/probes"]
        found = [str(path) for folder in folders if folder.exists() for path in folder.iterdir()
                 if path.name.startswith((".hpcenv-", "hpcenv-probe")) or folder.name == "probes"]
        for host in self.cluster.site.names:
            found += self.on("root", "sh", "-c", "ls -d /tmp/hpcenv-probe* /local/hpcenv-probe* /dev/shm/hpcenv-probe* 2>/dev/null",
                             check=None, host=host).out.split()
        return found + self.queue().split()

    def wait_until_no_job(self):
        for _ in range(100):
            if not self.queue():
                return
            time.sleep(0.1)

    def fill(self, *options: str) -> str:
        """A job that keeps a node busy; ended with the test."""
        job = self.on("alice", "sbatch", "--parsable", "-o", "/dev/null", *options, "--wrap", "exec sleep 300").out.strip()
        self.addCleanup(self.on, "root", "scancel", job, check=None)
        for _ in range(100):
            if "RUNNING" in self.on("alice", "squeue", "-h", "-j", job, "-o", "%T").out:
                return job
            time.sleep(0.1)
        return self.fail(f"job {job} does not run")


class Drivers(TargetCase):
    """gpu01 with driver 535, gpu02 with 580, in one partition."""
    site = {"nodes": (config.Node("cpu01"), config.Node("gpu01", 2, features="a100,old"), config.Node("gpu02", 2, features="a100,new"),
                      config.Node("gpu03", 2, features="third"), config.Node("gpu04", 2, features="third")),
            "partitions": (config.Partition("cpu", "cpu01", "Default=YES MaxTime=02:00:00"), config.Partition("gpu", "gpu01,gpu02"),
                           config.Partition("main", "gpu03"), config.Partition("maindev", "gpu03,gpu04", "MaxTime=00:30:00"),
                           config.Partition("otherdev", "cpu01,gpu03", "MaxTime=00:30:00"))}

    @classmethod
    def setUpClass(cls):
        work = pathlib.Path(tempfile.mkdtemp(prefix="hpcenv-drivers-", dir="/var/tmp"))
        cls.addClassCleanup(shutil.rmtree, work)
        cls.drivers = {"gpu01": make_driver(work / "gpu01", library_folder("real-535", "a100-12.2", "no-device"), "535.261.03"),
                       "gpu02": make_driver(work / "gpu02", library_folder("a100-13.0"), "580.65.06")}
        super().setUpClass()

    def tearDown(self):
        self.assertEqual(self.leftovers(), [])

    def drivers_of(self, name: str) -> list[str]:
        return sorted(node["nvidia"]["kernel_module"] for node in self.stored(name)["nodes"])

    def test_all_nodes_with_two_drivers_and_the_lower_counts(self):
        done = self.target("add", "all", "--partition", "gpu", "--all-nodes")
        self.assertIn("the nodes of partition gpu have several drivers: 535.261.03 (gpu01), 580.65.06 (gpu02); the lowest counts", done.err)
        self.assertEqual(self.drivers_of("all"), ["535.261.03", "580.65.06"])
        target = json.loads(self.target("show", "all", "--json").out)["target"]
        offered = {package["name"]: package["version"] for package in target["virtual_packages"]}
        self.assertEqual(offered["__cuda"], "12.2")
        self.assertEqual(self.reach("all")["gpu_option"], ("gres", "slurm"))
        text = self.target("show", "all").out
        self.assertRegex(text, r"\n +partition +gpu +you\n")
        self.assertRegex(text, r"\n +gpu_type +a100 +Slurm\n")
        self.assertRegex(text, r"\n +net +none +the node\n")
        self.assertEqual(self.reach("all")["workdir"], (["/home/alice", "/scratch"], "probe"))
        self.assertEqual(self.reach("all")["interface"], ("eth0", "probe"))
        self.assertEqual(self.reach("all")["local"], ("/local", "probe"))

    def test_one_of_each_kind(self):
        answer = self.add("kinds", "--partition", "gpu", "--per-feature", "--time", "30")
        self.assertEqual(self.drivers_of("kinds"), ["535.261.03", "580.65.06"])
        self.assertEqual(len(answer["warnings"]), 1)
        self.assertEqual(self.reach("kinds")["time"], ("30", "user"))
        # A partition without differences is one kind.
        self.add("same", "--partition", "cpu", "--per-feature")
        self.assertEqual([node["hostname"] for node in self.stored("same")["nodes"]], ["cpu01"])

    def test_one_node_that_is_chosen(self):
        self.add("new", "--partition", "gpu", "--constraint", "new", "--gpus", "a100:2")
        self.assertEqual(self.drivers_of("new"), ["580.65.06"])
        reach = self.reach("new")
        self.assertEqual((reach["constraint"], reach["gpus"], reach["gpu_type"]), (("new", "user"), ("2", "user"), ("a100", "user")))
        mode = stat.S_IMODE((self.cluster.home / "alice/.config/hpcenv/targets/new.json").stat().st_mode)
        self.assertEqual(mode, 0o644)

    def test_refresh_says_what_has_changed(self):
        self.add("again", "--partition", "gpu", "--constraint", "old")
        self.assertIn("Nothing has changed.", self.target("refresh", "again").out)
        file = self.cluster.home / "alice/.config/hpcenv/targets/again.json"
        stored = json.loads(file.read_text())
        stored["nodes"][0]["nvidia"]["kernel_module"] = "525.85.12"
        stored["reach"]["head"] = ["module load site"]
        file.write_text(json.dumps(stored))
        self.assertIn("\n  driver 525.85.12 -> 535.261.03\n", self.target("refresh", "again").out)
        self.assertEqual(self.drivers_of("again"), ["535.261.03"])
        self.assertEqual(self.reach("again")["head"], (["module load site"], "user"))
        self.assertEqual(self.reach("again")["constraint"], ("old", "user"))
        self.target("add", "mine", "--here")
        refused = self.target("refresh", "mine", check=1)
        self.assertIn("target mine was not made by a job", refused.err)

    def test_a_short_queue_with_the_same_nodes_is_taken_where_it_starts_earlier(self):
        self.fill("-p", "main", "--exclusive")
        answer = self.add("short", "--partition", "main")
        self.assertEqual([node["hostname"] for node in self.stored("short")["nodes"]], ["gpu04"])
        self.assertIn("partition maindev starts earlier, on the same nodes", answer["notes"])
        self.assertEqual((self.reach("short")["partition"], self.reach("short")["probe_partition"]), (("main", "user"), ("maindev", "slurm")))
        self.on("root", "scancel", "-u", "alice")
        self.wait_until_no_job()

    def test_a_busy_node_leaves_the_job_queued_and_it_writes_the_target(self):
        busy = self.fill("-p", "gpu", "-w", "gpu02", "--exclusive")
        answer = json.loads(self.target("add", "later", "--partition", "gpu", "--constraint", "new", "--wait", "1", "--json").out)
        self.assertIsNone(answer["target"])
        job = answer["queued"]["jobs"][0]
        self.assertRegex(answer["queued"]["expected_start"], r"^20\d\d-")
        self.assertNotIn("later", self.target("list").out)
        folder = next(path for path in self.cluster.scratch.iterdir() if path.name.startswith(".hpcenv-probe-"))
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((folder / job).stat().st_mode), 0o700)
        self.on("root", "scancel", busy)
        file = self.cluster.home / "alice/.config/hpcenv/targets/later.json"
        end = time.monotonic() + 60
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.2)
        self.assertEqual(self.drivers_of("later"), ["580.65.06"])  # written by the job itself
        self.wait_until_no_job()
        self.assertIn(f"Target later is there: job {job} has run", self.target("show", "later").err)

    def test_a_queued_job_that_is_cancelled_is_said_once(self):
        self.fill("-p", "gpu", "-w", "gpu02", "--exclusive")
        answer = json.loads(self.target("add", "never", "--partition", "gpu", "--constraint", "new", "--no-wait", "--json").out)
        job = answer["queued"]["jobs"][0]
        self.on("alice", "scancel", job)
        done = self.target("list")
        self.assertIn(f"Target never was not made: job {job} ended without an answer (CANCELLED)", done.err)
        self.assertEqual(self.target("list").err.count("never"), 0)
        self.on("root", "scancel", "-u", "alice")
        self.wait_until_no_job()

    def test_an_interrupt_cancels_the_job_and_leaves_nothing(self):
        busy = self.fill("-p", "gpu", "-w", "gpu02", "--exclusive")
        words = self.cluster.command(LOGIN, "alice", ["env", "SCRATCH=/scratch", HPCENV, "target", "add", "stopped", "--partition", "gpu",
                                                      "--constraint", "new"])
        process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(100):
            if "hpcenv-probe" in self.queue():
                break
            time.sleep(0.1)
        child = next(pid for pid in virtual_pids() if command_of(pid)[:3] == [HPCENV, "target", "add"])
        os.kill(child, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        self.assertRegex(errors, r"job \d+ was cancelled, target stopped is as it was")
        self.assertFalse((self.cluster.home / "alice/.config/hpcenv/targets/stopped.json").exists())
        self.on("root", "scancel", busy)
        self.wait_until_no_job()

    def test_what_cannot_be(self):
        for options, said in ((("--partition", "gpo"), "there is no partition 'gpo' here\nhint: did you mean gpu?"),
                              (("--partition", "gpu", "--gpus", "9"), "no node of partition gpu that is up has 9 GPUs"),
                              (("--partition", "gpu", "--gpus", "h100:1"), "has 1 GPUs of type h100"),
                              (("--partition", "gpu", "--time", "5:00:00"), "5:00:00 is over the time limit of partition gpu, 01:00:00")):
            with self.subTest(options):
                self.assertIn(said, self.target("add", "no", *options, check=1).err)
        for options, said in ((("--partition", "gpu", "--here"), "--here goes not with options of a job"),
                              (("--partition", "gpu", "--all-nodes", "--per-feature"), "both given"),
                              (("--partition", "gpu", "--gpus", "a:b:c"), "--gpus cannot be 'a:b:c'"),
                              (("--partition", "gpu", "--wait", "soon"), "--wait cannot be 'soon'"),
                              (("--partition", "gpu\n"), "control character")):
            with self.subTest(options):
                self.assertIn(said, self.target("add", "no", *options, check=2).err)
        self.assertFalse((self.cluster.home / "alice/.config/hpcenv/targets/no.json").exists())

    def test_down_nodes_and_partitions(self):
        self.on("root", "scontrol", "update", "PartitionName=gpu", "State=DOWN")
        self.addCleanup(self.on, "root", "scontrol", "update", "PartitionName=gpu", "State=UP")
        self.assertIn("partition gpu is down", self.target("add", "no", "--partition", "gpu", check=1).err)

    def test_z_the_controller_is_down(self):
        self.on("root", "scontrol", "shutdown", "slurmctld", check=None)
        for _ in range(100):
            if " UP" not in self.on("alice", "scontrol", "ping", check=None).out:
                break
        done = self.target("add", "no", "--partition", "gpu", check=3)
        self.assertIn("Slurm's controller does not answer", done.err)
        self.queue = lambda: ""


def virtual_pids() -> list[int]:
    return [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]


def command_of(pid: int) -> list[str]:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


if __name__ == "__main__":
    run_tests()
