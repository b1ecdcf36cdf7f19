#!/usr/bin/env python3
"""The recipes python and jupyter from the channel of real software, and their smoke tests; cuda_thread_test.py has cuda-dev's."""

from __future__ import annotations

import unittest

from thread_support import World

from ending import leave

WORLD = World()


class SmokeTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.channel = WORLD.channel("jupyter")

    def create(self, recipe: str, *more: str) -> None:
        answer = WORLD.hpcenv("create", "-n", recipe, "--recipe", recipe, *more, "--override-channels", "-c", self.channel, "-y",
                              PATH=WORLD.plain_path())
        self.assertEqual(answer.code, 0, answer)

    def checks_of(self, recipe: str) -> dict[str, dict]:
        """Every check of the recipe, by its name; all of them have to pass."""
        answer = WORLD.hpcenv("test", "-n", recipe, "--json", PATH=WORLD.plain_path())
        self.assertEqual(answer.code, 0, answer)
        checks = answer.json["checks"]
        self.assertEqual({check["result"] for check in checks}, {"passed"}, answer)
        self.assertEqual({check["recipe"] for check in checks}, {recipe})
        return {check["name"]: check for check in checks}

    def test_python(self) -> None:
        self.create("python", "numpy", "rich")
        ran = WORLD.hpcenv("run", "-n", "python", "python", "-c", "import numpy, rich; print(numpy.ones(3).sum())")
        self.assertEqual(ran.out, "3.0\n", ran)
        checks = self.checks_of("python")
        self.assertRegex(checks["interpreter"]["reason"], r"^Python 3\.\d+\.\d+ with OpenSSL")
        self.assertIn(str(WORLD.prefix("python")), checks["pip"]["reason"])

    def test_jupyter_answers_on_a_loopback_port_and_runs_a_cell(self) -> None:
        self.create("jupyter")
        checks = self.checks_of("jupyter")
        said = r"^JupyterLab answers on http://127\.0\.0\.1:\d+/, a cell ran with the python of "
        self.assertRegex(checks["run a cell"]["reason"], f"{said}{WORLD.prefix('jupyter')}$")
        self.assertRegex(checks["version"]["reason"], r"^4\.\d+")

    def test_what_is_broken_fails(self) -> None:
        self.create("python", "-n", "broken")
        (WORLD.prefix("broken") / "lib/python3.11/ssl.py").unlink()
        answer = WORLD.hpcenv("test", "-n", "broken")
        self.assertEqual(answer.code, 1, answer)
        self.assertRegex(answer.out, r"failed +python: interpreter .* exit code 1", answer)
        self.assertIn("No module named 'ssl'", answer.out)


if __name__ == "__main__":
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
