"""What hpcenv makes of activation scripts against what bash makes of them in conda's order (issue: activation as a value).

Differences are listed below, each with its reason; any other is a failure.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import collection
from collection import ScriptClass, load
from skipping import skip

PROGRAM = os.environ["HPCENV_PROGRAM"]

# hpcenv's own, and what conda's shell function keeps for itself.
ALWAYS = {"PYTHONNOUSERSITE", "CONDA_PROMPT_MODIFIER", "HPCENV_ROOT"}
# In which scripts keep what was there, to give it back: hpcenv gives it back by itself.
BACKUP = re.compile(r"CONDA_BACKUP|^_CONDA_|_CONDA_BACKUP$|^[A-Z_]*_BACKUP(_[A-Z_]+)?$|^xml_catalog_files_libxml2$|^PERL5LIB_BEFORE$|_OLD$|^OLD_|_PREV$")
# Never run, as they leave processes, hang, or end the shell: what they set is not there.
REFUSED = {"bad-background": {"BACKGROUND_STARTED"}, "bad-fork": {"FORKED"}}
# Another value in each shell.
VOLATILE = {"cm": {"TMPDIR"}, "node-facts": {"RUN_STAMP"}}


TOGETHER = (
    ("gcc", "gxx", "gfortran", "binutils", "cuda-nvcc", "libgdal", "proj", "geotiff", "libxml2", "libglib", "openjdk", "go"),
    ("r-base", "gcc", "gxx", "rust", "julia", "caiman"),
    ("gxx", "cuda-nvcc", "qgis", "libgdal", "udunits2", "esmf", "esmpy"),
    ("auto-dotenv", "ncl", "proj", "xtb", "magics"),
)


def is_expected(name: str, classes: Iterable[str]) -> bool:
    if name in ALWAYS or BACKUP.search(name):
        return True
    return any(name in table.get(one, ()) for one in classes for table in (REFUSED, VOLATILE))


class EqualityCase(unittest.TestCase):
    """Environments are made and recorded once, and entered by many tests."""

    work: str
    home: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = tempfile.mkdtemp(prefix="hpcenv-equal-")
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.home = f"{cls.work}/home"
        os.mkdir(cls.home)

    def build(self, *names: str) -> Path:
        prefix = Path(f"{self.work}/envs/{'+'.join(names)}")
        if not prefix.exists():
            collection.build_prefix(prefix, names)
            self.entered(prefix, collection.clean_state(self.home))
        return prefix

    def environment(self, state: Mapping[str, str]) -> dict[str, str]:
        return {**state, "HPCENV_ROOT": f"{self.work}/root"}

    def entered(self, prefix: Path, state: Mapping[str, str], *before: str) -> dict[str, str]:
        """Variables of a program that `hpcenv run` starts."""
        done = subprocess.run([PROGRAM, "run", "-p", str(prefix), "--", *before, "/usr/bin/env", "-0"], env=self.environment(state),
                              cwd=self.work, capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return self.text_of(collection.parse_environment(done.stdout))

    @staticmethod
    def text_of(environment: Mapping[bytes, bytes]) -> dict[str, str]:
        return {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}

    def sourced(self, prefix: Path, state: Mapping[str, str]) -> dict[str, str]:
        skipped = {os.path.basename(script["path"]) for script in self.record(prefix)["scripts"] if script["class"] == "refused"}
        scripts = [script for script in collection.scripts_of(prefix, "activate.d") if os.path.basename(script) not in skipped]
        result = collection.source(prefix, state, name=str(prefix), cwd=self.work, scripts=scripts)
        return self.text_of(result.environment)

    def record(self, prefix: Path) -> dict:
        with open(prefix / ".hpcenv" / "activation.json", encoding="utf-8") as file:
            return json.load(file)["records"][0]

    def differences(self, got: Mapping[str, str], wanted: Mapping[str, str], classes: Iterable[str]) -> dict[str, tuple[str | None, str | None]]:
        return {name: (got.get(name), wanted.get(name)) for name in sorted({*got, *wanted})
                if got.get(name) != wanted.get(name) and not is_expected(name, classes)}


def read_names(one: ScriptClass) -> list[str]:
    """Names that the scripts of a class mention: what a user may have set before."""
    text = "".join((one.folder / "activate.d" / script).read_text(encoding="utf-8", errors="replace") for script in one.scripts())
    names = set(re.findall(r"\$\{?!?([A-Z][A-Z0-9_]{2,})", text)) | {name for name in one.facts.get("sets", {})}
    # What a job starts without, a shell sets, or says what system this is.
    gone = re.compile(r"^(CONDA_|_CONDA|PYTHON(PATH|HOME)$|PATH$|HOME$|BASH|PS1$|PKG_|SRC_DIR$|PREFIX$|RECIPE_DIR$|BUILD_PREFIX$|"
                      r"XTRACE|IFS$|LC_ALL$|LANG$|TERM$|HOSTNAME$|RANDOM$|SECONDS$|OMP_NUM_THREADS$)")
    return sorted(name for name in names if not gone.match(name) and name not in ALWAYS)


class Equality(EqualityCase):
    maxDiff = None

    def test_each_class_from_a_clean_state(self) -> None:
        for name in collection.class_names():
            if load(name).recorded == "refused":
                continue
            with self.subTest(name):
                prefix = self.build(name)
                state = collection.incoming_state(load(name), str(prefix), self.home)
                got = self.entered(prefix, state)
                self.assertEqual(self.differences(got, self.sourced(prefix, state), [name]), {})

    def test_each_class_from_preset_and_from_empty_states(self) -> None:
        for name in collection.class_names():
            one = load(name)
            if one.recorded in ("refused", "live"):
                continue
            prefix = self.build(name)
            clean = collection.incoming_state(one, str(prefix), self.home)
            for how, value in (("preset", "/mine/of it"), ("path", "/opt/x"), ("empty", "")):
                with self.subTest(name, state=how):
                    state = {**clean, **{wanted: value for wanted in read_names(one)}}
                    got = self.entered(prefix, state)
                    self.assertEqual(self.differences(got, self.sourced(prefix, state), [name]), {})

    def test_several_together(self) -> None:
        for names in TOGETHER:
            with self.subTest("+".join(names)):
                prefix = self.build(*names)
                for state in (collection.clean_state(self.home),
                              {**collection.clean_state(self.home), "CFLAGS": "-g", "LDFLAGS": "-Wl,-rpath,/mine", "PYTHONPATH": "/x"}):
                    started = {name: value for name, value in state.items() if name != "PYTHONPATH"}
                    got = self.entered(prefix, state)
                    self.assertEqual(self.differences(got, self.sourced(prefix, started), names), {})

    def test_two_thirds_are_recorded_and_the_others_named(self) -> None:
        counted = {"recorded": 0, "live": 0}
        for name in collection.class_names():
            if name.startswith("bad-"):
                continue
            prefix = self.build(name)
            for script in self.record(prefix)["scripts"]:
                is_live = script["class"] in ("live", "refused")
                counted["live" if is_live else "recorded"] += 1
                self.assertEqual(is_live or script["class"] != "recorded", bool(script.get("reason")), script)
        self.assertGreaterEqual(sum(counted.values()), 50)
        self.assertGreaterEqual(counted["recorded"] * 3, 2 * sum(counted.values()), counted)

    def test_entering_twice_doubles_nothing(self) -> None:
        for name in collection.class_names():
            if load(name).recorded in ("refused", "live") or name.startswith("bad-"):
                continue
            with self.subTest(name):
                prefix = self.build(name)
                state = {**collection.incoming_state(load(name), str(prefix), self.home), "CFLAGS": "-g", "LDFLAGS": "-s"}
                once = self.entered(prefix, state)
                if any(script["class"] == "live" for script in self.record(prefix)["scripts"]):
                    continue
                twice = self.entered(prefix, state, PROGRAM, "run", "-p", str(prefix), "--")
                self.assertEqual(twice, once)

    def test_leaving_gives_back_what_was_there(self) -> None:
        lines = f"""eval "$('{PROGRAM}' shell-hook bash)" && hpcenv activate "$1" && hpcenv activate "$1" && hpcenv deactivate; env -0"""
        for name in collection.class_names():
            if load(name).recorded in ("refused", "live"):
                continue
            prefix = self.build(name)
            clean = collection.incoming_state(load(name), str(prefix), self.home)
            if any(script["class"] in ("live", "refused") for script in self.record(prefix)["scripts"]):
                continue
            for value in (None, "", "/mine $x `y` it's"):
                with self.subTest(name, value=value):
                    state = self.environment(clean if value is None else {**clean, **{one: value for one in read_names(load(name))}})
                    done = subprocess.run(["bash", "--noprofile", "--norc", "-c", lines, "bash", str(prefix)], env=state, cwd=self.work,
                                          capture_output=True, timeout=300, check=False)
                    self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
                    self.assertEqual(self.text_of(collection.parse_environment(done.stdout)), state)


class Processes(EqualityCase):
    def test_entering_by_the_record_starts_none(self) -> None:
        if shutil.which("strace") is None:
            skip("strace is missing")
        prefix = self.build(*TOGETHER[0])
        lines = subprocess.run([PROGRAM, "activate", "-p", str(prefix), "--shell", "bash"], env=self.environment(collection.clean_state(self.home)),
                               cwd=self.work, capture_output=True, timeout=60, check=True).stdout
        Path(f"{self.work}/lines.sh").write_bytes(lines)
        for command, ours in ((["/bin/bash", "--norc", "--noprofile", f"{self.work}/lines.sh"], 1),
                              ([PROGRAM, "run", "-p", str(prefix), "--", "/bin/true"], 2)):
            trace = f"{self.work}/trace"
            done = subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=execve,fork,vfork,clone,clone3", *command],
                                  env=self.environment(collection.clean_state(self.home)), cwd=self.work, capture_output=True, timeout=60, check=False)
            if b"ptrace" in done.stderr:
                skip("strace may not trace here")
            self.assertEqual(done.returncode, 0, done.stderr)
            seen = Path(trace).read_text(encoding="utf-8").splitlines()
            self.assertEqual([line for line in seen if "CLONE_THREAD" not in line and "execve(" not in line], [])
            self.assertEqual(len([line for line in seen if "execve(" in line]), ours, seen)


if __name__ == "__main__":
    unittest.main()
