#!/usr/bin/env python3
"""Two writers of one environment: on one host, and on two hosts that share a folder (hosts as tests/slurm makes them: their
own name and processes, one boot id). The first is stopped by a fault point, killed, or woken after the second took over.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "cli"))

import tiny_channel  # noqa: E402
from crash_support import memory_folder, skip, snapshot  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]
# A holder that beats ten times in the silence; who waits looks often.
FAST = {"HPCENV_FAULT_LOCK_BEAT": "300", "HPCENV_FAULT_LOCK_SILENCE": "3000", "HPCENV_FAULT_LOCK_POLL": "100"}
WAITING = "waiting for another process at work on"
# Where the first writer stands still: before its folder has anything, while it prepares, after the record, in the middle.
STOPS = ["change.mkdir:1", "conda_meta.create:1", "commit.place:1", "commit.place:2", "commit.rename:1"]


class Writer:
    """One hpcenv in the background, here or on a host of its own."""

    def __init__(self, case: TwoWriters, *words: str, host: str = "", **more: str) -> None:
        command = [PROGRAM, *words]
        if host:
            command = ["unshare", "--uts", "--pid", "--mount", "--fork", "--kill-child", "--propagation", "private", "sh", "-c",
                       f'mount -t proc proc /proc && hostname {host} && "$@"; exit $?', "host", *command]
        self.case = case
        self.file = tempfile.TemporaryFile("w+", dir=case.work)
        self.process = subprocess.Popen(command, env={**case.variables, **more}, stdin=subprocess.DEVNULL,
                                        stdout=self.file, stderr=subprocess.STDOUT, text=True)
        case.addCleanup(self.end)

    def end(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        self.process.wait(30)
        self.file.close()

    def text(self) -> str:
        self.file.seek(0)
        return self.file.read()

    def own(self) -> int:
        """The number here of the hpcenv process, which may be a grandchild in other namespaces."""
        numbers, at = [self.process.pid], 0
        while at < len(numbers):
            try:
                children = Path(f"/proc/{numbers[at]}/task/{numbers[at]}/children").read_text().split()
                numbers += [int(child) for child in children]
                if os.readlink(f"/proc/{numbers[at]}/exe") == os.path.realpath(PROGRAM):
                    return numbers[at]
            except OSError:
                pass
            at += 1
        return 0

    def signal(self, number: int) -> None:
        if pid := self.own():
            os.kill(pid, number)

    def state(self) -> str:
        pid = self.own()
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] if pid else ""

    def wait_until_stopped(self) -> None:
        self.case.wait_for(lambda: self.state() == "T" or self.process.poll() is not None)
        self.case.assertEqual(self.state(), "T", self.text())

    def wait_for_text(self, text: str) -> None:
        self.case.wait_for(lambda: text in self.text() or self.process.poll() is not None)
        self.case.assertIn(text, self.text())

    def code(self) -> int:
        return self.process.wait(120)


class TwoWriters(unittest.TestCase):
    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="hpcenv-writers-", dir=memory_folder()))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        channel = self.work / "channel"

        def data(name: str) -> dict[str, tuple[str, int]]:
            return {f"share/{name}/{i}": (f"{name} {i}\n", 0o644) for i in range(5)}

        slow = {"bin/.slow-post-link.sh": ("touch $PREFIX/begun\nsleep 6\n", 0o755)}
        failing = {"bin/.failing-post-link.sh": ("exit 1\n", 0o755)}
        quick = {"bin/.quick-post-link.sh": ("true\n", 0o755)}
        tiny_channel.write_repodata(str(channel), [
            tiny_channel.add_package(str(channel), "failing", "1.0", files=failing),
            tiny_channel.add_package(str(channel), "quick", "1.0", files=quick),
            tiny_channel.add_package(str(channel), "clash", "1.0", files={"share/first/0": ("of clash\n", 0o644)}),
            tiny_channel.add_package(str(channel), "base", "1.0", files=data("base")),
            tiny_channel.add_package(str(channel), "first", "1.0", files=data("first")),
            tiny_channel.add_package(str(channel), "second", "1.0", files=data("second")),
            tiny_channel.add_package(str(channel), "slow", "1.0", files=slow)])
        self.prefix = self.work / "envs/env"
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(self.work), "LC_ALL": "C", "CONDA_OVERRIDE_CUDA": "",
                          "HPCENV_ROOT": str(self.work / "root"), "HPCENV_CHANNELS": channel.as_uri()}
        # Everything is fetched already, so that the tests need no time for it.
        self.run_program("create", "-y", "-p", self.work / "warm", "base", "first", "second")
        self.run_program("create", "-y", "-p", self.prefix, "base")

    def run_program(self, *words: object, check: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([PROGRAM, *map(str, words)], env=self.variables, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=120)
        self.assertEqual(done.returncode, check, f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def wait_for(self, condition, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain")
            time.sleep(0.02)

    def install(self, name: str, host: str = "", **more: str) -> Writer:
        return Writer(self, "install", "-y", "-p", str(self.prefix), name, host=host, **more)

    def check_whole(self, *names: str) -> None:
        """The environment holds these packages, all their files, and nothing temporary."""
        meta = {path.name.split("-")[0] for path in (self.prefix / "conda-meta").glob("*.json")}
        self.assertEqual(meta, {"base", *names})
        files = {str(path.relative_to(self.prefix)) for path in (self.prefix / "share").rglob("*") if path.is_file()}
        self.assertEqual(files, {f"share/{name}/{i}" for name in ("base", *names) for i in range(5)})
        self.assertFalse((self.prefix / ".hpcenv").exists(), list((self.prefix / ".hpcenv").glob("*")))
        self.assertEqual([path.name for path in self.prefix.parent.iterdir()], ["env"])
        self.run_program("run", "-p", self.prefix, "true")


class OnOneHost(TwoWriters):
    def test_the_second_waits_and_is_told_whom_for(self) -> None:
        for stop in STOPS:
            first = self.install("first", HPCENV_FAULT_STOP=stop)
            first.wait_until_stopped()
            second = self.install("second")
            second.wait_for_text(f"{WAITING} {self.prefix}: hpcenv install, process {first.own()} of user ")
            first.signal(signal.SIGCONT)
            self.assertEqual((first.code(), second.code()), (0, 0), first.text() + second.text())
            self.check_whole("first", "second")
            self.run_program("remove", "-y", "-p", self.prefix, "first", "second")
            self.check_whole()

    def test_the_second_goes_on_when_the_first_is_killed(self) -> None:
        for stop in STOPS:
            first = self.install("first", HPCENV_FAULT_STOP=stop)
            first.wait_until_stopped()
            second = self.install("second")
            second.wait_for_text(WAITING)
            first.signal(signal.SIGKILL)
            self.assertEqual(second.code(), 0, second.text())
            decided = stop.startswith("commit")
            self.check_whole(*(["first"] if decided else []), "second")
            self.run_program("remove", "-y", "-p", self.prefix, "second", *(["first"] if decided else []))

    def test_of_two_creates_the_second_finds_the_environment(self) -> None:
        prefix = self.prefix.parent / "new"
        words = ["create", "-y", "-p", str(prefix), "base"]
        first = Writer(self, *words, HPCENV_FAULT_STOP="conda_meta.create:1")
        first.wait_until_stopped()
        second = Writer(self, *words)
        second.wait_for_text(f"{WAITING} {prefix}: hpcenv create, process ")
        first.signal(signal.SIGCONT)
        self.assertEqual((first.code(), second.code()), (0, 1), first.text() + second.text())
        self.assertIn(f"{prefix} is an environment already", second.text())
        self.run_program("run", "-p", prefix, "true")
        self.assertEqual(sorted(path.name for path in prefix.parent.iterdir()), ["env", "new"])

    def test_waiting_is_interrupted_at_once(self) -> None:
        first = self.install("first", HPCENV_FAULT_STOP=STOPS[1])
        first.wait_until_stopped()
        second = self.install("second")
        second.wait_for_text(WAITING)
        second.signal(signal.SIGINT)
        self.assertEqual(second.code(), 130, second.text())
        first.signal(signal.SIGCONT)
        self.assertEqual(first.code(), 0, first.text())
        self.check_whole("first")

    def test_readers_wait_for_the_end_of_a_commit(self) -> None:
        first = self.install("first", HPCENV_FAULT_STOP="commit.place:2")
        first.wait_until_stopped()
        reader = Writer(self, "run", "-p", str(self.prefix), "cat", str(self.prefix / "share/first/4"))
        reader.wait_for_text("waiting for the end of a change of")
        first.signal(signal.SIGCONT)
        self.assertEqual((first.code(), reader.code()), (0, 0), reader.text())
        self.assertTrue(reader.text().endswith("first 4\n"), reader.text())

    def test_readers_of_a_dead_commit_are_told_the_command_that_completes_it(self) -> None:
        first = self.install("first", HPCENV_FAULT_STOP="commit.place:2")
        first.wait_until_stopped()
        first.signal(signal.SIGKILL)
        first.process.wait(30)
        done = self.run_program("run", "-p", self.prefix, "true", check=125)
        self.assertIn("is unfinished", done.stderr)
        self.assertIn(f"hpcenv install -p {self.prefix}", done.stderr)
        self.run_program("install", "-p", self.prefix)
        self.check_whole("first")


class OnTwoHosts(TwoWriters):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            skip("no root: other hosts cannot be made")
        probe = subprocess.run(["unshare", "--uts", "--pid", "--mount", "--fork", "mount", "-t", "proc", "proc", "/proc"],
                               capture_output=True, check=False)
        if probe.returncode != 0:
            skip("no mount namespace")
        super().setUp()

    def test_a_holder_that_stopped_is_taken_over_and_cannot_change_a_thing_when_it_wakes(self) -> None:
        for stop in STOPS:
            first = self.install("first", host="alpha", HPCENV_FAULT_STOP=stop, **FAST)
            first.wait_until_stopped()
            second = self.install("second", host="beta", **FAST)
            second.wait_for_text(f"{WAITING} {self.prefix}: hpcenv install, process ")
            self.assertIn(" on alpha, since ", second.text())
            self.assertEqual(second.code(), 0, second.text())
            decided = stop.startswith("commit")
            names = [*(["first"] if decided else []), "second"]
            self.check_whole(*names)
            before = snapshot(self.prefix)
            first.signal(signal.SIGCONT)
            self.assertEqual(first.code() == 0, False, first.text())
            self.assertEqual(snapshot(self.prefix), before, first.text())
            self.check_whole(*names)
            self.run_program("remove", "-y", "-p", self.prefix, *names)

    def test_a_host_that_is_gone_is_taken_over_by_the_age_of_its_heartbeat(self) -> None:
        first = self.install("first", host="alpha", HPCENV_FAULT_STOP=STOPS[2], **FAST)
        first.wait_until_stopped()
        first.signal(signal.SIGKILL)
        first.process.wait(30)
        begin = time.monotonic()
        second = self.install("second", host="beta", **FAST)
        second.wait_for_text(" on alpha, since ")
        self.assertEqual(second.code(), 0, second.text())
        # Its process cannot be seen from here: nothing but the silence tells.
        self.assertGreater(time.monotonic() - begin, 3)
        self.check_whole("first", "second")

    def test_a_holder_that_beats_is_waited_for_longer_than_the_silence(self) -> None:
        first = self.install("slow", host="alpha", **FAST)
        self.wait_for((self.prefix / "begun").exists)
        second = self.install("second", host="beta", **FAST)
        second.wait_for_text(" on alpha, since ")
        self.assertEqual((first.code(), second.code()), (0, 0), first.text() + second.text())
        meta = {path.name.split("-")[0] for path in (self.prefix / "conda-meta").glob("*.json")}
        self.assertEqual(meta, {"base", "slow", "second"})

    def test_a_create_that_stopped_is_taken_over_and_cannot_change_a_thing_when_it_wakes(self) -> None:
        prefix = self.prefix.parent / "new"
        words = ["create", "-y", "-p", str(prefix), "base"]
        first = Writer(self, *words, host="alpha", HPCENV_FAULT_STOP="conda_meta.create:1", **FAST)
        first.wait_until_stopped()
        second = Writer(self, *words, host="beta", **FAST)
        self.assertEqual(second.code(), 0, second.text())
        self.assertIn(" on alpha, since ", second.text())
        before = snapshot(self.prefix.parent)
        first.signal(signal.SIGCONT)
        self.assertNotEqual(first.code(), 0, first.text())
        self.assertEqual(snapshot(self.prefix.parent), before, first.text())

    def test_a_create_that_stopped_in_its_scripts_cannot_take_the_next_environment_away(self) -> None:
        """Right before it would rename what it made, or the mark in it, out of the place that another now has."""
        prefix = self.prefix.parent / "new"
        for stop, wish in (("place.rename_away", "failing"), ("commit.forget_scripts", "quick")):
            first = Writer(self, "create", "-y", "-p", str(prefix), wish, host="alpha", HPCENV_FAULT_STOP=stop, **FAST)
            first.wait_until_stopped()
            # The next one has a .hpcenv of its own: the loser of a path lies there.
            second = Writer(self, "create", "-y", "-p", str(prefix), "first", "clash", host="beta", **FAST)
            self.assertEqual(second.code(), 0, second.text())
            before = snapshot(self.prefix.parent)
            self.assertIn("new/.hpcenv/clobbered", before)
            first.signal(signal.SIGCONT)
            self.assertEqual(first.code(), 1, first.text())
            self.assertIn("took over", first.text())
            self.assertEqual(snapshot(self.prefix.parent), before, first.text())
            self.run_program("env", "remove", "-y", "-p", prefix)


if __name__ == "__main__":
    unittest.main()
