"""Guides on images: their commands run as somebody without root, with a channel of real packages and a base image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from image_case import PROGRAM, TESTS, debian

from guides import pattern_of, steps_of


class GuideCase(unittest.TestCase):
    """`home` is where the commands run; what a guide takes for given is put there first."""

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(prefix="hpcenv-guide-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        subprocess.run([sys.executable, "-B", TESTS / "channel/build_channel.py", "--profile", "first", "--out",
                        self.work / "channel"], check=True, stdout=subprocess.DEVNULL)
        self.home = self.work / "home"
        self.home.mkdir()
        shutil.copytree(debian(), self.home / "debian")
        (self.work / "bin").mkdir()
        shutil.copy2(PROGRAM, self.work / "bin/hpcenv")

    def run_guide(self, name: str, least: int, **more: str) -> None:
        """The guide has at least so many commands; `more` are variables that it uses."""
        nobody: list[str] = []
        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, 65_534, 65_534, follow_symlinks=False)
            self.work.chmod(0o755)
            nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        variables = {"PATH": f"{self.work}/bin:/usr/bin:/bin", "HOME": str(self.home), "USER": "somebody", "LC_ALL": "C",
                     "HPCENV_CHANNELS": f"file://{self.work}/channel", "ASAN_OPTIONS": "detect_leaks=0", **more}
        steps = steps_of(str(TESTS.parent / "docs/guides" / name))
        self.assertGreaterEqual(len(steps), least)
        for command, expected in steps:
            with self.subTest(command=command):
                done = subprocess.run([*nobody, "bash", "-c", command + " 2>&1"], env=variables, cwd=self.home, text=True,
                                      timeout=600, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
                self.assertEqual(0, done.returncode, done.stdout)
                self.assertRegex(done.stdout, re.compile(pattern_of(expected)))
