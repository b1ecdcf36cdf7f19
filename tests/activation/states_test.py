"""Entering under `set -euo pipefail` with every script of the collection, and from shells in which something is active.

In CI the scripts stand in a few environments, several in each; with HPCENV_EVERY_CLASS (--all) each class has its own, too.
"""
from __future__ import annotations

import json
import os
import unittest

import collection
from activation_case import AS_STRANGER, PROGRAM, ActivationCase, skip

SHOW = "/usr/bin/env -0"
SHELLS = {"bash": "set -euo pipefail", "zsh": "set -euo pipefail", "posix": "set -eu"}
# They wait for deadlines, or set what no program can be given: bad_input_test.py has them.
ALONE = {"bad-hang", "bad-long", "bad-exit", "bad-background", "bad-fork"}
TOGETHER = 9


def groups() -> list[list[str]]:
    """Every class once."""
    names = [name for name in collection.class_names() if name not in ALONE]
    return [names[start:start + TOGETHER] for start in range(0, len(names), TOGETHER)]


class Strict(ActivationCase):
    def assert_strict(self, *names: str) -> None:
        prefix = f"{self.root}/envs/strict-{names[0]}"
        collection.build_prefix(prefix, names)
        wrapper = self.wrapped(prefix)
        inside = "bash -euo pipefail -c 'test -n \"$CONDA_PREFIX\"; echo in'"
        script = f"{self.home}/strict.sh"
        job = self.job(prefix, "sh", "-c", "test \"$CONDA_PREFIX\" = \"$0\" && echo in", prefix)
        self.write(script, f"set -euo pipefail\n'{PROGRAM}' run -p '{prefix}' -- {inside}\n'{wrapper}' | tr '\\0' '\\n' | grep -qx 'CONDA_PREFIX={prefix}'\n"
                           f"bash -euo pipefail '{job}'\necho end\n")
        self.assertEqual(self.start("/bin/bash", script, env=self.variables).stdout.split(), ["in", "in", "end"])
        for name, options in SHELLS.items():
            if name not in self.shells_here():
                continue
            lines = (f"{options}\nhpcenv activate {prefix}\nhpcenv activate {prefix}\n/bin/echo \"$CONDA_SHLVL\"\nhpcenv deactivate\n"
                     "/bin/echo out ${CONDA_PREFIX-}\nfalse\necho not reached\n")
            done = self.shell(name, lines, check=1)
            self.assertEqual(done.stdout, "1\nout\n", f"{name}: {names}\n{done.stderr}")

    @staticmethod
    def shells_here() -> list[str]:
        return ["bash", "zsh", "posix"] if os.environ.get("HPCENV_EVERY_CLASS") else ["bash", "zsh"]

    def test_every_script(self) -> None:
        for names in groups():
            with self.subTest(" ".join(names)):
                self.assert_strict(*names)

    def test_each_class_alone(self) -> None:
        if not os.environ.get("HPCENV_EVERY_CLASS"):
            return  # the sample before is all of them, together
        for name in collection.class_names():
            with self.subTest(name):
                self.assert_strict(name)


OURS = ("gcc", "gxx", "cuda-nvcc", "libgdal", "proj", "openjdk", "qgis", "xtb", "libxml2", "caiman")
THEIRS = ("gcc", "gfortran", "proj", "esmf", "opentelemac", "ruby", "xtb", "go")
FLAGS = {"CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "DEBUG_CFLAGS", "DEBUG_CXXFLAGS"}


class States(ActivationCase):
    """As `sbatch --export=ALL` hands them on."""

    def setUp(self) -> None:
        super().setUp()
        self.prefix = self.build(*OURS)
        self.other = f"{self.root}/envs/other"
        collection.build_prefix(self.other, THEIRS)
        self.conda = f"{self.home}/conda's env"
        collection.build_prefix(self.conda, THEIRS)
        self.write(f"{self.conda}/bin/tool", "#!/bin/sh\necho wrong\n", 0o755)
        self.user = {"CFLAGS": "-g", "XML_CATALOG_FILES": "file:///mine", "LD_LIBRARY_PATH": "/opt/mine/lib", "JAVA_HOME": "/my/java"}
        self.entered(self.prefix)
        self.entered(self.other)
        self.wrapper = self.wrapped(self.prefix)
        self.job_script = self.job(self.prefix, "/usr/bin/env", "-0")

    def conda_lines(self, below: str = "") -> str:
        """What conda's own shell function leaves, with the scripts of its environment sourced as it does."""
        older = [f"below='{below}'", 'export CONDA_PREFIX_1=$below PATH="${PATH//"$below/bin:"/}"'] if below else []
        return "\n".join([
            *older,
            'conda() { __conda_exe "$@"; }', '__conda_exe() { false; }', "__conda_activate() { false; }", "export -f conda __conda_exe __conda_activate",
            f"export CONDA_EXE='{self.home}/conda/bin/conda' _CE_CONDA= _CE_M= CONDA_PYTHON_EXE='{self.home}/conda/bin/python' CONDA_ROOT=/opt/conda",
            f"export CONDA_PREFIX=\"{self.conda}\" CONDA_SHLVL={2 if below else 1} CONDA_DEFAULT_ENV=theirs CONDA_PROMPT_MODIFIER='(theirs) '",
            f"export PATH=\"{self.conda}/bin:{self.home}/conda/condabin:$PATH\"",
            f"for script in \"{self.conda}\"/etc/conda/activate.d/*.sh; do . \"$script\"; done", ""])

    def hpcenv_lines(self, prefix: str) -> str:
        return f"eval \"$('{PROGRAM}' shell-hook bash)\"\nhpcenv activate '{prefix}'\n"

    @staticmethod
    def module_lines() -> str:
        return ("module() { eval \"$(false)\"; }\nexport -f module\nexport LOADEDMODULES=gcc/12:cuda/12.4 _LMFILES_=/m/gcc/12:/m/cuda/12.4 MODULEPATH=/m\n"
                "export LD_LIBRARY_PATH=/opt/cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} CUDA_HOME=/opt/cuda\nexport PATH=/opt/cuda/bin:$PATH\n")

    def ways(self) -> dict[str, str]:
        hook = f"eval \"$('{PROGRAM}' shell-hook bash)\"; hpcenv activate '{self.prefix}'; {SHOW}"
        return {"run": f"'{PROGRAM}' run -p '{self.prefix}' -- {SHOW}", "job": f"/bin/bash -euo pipefail '{self.job_script}'",
                "wrapper": f"'{self.wrapper}'", "activate": hook}

    def seen(self, lines: str, way: str) -> dict[str, str]:
        text = self.shell("bash", f"{lines}\n{way}", env=self.user, hook=False).stdout
        own = ("__HPCENV", "__CONDA_SHLVL", "HPCENV", "BASH_FUNC_module", "CONDA_PROMPT_MODIFIER")
        return {name: value for name, value in self.parsed(text).items() if not name.startswith(own)}

    def assert_path(self, how: str, seen: dict[str, str]) -> None:
        path = seen["PATH"].split(":")
        self.assertEqual(path.count(f"{self.prefix}/bin"), 1, path)
        for foreign in (f"{self.other}/bin", f"{self.conda}/bin"):
            self.assertNotIn(foreign, path)
        if how != "activate":
            self.assertEqual([one for one in path if one.startswith((self.other, self.conda))], [])

    def test_states_that_hpcenv_and_modules_leave(self) -> None:
        same, other, module = self.hpcenv_lines(self.prefix), self.hpcenv_lines(self.other), self.module_lines()
        for how, way in self.ways().items():
            clean, loaded = self.seen("", way), self.seen(module, way)
            self.assertEqual(loaded["LOADEDMODULES"], "gcc/12:cuda/12.4")
            self.assertEqual(loaded["LD_LIBRARY_PATH"], "/opt/cuda/lib64:/opt/mine/lib")
            self.assertEqual(clean["CFLAGS"].count("-march=nocona"), 1)
            self.assertIn(" -g", clean["CFLAGS"])
            for state, lines, wanted in (("same", same, clean), ("other", other, clean), ("other, then same", other + same, clean),
                                         ("other, module", other + module, loaded), ("module, same", module + same, loaded)):
                with self.subTest(how, state=state):
                    seen = self.seen(lines, way)
                    self.assert_path(how, seen)
                    # A shell remembers what it was in.
                    stack = {"CONDA_PREFIX_1", "CONDA_SHLVL"} if how == "activate" else set()
                    # A wrapper has no words to take a part out of a list that was changed since.
                    if (how, state) == ("wrapper", "other, module"):
                        stack.add("LD_LIBRARY_PATH")
                        self.assertTrue(seen["LD_LIBRARY_PATH"].startswith("/opt/cuda/lib64:"))
                    self.assertEqual({name: value for name, value in seen.items() if name not in stack},
                                     {name: value for name, value in wanted.items() if name not in stack})

    def test_an_activated_conda_and_all_three(self) -> None:
        conda = self.conda_lines()
        states = {"conda": conda, "conda, module": conda + self.module_lines(),
                  "all three": conda + self.hpcenv_lines(self.other) + self.module_lines(),
                  "all three, the other way round": self.module_lines() + self.hpcenv_lines(self.other) + self.conda_lines(self.other)}
        for how, way in self.ways().items():
            clean = self.seen("", way)
            for state, lines in states.items():
                with self.subTest(how, state=state):
                    seen = self.seen(lines, way)
                    self.assert_path(how, seen)
                    for name in ("CC", "CXX", "GDAL_DATA", "PROJ_DATA", "CONDA_PREFIX", "JAVA_HOME", "NVCC_PREPEND_FLAGS", "OMP_NUM_THREADS", "PYTHONNOUSERSITE"):
                        self.assertEqual(seen.get(name), clean[name], name)
                    # What conda's scripts added is the incoming value to us: own flags are there once.
                    for name in FLAGS & set(clean):
                        own = [word for word in clean[name].split() if self.prefix in word]
                        for word in own:
                            self.assertEqual(seen[name].split().count(word), clean[name].split().count(word), f"{name}: {word}")
                    if how != "activate":
                        self.assertNotIn(f"{self.home}/conda/condabin", seen["PATH"])
                        leftovers = [name for name in seen if name.startswith(("CONDA_", "_CE_", "_CONDA", "BASH_FUNC_conda", "BASH_FUNC___conda"))
                                     and name not in clean]
                        self.assertEqual(leftovers, [])


class Wrappers(ActivationCase):
    """By env -i, by another user, from another directory and through a symlink, of an environment whose scripts are recorded."""

    def test_wherever_and_by_whomever(self) -> None:
        prefix = self.build("gcc", "libgdal", "xtb", "openjdk")
        wrapper = self.wrapped(prefix)
        self.assertEqual(set(self.classes(prefix).values()), {"recorded"})
        with open(wrapper, encoding="utf-8") as file:
            self.assertEqual(file.readline(), "#!/bin/sh\n")
        wanted = {name: value for name, value in self.parsed(self.run_in(prefix, "/usr/bin/env", "-0").stdout).items()
                  if name not in self.variables and name != "HPCENV_ROOT"}
        self.assertIn("-march=nocona", wanted["CFLAGS"])
        os.makedirs(f"{self.home}/elsewhere/deep")
        os.symlink("../../wrappers/show", f"{self.home}/elsewhere/deep/other-name")
        os.symlink("deep/other-name", f"{self.home}/elsewhere/link")
        ways = {"env -i": [wrapper], "a link to a link": [f"{self.home}/elsewhere/link"], "another directory": ["/bin/sh", "-c", "cd / && exec \"$0\"", wrapper],
                "a relative name": ["/bin/sh", "-c", f"cd {self.home}/elsewhere && exec ./link"]}
        if os.geteuid() == 0:
            for folder in (self.root, f"{self.root}/envs", f"{self.home}/wrappers"):
                os.chmod(folder, 0o755)
            ways["another user"] = [*AS_STRANGER, wrapper]
        for how, words in ways.items():
            with self.subTest(how):
                seen = self.parsed(self.start("/usr/bin/env", "-i", *words).stdout)
                self.assertEqual({name: seen.get(name) for name in wanted}, wanted)
        if os.geteuid() != 0:
            skip("no right to act as another user")


class Foreign(ActivationCase):
    """Environments that hpcenv did not make."""

    def assert_used(self, prefix: str) -> None:
        self.write(f"{prefix}/bin/python", "#!/bin/sh\necho \"$CONDA_PREFIX|$PROJ_DATA|$*\"\n", 0o755)
        self.write(f"{prefix}/lib/python3.11/site-packages/ipykernel_launcher.py", "\n")
        inside = f"{prefix}|{prefix}/share/proj|"
        self.assertEqual(self.run_in(prefix, "python", "x").stdout, f"{inside}x\n")
        for name in ("bash", "zsh", "fish", "tcsh"):
            done = self.shell(name, f"hpcenv activate '{prefix}'; python x; hpcenv deactivate; printenv PROJ_DATA; echo out")
            self.assertEqual(done.stdout, f"{inside}x\nout\n", name)
        self.assertEqual(self.start(self.wrapped(prefix, "python"), "y").stdout, f"{inside}y\n")
        self.program("modulefile", "-p", prefix, "-o", f"{self.home}/modules", "--module", "foreign")
        for name in ("foreign", "foreign.lua"):
            with open(f"{self.home}/modules/{name}", encoding="utf-8") as file:
                self.assertIn(f"{prefix}/share/proj", file.read())

    def test_of_conda(self) -> None:
        prefix = f"{self.home}/miniconda/envs/work"
        collection.build_prefix(prefix, ["proj", "gcc"])
        self.write(f"{prefix}/conda-meta/history", "==> 2026-01-01 00:00:00 <==\n# cmd: /opt/conda/bin/conda create -n work proj\n# conda version: 26.1.0\n"
                   "+conda-forge/linux-64::proj-1.0-0\n# update specs: ['proj']\n")
        self.write(f"{prefix}/conda-meta/state", '{"env_vars": {"OF_CONDA": "it\'s"}, "version": 1}')
        self.assert_used(prefix)
        self.assertEqual(self.entered(prefix)["OF_CONDA"], "it's")

    def test_of_pixi(self) -> None:
        prefix = f"{self.home}/project/.pixi/envs/default"
        collection.build_prefix(prefix, ["proj", "gcc"])
        # pixi writes a history without a line, and files of its own.
        self.write(f"{prefix}/conda-meta/history", "// not relevant for pixi but for `conda run -p`\n")
        self.write(f"{prefix}/conda-meta/pixi", '{"manifest_path": "/project/pixi.toml", "environment_name": "default", "pixi_version": "0.60.0"}')
        self.write(f"{prefix}/conda-meta/pixi_env_prefix", prefix)
        self.write(f"{self.home}/project/pixi.toml", "[workspace]\nname = 'x'\n")
        self.assert_used(prefix)

    def test_kernels_of_both(self) -> None:

        for name, prefix in (("conda", f"{self.home}/miniconda/envs/work"), ("pixi", f"{self.home}/project/.pixi/envs/default")):
            with self.subTest(name):
                collection.build_prefix(prefix, ["proj"])
                python = dict(collection._record(collection.load("proj"), []), name="python", version="3.11.0", files=["bin/python"])
                kernel = dict(python, name="ipykernel", version="6.0", files=["lib/python3.11/site-packages/ipykernel_launcher.py"])
                for record in (python, kernel):
                    record["fn"] = f"{record['name']}-{record['version']}-0.conda"
                    self.write(f"{prefix}/conda-meta/{record['name']}-{record['version']}-0.json", json.dumps(record))
                self.write(f"{prefix}/bin/python", "#!/bin/sh\necho \"$CONDA_PREFIX|$PROJ_DATA|$*\"\n", 0o755)
                self.write(f"{prefix}/lib/python3.11/site-packages/ipykernel_launcher.py", "\n")
                self.program("kernel", "install", "-p", prefix, "--kernel", name)
                with open(f"{self.home}/.local/share/jupyter/kernels/{name}/kernel.json", encoding="utf-8") as file:
                    argv = json.load(file)["argv"]
                done = self.start("/usr/bin/env", "-i", *argv)
                self.assertTrue(done.stdout.startswith(f"{prefix}|{prefix}/share/proj|-m ipykernel_launcher"), done.stdout)


if __name__ == "__main__":
    unittest.main()
