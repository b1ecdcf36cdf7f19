#!/usr/bin/env python3
"""Ctrl-C, SIGTERM and a closed terminal while a command downloads, unpacks, prepares and commits: the right exit code, the
environment as before or completed by the next command, no process left, nothing temporary.

The program runs on a terminal of its own (pty), as a user starts it; where it is caught is decided by a server that sends
slowly, or by a fault point at which it stops.
"""
import os
import pty
import select
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
# Where a change is caught: the first file of a package, the first record aside, the first and the last step of the commit.
POINTS = {"extraction": "extract.mkdir:1", "prepare": "conda_meta.create:1", "commit": "commit.place:1",
          "end of the commit": "commit.rename:1"}


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
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "base", "1.0", files=data("base")),
            tiny_channel.add_package(cls.channel, "more", "1.0", files=data("more")),
            tiny_channel.add_package(cls.channel, "slow", "1.0", files=slow)])
        cls.server = FileServer(Path(cls.work) / "channels")
        threading.Thread(target=cls.server.serve_forever, args=(0.05,), daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)

    def setUp(self):
        super().setUp()
        self.prefix = Path(self.home) / "envs/work"
        self.variables["TERM"] = "dumb"
        self.run_program("create", "-y", "-p", str(self.prefix), "base", check=0)
        self.before = self.tree(self.prefix)

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

    def check_after(self, decided):
        """Old or completed, then changed by the next command."""
        self.check_nothing_runs()
        if not decided:
            self.assertTrue(self.tree(self.prefix) == self.before, self.tree(self.prefix).keys() - self.before.keys())
        self.run_program("install", "-y", "-p", str(self.prefix), "more", check=0)
        names = {path.name for path in (self.prefix / "conda-meta").glob("*.json")}
        self.assertEqual(names, {"base-1.0-0.json", "more-1.0-0.json"})
        self.assertEqual(len(list((self.prefix / "share/more").iterdir())), 20)
        self.assertFalse((self.prefix / ".hpcenv").exists())
        self.assertEqual([path.name for path in self.prefix.parent.iterdir()], ["work"])
        leftovers = [path for path in Path(self.root, "pkgs").iterdir() if path.name.startswith(".") and path.is_dir()]
        self.assertEqual(leftovers, [])
        self.run_program("run", "-p", str(self.prefix), "true", check=0)

    def strike_at(self, point, way):
        running = OnTerminal(["install", "-y", "-p", str(self.prefix), "more"], {**self.variables, "HPCENV_FAULT_STOP": point})
        self.wait_for(lambda: running.state() in ("T", "Z"), point)
        self.assertEqual(running.state(), "T", running.text.decode(errors="replace"))
        running.strike(way)
        return running

    def test_while_it_unpacks_prepares_and_commits(self):
        for phase, point in POINTS.items():
            for way, code in WAYS.items():
                with self.subTest(phase=phase, way=way):
                    self.setUp()
                    running = self.strike_at(point, way)
                    ended = running.code()
                    # What is decided may be finished first; then nothing was interrupted.
                    self.assertIn(ended, (code, 0) if point.startswith("commit") else (code,), running.text)
                    self.check_after(decided=point.startswith("commit"))

    def test_while_it_downloads(self):
        address = self.server.address if hasattr(self.server, "address") else f"http://127.0.0.1:{self.server.server_port}"
        for way, code in WAYS.items():
            with self.subTest(way=way):
                self.setUp()
                running = OnTerminal(["install", "-y", "-p", str(self.prefix), "--override-channels", "-c",
                                      f"{address}/~slow=40/files", "more"], self.variables)
                self.wait_for(lambda: b"eading" in running.text or running.state() == "Z", "download")
                time.sleep(0.3)
                running.strike(way)
                self.assertEqual(running.code(), code, running.text)
                self.check_after(decided=False)

    def test_while_a_link_script_runs(self):
        for way, code in WAYS.items():
            with self.subTest(way=way):
                self.setUp()
                running = OnTerminal(["install", "-y", "-p", str(self.prefix), "slow"], self.variables)
                self.wait_for((self.prefix / "begun").exists, "the script")
                running.strike(way)
                self.assertEqual(running.code(), code, running.text)
                self.check_nothing_runs()
                done = self.run_program("run", "-p", str(self.prefix), "true", check=125)
                self.assertIn("link scripts of its packages have not run", done.stderr)


if __name__ == "__main__":
    unittest.main()
