"""The static program killed at random moments of an update of some thousand files, then the same command again.

HPCENV_SWEEP=all: 200 kills of a live process, at least 20 of them between the record and its end; else a sample.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from crash_support import World, difference, one_processor, snapshot

SWEEP_ALL = os.environ.get("HPCENV_SWEEP") == "all"
KILLS, BETWEEN, FILES = (200, 20, 3000) if SWEEP_ALL else (8, 2, 1000)


def program() -> str:
    """The static program; else that of this build."""
    static = os.environ.get("HPCENV_RELEASE_PROGRAM", "")
    return static if Path(static).is_file() else os.environ["HPCENV_PROGRAM"]


class RandomKills(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.world = World(program(), more_files=FILES)
        cls.addClassCleanup(cls.world.remove)
        cls.world.save_first()
        cls.words = cls.world.command("install", "tool=2.0")
        cls.world.start_from_first()
        cls.world.must(cls.words)  # the cache is warm from now on
        cls.world.start_from_first()
        began = time.monotonic()
        cls.world.must(cls.words)
        cls.duration = time.monotonic() - began
        cls.expected = snapshot(cls.world.prefix)

    def kill_after(self, seconds: float) -> bool:
        """True where the process was alive."""
        process = subprocess.Popen(self.words, env=self.world.variables(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=one_processor)
        try:
            process.wait(seconds)
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait() == -signal.SIGKILL

    def kill_after_record(self, chance: random.Random) -> bool:
        """Killed a moment after the record was there."""
        own = self.world.prefix / ".hpcenv"
        process = subprocess.Popen(self.words, env=self.world.variables(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=one_processor)
        while process.poll() is None and not list(own.glob("*/record")):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, self.duration / 10))
        process.kill()
        return process.wait() == -signal.SIGKILL

    def test_killed_at_random_the_same_command_again_completes(self) -> None:
        seed = int(os.environ.get("HPCENV_SEED", random.randrange(1 << 32)))
        chance = random.Random(seed)
        kills = between = 0
        for attempt in range(20 * KILLS):
            if kills >= KILLS and between >= BETWEEN:
                break
            self.world.start_from_first()
            # Most moments are taken evenly; where too few hit the short commit, the last ones wait for it.
            waits = kills >= KILLS - BETWEEN and between < BETWEEN
            alive = self.kill_after_record(chance) if waits else self.kill_after(chance.uniform(0, self.duration))
            if not alive:
                continue
            kills += 1
            between += self.world.unfinished()
            with self.subTest(attempt=attempt, seed=seed):
                again = self.world.run(self.words)
                self.assertEqual(again.returncode, 0, again.stderr)
                self.assertEqual(difference(self.expected, snapshot(self.world.prefix))[:10], [])
                self.assertEqual([path.name for path in self.world.place.iterdir()], ["env"])
        what = "" if SWEEP_ALL else " (a sample; HPCENV_SWEEP=all takes 200)"
        print(f"{kills} kills of a live process, {between} between the record and its end, seed {seed}{what}",
              file=sys.stderr)
        self.assertGreaterEqual(kills, KILLS)
        self.assertGreaterEqual(between, BETWEEN)


if __name__ == "__main__":
    unittest.main(verbosity=2)
