"""What every test of the commands stands on: a home of its own, the tiny channel, a way to run the program."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import tiny_channel  # noqa: E402
from skipping import skip  # noqa: E402, F401 (for the tests)

PROGRAM = os.environ["HPCENV_PROGRAM"]
HOSTS = Path(os.environ.get("HPCENV_SOURCE_DIR", Path(__file__).resolve().parents[2])) / "tests/host"


def captured_machines():
    """A sample of the captured machines; all of them where the test is run so (--all)."""
    if os.environ.get("HPCENV_EVERY_MACHINE"):
        return sorted(file.parent for file in HOSTS.glob("*/host.json"))
    return [HOSTS / name for name in ("contaminated-shell", "login-node", "sick-node")]


class CliCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="hpcenv-cli-")
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.channel = f"{cls.work}/channels/tiny"
        tiny_channel.make(cls.channel)

    def setUp(self):
        self.home = tempfile.mkdtemp(dir=self.work)
        self.root = f"{self.home}/root"
        self.prefix = f"{self.root}/envs/work"  # that of `-n work`
        self.variables = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C", "HPCENV_ROOT": self.root,
                          "HPCENV_CHANNELS": f"file://{self.channel}", "CONDA_OVERRIDE_CUDA": ""}

    def run_program(self, *words, check=None, env=None, **options):
        done = subprocess.run([PROGRAM, *words], env={**self.variables, **(env or {})}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False, **options)
        if check is not None:
            self.assertEqual(done.returncode, check, f"hpcenv {' '.join(words)}\n{done.stdout}\n{done.stderr}")
        return done

    def run_json(self, *words, check=0, env=None):
        done = self.run_program(*words, "--json", check=check, env=env)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["schema"], 1)
        self.assertEqual(answer["success"], check == 0)
        return answer

    def tree(self, path):
        """Everything below a path: relative name -> type, or content of a file."""
        found = {}
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                full = os.path.join(folder, name)
                if os.path.islink(full):
                    found[os.path.relpath(full, path)] = "-> " + os.readlink(full)
                elif os.path.isdir(full):
                    found[os.path.relpath(full, path)] = "directory"
                else:
                    with open(full, "rb") as file:
                        found[os.path.relpath(full, path)] = file.read()
        return found
