"""Where files of the package cache cannot have a second name in an environment: other project quotas on one file system (XFS),
files that have all the links that they can have (ext4), no hard links at all. Copies then, which are counted beforehand.
"""
import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tiny_channel
from cli_case import PROGRAM, CliCase, skip

REFUSED_CALLS = Path(__file__).resolve().parents[1] / "fake/refused_calls.py"
# linux/fs.h: struct fsxattr is flags, two numbers, the project, and padding.
GET_ATTRIBUTES, SET_ATTRIBUTES, ATTRIBUTES, INHERIT = 0x801C581F, 0x401C5820, "IIIII8x", 0x200
BIG = 24 << 20


def set_project(folder, project):
    """What is made below the folder belongs to the project."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        flags, *numbers, _, cow = struct.unpack(ATTRIBUTES, fcntl.ioctl(fd, GET_ATTRIBUTES, bytes(28)))
        fcntl.ioctl(fd, SET_ATTRIBUTES, struct.pack(ATTRIBUTES, flags | INHERIT, *numbers, project, cow))
    finally:
        os.close(fd)


class LinkingCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/linking"

        def add(name, version, **files):
            return tiny_channel.add_package(cls.channel, name, version, files={
                path.replace("_", "/"): (text, 0o644) for path, text in files.items()})

        tiny_channel.write_repodata(cls.channel, [
            add("small", "1.0", share_small="small 1.0\n", share_other="other 1.0\n"),
            add("small", "2.0", share_small="small 2.0\n", share_other="other 2.0\n"),
            add("big", "1.0", share_big="x" * BIG, share_little="little\n"),
            add("clash-a", "1.0", share_both="first\n"), add("clash-b", "1.0", share_both="second\n")])

    def disk(self, kind, size):
        """A file system of its own, whose cache is that of the commands; `envs` has the prefixes."""
        if os.geteuid() != 0:
            skip("no right to mount a file system")
        image = tempfile.NamedTemporaryFile(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.addCleanup(image.close)
        image.truncate(size << 20)
        tool = shutil.which(f"mkfs.{kind}", path="/usr/sbin:/sbin:/usr/bin") or skip(f"no mkfs.{kind}")
        subprocess.run([tool, "-q", image.name], check=True, capture_output=True)
        place = f"{self.home}/disk"
        os.mkdir(place)
        done = subprocess.run(["mount", "-o", "loop", image.name, place], capture_output=True, check=False)
        if done.returncode != 0:
            skip("no right to mount a file system")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        for name in ("cache", "envs"):
            os.mkdir(f"{place}/{name}")
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write(f"pkgs_dirs: ['{place}/cache']\n")
        del self.variables["HPCENV_ROOT"]
        return place

    @staticmethod
    def leave(place, free):
        """Fills the file system until `free` bytes are left."""
        facts = os.statvfs(place)
        with open(f"{place}/filling", "wb") as out:
            os.posix_fallocate(out.fileno(), 0, facts.f_bavail * facts.f_frsize - free)

    def links(self, path):
        return os.stat(path).st_nlink

    def refused_for_space(self, place, *words):
        before = sorted(self.tree(f"{place}/envs")), sorted(os.listdir(f"{place}/cache"))
        answer = self.run_json(*words, "-y", check=3)
        self.assertEqual(answer["error"]["kind"], "no_space")
        self.assertIn(f"no space for {place}/envs/", answer["error"]["message"])
        self.assertIn("it needs 2", answer["error"]["message"])
        self.assertEqual((sorted(self.tree(f"{place}/envs")), sorted(os.listdir(f"{place}/cache"))), before)


class ProjectQuotas(LinkingCase):
    def setUp(self):
        super().setUp()
        self.place = self.disk("xfs", 320)
        set_project(f"{self.place}/cache", 5)
        set_project(f"{self.place}/envs", 6)

    def test_another_project_gets_copies(self):
        prefix = f"{self.place}/envs/env"
        self.run_program("create", "-y", "-p", prefix, "small=1.0", check=0)
        with self.assertRaises(OSError, msg="the kernel refuses this link"):
            os.link(f"{self.place}/cache/small-1.0-0/share/small", f"{prefix}/link")
        self.run_program("install", "-y", "-p", prefix, "small=2.0", "clash-a", check=0)
        self.run_program("install", "-y", "-p", prefix, "clash-b", check=0)
        self.run_program("remove", "-y", "-p", prefix, "clash-b", check=0)
        for name in ("small", "other", "both"):
            self.assertEqual(self.links(f"{prefix}/share/{name}"), 1)
        with open(f"{prefix}/conda-meta/small-2.0-0.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["link"]["type"], 3)
        self.assertEqual(self.run_json("verify", "-p", prefix)["damage"], [])
        self.assertEqual(os.listdir(f"{self.place}/envs"), ["env"])

    def test_the_copies_are_counted_before_anything_is_made(self):
        linked = f"{self.place}/cache/env"
        self.run_program("create", "-y", "-p", linked, "big", check=0)
        self.assertEqual(self.links(f"{linked}/share/big"), 2)
        self.run_program("create", "-y", "-p", f"{self.place}/envs/old", "small=1.0", check=0)
        self.leave(self.place, BIG // 2)
        self.refused_for_space(self.place, "create", "-p", f"{self.place}/envs/new", "big")
        self.refused_for_space(self.place, "install", "-p", f"{self.place}/envs/old", "big")
        # Where links work the same package fits.
        self.run_program("create", "-y", "-p", f"{linked}-2", "big", check=0)

    def test_a_directory_of_another_project_in_an_environment_is_named_before_anything_changes(self):
        prefix = f"{self.place}/envs/env"
        self.run_program("create", "-y", "-p", prefix, "small=1.0", check=0)
        set_project(f"{prefix}/share", 7)
        before = self.tree(prefix)
        answer = self.run_json("install", "-p", prefix, "small=2.0", check=1)
        self.assertEqual(answer["error"]["kind"], "refused")
        self.assertIn(f"{prefix}/share is on another file system or under another project quota", answer["error"]["message"])
        self.assertEqual(self.tree(prefix), before)


class AllLinksTaken(LinkingCase):
    LIMIT = 65_000  # ext4's

    def test_a_file_with_the_most_links_is_copied_and_counted(self):
        place = self.disk("ext4", 96)
        first, second = f"{place}/envs/first", f"{place}/envs/second"
        self.run_program("create", "-y", "-p", first, "big", check=0)
        big = f"{place}/cache/big-1.0-0/share/big"
        self.assertEqual(self.links(big), 2)
        os.mkdir(f"{place}/names")
        for i in range(self.LIMIT - 2):
            os.link(big, f"{place}/names/{i}")
        with self.assertRaises(OSError):
            os.link(big, f"{place}/names/one-more")
        self.leave(place, BIG // 2)
        self.refused_for_space(place, "create", "-p", second, "big")
        os.unlink(f"{place}/filling")
        self.run_program("create", "-y", "-p", second, "big", check=0)
        self.assertEqual((self.links(f"{second}/share/big"), self.links(f"{second}/share/little")), (1, 3))
        self.assertEqual(self.links(big), self.LIMIT)
        self.assertEqual(self.run_json("verify", "-p", second)["damage"], [])


class NoHardLinks(LinkingCase):
    def without_links(self, *words, check=0):
        done = subprocess.run([sys.executable, REFUSED_CALLS, "links", PROGRAM, *words, "-y", "--json"], env=self.variables,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.assertEqual(done.returncode, check, f"{words}\n{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout)

    def text(self, path):
        with open(f"{self.prefix}/{path}", encoding="utf-8") as file:
            return file.read()

    def test_losers_of_a_path_are_parked_and_come_back(self):
        self.without_links("create", "-n", "work", "clash-a")
        answer = self.without_links("install", "-n", "work", "clash-b")
        self.assertIn("both bring 'share/both'", answer["messages"][0])
        self.assertEqual((self.text("share/both"), self.text(".hpcenv/clobbered/clash-a-1.0-0/share/both")), ("second\n", "first\n"))
        self.assertEqual(self.run_json("verify", "-n", "work")["damage"], [])
        self.without_links("remove", "-n", "work", "clash-b")
        self.assertEqual(self.text("share/both"), "first\n")
        self.assertEqual(self.run_json("verify", "-n", "work")["damage"], [])
        self.assertFalse(os.path.exists(f"{self.prefix}/.hpcenv"))

    def test_files_of_the_users_are_kept(self):
        self.without_links("create", "-n", "work", "small=1.0")
        os.unlink(f"{self.prefix}/share/small")
        with open(f"{self.prefix}/share/small", "w", encoding="utf-8") as out:
            out.write("changed by hand\n")
        os.unlink(f"{self.prefix}/share/other")
        os.symlink("/of/the/users", f"{self.prefix}/share/other")
        self.variables["HPCENV_FAULT_LOG"] = f"{self.home}/points"
        kept = self.without_links("install", "-n", "work", "small=2.0")["kept"]
        self.assertEqual(len(kept), 2)
        # By copies made beforehand, so that no name is missing in between.
        with open(f"{self.home}/points", encoding="utf-8") as file:
            points = file.read().split()
        self.assertEqual((points.count("commit.keep_copy"), points.count("commit.keep_link")), (2, 0))
        self.assertEqual((self.text("share/small"), self.text("share/other")), ("small 2.0\n", "other 2.0\n"))
        (date,) = os.listdir(f"{self.prefix}/.hpcenv/kept")
        self.assertEqual(os.listdir(f"{self.prefix}/.hpcenv"), ["kept"])
        self.assertEqual(self.text(f".hpcenv/kept/{date}/share/small"), "changed by hand\n")
        self.assertEqual(os.readlink(f"{self.prefix}/.hpcenv/kept/{date}/share/other"), "/of/the/users")
        linked = [path for path in Path(self.prefix).rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1]
        self.assertEqual(linked, [])


if __name__ == "__main__":
    unittest.main()
