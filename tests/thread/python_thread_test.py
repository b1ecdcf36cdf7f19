#!/usr/bin/env python3
"""A Python environment of real packages at awkward places, from a folder as channel."""

from __future__ import annotations

import os
import unittest
from pathlib import Path

from real_software import run_every_entry_point, unresolved
from thread_support import World

WORLD = World()
SPECS = ["python", "pip", "numpy", "rich", "httpie", "black", "flask", "pkgconf", "openssl", "ncurses", "zlib"]
LONG = "a place with spaces/" + "long" * 35


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    WORLD.channel("python")


def create(prefix: Path, *more: str) -> None:
    """Makes an environment of SPECS at `prefix` from the channel's folder."""
    folder = (WORLD.channels / "python").as_uri()
    answer = WORLD.hpcenv("create", "-p", prefix, "--override-channels", "-c", folder, "-y", *SPECS, *more)
    if answer.code != 0:
        raise AssertionError(f"create failed: {answer}")


class AwkwardPlace(unittest.TestCase):
    prefix = WORLD.home / LONG / "env"

    @classmethod
    def setUpClass(cls) -> None:
        cls.prefix.parent.mkdir(parents=True)
        for folder in (cls.prefix.parent, cls.prefix.parents[1]):
            os.chown(folder, os.stat(WORLD.home).st_uid, -1)
        create(cls.prefix)

    def run_in(self, *command: str) -> str:
        answer = WORLD.run([self.prefix / "bin" / command[0], *command[1:]])
        self.assertEqual(answer.code, 0, answer)
        return answer.out

    def test_entry_points_run_where_a_shebang_line_would_not_do(self) -> None:
        self.assertGreater(len(str(self.prefix)), 150)
        self.assertIn("black", self.run_in("black", "--version"))
        self.assertIn("Flask", self.run_in("flask", "--version"))
        self.assertRegex(self.run_in("http", "--version"), r"^\d")
        self.assertIn("Pygments", self.run_in("pygmentize", "-V"))
        self.assertIn("module", self.run_in("pydoc3.11", "keyword").lower())

    def test_every_entry_point_runs(self) -> None:
        run_every_entry_point(self, WORLD, self.prefix, 10)

    def test_every_library_is_found_inside_the_prefix(self) -> None:
        self.assertEqual(unresolved(WORLD, self.prefix), [])

    def test_programs_and_libraries_know_their_prefix(self) -> None:
        self.assertEqual(self.run_in("pkg-config", "--variable=pc_path", "pkg-config").strip(),
                         f"{self.prefix}/lib/pkgconfig:{self.prefix}/share/pkgconfig")
        for file in ("bin/python3.11-config", "lib/pkgconfig/zlib.pc", "lib/pkgconfig/ncursesw.pc"):
            self.assertIn(f"prefix={self.prefix}", (self.prefix / file).read_text().replace('"', ""))
        code = "import sysconfig; print(sysconfig.get_config_var('CONFINCLUDEPY'), sysconfig.get_path('purelib'))"
        self.assertEqual(self.run_in("python", "-c", code).strip(),
                         f"{self.prefix}/include/python3.11 {self.prefix}/lib/python3.11/site-packages")

    def test_the_libraries_come_from_the_prefix(self) -> None:
        code = ("import ssl, sqlite3, lzma, bz2, ctypes, curses, readline, uuid, zlib, pyexpat, hashlib\n"
                "print(*{line.split(None, 5)[5].strip() for line in open('/proc/self/maps') if '.so' in line}, sep='\\n')")
        outside = {Path(line).name.split(".so")[0] for line in self.run_in("python", "-c", code).splitlines()
                   if not line.startswith(str(self.prefix))}
        self.assertEqual(outside - {"libc", "libm", "libdl", "libpthread", "librt", "libutil", "ld-linux-x86-64"}, set())


if __name__ == "__main__":
    unittest.main()
