"""What the end-to-end tests share: the program as an unprivileged user, channels on a loopback server, drivers in front.

Set up once a process: a folder under the temporary directory that belongs to nobody's home, with a copy of the program, the
channels (published there by build_channel.py) and a home for the test user. HPCENV_BIN names the program; else the static
one is taken, else that of this build.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "fake"), str(TESTS / "channel"), str(TESTS / "tools")]

import drivers  # noqa: E402
from http_server import FileServer  # noqa: E402
from skipping import skip  # noqa: E402

TEST_USER = 64_321
# What a login node offers without a compiler. `cc`, `gcc`, `c++`, `ld` and their like are left out on purpose.
PLAIN_TOOLS = ["bash", "sh", "env", "cat", "tr", "sed", "grep", "rm", "mkdir", "mktemp", "dirname", "basename", "uname",
               "ls", "cp", "mv", "chmod", "head", "tail", "sort", "ldd", "id", "date", "expr", "cut", "test", "true", "tar"]


def program() -> Path:
    """The hpcenv to test."""
    if explicit := os.environ.get("HPCENV_BIN"):
        return Path(explicit)
    for name in ("HPCENV_RELEASE_PROGRAM", "HPCENV_PROGRAM"):
        if (path := Path(os.environ.get(name, "/nonexistent"))).is_file():
            return path
    raise SystemExit("no program to test: build one, or set HPCENV_BIN")


class Answer:
    """What a command said and how it ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> dict:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out[-6000:]}\n--- stderr\n{self.err[-6000:]}"


class World:
    """One folder in which a test user lives; removed when the process ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hpcenv-thread-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.home = self._own_folder("home")
        self.root = self.home / "hpcenv"
        self.program = self.folder / "hpcenv"
        shutil.copy2(program(), self.program)
        self.program.chmod(0o755)
        self.channels = self.folder / "channels"
        self.channels.mkdir()
        self.log = self.folder / "requests.log"
        self.server = FileServer(self.channels, log=self.log)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _own_folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        if os.geteuid() == 0:
            os.chown(path, TEST_USER, TEST_USER)
        return path

    def channel(self, profile: str) -> str:
        """The address of a channel; it is built where the cache lacks it."""
        target = self.channels / profile
        if not target.exists():
            done = subprocess.run([sys.executable, "-B", TESTS / "channel/build_channel.py", "--profile", profile, "--out",
                                   target], stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"the channel {profile} cannot be built")
        return f"{self.server.address}/{profile}"

    def driver(self, kind: str) -> Path:
        """A folder with a libcuda.so.1 that the test user can read. Skips where there is none."""
        target = self.folder / "drivers" / kind
        if not target.exists():
            try:
                shutil.copytree(drivers.ensure(kind), target, symlinks=True)
            except drivers.Unavailable as reason:
                skip(f"no libcuda of kind {kind}: {reason}")
            target.parent.chmod(0o755)
        return target

    def tool(self, *sources: Path) -> Path:
        """The first of these files, copied beside the others to where the test user can read it: a checkout may lie in a home
        that is closed to others."""
        folder = self.folder / "tools"
        folder.mkdir(exist_ok=True)
        for source in sources:
            shutil.copyfile(source, folder / source.name)
            (folder / source.name).chmod(0o755)
        return folder / sources[0].name

    def plain_path(self) -> str:
        """A PATH on which there is no compiler."""
        folder = self.folder / "plain-bin"
        if not folder.exists():
            folder.mkdir()
            for tool in PLAIN_TOOLS:
                if found := shutil.which(tool, path="/usr/bin:/bin"):
                    (folder / tool).symlink_to(found)
        for compiler in ("cc", "gcc", "g++", "c++", "clang", "as", "ld", "nvcc"):
            assert shutil.which(compiler, path=str(folder)) is None
        return str(folder)

    def environment(self, **more: str) -> dict[str, str]:
        """A user's environment, with nothing of the one that runs the tests."""
        return {"HOME": str(self.home), "HPCENV_ROOT": str(self.root), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                "TERM": "dumb", "TMPDIR": str(self.home), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def run(self, command: list[str | Path], timeout: float = 600, cwd: Path | None = None, **more: str) -> Answer:
        """Runs a command as the test user; `more` are variables of its environment."""
        words = [str(word) for word in command]
        if os.geteuid() == 0:
            words = ["/usr/bin/setpriv", f"--reuid={TEST_USER}", f"--regid={TEST_USER}", "--clear-groups",
                     "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", *words]
        done = subprocess.run(words, cwd=cwd or self.home, env=self.environment(**more), capture_output=True, text=True,
                              errors="replace", timeout=timeout, stdin=subprocess.DEVNULL, check=False)
        return Answer(done)

    def hpcenv(self, *arguments: str | Path, timeout: float = 600, **more: str) -> Answer:
        """Runs hpcenv as the test user."""
        return self.run([self.program, *arguments], timeout=timeout, **more)

    def prefix(self, name: str) -> Path:
        """Where an environment lies."""
        return self.root / "envs" / name

    def requests(self) -> list[dict]:
        """What the server was asked for so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def tree(folder: Path) -> set[str]:
    """All paths below `folder`, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} if folder.exists() else set()


def machine_has_driver() -> bool:
    """Whether a libcuda of this machine would answer."""
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    return "libcuda.so.1" in listing
