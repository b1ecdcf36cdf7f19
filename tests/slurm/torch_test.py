#!/usr/bin/env python3
"""PyTorch's own torchrun (Debian's, on processors) in jobs: one node and two, with data-parallel training."""
import pathlib
import re
import time

from slurm_case import PREFIX, PROGRAMS, SlurmCase, run_tests

DEBIAN = pathlib.Path("/usr/lib/python3/dist-packages")


class Torch(SlurmCase):
    @classmethod
    def setUpClass(cls):
        if not (DEBIAN / "torch").exists():
            raise RuntimeError("python3-torch is missing: ./bootstrap deps long installs it")
        super().setUpClass()
        prefix = cls.cluster.scratch / "envs/py"
        site_packages = next(prefix.glob("lib/python3*/site-packages"))
        # The environment's Python is the same build as Debian's; it finds torch where the package has put it.
        (site_packages / "torch.pth").write_text(f"{DEBIAN}\n")
        program = prefix / "bin/torchrun"
        program.write_text(f"#!{PREFIX}/bin/python\nimport sys\nfrom torch.distributed.run import main\nsys.exit(main())\n")
        program.chmod(0o755)
        (cls.cluster.scratch / "ddp.py").write_text((PROGRAMS / "ddp.py").read_text())

    def run_job(self, nodes: int) -> list[tuple[str, ...]]:
        # This old one falls over its own logs unless they are redirected (-r 1 -t 1).
        options = ["--launcher", "torchrun", "--nodes", str(nodes), "--ntasks-per-node", "2", "--time", "5", "--job-name", "ddp"]
        _, text = self.submit("-r", "1", "-t", "1", "/scratch/ddp.py", options=options, timeout=240)
        found = re.findall(r"rank (\d) of (\d) on (\w+): sum (\d+), gradient (\[.*?\]), torch 1\.13", text)
        self.assertEqual(len(found), 2 * nodes, text)
        return sorted(found)

    def test_two_nodes(self):
        found = self.run_job(2)
        self.assertEqual([(rank, size, total) for rank, size, _, total, _ in found], [(str(rank), "4", "6") for rank in range(4)])
        self.assertEqual(sorted(node for _, _, node, _, _ in found), ["cpu01", "cpu01", "cpu02", "cpu02"])
        # Each rank's own would be four times its number; the mean of four ranks is 6.
        self.assertEqual({gradient for *_, gradient in found}, {"[6.0, 6.0]"})

    def test_processes_get_the_signal_of_a_requeue_and_torchrun_stays(self):
        (self.cluster.scratch / "saves.py").write_text("import os, signal, time\nimport torch.distributed as dist\ndist.init_process_group('gloo')\n"
                                                       "signal.signal(signal.SIGUSR1, lambda *_: (os.write(1, b'saved\\n'), os._exit(0)))\n"
                                                       "os.write(1, b'ready\\n')\ntime.sleep(300)\n")
        # A minute, and the signal when half of it is over at the latest: they have met by then.
        options = ["--launcher", "torchrun", "--nodes", "2", "--ntasks-per-node", "2", "--requeue-on-signal", "USR1@20", "--time", "1", "--job-name", "saves"]
        output = f"{self.directory}/out"
        done, _ = self.submit("-r", "1", "-t", "1", "/scratch/saves.py", options=options, output=output, wait=False)
        file, end = self.on_this_machine(output), time.monotonic() + 120
        while not (file.exists() and "the job " in file.read_text()):
            self.assertLess(time.monotonic(), end, file.read_text() if file.exists() else "no output")
            time.sleep(0.5)
        self.assertIn("hpcenv: USR1 came, the program has ended; the job goes into the queue again.\n", file.read_text())
        self.assertEqual(file.read_text().count("saved\n"), 4, file.read_text())
        self.on("alice", "scancel", done.out.strip())

    def test_one_node(self):
        self.assertEqual([(rank, size, total) for rank, size, _, total, _ in self.run_job(1)], [("0", "2", "1"), ("1", "2", "1")])


if __name__ == "__main__":
    run_tests()
