#!/usr/bin/env python3
"""The virtual cluster itself: it comes up, two stand side by side, and nothing is left of either."""
import os
import pathlib
import subprocess
import sys
import time
import unittest

import cluster as virtual
from cluster_config import Node, Partition
from slurm_case import LOGIN, run_tests, skip_without_modules

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

    def up(self, **site) -> virtual.Cluster:
        cluster = virtual.temporary(**site)
        self.addCleanup(cluster.down)
        cluster.up(lease=True)
        return cluster

    def test_nodes_that_are_not_as_one_would_like(self):
        nodes = (Node("cpu01", home=False, tmp_noexec=True, local_megabytes=8), Node("cpu02", arch="aarch64", features=""),
                 Node("gpu01", 1, hostname="r01n17", dead_network="up", gres_type="", features="a100,drv-535"),
                 Node("gpu02", 2, dead_network="down", gres_type="h100"))
        partitions = (Partition("batch", "cpu01,cpu02", "Default=YES OverSubscribe=EXCLUSIVE MaxTime=10"),
                      Partition("gpu", "gpu01,gpu02", "AllowAccounts=others State=DOWN"))
        cluster = self.up(nodes=nodes, partitions=partitions, extra="EnforcePartLimits=ALL\n")

        def run(node: str, *words: str) -> virtual.Outcome:
            return cluster.on(LOGIN, "root", "srun", "-D", "/", *(["-p", "gpu"] if node.startswith("gpu") else []), "-w", node, *words)
        self.assertIn("PartitionName=gpu ", cluster.on(LOGIN, "alice", "scontrol", "-o", "show", "partition", "gpu").out)
        self.assertIn("OverSubscribe=EXCLUSIVE", cluster.on(LOGIN, "alice", "scontrol", "-o", "show", "partition", "batch").out)
        cluster.on(LOGIN, "root", "scontrol", "update", "PartitionName=gpu", "State=UP", "AllowAccounts=ALL")
        self.assertEqual(run("cpu01", "ls", "/home").out, "")
        self.assertEqual(run("cpu02", "ls", "/home").out, "alice\nfinn\ntina\nzoe\n")
        copied = run("cpu01", "sh", "-c", "cp /bin/true /tmp/true && /tmp/true")
        self.assertIn("Permission denied", copied.err)
        self.assertIn("No space left", run("cpu01", "dd", "if=/dev/zero", "of=/local/full", "bs=1M", "count=9").err)
        shown = {name: cluster.on(LOGIN, "alice", "scontrol", "-o", "show", "node", name).out for name in ("cpu01", "cpu02", "gpu01", "gpu02")}
        self.assertIn("Arch=x86_64 ", shown["cpu01"])
        self.assertIn("Arch=aarch64 ", shown["cpu02"])
        self.assertEqual(run("cpu02", "uname", "-m").out, "aarch64\n")
        self.assertIn("Gres=gpu:1 ", shown["gpu01"])
        self.assertIn("AvailableFeatures=a100,drv-535 ", shown["gpu01"])
        self.assertIn("Gres=gpu:h100:2 ", shown["gpu02"])
        self.assertEqual(run("gpu01", "sh", "-c", "hostname; echo $SLURMD_NODENAME").out, "r01n17\ngpu01\n")
        self.assertIn("192.0.2.4/24", run("gpu01", "ip", "-4", "-br", "address", "show", "dev", "eth0", "up").out)
        self.assertEqual(run("gpu02", "ip", "-4", "-br", "address", "show", "dev", "eth0", "up").out, "")
        self.assertRegex(run("gpu02", "ip", "-4", "-br", "address", "show", "dev", "ib0").out, r"^ib0\S* +UP +10\.77\.0\.5/24")
        names = cluster.on(LOGIN, "alice", "getent", "hosts", "r01n17", "gpu01", "gpu02", "gpu02i").out
        self.assertEqual([line.split()[0] for line in names.splitlines()], ["192.0.2.4", "10.77.0.4", "192.0.2.5", "10.77.0.5"])
        connect = "exec 3<>/dev/tcp/{}/6818"
        self.assertEqual(cluster.on(LOGIN, "alice", "bash", "-c", connect.format("gpu02i")).code, 0)
        self.assertNotEqual(cluster.on(LOGIN, "alice", "timeout", "3", "bash", "-c", connect.format("gpu02")).code, 0)

    def test_slurm_known_to_a_module_only(self):
        skip_without_modules()
        for modules in ("lmod", "tcl"):
            with self.subTest(modules):
                cluster = self.up(modules=modules, slurm_conf_by_module=True, nodes=(Node("cpu01"),))
                self.assertNotEqual(cluster.on(LOGIN, "alice", "timeout", "2", "sinfo").code, 0)
                for user in (one.name for one in virtual.config.USERS):
                    done = cluster.on(LOGIN, "root", "su", "-", user, "-c", "module load slurm/virtual; srun echo ran")
                    self.assertEqual(done.out, "ran\n", f"{user}: {done.err}")
                cluster.down()


if __name__ == "__main__":
    run_tests()
