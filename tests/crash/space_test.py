"""An update on a disk that fills up: at 40 fill levels, 10 limits of inodes, and full from the record on.

The environment is the old one, or unfinished until there is space; then the same command completes it.
HPCENV_SWEEP=all takes all levels, else a sample.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest

from crash_support import World, difference, skip, snapshot

SWEEP_ALL = os.environ.get("HPCENV_SWEEP") == "all"
LEVELS = 40
LEVEL_BYTES = 72 << 10
INODE_LIMITS = [0, 3, 8, 16, 30, 45, 60, 75, 90, 120]
POINTS = 12
NO_SPACE = 3


def sample(values: list[int], count: int) -> list[int]:
    if SWEEP_ALL or len(values) <= count:
        return values
    print(f"a sample: {count} of {len(values)} (HPCENV_SWEEP=all takes all)", file=sys.stderr)
    return [values[i * (len(values) - 1) // (count - 1)] for i in range(count)]


class SpaceCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World(os.environ["HPCENV_PROGRAM"], bulk=300_000)
        cls.addClassCleanup(cls.world.remove)
        cls.world.save_first()
        cls.words = cls.world.command("install", "tool=2.0")
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(cls.world.place)], capture_output=True,
                          check=False).returncode != 0:
            skip("no right to mount a file system")
        cls.addClassCleanup(subprocess.run, ["umount", str(cls.world.place)], check=True)
        cls.fill_anew()
        cls.before = snapshot(cls.world.prefix)
        cls.world.must(cls.words)
        cls.after = snapshot(cls.world.prefix)

    @classmethod
    def remount(cls, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(cls.world.place)], check=True)

    @classmethod
    def fill_anew(cls) -> None:
        cls.widen()
        for path in cls.world.place.iterdir():
            subprocess.run(["rm", "-rf", str(path)], check=True)
        subprocess.run(["cp", "-a", f"{cls.world.saved}/.", str(cls.world.place)], check=True)

    @classmethod
    def widen(cls) -> None:
        cls.remount("size=64m,nr_inodes=100000")

    def leave_bytes(self, free: int) -> None:
        facts = os.statvfs(self.world.place)
        used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize
        self.remount(f"size={max(used + free, 4096)}")

    def leave_inodes(self, free: int) -> None:
        facts = os.statvfs(self.world.place)
        self.remount(f"nr_inodes={facts.f_files - facts.f_ffree + free}")

    def check_full(self) -> str:
        """Runs the command on what is a full disk now, then with space; says what became of the first run."""
        done = self.world.run(self.words)
        unfinished = self.world.unfinished()
        if done.returncode == 0:
            self.assertEqual(difference(self.after, snapshot(self.world.prefix)), [])
            return "done"
        self.assertEqual(done.returncode, NO_SPACE, done.stderr)
        self.assertRegex(done.stderr, "No space left|has .* free|has room for")
        if not unfinished:
            self.assertEqual(difference(self.before, snapshot(self.world.prefix)), [])
        self.widen()
        again = self.world.run(self.words)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(difference(self.after, snapshot(self.world.prefix)), [])
        return "unfinished" if unfinished else "as before"

    def report(self, what: str, ends: list[str]) -> None:
        print(f"{what}: " + ", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends))), file=sys.stderr)

    def test_fill_levels(self) -> None:
        ends = []
        for level in sample(list(range(LEVELS)), 8):
            with self.subTest(level=level):
                self.fill_anew()
                self.leave_bytes(level * LEVEL_BYTES)
                ends.append(self.check_full())
        self.report("fill levels", ends)
        self.assertIn("as before", ends)
        self.assertIn("done", ends)

    def test_inode_limits(self) -> None:
        ends = []
        for free in sample(INODE_LIMITS, 4):
            with self.subTest(free=free):
                self.fill_anew()
                self.leave_inodes(free)
                ends.append(self.check_full())
        self.report("inode limits", ends)
        self.assertIn("as before", ends)

    def test_full_from_the_record_on(self) -> None:
        log = self.world.folder / "points.txt"
        self.fill_anew()
        log.unlink(missing_ok=True)
        self.world.must(self.words, HPCENV_FAULT_LOG=str(log))
        if not log.exists():
            skip("no fault points in this build")
        steps = [i + 1 for i, name in enumerate(log.read_text().split()) if name.startswith("commit.")]
        ends = []
        for point in sample([steps[i * (len(steps) - 1) // (POINTS - 1)] for i in range(POINTS)], 5):
            for leave in (self.leave_bytes, self.leave_inodes):
                with self.subTest(point=point, leave=leave.__name__):
                    self.fill_anew()
                    killed = self.world.run(self.words, HPCENV_FAULT_KILL=str(point))
                    self.assertEqual(killed.returncode, -signal.SIGKILL)
                    leave(0)
                    ends.append(self.check_full())
        self.report("full from the record on", ends)


if __name__ == "__main__":
    unittest.main(verbosity=2)
