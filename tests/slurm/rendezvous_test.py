#!/usr/bin/env python3
"""Jobs with torchrun on several nodes: who meets where. In CI by a small program that takes torchrun's options and meets as it does."""
import json
import pathlib
import time

from cluster_config import Node
from slurm_case import HPCENV, PREFIX, PROGRAMS, SlurmCase, run_tests

# What a training program does that saves its state: each process does.
SAVES = """
import os, signal, sys, time
def save(*_):
    os.write(1, b"saved\\n")
    os._exit(0)
signal.signal(signal.SIGUSR1, save)
time.sleep(300)
"""


class Rendezvous(SlurmCase):
    """cpu01 has another host name than Slurm knows, whose address is on a dead network; cpu03's own name has such an address, cpu03i not."""
    site = {"nodes": (Node("cpu01", hostname="r1n1", dead_network="up"), Node("cpu02"), Node("cpu03", dead_network="down"), Node("cpu04"),
                      Node("cpu05"), Node("cpu06"))}

    requeued: dict[str, tuple[str, pathlib.Path]] = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.cluster.scratch / "all_reduce.py").write_text((PROGRAMS / "all_reduce.py").read_text())

    def test_0_jobs_that_are_to_be_requeued_start(self):
        """They run on nodes of their own beside the other tests; the last one looks at them."""
        self.install_torchrun("2.5.1")
        (self.cluster.scratch / "saves.py").write_text(SAVES)
        for nodes in ("1", "2"):
            options = ["--launcher", "torchrun", "--nodes", nodes, "--ntasks-per-node", "2", "--requeue-on-signal", "USR1@55", "--time", "1",
                       "--sbatch=--exclude=cpu[01-04]"]
            output = f"{self.directory}/{nodes}"
            done, _ = self.submit("/scratch/saves.py", options=options, output=output, wait=False)
            self.requeued[nodes] = done.out.strip(), self.on_this_machine(output)

    def test_z_processes_got_the_signal_of_a_requeue_and_torchrun_stayed(self):
        self.assertEqual(sorted(self.requeued), ["1", "2"], "they are started by test_0, which comes first")
        for nodes, (number, output) in self.requeued.items():
            with self.subTest(nodes):
                end = time.monotonic() + 90
                while not (output.exists() and "the job " in output.read_text()):
                    self.assertLess(time.monotonic(), end, output.read_text() if output.exists() else "no output")
                    time.sleep(0.2)
                text = output.read_text()
                self.assertIn("hpcenv: USR1 came, the program has ended; the job goes into the queue again.\n", text)
                self.assertEqual(text.count("saved\n"), 2 * int(nodes), text)
                self.on("alice", "scancel", number)

    def run_job(self, nodes: str, *arguments: str, options=(), check=0, name="out", **more_of_submit) -> str:
        words = ["--launcher", "torchrun", f"--sbatch=--nodelist={nodes}", "--ntasks-per-node", "2", *options]
        return self.submit("python", "/scratch/all_reduce.py", *arguments, options=words, check=check,
                           output=f"{self.directory}/{name}", **more_of_submit)[1]

    def assert_met(self, text: str, nodes: list[str], said: str = ""):
        size = 2 * len(nodes)
        expected = [f"rank {rank} of {size} on NODE: sum {sum(range(size))}, {said}, in {PREFIX}" for rank in range(size)]
        lines = sorted(line for line in text.splitlines() if line.startswith("rank "))
        where = [line.split(" on ")[1].split(":")[0] for line in lines]
        self.assertEqual([line.replace(f"on {node}:", "on NODE:") for line, node in zip(lines, where, strict=True)], expected, text)
        self.assertEqual(sorted(where), sorted(2 * nodes))

    def test_three_nodes_of_which_the_first_is_not_found_by_its_own_name(self):
        self.install_torchrun("2.5.1")
        text = self.run_job("cpu[01-02,04]", "a b", options=["--nodes", "3"])
        self.assert_met(text, ["cpu01", "cpu02", "cpu04"], "a b")

    def test_a_torchrun_that_takes_no_address(self):
        self.install_torchrun("1.13.1")
        self.assert_met(self.run_job("cpu[02,04]", options=["--nodes", "2"]), ["cpu02", "cpu04"])

    def test_one_node(self):
        self.install_torchrun("2.5.1")
        self.assert_met(self.run_job("cpu02"), ["cpu02"])

    def test_nodes_that_are_reached_by_another_name(self):
        """As the target says: NAMEi, and the interface that works."""
        self.install_torchrun("2.6.0")
        target = self.cluster.home / "alice/.config/hpcenv/targets/islands.json"
        self.on("alice", "sh", "-c", "hpcenv=$1; $hpcenv target add islands --here", "sh", HPCENV)
        content = json.loads(target.read_text())
        content["reach"] = {"host_suffix": "i", "interface": "ib0"}
        target.write_text(json.dumps(content))
        self.addCleanup(target.unlink)
        nodes = ["cpu03", "cpu04"]
        for node in nodes:
            hosts = self.cluster.on(node, "root", "sh", "-c", "echo 10.77.0.5 cpu04i >> /etc/hosts")
            self.assertEqual(hosts.code, 0, hosts.err)
        text = self.run_job("cpu[03-04]", options=["--nodes", "2", "--on", "islands"])
        self.assert_met(text, nodes)
        show = "import os; print(os.environ['NCCL_SOCKET_IFNAME'], os.environ['GLOO_SOCKET_IFNAME'])"
        _, text = self.submit("python", "-c", show, options=["--nodes", "2", "--on", "islands"], output=f"{self.directory}/names")
        self.assertEqual(text, 2 * "ib0 ib0\n")
        # Without the target's word the first node cannot be found by the name that Slurm has for it.
        failed = self.run_job("cpu[03-04]", options=["--nodes", "2"], check=1, name="failed", env={"PATIENCE": "3"})
        self.assertIn("torchrun: no rendezvous at cpu03:", failed)
        self.assertNotIn("sum", failed)

    def test_a_failing_node_is_named_once(self):
        self.install_torchrun("2.5.1")
        (self.cluster.scratch / "fails.py").write_text(
            "import os, sys, time\nif os.environ['SLURMD_NODENAME'] == 'cpu04': sys.exit(1)\ntime.sleep(60)\n")
        done, text = self.submit("/scratch/fails.py", options=["--launcher", "torchrun", "--nodes", "2", "--sbatch=--nodelist=cpu[02,04]"],
                                 check=1)
        self.assertRegex(text, r"hpcenv: task 1 of 2, on cpu04, failed at \S+ with exit code 1\n")
        self.assertEqual(text.count("hpcenv: task"), 1, text)

    def test_two_jobs_on_the_same_nodes(self):
        self.install_torchrun("2.5.1")
        options = ["--launcher", "torchrun", "--nodes", "2", "--ntasks-per-node", "2", "--sbatch=--nodelist=cpu[02,04]"]
        for name in ("one", "two"):
            self.submit("/scratch/all_reduce.py", options=options, output=f"{self.directory}/{name}", wait=False)
        self.run_job("cpu[02,04]", options=["--nodes", "2", "--dependency", "singleton"])
        for name in ("one", "two"):
            path = self.on_this_machine(f"{self.directory}/{name}")
            self.assert_met(path.read_text(), ["cpu02", "cpu04"])


if __name__ == "__main__":
    run_tests()
