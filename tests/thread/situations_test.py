#!/usr/bin/env python3
"""The places and limits that clusters have: the same environment made, extended, moved to another python minor and reduced
in each of them, with real packages, as an unprivileged user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from thread_support import TEST_USER, TESTS, World, skip, tree

sys.path.insert(0, str(TESTS / "cli"))

import tiny_channel  # noqa: E402

WORLD = World()
SMALL = WORLD.channels / "small"
# That of the tests may lie where the test user cannot read.
PYTHON = shutil.which("python3", path="/usr/bin:/bin") or sys.executable


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    WORLD.channel("mini")
    both = {"share/both": ("first\n", 0o644)}
    scripted = {"share/scripted": ("x\n", 0o644), "bin/.scripted-post-link.sh": ('echo ran > "$PREFIX/share/ran"\n', 0o755)}
    tiny_channel.write_repodata(str(SMALL), [
        tiny_channel.add_package(str(SMALL), "clash-a", "1.0", files=both),
        tiny_channel.add_package(str(SMALL), "clash-b", "1.0", files={"share/both": ("second\n", 0o644)}),
        tiny_channel.add_package(str(SMALL), "scripted", "1.0", files=scripted)])


def become_owner(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, TEST_USER, TEST_USER)


def mount_memory(folder: Path) -> None:
    """A file system of its own at `folder`."""
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m,mode=777", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode != 0:
        skip("no right to mount a file system")


class Situations(unittest.TestCase):
    def setUp(self) -> None:
        self.place = WORLD.home / self._testMethodName
        self.place.mkdir()
        become_owner(self.place)
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.prefix = self.place / "envs/env"
        self.prefix.parent.mkdir()
        become_owner(self.prefix.parent)
        self.wrap: list[str] = []
        self.variables: dict[str, str] = {}

    def hpcenv(self, command: str, *words: str) -> str:
        answer = WORLD.run([*self.wrap, WORLD.program, command, "-p", self.prefix, *words], **self.variables)
        self.assertEqual(answer.code, 0, f"{self.wrap} {command} {words}: {answer}")
        return answer.out + answer.err

    def change(self, command: str, *words: str) -> str:
        channels = ["--override-channels", "-c", (WORLD.channels / "mini").as_uri(), "-c", SMALL.as_uri()]
        return self.hpcenv(command, "-y", *(channels if command != "remove" else []), *words)

    def check(self, minor: str) -> None:
        """Programs run without activation, modules are found, every file is as its record says."""
        self.hpcenv("verify")
        for command in (["bin/python", "-c", "import rich, sys; print(sys.version_info[:2])"], ["bin/pygmentize", "-V"]):
            answer = WORLD.run([self.prefix / command[0], *command[1:]])
            self.assertEqual(answer.code, 0, answer)
        self.assertTrue((self.prefix / f"lib/python{minor}/site-packages/rich/__init__.py").exists())

    def whole_life(self) -> None:
        """Created, extended, moved to the next minor (noarch packages follow), reduced."""
        self.change("create", "python=3.9", "rich")
        self.check("3.9")
        self.change("install", "requests")
        self.check("3.9")
        self.change("install", "python=3.11")
        self.check("3.11")
        self.assertFalse((self.prefix / "lib/python3.9/site-packages/rich").exists())
        self.assertFalse((self.prefix / "lib/python3.9/site-packages/requests").exists())
        self.assertEqual(WORLD.run([self.prefix / "bin/python", "-c", "import requests"]).code, 0)
        self.change("remove", "requests")
        self.check("3.11")
        self.assertFalse((self.prefix / "lib/python3.11/site-packages/requests").exists())
        self.assertEqual(sorted(path.name for path in self.prefix.parent.iterdir()), [self.prefix.name])

    def test_a_prefix_of_200_characters(self) -> None:
        folder = self.place / ("l" * (199 - len(str(self.place)) - len("/env")))
        folder.mkdir()
        become_owner(folder)
        self.prefix = folder / "env"
        self.assertGreaterEqual(len(str(self.prefix)), 200)
        self.whole_life()

    def test_a_space_in_the_path(self) -> None:
        folder = self.place / "with a  space"
        folder.mkdir()
        become_owner(folder)
        self.prefix = folder / "env"
        self.whole_life()

    def under_umask(self, mask: int) -> None:
        """With a cache of its own: files that are linked have the mode with which they were unpacked."""
        self.wrap = ["sh", "-c", f'umask {mask:03o}; exec "$@"', "sh"]
        self.variables = {"HPCENV_ROOT": str(self.place / "root")}
        self.whole_life()
        self.assertEqual(self.prefix.stat().st_mode & 0o777, 0o777 & ~mask)
        made = [self.prefix, *self.prefix.rglob("*"), *(self.place / "root").rglob("*")]
        open_to_others = [path for path in made if not path.is_symlink() and path.stat().st_mode & mask]
        self.assertEqual(open_to_others, [])
        # The programs that the environment holds can still be run by whom the umask lets in.
        self.assertEqual((self.prefix / "bin/pygmentize").stat().st_mode & 0o777, 0o777 & ~mask)

    def test_umask_027(self) -> None:
        self.under_umask(0o027)

    def test_umask_077(self) -> None:
        self.under_umask(0o077)

    def test_the_prefix_on_another_file_system_than_the_cache(self) -> None:
        disk = self.place / "disk"
        mount_memory(disk)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        self.prefix = disk / "env"
        self.whole_life()

    def test_no_hard_links(self) -> None:
        self.wrap = [PYTHON, str(WORLD.tool(TESTS / "fake/refused_calls.py")), "links"]
        self.whole_life()
        linked = [path for path in self.prefix.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1]
        self.assertEqual(linked, [])

    def test_four_gigabytes_of_addresses_and_64_open_files(self) -> None:
        self.wrap = ["prlimit", f"--as={4 << 30}", "--nofile=64"]
        self.whole_life()

    def test_a_read_only_cache_of_another_user(self) -> None:
        if os.geteuid() != 0:
            skip("no right to act as another user")
        site = WORLD.folder / "site"
        for number, specs in enumerate((["python=3.9", "rich", "requests"], ["python=3.11", "rich", "requests"])):
            subprocess.run([WORLD.program, "create", "-y", "-p", WORLD.folder / f"warm{number}", "--override-channels", "-c",
                            (WORLD.channels / "mini").as_uri(), *specs], check=True, capture_output=True,
                           env=WORLD.environment(HPCENV_ROOT=str(site), HOME=str(WORLD.folder / "nobody")))
        before = tree(site)
        (self.place / ".condarc").write_text(f"pkgs_dirs: [{self.place}/own, {site}/pkgs]\n")
        self.variables = {"HOME": str(self.place), "HPCENV_ROOT": str(self.place / "root")}
        self.whole_life()
        own = self.place / "own"
        unpacked = [path.name for path in own.iterdir() if (path / "info").is_dir()] if own.exists() else []
        self.assertEqual(unpacked, [], "nothing is fetched that the site's cache has")
        self.assertEqual(tree(site), before)

    def test_an_unprivileged_user(self) -> None:
        """All tests here run as one; that it is one, and that nothing needs more, is shown once."""
        rights = WORLD.run(["sh", "-c", "grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs):' /proc/self/status"]).out
        if os.geteuid() == 0:
            self.assertIn(f"Uid:\t{TEST_USER}", rights)
            self.assertRegex(rights, r"CapEff:\t0+\n(?s:.*)CapBnd:\t0+\n(?s:.*)NoNewPrivs:\t1")
        self.change("create", "clash-a", "scripted")
        owner = TEST_USER if os.geteuid() == 0 else os.geteuid()
        self.assertEqual({path.lstat().st_uid for path in [self.prefix, *self.prefix.rglob("*")]}, {owner})

    def test_a_clobber(self) -> None:
        self.assertIn("share/both", self.change("create", "clash-a", "clash-b"))
        self.hpcenv("verify")
        self.change("remove", "clash-b")
        self.assertEqual((self.prefix / "share/both").read_text(), "first\n")
        self.hpcenv("verify")

    def test_link_scripts(self) -> None:
        self.change("create", "clash-a")
        self.change("install", "scripted")
        self.assertEqual((self.prefix / "share/ran").read_text(), "ran\n")
        self.hpcenv("verify")


if __name__ == "__main__":
    unittest.main()
