#!/usr/bin/env python3
"""PyTorch's own torchrun (Debian's, on processors) in jobs: one node and two, with data-parallel training."""
import pathlib
import re

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

    def test_one_node(self):
        self.assertEqual([(rank, size, total) for rank, size, _, total, _ in self.run_job(1)], [("0", "2", "1"), ("1", "2", "1")])


if __name__ == "__main__":
    run_tests()
