"""Environments with activation scripts of every class: a wrapper sets what `run` sets, a module what a module can, and unloading
gives back what was there.

With `every` each class is taken alone, from three states; without it all that behave are in one environment, and a sample alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "activation"), str(HERE.parent / "tools")]

import collection  # noqa: E402
from skipping import skip  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]
TOOLS = os.environ.get("HPCENV_SHELL_TOOLS", "")
SYSTEMS = {"lmod": f"{TOOLS}/usr/share/lmod/lmod/init/bash", "tcl": f"{TOOLS}/usr/share/modules/init/bash"}
SAMPLE = ["gxx", "cuda-nvcc", "libgdal", "proj", "openjdk", "libxml2", "rust", "perl", "lmod", "caiman"]
EVERY = "every" in sys.argv[1:]
# What shells and module systems keep for themselves, and what differs between two looks.
OTHERS = re.compile(r"(LMOD_|__LMOD|_LMFILES_|_ModuleTable|MODULE|__MODULES|LOADEDMODULES|BASH_FUNC_|__HPCENV_)|(_|SHLVL|PWD|OLDPWD|FPATH|BASH_ENV|ENV|"
                    r"MANPATH)$")
LEFT = re.compile(r"hpcenv: (\w+) is left as it is")


class Classes(unittest.TestCase):
    def setUp(self) -> None:
        self.work = tempfile.mkdtemp(prefix="hpcenv-classes-")
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.home = f"{self.work}/home"
        os.mkdir(self.home)
        self.compared: set[str] = set()
        self.refused: set[str] = set()
        self.live = False

    def hpcenv(self, *words: str, state: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        variables = {**collection.clean_state(self.home), "HPCENV_ROOT": f"{self.work}/root", **(state or {})}
        return subprocess.run([PROGRAM, *words], env=variables, cwd=self.home, capture_output=True, text=True, errors="replace", timeout=120,
                              stdin=subprocess.DEVNULL, check=False)

    @staticmethod
    def variables(data: bytes) -> dict[str, str]:
        found = collection.parse_environment(data)
        return {os.fsdecode(name): os.fsdecode(value) for name, value in found.items() if not OTHERS.match(os.fsdecode(name))}

    def look(self, command: list[str], state: dict[str, str]) -> dict[str, str]:
        done = subprocess.run(command, env={**state, "HPCENV_ROOT": f"{self.work}/root"}, cwd=self.home, capture_output=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return self.variables(done.stdout)

    def module_states(self, system: str, state: dict[str, str]) -> tuple[list[dict[str, str]], str]:
        """Variables before, after loading, and after unloading; what was said."""
        files = [f"{self.work}/state{number}" for number in range(3)]
        lines = [f"source {SYSTEMS[system]}", f"module use {self.work}/modules", f"env -0 >{files[0]}", "module load it", f"env -0 >{files[1]}",
                 "module unload it", f"env -0 >{files[2]}"]
        done = subprocess.run(["bash", "--noprofile", "--norc", "-c", "\n".join(lines)], env={**state, "LMOD_PAGER": "none"}, cwd=self.home,
                              capture_output=True, text=True, errors="replace", timeout=120, stdin=subprocess.DEVNULL, check=False)
        return [self.variables(Path(file).read_bytes()) for file in files], done.stderr

    def check(self, prefix: str, state: dict[str, str], label: str) -> None:
        ran, again = (self.look([PROGRAM, "run", "-p", prefix, "/usr/bin/env", "-0"], state) for _ in range(2))
        volatile = {name for name in ran.keys() | again.keys() if ran.get(name) != again.get(name)}
        ran = {name: value for name, value in ran.items() if name not in {"HPCENV_ROOT", *volatile}}
        with self.subTest(environment=label, by="wrapper"):
            wrapped = self.look([f"{self.work}/bin/show"], state)
            self.assertEqual({name: value for name, value in wrapped.items() if name not in {"HPCENV_ROOT", *volatile}}, ran)
        for system in SYSTEMS:
            with self.subTest(environment=label, by=system):
                (before, loaded, after), said = self.module_states(system, state)
                self.assertEqual(after, before, said)
                if self.live or "recorded where" in said:
                    continue
                self.compared.add(label.split(",")[0])
                left = {*LEFT.findall(said), *self.refused}
                loaded = {name: value for name, value in loaded.items() if name not in left}
                expected = {name: value for name, value in ran.items() if name not in left}
                self.assertEqual(loaded, expected, said)

    def prepare(self, prefix: str) -> None:
        show = Path(prefix, "bin/show")
        show.write_text("#!/bin/sh\nexec /usr/bin/env -0\n", encoding="utf-8")
        show.chmod(0o755)
        for folder in ("bin", "modules"):
            shutil.rmtree(f"{self.work}/{folder}", ignore_errors=True)
        done = self.hpcenv("wrap", "-p", prefix, "--bin", f"{self.work}/bin", "show")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.hpcenv("modulefile", "-p", prefix, "-o", f"{self.work}/modules", "--module", "it")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.refused = set(re.findall(r"(\S+) is left out of the file for", done.stderr))
        self.live = "cannot run activation scripts" in done.stderr

    def states(self, one: collection.ScriptClass, prefix: str) -> dict[str, dict[str, str]]:
        wanted = collection.incoming_state(one, prefix, self.home)
        names = [*one.facts.get("sets", {}), *one.facts.get("matches", {})]
        names = [name for name in names if name not in ("PATH", "HOME") and not name.startswith("CONDA_")]
        return {"wanted": wanted, "preset": {**wanted, **{name: f"/mine/{name.lower()}" for name in names}},
                "empty": {**wanted, **dict.fromkeys(names, "")}}

    def test_each_class_alone(self) -> None:
        if not os.path.exists(f"{TOOLS}/versions"):
            skip("no module systems")
        known = collection.well_behaved()
        names = known if EVERY else SAMPLE
        for name in names:
            one = collection.load(name)
            prefix = f"{self.work}/envs/{name}"
            collection.build_prefix(prefix, [name])
            self.prepare(prefix)
            for state, variables in self.states(one, prefix).items():
                if EVERY or state != "empty":
                    self.check(prefix, variables, f"{name}, {state}")
        print(f"{len(self.compared)} of {len(names)} classes set all by a module; not: {', '.join(sorted(set(names) - self.compared))}")
        self.assertGreaterEqual(3 * len(self.compared), 2 * len(names))


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "every"])
