#!/usr/bin/env python3
"""Runs the commands of the guide from the cluster to production, as somebody without root, with a registry of the test's own."""

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
from registry_servers import Registry

from guides import pattern_of, steps_of

GUIDE = TESTS.parent / "docs/guides/from-the-cluster-to-production.md"
SERVE = "import sys, requests\nprint('ready' if '--check' in sys.argv else requests.__version__)\n"


class ProductionGuide(unittest.TestCase):
    def test_from_the_cluster_to_production(self) -> None:
        work = Path(tempfile.mkdtemp(prefix="hpcenv-guide-", dir="/var/tmp"))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        subprocess.run([sys.executable, "-B", TESTS / "channel/build_channel.py", "--profile", "first", "--out", work / "channel"],
                       check=True, stdout=subprocess.DEVNULL)
        home = work / "home"
        (home / "code").mkdir(parents=True)
        shutil.copytree(debian(), home / "debian")
        (home / "environment.yml").write_text("name: app\ndependencies:\n  - python\n  - requests\n")
        (home / "code/serve.py").write_text(SERVE)
        (home / "weights.bin").write_bytes(os.urandom(1 << 20))
        (work / "bin").mkdir()
        shutil.copy2(PROGRAM, work / "bin/hpcenv")
        nobody: list[str] = []
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "65534:65534", work], check=True)
            nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        registry = Registry(work / "registry")
        self.addCleanup(registry.close)
        variables = {"PATH": f"{work}/bin:/usr/bin:/bin", "HOME": str(home), "USER": "somebody", "LC_ALL": "C", "REGISTRY": registry.name,
                     "HPCENV_CHANNELS": f"file://{work}/channel", "ASAN_OPTIONS": "detect_leaks=0"}
        steps = steps_of(str(GUIDE))
        self.assertGreater(len(steps), 9)
        for command, expected in steps:
            with self.subTest(command=command):
                done = subprocess.run([*nobody, "bash", "-c", command + " 2>&1"], env=variables, cwd=home, text=True, timeout=600,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
                self.assertEqual(0, done.returncode, done.stdout)
                self.assertRegex(done.stdout, re.compile(pattern_of(expected)))


if __name__ == "__main__":
    unittest.main()
