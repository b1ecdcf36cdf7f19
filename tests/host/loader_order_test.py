#!/usr/bin/env python3
"""E01 against the real loader: programs with DT_RPATH, DT_RUNPATH or neither, LD_LIBRARY_PATH in front, and who wins.

The judge is glibc's own loader: with LD_TRACE_LOADED_OBJECTS=1 a program prints which file each soname became and does not run.
What the doctor says under LD_LIBRARY_PATH has to be exactly where the two traces, without and with it, differ.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
PROGRAM = os.environ["HPCENV_PROGRAM"]

def compile_c(text: str, target: Path, *options: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-o", str(target), "-O0", "-x", "c", "-", "-x", "none", *options], input=text, text=True, check=True)


def traced(program: Path, library_path: str | None) -> dict[str, str]:
    """soname -> file, as the loader has it; "not found" where there is none."""
    environment = {"LD_TRACE_LOADED_OBJECTS": "1", "PATH": "/usr/bin:/bin"}
    if library_path is not None:
        environment["LD_LIBRARY_PATH"] = library_path
    done = subprocess.run([str(program)], env=environment, capture_output=True, text=True, timeout=60)
    return {name: os.path.normpath(path) if path.startswith("/") else path
            for name, path in re.findall(r"^\s*(\S+) => (not found|/\S+)", done.stdout, re.MULTILINE)}


class LoaderOrder(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.root = Path(self._folder.name).resolve()
        self.prefix = self.root / "prefix"
        self.module = self.root / "module/lib"
        self.module.mkdir(parents=True)
        (self.prefix / "lib").mkdir(parents=True)

    def library(self, folder: Path, name: str, *options: str, text: str | None = None) -> Path:
        target = folder / f"lib{name}.so.1"
        compile_c(text or f"int {name}(void) {{ return 1; }}", target, "-shared", "-fPIC", f"-Wl,-soname,lib{name}.so.1", *options)
        return target

    def program(self, name: str, *options: str, calls: str = "a") -> Path:
        target = self.prefix / "bin" / name
        compile_c(f"int {calls}(void); int main(void) {{ return {calls}(); }}", target, *options)
        return target

    def record(self) -> None:
        meta = self.prefix / "conda-meta"
        meta.mkdir(exist_ok=True)
        (meta / "history").write_text("")
        files = sorted(str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*")
                       if not path.is_dir() and "conda-meta" not in path.parts)
        record = {"name": "own", "version": "1", "build": "0", "build_number": 0, "subdir": "linux-64", "channel": "test",
                  "fn": "own-1-0.conda", "url": "https://conda.anaconda.org/test/linux-64/own-1-0.conda", "depends": [],
                  "files": files, "paths_data": {"paths_version": 1, "paths": [
                      {"_path": name, "path_type": "softlink" if (self.prefix / name).is_symlink() else "hardlink"}
                      for name in files]}}
        (meta / "own-1-0.json").write_text(json.dumps(record))

    def finding(self, library_path: str, *arguments: str) -> dict:
        self.record()
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.root), "LD_LIBRARY_PATH": library_path, "LC_ALL": "C",
                       "HPCENV_ROOT": str(self.root / "hpcenv")}
        done = subprocess.run([PROGRAM, "doctor", "E01", "--json", "-p", str(self.prefix), *arguments], env=environment,
                              capture_output=True, text=True, timeout=120)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)["findings"][0]

    def said(self, finding: dict) -> set[tuple[str, str]]:
        return {(taken, own) for line in finding["evidence"]
                for taken, own in re.findall(r"^(\S+) instead of (\S+) \(for ", line)}

    def judged(self, programs: list[Path], library_path: str) -> set[tuple[str, str]]:
        pairs = set()
        for program in programs:
            before, after = traced(program, None), traced(program, library_path)
            pairs |= {(after[name], own) for name, own in before.items()
                      if own.startswith(str(self.prefix)) and after.get(name, own) != own}
        return pairs

    def check(self, programs: list[Path], severity: str, library_path: str | None = None) -> dict:
        library_path = library_path or str(self.module)
        finding = self.finding(library_path)
        wanted = self.judged(programs, library_path)
        self.assertEqual(self.said(finding), wanted, finding)
        self.assertEqual(finding["severity"], severity, finding)
        return finding

    def rpath(self, text: str) -> list[str]:
        return [f"-Wl,-rpath,{text}", "-Wl,--disable-new-dtags"]

    def runpath(self, text: str) -> list[str]:
        return [f"-Wl,-rpath,{text}", "-Wl,--enable-new-dtags"]

    def linked(self, *names: str) -> list[str]:
        return ["-Wl,--no-as-needed", *(str(self.prefix / "lib" / f"lib{name}.so.1") for name in names)]

    def test_rpath_comes_before_ld_library_path(self) -> None:
        self.library(self.prefix / "lib", "a")
        self.library(self.module, "a")
        program = self.program("old", *self.linked("a"), *self.rpath("$ORIGIN/../lib"))
        finding = self.check([program], "pass")
        self.assertIn("take their own first", finding["text"])

    def test_runpath_comes_after_it(self) -> None:
        self.library(self.prefix / "lib", "a")
        self.library(self.module, "a")
        old = self.program("old", *self.linked("a"), *self.rpath("$ORIGIN/../lib"))
        new = self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"))
        finding = self.check([old, new], "warning", f"/nowhere:{self.module}")
        self.assertEqual(finding["remedy"]["commands"], ["export LD_LIBRARY_PATH=/nowhere"])
        self.assertIn(f"(for {new})", finding["evidence"][0])

    def test_a_program_s_rpath_serves_its_libraries_unless_they_have_a_runpath(self) -> None:
        for name in ("b", "c"):
            self.library(self.prefix / "lib", name)
            self.library(self.module, name)
        b, c = (str(self.prefix / "lib" / f"lib{name}.so.1") for name in ("b", "c"))
        self.library(self.prefix / "lib", "a", "-Wl,--no-as-needed", b, text="int b(void); int a(void) { return b(); }")
        self.library(self.prefix / "lib", "d", "-Wl,--no-as-needed", c, *self.runpath("$ORIGIN"),
                     text="int c(void); int d(void) { return c(); }")
        program = self.program("both", *self.linked("a", "d"), *self.rpath("$ORIGIN/../lib"), "-Wl,--allow-shlib-undefined")
        finding = self.check([program], "warning")
        self.assertEqual(self.said(finding), {(str(self.module / "libc.so.1"), c)})

    def test_a_library_loaded_already_is_not_looked_for_again(self) -> None:
        self.library(self.prefix / "lib", "b")
        self.library(self.module, "b")
        b = str(self.prefix / "lib/libb.so.1")
        self.library(self.prefix / "lib", "a", "-Wl,--no-as-needed", b, *self.runpath("$ORIGIN"),
                     text="int b(void); int a(void) { return b(); }")
        first = self.program("first", *self.linked("b", "a"), *self.rpath("$ORIGIN/../lib"))
        self.check([first], "pass")

    def test_directories_for_the_processor_and_links(self) -> None:
        self.library(self.prefix / "lib", "a")
        level = self.module / "glibc-hwcaps/x86-64-v2"
        self.library(level, "a")
        program = self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"))
        self.check([program], "warning")
        shutil.rmtree(level)
        (self.module / "liba.so.1").symlink_to(self.prefix / "lib/liba.so.1")
        finding = self.finding(str(self.module))
        self.assertEqual(finding["severity"], "pass", "the same file by another name")

    def test_a_library_of_another_machine_is_passed_over(self) -> None:
        self.library(self.prefix / "lib", "a")
        other = bytearray((self.prefix / "lib/liba.so.1").read_bytes())
        other[18:20] = (183).to_bytes(2, "little")
        (self.module / "liba.so.1").write_bytes(other)
        program = self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"))
        self.check([program], "pass")

    def test_a_file_that_is_no_library_ends_programs(self) -> None:
        self.library(self.prefix / "lib", "a")
        (self.module / "liba.so.1").write_text("INPUT(-la)\n" * 20)
        program = self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"))
        finding = self.finding(str(self.module))
        self.assertEqual(finding["severity"], "failure", finding)
        self.assertIn("is no library", finding["text"])
        done = subprocess.run([str(program)], env={"LD_LIBRARY_PATH": str(self.module)}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 127)

    def test_an_older_library_lacks_versions(self) -> None:
        for folder, versions in ((self.prefix / "lib", ("A_1.0", "A_2.0")), (self.module, ("A_1.0",))):
            script = self.root / "versions.map"
            script.write_text("A_1.0 { global: a; local: *; };\n" + ("A_2.0 { global: b; } A_1.0;\n" if len(versions) > 1 else ""))
            self.library(folder, "a", f"-Wl,--version-script={script}",
                         text="int a(void) { return 0; }" + ("int b(void) { return 0; }" if len(versions) > 1 else ""))
        program = self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"), calls="b")
        finding = self.finding(str(self.module))
        self.assertEqual(finding["severity"], "failure", finding)
        self.assertIn(f"needs A_2.0, which {self.module}/liba.so.1 lacks", finding["text"])
        done = subprocess.run([str(program)], env={"LD_LIBRARY_PATH": str(self.module)}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("version `A_2.0' not found", done.stderr)
        old = self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"))
        self.check([old], "warning")

    def test_a_plugin_that_python_opens(self) -> None:
        """A module without a run path of its own has the program's; one with DT_RUNPATH has not."""
        self.library(self.prefix / "lib", "a")
        self.library(self.module, "a")
        opener = "#include <dlfcn.h>\nint main(int c, char** v) { return c > 1 && dlopen(v[1], 2) == 0; }"
        python = self.prefix / "bin/python3.11"
        compile_c(opener, python, *self.rpath("$ORIGIN/../lib"))
        site = self.prefix / "lib/python3.11/site-packages"
        for name, options in (("plain", []), ("pointed", self.runpath("$ORIGIN/../.."))):
            compile_c("int a(void); int f(void) { return a(); }", site / f"{name}.so", "-shared", "-fPIC", *self.linked("a"), *options)
        finding = self.finding(str(self.module))
        self.assertEqual(self.said(finding), {(str(self.module / "liba.so.1"), str(self.prefix / "lib/liba.so.1"))})
        self.assertIn(f"(for {site}/pointed.so)", finding["evidence"][0])
        for name, folder in (("plain", self.prefix / "lib"), ("pointed", self.module)):
            done = subprocess.run([str(python), str(site / f"{name}.so")], capture_output=True, text=True,
                                  env={"LD_LIBRARY_PATH": str(self.module), "LD_DEBUG": "files"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr, rf"calling init: \S*{re.escape(str(folder.relative_to(self.root)))}\S*/?liba\.so\.1"
                             if name == "pointed" else r"calling init: \S*prefix/bin/\.\./lib/liba\.so\.1")

    def test_the_file_that_sets_it_is_named_and_a_target_changes_nothing(self) -> None:
        self.library(self.prefix / "lib", "a")
        self.library(self.module, "a")
        self.program("new", *self.linked("a"), *self.runpath("$ORIGIN/../lib"))
        (self.root / ".bashrc").write_text(f"# LD_LIBRARY_PATH\nexport LD_LIBRARY_PATH={self.module}\n")
        finding = self.finding(str(self.module))
        self.assertIn(f"{self.root}/.bashrc:2: export LD_LIBRARY_PATH={self.module}", finding["evidence"])
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.root)}
        node = subprocess.run([PROGRAM, "probe", "--json"], env=environment, check=True, capture_output=True, text=True)
        (self.root / "node.json").write_text(node.stdout)
        on_target = self.finding(str(self.module), "--on", str(self.root / "node.json"))
        self.assertEqual(self.said(on_target), self.said(finding))

    def test_broken_files_and_missing_directories_harm_nobody(self) -> None:
        self.library(self.prefix / "lib", "a")
        self.library(self.module, "a")
        whole = (self.prefix / "lib/liba.so.1").read_bytes()
        (self.prefix / "bin").mkdir()
        for length in (0, 3, 17, 64, 200, len(whole) // 2):
            (self.prefix / f"bin/cut{length}").write_bytes(whole[:length])
        self.assertIn(self.finding(str(self.module))["severity"], ("pass", "info", "warning"))
        self.assertEqual(self.finding("/nowhere/at/all")["severity"], "info")
        self.assertEqual(self.finding("")["severity"], "pass")


if __name__ == "__main__":
    unittest.main(verbosity=1)
