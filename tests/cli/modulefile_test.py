"""modulefile: files for Lmod and environment-modules, loaded by both; what they cannot hold is named."""
import json
import os
import subprocess
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase, skip

TOOLS = os.environ.get("HPCENV_SHELL_TOOLS", "")
INIT = {"lmod": f"{TOOLS}/usr/share/lmod/lmod/init/bash", "tcl": f"{TOOLS}/usr/share/modules/init/bash"}
BACKUP = "".join(f'if [ "${{{name}+x}}" ]; then export CONDA_BACKUP_{name}="${name}"; fi\nexport {name}="{value}"\n'
                 for name, value in (("CC", "x86-cc"), ("CXX", "x86-c++")))
FILES = {"etc/conda/activate.d/compilers.sh": (BACKUP + 'export CFLAGS="-O2${CFLAGS:+ $CFLAGS}"\n', 0o644),
         "etc/conda/activate.d/lists.sh": ('export XML_CATALOG_FILES="${XML_CATALOG_FILES:+$XML_CATALOG_FILES }file:///x"\n'
                                           'export LISTED="/l${LISTED:+:$LISTED}"\n', 0o644),
         "etc/conda/env_vars.d/plain.json": (json.dumps({"COLOUR": "it's $red", "LINES_OF": "a\ntouch executed", "BANG": "a!b"}), 0o644),
         "bin/tool": ("#!/bin/sh\necho tool\n", 0o755)}


class Modulefile(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "tool", "1", files=FILES),
            tiny_channel.add_package(cls.channel, "acts", "1",
                                     files={"etc/conda/activate.d/acts.sh": ("cd /tmp\nexport ACTS=$(date +%N)\n", 0o644)}),
        ])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "tool", "-y", check=0)
        self.folder = f"{self.home}/modules"

    def write(self, *words, check=0):
        """Both files of the environment `work`."""
        return self.run_program("modulefile", "-n", "work", "-o", self.folder, *words, check=check)

    def load(self, system, *lines, env=None):
        """What a bash with that module system prints."""
        done = subprocess.run(["bash", "--noprofile", "--norc", "-c", "\n".join([f"source {INIT[system]}", f"module use {self.folder}", *lines])],
                              env={"PATH": "/usr/bin:/bin", "HOME": self.home, "LC_ALL": "C.UTF-8", "LMOD_PAGER": "none", **(env or {})},
                              cwd=self.home, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.errors = done.stderr
        return done.stdout

    def test_both_systems_load_and_unload_what_was_recorded(self):
        if not os.path.exists(f"{TOOLS}/versions"):
            skip("no module systems")
        done = self.write()
        self.assertIn("LINES_OF is left out of the file for Lmod, because it holds a newline", done.stderr)
        self.assertIn("BANG is set by the file for environment-modules except where it cannot be: csh and tcsh", done.stderr)
        self.assertIn(f"module use {self.folder}; module load work", done.stderr)
        for system in INIT:
            for mine in ({}, {"CFLAGS": "-g `touch executed`", "CC": "my cc", "LISTED": "/a:/b", "XML_CATALOG_FILES": "", "COLOUR": ""}):
                with self.subTest(system=system, mine=mine):
                    names = "CC CXX CFLAGS LISTED XML_CATALOG_FILES COLOUR CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_BACKUP_CC"
                    look = f"tool 2>/dev/null; for name in {names}; do printf '%s=%s|' $name \"${{!name-unset}}\"; done; echo"
                    out = self.load(system, look, "module load work", look, "module load work", look, "module unload work", look, env=mine).splitlines()
                    ran = self.run_program("run", "-n", "work", "bash", "-c", look.replace("tool 2>/dev/null; ", ""), check=0, env=mine).stdout
                    self.assertEqual(out[1:3], ["tool", ran.rstrip("\n")], self.errors)
                    self.assertEqual(out[3:5], out[1:3])
                    self.assertEqual(out[5:], out[:1])
                    self.assertFalse(os.path.exists(f"{self.home}/executed"))

    def test_a_wrapper_starts_the_same_in_any_state_of_the_shell(self):
        """A conda, hpcenv's own activation, the module, and all three: variables are as from a clean shell."""
        if not os.path.exists(f"{TOOLS}/versions"):
            skip("no module systems")
        self.write()
        wrapped = f"{self.home}/bin/show"
        with open(f"{self.prefix}/bin/show", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexec /usr/bin/env\n")
        os.chmod(f"{self.prefix}/bin/show", 0o755)
        self.run_program("wrap", "-n", "work", "--bin", f"{self.home}/bin", "show", check=0)
        os.makedirs(f"{self.home}/conda/conda-meta")
        with open(f"{self.home}/conda/conda-meta/history", "w", encoding="utf-8"):
            pass
        conda = "\n".join([f"export PATH={self.home}/conda/bin:$PATH CONDA_PREFIX={self.home}/conda CONDA_SHLVL=1 CONDA_EXE={self.home}/conda/bin/conda",
                           "conda() { false; }", "export -f conda", "export PYTHONPATH=/wrong VIRTUAL_ENV=/venv"])
        hpcenv = f"eval \"$('{PROGRAM}' shell-hook bash)\"\nhpcenv activate work"
        states = {"conda": [conda], "hpcenv": [hpcenv], "module": ["module load work"], "all": [conda, hpcenv, "module load work"]}
        env = {"CFLAGS": "-g", "LISTED": "/a", "HPCENV_ROOT": self.root}
        own = ("MODULE", "_LMFILES_", "LOADEDMODULES", "LMOD", "__LMOD", "_ModuleTable", "__MODULES", "__HPCENV", "BASH_FUNC", "FPATH", "MANPATH",
               "BASH_ENV", "ENV=", "PWD=", "OLDPWD=", "_=", "SHLVL=", " ", "}", "`", "eval", "return", "(")
        for system in INIT:
            clean = self.load(system, wrapped, env=env)
            self.assertIn("CFLAGS=-O2 -g\n", clean)
            for name, lines in states.items():
                with self.subTest(system=system, state=name):
                    out = self.load(system, *lines, wrapped, env=env)
                    seen, expected = (sorted(line for line in text.splitlines() if "=" in line and not line.startswith(own)) for text in (out, clean))
                    self.assertEqual(seen, expected, self.errors)
                    self.assertNotIn("BASH_FUNC_conda", out)

    def test_what_cannot_run_in_a_module_is_named(self):
        self.run_program("install", "-n", "work", "acts", "-y", check=0)
        done = self.write()
        self.assertIn("a module cannot run activation scripts, so what these make is missing: acts.sh", done.stderr)
        for name in ("work", "work.lua"):
            with open(f"{self.folder}/{name}", encoding="utf-8") as file:
                self.assertIn("these did not run: acts.sh", file.read())

    def test_json(self):
        answer = self.run_json("modulefile", "-n", "work", "-o", self.folder)
        self.assertEqual([(one["kind"], one["file"]) for one in answer["modules"]],
                         [("lmod", f"{self.folder}/work.lua"), ("tcl", f"{self.folder}/work")])
        for one in answer["modules"]:
            self.assertEqual(one["left_out"], [{"name": "LINES_OF", "reason": "it holds a newline"}])
            self.assertEqual(one["not_in_every_shell"], [{"name": "BANG", "reason": "csh and tcsh would not get it as it is"}])
            with open(one["file"], encoding="utf-8") as file:
                self.assertEqual(file.read(), one["text"])
        self.assertEqual(answer["live_scripts"], [])
        self.assertIsNone(self.run_json("modulefile", "-n", "work", "--tcl")["modules"][0]["file"])

    def test_one_of_them_on_stdout(self):
        self.assertTrue(self.run_program("modulefile", "-n", "work", "--tcl", check=0).stdout.startswith("#%Module1.0\n"))
        self.assertTrue(self.run_program("modulefile", "-n", "work", "--lmod", "-o", "-", check=0).stdout.startswith("-- Written by `hpcenv"))
        for words in ((), ("--lmod", "--tcl")):
            self.assertIn("--lmod or --tcl", self.run_program("modulefile", "-n", "work", *words, check=2).stderr)

    def test_names(self):
        self.write("--module", "apps/torch-1.0", "--lmod")
        self.assertEqual(sorted(self.tree(self.folder)), ["apps", "apps/torch-1.0.lua"])
        for name in ("../torch", "/torch", "a//b", "a/.b", "-a", "a b"):
            self.assertIn("cannot be the name of a module", self.write(f"--module={name}", check=2).stderr)
        self.run_program("create", "-p", f"{self.home}/elsewhere", "tool", "-y", check=0)
        self.run_program("modulefile", "-p", f"{self.home}/elsewhere", "-o", self.folder, check=0)
        self.assertTrue(os.path.exists(f"{self.folder}/elsewhere.lua"))

    def test_files_of_others_are_kept(self):
        os.makedirs(f"{self.folder}/folder")
        with open(f"{self.folder}/work", "w", encoding="utf-8") as file:
            file.write("#%Module1.0\n")
        before = self.tree(self.folder)
        self.assertIn("hpcenv did not write it", self.write(check=1).stderr)
        self.assertIn("is a directory", self.write("--module", "folder", "--force", check=1).stderr)
        self.assertEqual(self.tree(self.folder), before)
        self.write("--force")
        written = self.tree(self.folder)
        self.write()
        self.assertEqual(self.tree(self.folder), written)

    def test_a_path_that_no_module_can_hold(self):
        prefix = f"{self.home}/a:b"
        os.makedirs(f"{prefix}/conda-meta")
        with open(f"{prefix}/conda-meta/history", "w", encoding="utf-8"):
            pass
        done = self.run_program("modulefile", "-p", prefix, "-o", self.folder, check=1)
        self.assertIn("no module can put", done.stderr)
        self.assertFalse(os.path.exists(self.folder))


if __name__ == "__main__":
    unittest.main()
