#!/usr/bin/env python3
"""Every entry point of JupyterLab and all it needs, and every library of that environment: forty programs, for --all."""

from __future__ import annotations

import unittest

from real_software import run_every_entry_point, unresolved
from thread_support import World

WORLD = World()
NAME = "jupyter"


class EntryPoints(unittest.TestCase):
    prefix = WORLD.prefix(NAME)

    @classmethod
    def setUpClass(cls) -> None:
        answer = WORLD.hpcenv("create", "-n", NAME, "--override-channels", "-c", WORLD.channel("jupyter"), "-y", "jupyterlab", "pip",
                              "numpy")
        if answer.code != 0:
            raise AssertionError(f"create failed: {answer}")

    def test_every_entry_point_runs(self) -> None:
        run_every_entry_point(self, WORLD, self.prefix, 30)

    def test_every_library_is_found_inside_the_prefix(self) -> None:
        # debugpy puts this one into a process that runs already, with that process's libraries.
        injected = "pydevd_attach_to_process/attach_linux_amd64.so"
        self.assertEqual([line for line in unresolved(WORLD, self.prefix) if injected not in line], [])

    def test_the_kernel_is_the_python_of_the_prefix(self) -> None:
        answer = WORLD.run([self.prefix / "bin/jupyter", "kernelspec", "list", "--json"], PATH=f"{self.prefix}/bin:/usr/bin:/bin")
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual(answer.json["kernelspecs"]["python3"]["spec"]["argv"][0], f"{self.prefix}/bin/python")


if __name__ == "__main__":
    unittest.main()
