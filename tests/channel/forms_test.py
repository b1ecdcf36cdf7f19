#!/usr/bin/env python3
"""One channel in all the forms that indexers write its repodata in: hpcenv finds the same packages in each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "tools")]

from channelkit import index
from ending import leave

HPCENV = os.environ["HPCENV_PROGRAM"]
SPECS = ["python=3.11", "rich", "pkgconf", "zlib"]


class Forms(unittest.TestCase):
    channel = Path()

    @classmethod
    def setUpClass(cls) -> None:
        # Beside the channel: a form is made of hard links.
        folder = tempfile.TemporaryDirectory(prefix="work-forms-", dir=cls.channel.parent.parent)
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)

    def create(self, channel: Path, *more: str) -> dict:
        """What hpcenv says of a new environment out of `channel`, with nothing of earlier runs in its caches."""
        home = Path(tempfile.mkdtemp(dir=self.folder))
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "HPCENV_ROOT": str(home / "root"), "LC_ALL": "C"}
        command = [HPCENV, "create", "-p", str(home / "env"), "--override-channels", "-c", channel.as_uri(), "-y", "--json",
                   *more, *SPECS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return {**json.loads(done.stdout), "home": home}

    def chosen(self, channel: Path, *more: str) -> set[str]:
        answer = self.create(channel, "--dry-run", *more)
        return {"-".join(str(one[key]) for key in ("name", "version", "build")) for one in answer["plan"]["link"]}

    def form(self, name: str) -> Path:
        place = self.folder / name
        if not place.exists():
            index.write_form(self.channel, place, name)
        return place

    def test_all_forms_say_the_same(self) -> None:
        expected = self.chosen(self.channel)
        self.assertGreater(len(expected), 20)
        self.assertTrue((self.channel / "linux-64/repodata.json.bz2").exists())
        self.assertEqual([path.name for path in (self.form("plain") / "noarch").glob("repodata*")], ["repodata.json"])
        for name in index.FORMS:
            with self.subTest(form=name):
                self.assertEqual(self.chosen(self.form(name)), expected)

    def test_archives_that_base_url_names_are_installed(self) -> None:
        made = self.create(self.form("moved"))["home"]
        rich = json.loads(next((made / "env/conda-meta").glob("rich-*.json")).read_bytes())
        self.assertTrue(rich["url"].startswith(f"{self.form('moved').as_uri()}/files/noarch/rich-"), rich["url"])
        done = subprocess.run([made / "env/bin/python", "-I", "-c", "import rich; print(rich.__file__)"], capture_output=True,
                              text=True, check=True)
        self.assertTrue(done.stdout.startswith(str(made / "env")), done.stdout)


def main() -> int:
    done = subprocess.run([sys.executable, Path(__file__).resolve().parent / "build_channel.py", "--profile", "mini"],
                          stdout=subprocess.PIPE, text=True, check=True)
    Forms.channel = Path(done.stdout.strip())
    return 0 if unittest.main(exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    leave(main())
