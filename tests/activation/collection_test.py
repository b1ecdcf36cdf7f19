"""The collection of activation scripts itself: each can be sourced by a real bash, and does what its class says."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import collection

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

PROGRAM = os.environ["HPCENV_PROGRAM"]
KINDS = {"exact", "guards", "node", "action", "interactive", "live", "refused"}
KEYS = {"about", "package", "recorded", "needs", "state", "directory", "home", "path", "sets", "matches", "unset", "with_gxx", "functions",
        "makes", "writes", "returns", "exits", "hangs", "prints", "leaves_process"}


class CollectionCase(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="hpcenv-collection-")
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.home = f"{self.work}/home"
        os.mkdir(self.home)

    def prefix(self, *names, called="work"):
        path = f"{self.work}/{called}"
        collection.build_prefix(path, names)
        return path

    def source(self, prefix, incoming=None, **options):
        return collection.source(prefix, {**collection.clean_state(self.home), **(incoming or {})}, **options)


class EachClass(CollectionCase):
    """One environment for each class, entered by bash from the state that it names."""

    def expected(self, text, prefix, path):
        return collection.filled(text, prefix, home=self.home, name="work", path=path)

    def check(self, one, prefix, state):
        facts = one.facts
        cwd = tempfile.mkdtemp(dir=self.work)
        for file, text in facts.get("directory", {}).items():
            Path(cwd, file).write_text(text, encoding="utf-8")
        done = collection.source(prefix, state, name="work", cwd=cwd, deadline=1 if facts.get("hangs") else 30)
        self.assertEqual(done.timed_out, bool(facts.get("hangs")))
        if done.timed_out:
            return done
        for name, value in facts.get("sets", {}).items():
            self.assertEqual(done.get(name), self.expected(value, prefix, state["PATH"]), f"{name}\n{done.errors}")
        for name, value in facts.get("matches", {}).items():
            self.assertRegex(done.get(name) or "", re.compile(self.expected(value, prefix, state["PATH"]) + r"\Z"), name)
        for name in facts.get("unset", {}):
            self.assertIsNone(done.get(name), name)
        self.check_effects(facts, prefix, done)
        return done

    def check_effects(self, facts, prefix, done):
        for name, word in facts.get("functions", {}).items():
            self.assertIn(word, done.get(f"BASH_FUNC_{name}%%") or "")
        for path, target in facts.get("makes", {}).items():
            full = f"{prefix}/{collection.filled(path, prefix)}"
            self.assertTrue(os.readlink(full) == collection.filled(target, prefix) if target else os.path.isdir(full), full)
        for path, text in facts.get("writes", {}).items():
            self.assertIn(text, Path(prefix, path).read_text(encoding="utf-8"))
        for path, text in facts.get("home", {}).items():
            self.assertEqual(Path(self.home, path).read_text(encoding="utf-8"), text)
        self.assertEqual(done.code, facts.get("exits", 0), done.errors)
        if "exits" not in facts:
            self.assertEqual(sorted(set(done.returned.values()) - {0}), [facts["returns"]] if "returns" in facts else [], done.errors)
        self.assertEqual(bool(done.output), bool(facts.get("prints")), done.output)
        self.assertEqual(bool(done.processes), bool(facts.get("leaves_process")))

    def test_does_what_it_says(self):
        for name in collection.class_names():
            with self.subTest(script_class=name):
                one = collection.load(name)
                prefix = self.prefix(name, called=name)
                written = {path: os.stat(f"{prefix}/{path}").st_mtime_ns for path in one.facts.get("writes", {}) if os.path.exists(f"{prefix}/{path}")}
                self.check(one, prefix, collection.incoming_state(one, prefix, self.home))
                for path, before in written.items():
                    self.assertNotEqual(os.stat(f"{prefix}/{path}").st_mtime_ns, before)

    def test_can_be_left(self):
        for name in collection.well_behaved():
            one = collection.load(name)
            if not one.scripts("deactivate.d"):
                continue
            with self.subTest(script_class=name):
                prefix = self.prefix(name, called=name)
                done = collection.source(prefix, collection.incoming_state(one, prefix, self.home), leave=True)
                self.assertEqual((done.code, done.timed_out), (0, False), done.errors)
                order = [*collection.scripts_of(prefix, "activate.d"), *collection.scripts_of(prefix, "deactivate.d")]
                self.assertEqual([f"{prefix}/etc/conda/{script}" for script in done.returned], order)

    def test_twins_for_csh_and_fish_set_the_same(self):
        """Of the variables that the class names, those that the twin sets have the same value."""
        seen = 0
        for shell, ending, words in (("tcsh", ".csh", ["tcsh", "-f"]), ("fish", ".fish", ["fish", "--no-config"])):
            if shutil.which(shell) is None:
                continue
            for name in collection.class_names():
                one = collection.load(name)
                for script in one.scripts(ending=ending):
                    with self.subTest(script=script):
                        prefix = self.prefix(name, called=f"{shell}-{name}")
                        state = {**collection.incoming_state(one, prefix, self.home), "CONDA_PREFIX": prefix, "LC_ALL": "C.UTF-8"}
                        done = subprocess.run([*words, "-c", f"source {prefix}/etc/conda/activate.d/{script}; /usr/bin/env -0"], env=state,
                                              capture_output=True, check=True, timeout=60)
                        self.assertEqual(done.stderr, b"")
                        found = {os.fsdecode(key): os.fsdecode(value) for key, value in collection.parse_environment(done.stdout).items()}
                        wanted = {key: self.expected(value, prefix, state["PATH"]) for key, value in one.facts.get("sets", {}).items()}
                        same = [key for key in wanted if found.get(key) == wanted[key]]
                        if name != "gromacs":  # its twin knows one processor
                            self.assertTrue(same, f"{found}\n{wanted}")
                        seen += 1
        self.assertTrue(seen or not (shutil.which("tcsh") or shutil.which("fish")))


class TheWhole(CollectionCase):
    def test_shape(self):
        names = collection.class_names()
        self.assertGreaterEqual(len(names), 34)
        packages = [collection.load(name).package for name in names]
        self.assertEqual(len(set(packages)), len(packages))
        for name in names:
            one = collection.load(name)
            with self.subTest(script_class=name):
                self.assertTrue(one.scripts())
                self.assertIn(one.recorded, KINDS)
                self.assertEqual(set(one.facts) - KEYS, set())
                self.assertGreater(len(one.facts["about"]), 10)
                self.assertTrue(set(one.facts) & {"sets", "matches", "unset", "writes", "makes", "home", "hangs"})
                # No script is another's.
                for script in one.scripts():
                    text = (one.folder / "activate.d" / script).read_text(encoding="utf-8")
                    self.assertGreater(len(text), 10)

    def test_all_at_once(self):
        names = [name for name in collection.well_behaved() if name not in ("bad-leak", "bad-background", "bad-fork")]
        prefix = self.prefix(*names)
        done = self.source(prefix, cwd=prefix)
        self.assertEqual((done.code, done.timed_out), (0, False), done.errors)
        self.assertEqual([f"{prefix}/etc/conda/{script}" for script in done.returned], collection.scripts_of(prefix, "activate.d"))
        self.assertIn("/~", list(done.returned)[-1])

    def test_an_order_that_is_conda_s(self):
        prefix = self.prefix("gxx", "cuda-nvcc", "dpcpp", "clang")
        order = [os.path.basename(path) for path in collection.scripts_of(prefix, "activate.d")]
        self.assertEqual(order, ["activate-gxx_linux-64.sh", "activate_clang_linux-64.sh", "~activate-dpcpp.sh", "~cuda-nvcc_activate.sh"])
        back = [os.path.basename(path) for path in collection.scripts_of(prefix, "deactivate.d")]
        self.assertEqual(back, ["~cuda-nvcc_deactivate.sh", "deactivate_clang_linux-64.sh", "deactivate-gxx_linux-64.sh"])

    def test_hpcenv_takes_it_for_an_environment(self):
        prefix = self.prefix("root", "libglib", "octave")
        variables = {**collection.clean_state(self.home), "HPCENV_ROOT": f"{self.work}/root"}
        done = subprocess.run([PROGRAM, "list", "-p", prefix, "--json"], env=variables, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(one["name"] for one in json.loads(done.stdout)["packages"]), ["libglib", "octave", "root_base"])
        done = subprocess.run([PROGRAM, "run", "-p", prefix, "printenv", "ROOTSYS", "OCTAVE_HOME"], env=variables, capture_output=True,
                              text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, f"{prefix}\n{prefix}\n"), done.stderr)
        done = subprocess.run([PROGRAM, "verify", "-p", prefix], env=variables, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class TheTraps(CollectionCase):
    """What is known of the real packages, and what others' tests rest on."""

    def test_compilers_run_what_stands_in_flags(self):
        prefix = self.prefix("gcc")
        done = self.source(prefix, {"CFLAGS": f"-O0 `touch {self.work}/ran` $ORIGIN"})
        self.assertTrue(os.path.exists(f"{self.work}/ran"))
        self.assertEqual(done.get("CONDA_BACKUP_CFLAGS"), "-O0  ")
        self.assertTrue(done.get("CFLAGS").endswith("/include -O0  "))

    def test_compilers_within_conda_build_print(self):
        prefix = self.prefix("gcc")
        done = self.source(prefix, {"CONDA_BUILD": "1", "PREFIX": "/host", "SRC_DIR": "/src", "PKG_NAME": "x", "PKG_VERSION": "1"})
        self.assertIn("INFO: activate-gcc_linux-64.sh made", done.output)
        self.assertIn("-isystem /host/include", done.get("CFLAGS"))

    def test_nvcc_behind_a_compiler(self):
        prefix = self.prefix("gxx", "cuda-nvcc")
        done = self.source(prefix)
        for name, value in collection.load("cuda-nvcc").facts["with_gxx"].items():
            self.assertEqual(done.get(name), collection.filled(value, prefix))
        self.assertEqual(done.output, "")
        left = self.source(prefix, leave=True)
        self.assertIn("targets/x86_64-linux", left.get("LDFLAGS"))
        self.assertIsNone(left.get("NVCC_PREPEND_FLAGS"))

    def test_entering_twice_doubles(self):
        prefix = self.prefix("gcc")
        once = self.source(prefix)
        twice = self.source(prefix, {"CFLAGS": once.get("CFLAGS")})
        self.assertEqual(twice.get("CFLAGS").count("-march=nocona"), 2)
        self.assertEqual(twice.get("CONDA_BACKUP_CFLAGS"), once.get("CFLAGS"))

    def test_a_shared_backup_loses_the_users_value(self):
        alone = self.source(self.prefix("esmf", called="one"), {"ESMFMKFILE": "/mine"}, leave=True)
        both = self.source(self.prefix("esmf", "esmpy", called="two"), {"ESMFMKFILE": "/mine"}, leave=True)
        self.assertEqual(alone.get("ESMFMKFILE"), "/mine")
        self.assertNotEqual(both.get("ESMFMKFILE"), "/mine")

    def test_what_exists_decides(self):
        prefix = self.prefix("libgdal", "proj")
        os.mkdir(f"{prefix}/lib")
        os.mkdir(f"{prefix}/lib/gdalplugins")
        Path(prefix, "share/proj/copyright_and_licenses.csv").touch()
        done = self.source(prefix)
        self.assertEqual((done.get("GDAL_DRIVER_PATH"), done.get("PROJ_NETWORK")), (f"{prefix}/lib/gdalplugins", "OFF"))

    def test_values_that_decide(self):
        """The guards of the classes that have some."""
        for name, variable, value, wanted in (("zig", "XDG_DATA_HOME", "/data", {"ZIG_GLOBAL_CACHE_DIR": "/data/zig"}),
                                              ("julia", "CONDA_EXE", "/opt/conda", {"CONDA_JL_CONDA_EXE": "/opt/conda"}),
                                              ("openmpi", "PKG_NAME", "x", {"OMPI_MCA_plm_rsh_agent": "false"}),
                                              ("rust", "CC", "clang", {"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER": "clang"}),
                                              ("ocaml", "CC", "/usr/bin/clang", {"CONDA_OCAML_CC": "clang"}),
                                              ("clang", "CC", "mine", {"CC": "mine"}),
                                              ("stackvana", "STACKVANA_ACTIVATED", "1", {"LSST_HOME": None}),
                                              ("libtorch", "TORCH_CUDA_ARCH_LIST", "9.0", {"TORCH_CUDA_ARCH_LIST": "9.0"}),
                                              ("bash-completion", "PS1", "> ", {"BASH_COMPLETION_VERSINFO": None}),
                                              ("libxml2", "XML_CATALOG_FILES", "a b", {"XML_CATALOG_FILES": "a b file://@PREFIX@/etc/xml/catalog"}),
                                              ("xtb", "XTBPATH", "/x", {"XTBPATH": "@PREFIX@/share/xtb:/x"}),
                                              ("net-snmp", "MIBDIRS", "/x", {"MIBDIRS": "/x:@PREFIX@/share/snmp/mibs"}),
                                              ("opentelemac", "LD_LIBRARY_PATH", "/x",
                                               {"LD_LIBRARY_PATH": "@PREFIX@/opt/telemac/lib:/x:@PREFIX@/opt/telemac/wrap"}),
                                              ("openjdk", "JAVA_HOME", "/java", {"CONDA_BACKUP_JAVA_HOME": "/java"})):
            with self.subTest(script_class=name):
                prefix = self.prefix(name, called=name)
                done = self.source(prefix, {variable: value})
                for key, text in wanted.items():
                    self.assertEqual(done.get(key), None if text is None else collection.filled(text, prefix))

    def test_what_stays_when_one_leaves(self):
        for name, left in (("go", {"GOOS": "linux"}), ("dotnet", {"DOTNET_CLI_TELEMETRY_OPTOUT": "1"}), ("flang", {"FC": ""}),
                           ("dpcpp", {"CC": "icx"}), ("rust", {"HOST_CC": "cc"}), ("ros", {"PYTHONPATH": "@PREFIX@/lib/python3.11/site-packages"}),
                           ("openjdk", {"JAVA_HOME": "@PREFIX@/lib/jvm"}), ("libglib", {"GSETTINGS_SCHEMA_DIR": None}),
                           ("libxml2", {"XML_CATALOG_FILES": None}), ("gcc", {"CC": None, "CFLAGS": None})):
            with self.subTest(script_class=name):
                prefix = self.prefix(name, called=name)
                done = self.source(prefix, leave=True)
                for key, text in left.items():
                    self.assertEqual(done.get(key), None if text is None else collection.filled(text, prefix))

    def test_within_conda_build_some_end_the_shell(self):
        for name in ("flang", "dpcpp"):
            done = self.source(self.prefix(name, called=name), {"CONDA_BUILD": "1", "BUILD_PREFIX": "/nowhere"})
            self.assertEqual((done.code, done.returned), (1, {}))

    def test_processes_are_ended_with_the_group(self):
        for name, deadline in (("bad-hang", 1), ("bad-background", 20)):
            done = self.source(self.prefix(name, called=name), deadline=deadline)
            end = time.monotonic() + 10
            alive = done.processes
            while alive and time.monotonic() < end:
                alive = [pid for pid in alive if os.path.exists(f"/proc/{pid}/environ") and self.runs(pid)]
            self.assertEqual(alive, [])

    @staticmethod
    def runs(pid):
        try:
            os.kill(pid, signal.SIGCONT)
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except (OSError, IndexError):
            return False
        return state != "Z"

    def test_many_die_of_strict_options(self):
        """A third of real scripts die under `set -u`; the collection has such ones too."""
        dead = []
        for name in collection.well_behaved():
            one = collection.load(name)
            if one.facts.get("leaves_process"):
                continue
            prefix = self.prefix(name, called=name)
            for script in collection.scripts_of(prefix, "activate.d"):
                done = subprocess.run(["bash", "--noprofile", "--norc", "-uc", '. "$0"', script], stdin=subprocess.DEVNULL, capture_output=True,
                                      env={**collection.incoming_state(one, prefix, self.home), "CONDA_PREFIX": prefix,
                                           "CONDA_DEFAULT_ENV": "work"}, cwd=self.work, timeout=60, check=False)
                dead += [name] if b"unbound variable" in done.stderr else []
        self.assertGreaterEqual(len(dead), 10, dead)
        self.assertIn("clang", dead)


if __name__ == "__main__":
    unittest.main()
