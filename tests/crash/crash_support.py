"""What the tests of kills, full disks and spoilt records share: a small channel, an environment in two states, the program.

Everything lies in memory where there is a /dev/shm: hundreds of changes with their syncs take a slow disk minutes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "cli"), str(TESTS / "tools")]

import tiny_channel  # noqa: E402
from skipping import skip  # noqa: E402, F401 (for the tests)

DATE = re.compile(r"\d{4}-\d\d-\d\d[ -]?\d{2}:?\d{2}:?\d{2}")


def memory_folder() -> str | None:
    """A directory in memory; None: the usual one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def one_processor() -> None:
    """One processor means one thread, so that the order of changes is the same each time."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def shebang(text: str) -> str:
    return f"#!{tiny_channel.PLACEHOLDER}/bin/interpreter\n# {text}\n"


def script(word: str) -> tuple[str, int]:
    return f'echo {word} >> "$PREFIX/ran"\n', 0o755


def tool_files(version: str) -> dict[str, tuple[str, int]]:
    """Everything that can happen to a name between two versions happens to one here."""
    files = {"bin/tool": (shebang(version), 0o755), "share/tool/data": (version, 0o644),
             "share/tool/same": ("the same", 0o644), "etc/tool.conf": (f"conf {version}", 0o644),
             "bin/.tool-post-link.sh": script("post-link"), "bin/.tool-pre-unlink.sh": script("pre-unlink")}
    files.update({f"lib/tool/{i}": (f"{version} {i}", 0o644) for i in range(8)})
    if version == "1.0":
        files.update({"share/to-directory": ("a file", 0o644), "share/to-file/in/it": ("in a directory", 0o644),
                      "lib/only-old/deep/er/file": ("old", 0o644), "share/clash": ("of tool", 0o644)})
    else:
        files.update({"share/to-directory/in/it": ("in a directory", 0o644), "share/to-file": ("a file", 0o644),
                      "lib/only-new/deep/er/file": ("new", 0o644), "lib/only-new/deep/er/more": ("new", 0o644),
                      "share/base/clash": ("of tool", 0o644), "bin/.tool-pre-link.sh": script("pre-link")})
    return files


def base_files() -> dict[str, tuple[str, int]]:
    files = {"bin/interpreter": ("#!/bin/sh\n", 0o755), "share/clash": ("of base", 0o644),
             "share/base/clash": ("of base", 0o644)}
    files.update({f"lib/base/{i}": (f"base {i}", 0o644) for i in range(16)})
    return files


def snapshot(root: Path) -> dict[str, str]:
    """Path -> type, mode and content; what link scripts wrote may be longer after a kill and is left out."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                text = "-> " + os.readlink(path)
            elif stat.S_ISDIR(status.st_mode):
                text = "directory"
            elif path.name == "history":
                text = DATE.sub("DATE", path.read_text())
            else:
                text = hashlib.sha256(path.read_bytes()).hexdigest()
            found[DATE.sub("DATE", str(path.relative_to(root)))] = f"{stat.S_IMODE(status.st_mode):o} {text}"
    found.pop("ran", None)
    return found


def difference(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    lines = [f"missing: {path}" for path in expected.keys() - found.keys()]
    lines += [f"too much: {path}" for path in found.keys() - expected.keys()]
    lines += [f"{path}: {found[path]}, not {value}" for path, value in expected.items() if found.get(path, value) != value]
    return sorted(lines)


class World:
    """A folder with a channel, a root with a warm cache, and a place for one environment."""

    def __init__(self, program: str, more_files: int = 0, bulk: int = 0) -> None:
        self.program = program
        self.more_files, self.bulk = more_files, bulk
        self.folder = Path(tempfile.mkdtemp(prefix="hpcenv-crash-", dir=memory_folder()))
        self.channel = self.folder / "channel"
        self.root = self.folder / "root"
        self.place = self.folder / "place"
        self.prefix = self.place / "env"
        self.saved = self.folder / "saved"
        self._make_channel()
        self.place.mkdir()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make_channel(self) -> None:
        add = tiny_channel.add_package
        entries = [add(self.channel, "base", "1.0", files=base_files())]
        for version in ("1.0", "2.0"):
            files = tool_files(version)
            files.update({f"lib/many/{i % 50}/{i}": (f"{version} {i}", 0o644) for i in range(self.more_files)})
            if self.bulk:
                files["share/tool/bulk"] = (version[0] * self.bulk, 0o644)
            entries.append(add(self.channel, "tool", version, depends=["base"], files=files))
        tiny_channel.write_repodata(self.channel, entries)

    def variables(self, **more: str) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C", "HPCENV_ROOT": str(self.root),
                "CONDA_OVERRIDE_CUDA": "", **more}

    def command(self, verb: str, *specs: str) -> list[str]:
        words = [self.program, verb, "-p", str(self.prefix), "-y"]
        if verb in ("create", "install"):
            words += ["--override-channels", "-c", f"file://{self.channel}"]
        return [*words, *specs]

    def run(self, words: list[str], around: list[str] | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*(around or []), *words], env=self.variables(**more), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False, preexec_fn=one_processor)

    def must(self, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        done = self.run(words, **more)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(words)}\n{done.stdout}\n{done.stderr}")
        return done

    def clear(self) -> None:
        shutil.rmtree(self.place)
        self.place.mkdir()

    def save_first(self) -> None:
        """An environment of the first version, with files of the user's, to start from again and again."""
        self.clear()
        self.must(self.command("create", "tool=1.0"))
        conf = self.prefix / "etc/tool.conf"
        conf.unlink()
        conf.write_text("edited by hand")
        (self.prefix / "share/to-file/mine").write_text("of the user's")
        (self.prefix / "ran").unlink(missing_ok=True)
        self.saved.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", str(self.place), str(self.saved)], check=True)

    def start_from_first(self) -> None:
        shutil.rmtree(self.place)
        subprocess.run(["cp", "-a", str(self.saved), str(self.place)], check=True)

    def unfinished(self) -> bool:
        """Whether a kill came between the record and its end."""
        own = self.prefix / ".hpcenv"
        return own.is_dir() and any((entry / "record").exists() for entry in own.iterdir())
