#!/usr/bin/env python3
"""The virtual cluster itself: it comes up, two stand side by side, and nothing is left of either."""
import os
import pathlib
import subprocess
import sys
import time
import unittest

import cluster as virtual
from slurm_case import LOGIN, run_tests

HERE = pathlib.Path(__file__).resolve().parent


def traces(cluster: virtual.Cluster) -> list[str]:
    """Processes and mounts of this machine that name the cluster's directory."""
    found = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(cluster.state) in line]
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            line = " ".join(virtual.command_line(int(entry.name)))
            if str(cluster.state) in line and virtual.is_alive(int(entry.name)):
                found.append(line)
    return found


def files_of_machine() -> dict[str, bytes]:
    paths = ("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/munge/munge.key", "/etc/slurm/slurm.conf")
    return {path: pathlib.Path(path).read_bytes() for path in paths if os.path.exists(path)}


class ClusterTest(unittest.TestCase):
    def test_two_at_once_and_nothing_left(self):
        before = files_of_machine()
        first, second = virtual.temporary(), virtual.temporary()
        self.addCleanup(first.down)
        self.addCleanup(second.down)
        first.up(lease=True)
        second.up(lease=True)
        self.assertNotEqual(traces(first), [])
        for cluster in (first, second):
            self.assertEqual(cluster.on(LOGIN, "alice", "srun", "-N2", "id", "-un").out, "alice\nalice\n")
            self.assertEqual(cluster.on("gpu02", "root", "hostname").out, "gpu02\n")
        first.on(LOGIN, "alice", "touch", "/home/alice/mine", "/scratch/shared")
        self.assertEqual(first.on("cpu01", "alice", "ls", "/home/alice", "/scratch").out, "/home/alice:\nmine\n\n/scratch:\nshared\n")
        self.assertEqual(second.on("cpu01", "alice", "ls", "/home/alice", "/scratch").out, "/home/alice:\n\n/scratch:\n")
        first.down()
        self.assertEqual(second.on(LOGIN, "alice", "srun", "hostname").code, 0)
        second.down()
        for cluster in (first, second):
            self.assertEqual(traces(cluster), [])
            self.assertFalse(cluster.state.exists())
        self.assertEqual(files_of_machine(), before)

    def test_dies_with_the_process_that_holds_it(self):
        code = ("import cluster, os, signal\nc = cluster.temporary()\nc.up(lease=True)\nprint(c.state, flush=True)\n"
                "os.kill(os.getpid(), signal.SIGKILL)\n")
        done = subprocess.run([sys.executable, "-B", "-c", code], cwd=HERE, capture_output=True, text=True, check=False)
        self.assertTrue(done.stdout, done.stderr)
        cluster = virtual.Cluster(pathlib.Path(done.stdout.strip()))
        self.addCleanup(cluster.down)
        end = time.monotonic() + 20
        while (traces(cluster) or cluster.state.exists()) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(traces(cluster), [])
        self.assertFalse(cluster.state.exists())


if __name__ == "__main__":
    run_tests()
