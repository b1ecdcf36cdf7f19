#!/usr/bin/env python3
"""Runs clang-tidy-19 over the files of src/ and tests/ that a build folder compiles; remembers what was clean.

Usage: run_tidy.py BUILD_FOLDER [-j N] [FILE...]. A file is not looked at again while nothing that its result depends on has
changed: its command, the configuration, the tool, and the text of every file that it includes. The memory lies outside the
tree, in $HPCENV_CACHE (default ~/.cache/hpcenv-build).
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

TIDY = "clang-tidy-19"
COMPILER = {".c": "clang-19", ".cpp": "clang++-19"}
ROOT = Path(__file__).resolve().parents[2]
REMEMBERED_STATES = 8
DIAGNOSTIC = re.compile(r"^\S+:\d+:\d+: (error|warning): ")


def cache_folder():
    base = os.environ.get("HPCENV_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hpcenv-build")
    return Path(base) / "tidy"


@functools.lru_cache(maxsize=None)
def digest_of(path):
    """The digest of a file's text, "" where there is none."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


class Unit:
    """A file to look at, with the command that compiles it."""

    def __init__(self, entry, build, root=ROOT):
        self.path = Path(entry["directory"], entry["file"]).resolve()
        self.directory = entry["directory"]
        words = entry.get("arguments") or shlex.split(entry["command"])
        self.arguments = self.without_output(words)
        self.build = build
        self.root = root

    @staticmethod
    def without_output(words):
        """The options of a compiler's command line: no launcher, compiler, output and input, and nothing of colours, which a
        folder has or lacks by the program that configured it last."""
        start = next(i for i, word in enumerate(words) if re.search(r"(\+\+|cc|clang)(-[\d.]+)?$", word) and "ccache" not in word)
        kept = []
        skip = False
        for word in words[start + 1 :]:
            if skip:
                skip = False
            elif word in ("-o", "-MF", "-MT"):
                skip = True
            elif word not in ("-c", "-MD") and not re.fullmatch(r"-f(no-)?diagnostics-color(=.*)?", word):
                kept.append(word)
        return kept[:-1]

    def portable(self, text):
        """The text without the places of this checkout and build folder."""
        return text.replace(str(self.build), "BUILD").replace(str(self.root), "ROOT")

    def local(self, text):
        if text.startswith("ROOT/"):
            return str(self.root) + text[4:]
        return str(self.build) + text[5:] if text.startswith("BUILD/") else text

    def key(self, configuration):
        parts = [configuration, self.portable(str(self.path)), *map(self.portable, self.arguments), digest_of(self.path)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def included(self):
        """All files that the preprocessor reads for this one."""
        command = [COMPILER[self.path.suffix], *self.arguments, "-w", "-M", "-MT", "x", str(self.path)]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        names = done.stdout.replace("\\\n", " ").split()[1:]
        return sorted({os.path.normpath(os.path.join(self.directory, name)) for name in names})


class Memory:
    """Which states of which files were clean."""

    def __init__(self, folder):
        self.folder = folder

    def knows(self, unit, key):
        for state in (self.folder / key[:2] / key).glob("*.json"):
            files = json.loads(state.read_text())
            if all(digest_of(unit.local(name)) == digest for name, digest in files.items()):
                return True
        return False

    def remember(self, unit, key):
        names = unit.included()
        if names is None:
            return
        folder = self.folder / key[:2] / key
        folder.mkdir(parents=True, exist_ok=True)
        states = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for old in states[: max(0, len(states) - REMEMBERED_STATES + 1)]:
            old.unlink(missing_ok=True)
        text = json.dumps({unit.portable(name): digest_of(name) for name in names})
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        new = folder / f"{name}.{os.getpid()}.new"
        new.write_text(text)
        new.rename(folder / f"{name}.json")


def look_at(unit, build, memory, key):
    """Runs the tool on one file and remembers a clean one: its exit code and its output."""
    command = [TIDY, "--quiet", "-p", str(build), str(unit.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        memory.remember(unit, key)
        return 0, ""
    return done.returncode, done.stdout or done.stderr


def new_diagnostics(output, seen):
    """The diagnostics in an output that no earlier one had: a header is seen through many files."""
    blocks = []
    for line in output.splitlines():
        if DIAGNOSTIC.match(line) or not blocks:
            blocks.append([])
        blocks[-1].append(line)
    fresh = []
    for block in blocks:
        if block[0] not in seen:
            seen.add(block[0])
            fresh.extend(block)
    return fresh


def units_of(build, files):
    entries = json.loads((build / "compile_commands.json").read_text())
    units = {}
    for entry in entries:
        unit = Unit(entry, build)
        inside = any(unit.path.is_relative_to(ROOT / folder) for folder in ("src", "tests"))
        if inside and unit.path.suffix in COMPILER and (not files or unit.path in files):
            units[unit.path] = unit
    return [units[path] for path in sorted(units)]


def configuration_text():
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    texts = [path.read_text() for path in sorted({ROOT / ".clang-tidy", *ROOT.glob("*/.clang-tidy")})]
    return "\0".join([version, *texts])


def run(build, jobs, files):
    units = units_of(build, files)
    configuration = configuration_text()
    memory = Memory(cache_folder())
    keys = {unit: unit.key(configuration) for unit in units}
    todo = [unit for unit in units if not memory.knows(unit, keys[unit])]
    print(f"clang-tidy: {len(units)} files, {len(todo)} of them changed", flush=True)
    seen = set()
    failed = []
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda unit: look_at(unit, build, memory, keys[unit]), todo)
        for unit, (code, output) in zip(todo, results):
            if code != 0:
                failed.append(unit)
                print("\n".join(new_diagnostics(output, seen)), flush=True)
    print(f"clang-tidy: {len(failed)} files with findings, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("files", nargs="*", type=lambda name: Path(name).resolve())
    arguments = parser.parse_intermixed_args()
    return run(arguments.build.resolve(), arguments.jobs, set(arguments.files))


if __name__ == "__main__":
    sys.exit(main())
