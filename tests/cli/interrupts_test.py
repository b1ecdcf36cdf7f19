#!/usr/bin/env python3
"""Ctrl-C, SIGTERM and a closed terminal while a command downloads, unpacks, prepares and commits: the right exit code, the
environment as before or completed by the next command, no process left, nothing temporary.

The program runs on a terminal of its own (pty), as a user starts it; where it is caught is decided by a server that sends
slowly, or by a fault point at which it stops.
"""
import json
import os
import pty
import select
import shutil
import signal
import sys
import threading
import time
import unittest
from pathlib import Path

import tiny_channel
from cli_case import PROGRAM, CliCase

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fake"))

from http_server import FileServer  # noqa: E402

WAYS = {"Ctrl-C": 130, "SIGTERM": 143, "closed terminal": 143}
# Where a command is caught: the first file of a package, the first record aside, the steps of the commit; and whether what it
# does is decided there.
POINTS = {
    "install": [("extraction", "extract.mkdir:1", False), ("prepare", "conda_meta.create:1", False),
                ("commit", "commit.place:1", True), ("end of the commit", "commit.rename:1", True)],
    "create": [("extraction", "extract.mkdir:1", False), ("prepare", "conda_meta.create:1", False),
               ("commit", "place.rename:1", True)],
}


class OnTerminal:
    """hpcenv as the leader of a session with a terminal."""

    def __init__(self, words, variables):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(PROGRAM, [PROGRAM, *words], variables)
        self.text = b""
        self.closing = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """Never blocks in a read: a terminal that somebody reads from does not hang up."""
        try:
            while not self.closing:
                if select.select([self.terminal], [], [], 0.02)[0]:
                    self.text += os.read(self.terminal, 65536)
        except OSError:
            pass

    def state(self):
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return ""

    def strike(self, way):
        if way == "Ctrl-C":
            os.write(self.terminal, b"\x03")
        elif way == "SIGTERM":
            os.kill(self.pid, signal.SIGTERM)
        else:
            self.closing = True
            self.reader.join()
            os.close(self.terminal)
        time.sleep(0.05)
        if self.state() == "T":
            os.kill(self.pid, signal.SIGCONT)

    def code(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it does not end: " + self.text.decode(errors="replace"))


class Interrupts(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/files"

        def data(name):
            return {f"share/{name}/{i}": (f"{name} {i}\n" * 200, 0o644) for i in range(20)}

        slow = {"bin/.slow-post-link.sh": ("touch \"$PREFIX/begun\"\nsleep 300\n", 0o755)}
        packages = [tiny_channel.add_package(cls.channel, "base", "1.0", files=data("base")),
                    tiny_channel.add_package(cls.channel, "more", "1.0", files=data("more")),
                    tiny_channel.add_package(cls.channel, "slow", "1.0", files=slow)]
        tiny_channel.write_repodata(cls.channel, packages)
        # The same with an index that comes at once, and archives that come byte by byte.
        far = f"{cls.work}/channels/far"
        tiny_channel.write_repodata(far, packages)
        index = Path(far, "linux-64/repodata.json")
        text = json.loads(index.read_text())
        text["info"]["base_url"] = "../../~slow=40/files/linux-64"
        index.write_text(json.dumps(text))
        cls.log = Path(cls.work) / "requests.log"
        cls.server = FileServer(Path(cls.work) / "channels", log=cls.log)
        threading.Thread(target=cls.server.serve_forever, args=(0.05,), daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)
        cls.model = Path(cls.work) / "model"

    def setUp(self):
        super().setUp()
        self.server.well = False
        self.prefix = Path(self.home) / "envs/work"
        self.variables["TERM"] = "xterm"
        if not self.model.exists():
            self.run_program("create", "-y", "-p", str(self.model), "base", check=0)
        self.channel_words = []

    def begin(self, command, *specs):
        """The words of a command, and what it starts from."""
        if command == "install":
            shutil.copytree(self.model, self.prefix)
        else:
            self.prefix.parent.mkdir()
        self.before = self.tree(self.prefix.parent)
        self.words = [command, "-y", "-p", str(self.prefix), *self.channel_words, *specs]
        self.wanted = {"base", "more"} if command == "install" else {"more"}

    def wait_for(self, condition, what):
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end, f"waited in vain: {what}")
            time.sleep(0.01)

    def check_nothing_runs(self):
        """No process has this test's home in its environment any more."""
        def alive():
            found = []
            for entry in Path("/proc").iterdir():
                try:
                    if entry.name.isdigit() and f"HOME={self.home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                        found.append((entry / "cmdline").read_bytes())
                except OSError:
                    continue
            return found
        self.wait_for(lambda: not alive(), "children")

    def check_after(self, code, ended, decided):
        """All is old, or what was decided is whole after the same command again; nothing runs, nothing temporary is left."""
        # What is decided may be finished first; then nothing was interrupted.
        self.assertIn(ended, (code, 0) if decided else (code,))
        self.check_nothing_runs()
        if not decided or self.words[0] == "create" and ended != 0:
            after = self.tree(self.prefix.parent)
            self.assertTrue(after == self.before, after.keys() ^ self.before.keys())
        self.server.well = True
        # A create that got to its end says that the environment is there.
        self.run_program(*self.words, check=1 if self.words[0] == "create" and ended == 0 else 0)
        names = {path.name.split("-")[0] for path in (self.prefix / "conda-meta").glob("*.json")}
        self.assertEqual(names, self.wanted)
        for name in self.wanted:
            self.assertEqual(len(list((self.prefix / "share" / name).iterdir())), 20)
        self.assertFalse((self.prefix / ".hpcenv").exists())
        self.assertEqual([path.name for path in self.prefix.parent.iterdir()], ["work"])
        leftovers = [path for path in Path(self.root, "pkgs").iterdir() if path.name.startswith(".") and path.is_dir()]
        self.assertEqual(leftovers, [])

    def strike_at(self, point, way):
        running = OnTerminal(self.words, {**self.variables, "HPCENV_FAULT_STOP": point})
        self.wait_for(lambda: running.state() in ("T", "Z"), point)
        self.assertEqual(running.state(), "T", running.text.decode(errors="replace"))
        running.strike(way)
        return running

    def test_while_it_unpacks_prepares_and_commits(self):
        for command, points in POINTS.items():
            for phase, point, decided in points:
                for way, code in WAYS.items():
                    with self.subTest(command=command, phase=phase, way=way):
                        self.setUp()
                        self.begin(command, "more")
                        self.check_after(code, self.strike_at(point, way).code(), decided)

    def requests(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def test_while_it_downloads_an_index_or_an_archive(self):
        for command in POINTS:
            for path, begun in (("~slow=40/files", "/linux-64/repodata.json"), ("far", "/more-1.0-0.tar.bz2")):
                for way, code in WAYS.items():
                    with self.subTest(command=command, path=path, way=way):
                        self.setUp()
                        self.channel_words = ["--override-channels", "-c", f"{self.server.address}/{path}"]
                        self.begin(command, "more")
                        seen = len(self.requests())
                        running = OnTerminal(self.words, self.variables)
                        self.wait_for(lambda: any(begun in line and "200" in line for line in self.requests()[seen:]) or  # noqa: B023
                                      running.state() == "Z", begun)  # noqa: B023
                        time.sleep(0.1)
                        running.strike(way)
                        self.check_after(code, running.code(), decided=False)

    def test_while_a_link_script_runs(self):
        for command in POINTS:
            for way, code in WAYS.items():
                with self.subTest(command=command, way=way):
                    self.setUp()
                    self.begin(command, "slow")
                    running = OnTerminal(self.words, self.variables)
                    self.wait_for((self.prefix / "begun").exists, "the script")
                    running.strike(way)
                    self.assertEqual(running.code(), code, running.text)
                    self.check_nothing_runs()
                    if command == "install":
                        done = self.run_program("run", "-p", str(self.prefix), "true", check=125)
                        self.assertIn("link scripts of its packages have not run", done.stderr)
                    else:
                        self.assertEqual(self.tree(self.prefix.parent), self.before)


if __name__ == "__main__":
    unittest.main()
