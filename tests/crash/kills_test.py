"""hpcenv killed where it changes the disk, and the same command again: the environment is that of an unkilled run.

HPCENV_SWEEP=all kills at every point; else at a sample of them, and says so.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import unittest
from pathlib import Path

import trace
from crash_support import World, difference, skip, snapshot

PROGRAM = os.environ["HPCENV_PROGRAM"]
SWEEP_ALL = os.environ.get("HPCENV_SWEEP") == "all"
SAMPLE = 16


class KillCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World(PROGRAM)
        cls.addClassCleanup(cls.world.remove)
        cls.world.save_first()
        cls.world.start_from_first()
        cls.world.must(cls.world.command("install", "tool=2.0"))
        if not cls.points_of(cls.world.command("list")) and not cls.points_of(cls.world.command("remove", "tool")):
            skip("no fault points in this build")

    @classmethod
    def points_of(cls, words: list[str]) -> list[str]:
        """Names of the points that a command passes."""
        log = cls.world.folder / "points.txt"
        log.unlink(missing_ok=True)
        cls.world.run([word for word in words if word != "-y"] if words[1] == "list" else words, HPCENV_FAULT_LOG=str(log))
        return log.read_text().split() if log.exists() else []

    def chosen(self, count: int) -> list[int]:
        if SWEEP_ALL or count <= SAMPLE:
            return list(range(1, count + 1))
        picked = sorted({1 + i * (count - 1) // (SAMPLE - 1) for i in range(SAMPLE)})
        print(f"a sample: {len(picked)} of {count} points (HPCENV_SWEEP=all takes all)", file=sys.stderr)
        return picked

    def sweep(self, words: list[str], start) -> None:
        world = self.world
        start()
        world.run(words)  # what it leaves in the index cache is there from now on
        start()
        points = self.points_of(words)
        expected = snapshot(world.prefix)
        unfinished = 0
        for point in self.chosen(len(points)):
            with self.subTest(point=point, name=points[point - 1]):
                start()
                killed = world.run(words, HPCENV_FAULT_KILL=str(point))
                self.assertEqual(killed.returncode, -signal.SIGKILL, killed.stderr)
                unfinished += world.unfinished()
                again = world.run(words)
                found = snapshot(world.prefix)
                self.assertEqual(difference(expected, found), [], again.stderr)
                # Where nothing was left to do the command may say so.
                self.assertIn(again.returncode, (0, 1), again.stderr)
                self.assertEqual([path.name for path in world.place.iterdir()], ["env"])
        print(f"{words[1]}: {len(points)} points, {unfinished} kills between the record and its end", file=sys.stderr)
        if words[1] != "create":
            self.assertGreater(unfinished, 0)

    def test_create(self) -> None:
        self.sweep(self.world.command("create", "tool=1.0"), self.world.clear)

    def test_update(self) -> None:
        self.sweep(self.world.command("install", "tool=2.0"), self.world.start_from_first)

    def test_remove(self) -> None:
        self.sweep(self.world.command("remove", "tool"), self.world.start_from_first)

    def test_create_with_an_empty_cache(self) -> None:
        def start() -> None:
            self.world.clear()
            for package in (self.world.root / "pkgs").iterdir():
                self.remove_tree(package)

        self.sweep(self.world.command("create", "tool=1.0"), start)
        left = [path.name for path in (self.world.root / "pkgs").iterdir() if "unpack" in path.name]
        self.assertEqual(left, [])

    @staticmethod
    def remove_tree(path: Path) -> None:
        import shutil
        shutil.rmtree(path) if path.is_dir() else path.unlink()


class TraceCase(unittest.TestCase):
    """What the kernel saw."""

    @classmethod
    def setUpClass(cls) -> None:
        if not trace.is_available():
            skip("strace may not trace here")
        cls.world = World(PROGRAM)
        cls.addClassCleanup(cls.world.remove)
        cls.world.save_first()
        cls.world.start_from_first()
        cls.world.must(cls.world.command("install", "tool=2.0"))

    def traced(self, words: list[str]) -> tuple[list[str], list[trace.Call]]:
        points, log = self.world.folder / "points.txt", self.world.folder / "strace.txt"
        points.unlink(missing_ok=True)
        # The search for leaks traces the process itself, which one tracer at a time may.
        done = self.world.run(words, around=trace.around(log), HPCENV_FAULT_LOG=str(points), ASAN_OPTIONS="detect_leaks=0")
        self.assertEqual(done.returncode, 0, done.stderr)
        return points.read_text().split() if points.exists() else [], trace.calls_of(log)

    def compare(self, words: list[str]) -> None:
        points, calls = self.traced(words)
        if not points:
            skip("no fault points in this build")
        # The index cache is written by net/, which has no points: what it leaves is thrown away on any doubt.
        changes = [call for call in trace.disk_changes(calls, self.world.folder)
                   if ".partial" not in call.text and "points.txt" not in call.text]
        self.assertEqual(len(points), len(changes), "\n".join(f"{call.name}({call.text}" for call in changes))

    def test_points_are_the_calls_that_change_the_disk(self) -> None:
        self.world.clear()
        self.compare(self.world.command("create", "tool=1.0"))
        self.world.start_from_first()
        self.compare(self.world.command("install", "tool=2.0"))
        self.world.start_from_first()
        self.compare(self.world.command("remove", "tool"))

    def test_the_record_is_on_the_disk_before_the_first_rename(self) -> None:
        self.world.start_from_first()
        _, calls = self.traced(self.world.command("install", "tool=2.0"))
        own = re.escape(str(self.world.prefix / ".hpcenv"))
        record = [i for i, call in enumerate(calls)
                  if call.name == "fsync" and re.search(rf"<{own}/[^/>]+/\.record\.[^/>]+>", call.text)]
        self.assertEqual(len(record), 1)
        visible = [i for i, call in enumerate(calls)
                   if re.search(r"rename(at2)?$", call.name) and re.search(rf'{own}/[^/"]+/record"', call.text)]
        folder = [i for i, call in enumerate(calls)
                  if call.name == "fsync" and re.search(rf"<{own}/[^/>]+>", call.text)]
        steps = [i for i, call in enumerate(calls) if call.name.startswith(("rename", "link"))
                 and re.search(rf'"{own}/[^"]+/(new|trash|kept)/', call.text)
                 and re.search(rf'"{re.escape(str(self.world.prefix))}/(?!\.hpcenv/)', call.text)
                 and i > record[0] - 1]
        self.assertEqual(len(visible), 1)
        self.assertLess(record[0], visible[0])
        self.assertLess(visible[0], folder[0])
        self.assertLess(folder[0], steps[0])
        self.assertGreater(len(steps), 20)
        end = [i for i, call in enumerate(calls)
               if call.name == "unlink" and re.search(rf'"{own}/[^/"]+/record"', call.text)]
        self.assertLess(steps[-1], end[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
