#!/usr/bin/env python3
"""Bad input, each with its message and exit code, and nothing left behind."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
import unittest
from pathlib import Path

from thread_support import TEST_USER, TESTS, World, skip, tree

sys.path.insert(0, str(TESTS / "cli"))

import tiny_channel  # noqa: E402

WORLD = World()
FAULT = WORLD.channel("fault")
EVIL = "hpcenv-evil"


def evil_files() -> list[str]:
    """What hostile packages would have put outside their place."""
    places = [Path("/tmp"), WORLD.folder]
    return [str(path) for place in places for path in place.glob(f"{EVIL}*")] + [
        path for path in tree(WORLD.home) if EVIL in path]


class Refused(unittest.TestCase):
    """Each test starts from an empty home."""

    def setUp(self) -> None:
        for path in WORLD.home.iterdir():
            subprocess.run(["rm", "-rf", str(path)], check=True)

    def create(self, *specs: str, channel: str = FAULT, **more: str):
        return WORLD.hpcenv("create", "-n", "bad", "--override-channels", "-c", channel, "-y", *specs, **more)

    def assert_refused(self, answer, code: int, *said: str) -> None:
        self.assertEqual(answer.code, code, answer)
        for text in said:
            self.assertRegex(answer.err, text, answer)
        self.assertRegex(answer.err, re.compile("^error:", re.MULTILINE), answer)
        self.assertFalse(WORLD.prefix("bad").exists(), answer)
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        envs = WORLD.root / "envs"
        self.assertEqual([path.name for path in envs.iterdir()] if envs.exists() else [], [])
        self.assertEqual(evil_files(), [])
        for path in (WORLD.root / "pkgs").glob("*") if (WORLD.root / "pkgs").exists() else ():
            whole = not path.is_dir() or path.name.startswith(".") or (path / "info/repodata_record.json").exists()
            self.assertTrue(whole, f"half a package is left: {path}")
        registry = WORLD.home / ".conda/environments.txt"
        if registry.exists():
            self.assertNotIn(str(WORLD.prefix("bad")), registry.read_text())


class BadArchives(Refused):
    def test_the_channel_has_good_packages_too(self) -> None:
        answer = self.create("good")
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual((WORLD.prefix("bad") / "share/good.txt").read_text(), "good\n")

    def test_wrong_hash(self) -> None:
        self.assert_refused(self.create("wrong-hash"), 1, "wrong-hash-1.0-0", "sha256")
        self.assertFalse((WORLD.root / "pkgs/wrong-hash-1.0-0").exists())

    def test_wrong_size(self) -> None:
        self.assert_refused(self.create("wrong-size"), 1, "wrong-size-1.0-0")

    def test_archive_shorter_than_its_record_says(self) -> None:
        answer = self.create("cut-archive")
        self.assertIn(answer.code, (1, 3), answer)
        self.assert_refused(answer, answer.code, "cut-archive-1.0-0")

    def test_truncated_inside_with_a_right_hash(self) -> None:
        self.assert_refused(self.create("truncated"), 1, "truncated-1.0-0")

    def test_damaged_inside_with_a_right_hash(self) -> None:
        self.assert_refused(self.create("bad-zstd"), 1, "bad-zstd-1.0-0")

    def test_truncated_transfer(self) -> None:
        for fault in ("truncate", "wrong-length"):
            answer = self.create("good", channel=FAULT.replace("/fault", f"/~{fault}/fault"))
            self.assert_refused(answer, 3)

    def test_a_transfer_that_is_cut_once_is_tried_again(self) -> None:
        answer = self.create("good", channel=FAULT.replace("/fault", "/~cut-once/fault"))
        self.assertEqual(answer.code, 0, answer)

    def test_members_outside_the_archive(self) -> None:
        for name, said in (("dotdot-archive", "leads out of the package"), ("absolute-archive", "the path is absolute"),
                           ("symlink-archive", "stands where its path needs a directory|a directory of the same name exists"),
                           ("hardlink-archive", "the path is absolute"),
                           ("device-archive", "dev/null-copy"), ("fifo-archive", "share/fifo"),
                           ("staged-link-archive", "stands where its path needs a directory|a directory of the same name exists"),
                           ("linked-hardlink-archive", "a hard link to share/door/passwd, which is no file of the archive"),
                           ("hardlink-dotdot-archive", "leads out of the package")):
            with self.subTest(package=name):
                self.setUp()
                self.assert_refused(self.create(name), 1, f"{name}-1.0-0", said, "(?m)^hint: report it to the channel")

    def test_links_that_lead_out_are_made_and_never_followed(self) -> None:
        for name, link in (("climbing-link-archive", "share/up"), ("link-then-file-archive", None)):
            with self.subTest(package=name):
                self.setUp()
                answer = self.create(name)
                self.assertEqual(answer.code, 0, answer)
                if link is not None:
                    target = "../../../../hpcenv-evil-link"
                    self.assertEqual(os.readlink(WORLD.root / f"pkgs/{name}-1.0-0" / link), target)
                self.assertEqual(evil_files(), [])

    def test_an_archive_that_unpacks_without_end(self) -> None:
        self.assert_refused(self.create("bomb"), 1, r"bomb-1\.0-0", "more than 1000 times its size")

    def test_set_id_bits_do_not_come_along(self) -> None:
        answer = self.create("set-id")
        self.assertEqual(answer.code, 0, answer)
        for file in (WORLD.prefix("bad") / "bin/as-root", WORLD.root / "pkgs/set-id-1.0-0/bin/as-root"):
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o755)

    def test_paths_outside_the_prefix(self) -> None:
        for name in ("dotdot-paths", "absolute-paths"):
            with self.subTest(package=name):
                self.setUp()
                self.assert_refused(self.create(name), 1, f"{name}-1.0-0|{name}")

    def test_paths_that_are_not_for_packages(self) -> None:
        self.assert_refused(self.create("meta-paths"), 1, "meta-paths", "conda-meta")

    def test_entry_point_outside_the_prefix(self) -> None:
        answer = self.create("-c", WORLD.channel("mini"), "evil-entry-point", "python")
        self.assert_refused(answer, 1, "evil-entry-point", "hpcenv-evil-entry")

    def test_two_packages_with_one_path_are_said_and_installed(self) -> None:
        answer = self.create("clobber-one", "clobber-two")
        self.assertEqual(answer.code, 0, answer)
        self.assertIn("share/same.txt", answer.err)
        self.assertIn((WORLD.prefix("bad") / "share/same.txt").read_text(), ("one\n", "two\n"))

    def test_paths_json_that_does_not_fit_the_archive(self) -> None:
        for name, said in (("missing-file", r"share/missing\.txt is listed by info/paths\.json, but"),
                           ("wrong-file-hash", r"share/a\.txt has the wrong sha256: info/paths\.json says [0-9a-f]{64}, it has"),
                           ("wrong-file-size", r"share/a\.txt has the wrong size: info/paths\.json says 77 bytes, it has 5"),
                           ("paths-through-link", r"share/door/a\.txt is listed")):
            with self.subTest(package=name):
                self.setUp()
                self.assert_refused(self.create(name), 1, f"{name}-1.0-0", said, "(?m)^hint: report it to the channel")

    def test_paths_json_that_is_none(self) -> None:
        for name, said in (("paths-no-list", "paths"), ("paths-no-object", "paths"), ("paths-odd-type", "device"),
                           ("paths-control", "leads out of the prefix")):
            with self.subTest(package=name):
                self.setUp()
                answer = self.create(name)
                self.assert_refused(answer, 1, f"{name}-1.0-0", said, "(?m)^hint: ")
                self.assertNotIn("\a", answer.err)  # nothing of a package rings the terminal's bell or moves its cursor

    def test_placeholder_shorter_than_the_prefix(self) -> None:
        self.assert_refused(self.create("short-placeholder"), 1, "short-placeholder")

    def test_what_a_bad_package_depends_on_is_not_left_either(self) -> None:
        for name in ("wrong-hash", "truncated", "missing-file"):
            self.setUp()
            self.assert_refused(self.create(name), 1)


class ChangedCache(Refused):
    """Somebody writes into the package cache after a package was unpacked."""

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(self.create("good").code, 0)
        subprocess.run(["rm", "-rf", str(WORLD.prefix("bad"))], check=True)
        self.file = WORLD.root / "pkgs/good-1.0-0/share/good.txt"

    def write(self, text: str, *, old: bool = False) -> None:
        self.file.write_text(text)
        if old:
            os.utime(self.file, (1_500_000_000, 1_500_000_000))

    def test_a_file_newer_than_its_record_is_hashed(self) -> None:
        self.write("evil\n")
        before = len(WORLD.requests())
        answer = self.create("good")
        self.assertEqual(answer.code, 0, answer)
        self.assertRegex(answer.err, r"(?m)^warning: .*share/good\.txt has the wrong sha256", answer)
        for file in (self.file, WORLD.prefix("bad") / "share/good.txt"):
            self.assertEqual(file.read_text(), "good\n")
        self.assertTrue(any("good-1.0-0.conda" in line["path"] for line in WORLD.requests()[before:]))

    def test_touched_and_unchanged_it_is_used(self) -> None:
        os.utime(self.file)
        before = len(WORLD.requests())
        answer = self.create("good")
        self.assertEqual(answer.code, 0, answer)
        self.assertNotIn("warning", answer.err)
        self.assertFalse(any(".conda" in line["path"] for line in WORLD.requests()[before:]))

    def test_another_size_is_found_whatever_its_time(self) -> None:
        self.write("much more evil\n", old=True)
        answer = self.create("good")
        self.assertEqual(answer.code, 0, answer)
        self.assertRegex(answer.err, r"share/good\.txt has the wrong size")
        self.assertEqual((WORLD.prefix("bad") / "share/good.txt").read_text(), "good\n")

    def test_an_old_looking_file_is_found_where_all_are_hashed(self) -> None:
        """Of the same size, older than its record: only extra_safety_checks looks into it."""
        self.write("evil\n", old=True)
        self.assertEqual(self.create("good").code, 0)
        self.assertEqual((WORLD.prefix("bad") / "share/good.txt").read_text(), "evil\n")
        subprocess.run(["rm", "-rf", str(WORLD.prefix("bad"))], check=True)
        (WORLD.home / ".condarc").write_text("extra_safety_checks: true\n")
        answer = self.create("good")
        self.assertEqual(answer.code, 0, answer)
        self.assertRegex(answer.err, r"(?m)^warning: .*share/good\.txt has the wrong sha256", answer)
        self.assertEqual((WORLD.prefix("bad") / "share/good.txt").read_text(), "good\n")

    def test_offline_a_changed_package_is_refused_and_left(self) -> None:
        self.write("evil\n")
        answer = self.create("good", "--offline")
        self.assertEqual(answer.code, 1, answer)
        self.assertRegex(answer.err, r"offline, and 1 package is not in the package cache: good-1\.0-0\.conda")
        self.assertFalse(WORLD.prefix("bad").exists())
        self.assertEqual(self.file.read_text(), "evil\n")


class BadRepodata(Refused):
    """A channel whose records are wrong in one field each: such a record is left out with a warning or its package refused,
    never followed out of its place."""

    # Field, value (absent: None), what is said; the record's key where it is the field.
    LEFT_OUT = [("name", 5), ("name", None), ("version", ["1"]), ("version", None), ("build", {}), ("build", None),
                ("build_number", "one"), ("build_number", -1), ("depends", "good"), ("depends", [1]), ("constrains", {"a": 1}),
                ("size", "big"), ("sha256", 7), ("md5", []), ("subdir", 3), ("depends", ["good >>1"])]
    TAKEN = [("timestamp", "today"), ("license", 5), ("arch", []), ("unheard_of", {"a": [1]})]
    CLIMBING = [("key", f"../../../{EVIL}-1.0-0.tar.bz2"), ("key", f"/tmp/{EVIL}-1.0-0.tar.bz2"), ("name", f"../../{EVIL}"),
                ("version", f"1/../../../{EVIL}"), ("build", f"../../{EVIL}"), ("name", f"a/{EVIL}"), ("name", ""), ("name", ".."),
                ("name", f"{EVIL}\n"), ("sha256", "0" * 63), ("sha256", "../" * 21 + "x")]

    @staticmethod
    def channel_with(field: str, value: object) -> str:
        channel = WORLD.channels / "odd"
        good = tiny_channel.add_package(str(channel), "fine", "1.0", files={"share/fine": ("fine\n", 0o644)})
        key, entry = tiny_channel.add_package(str(channel), "odd", "1.0", files={"share/odd": ("odd\n", 0o644)})
        if field == "key":
            key = str(value)
        elif value is None:
            del entry[field]
        else:
            entry[field] = value
        tiny_channel.write_repodata(str(channel), [good, (key, entry)])
        return channel.as_uri()

    def test_each_field(self) -> None:
        for field, value in self.LEFT_OUT + self.CLIMBING:
            with self.subTest(field=field, value=value):
                self.setUp()
                channel = self.channel_with(field, value)
                answer = self.create("odd", channel=channel)
                self.assert_refused(answer, 1)
                if (field, value) in self.LEFT_OUT:
                    self.assertRegex(answer.err, r"warning: 1 record of .*odd/linux-64 cannot be read and is left out, the first: odd-1")
                # By a pattern even a name that no one can type is met.
                answer = self.create(f"*{EVIL}*", channel=channel)  # a usage error where it fits none
                self.assert_refused(answer, answer.code)
                answer = self.create("fine", channel=channel)
                self.assertEqual(answer.code, 0, answer)
                self.assertEqual((WORLD.prefix("bad") / "share/fine").read_text(), "fine\n")
                self.assertEqual(evil_files(), [])

    def test_fields_that_decide_nothing(self) -> None:
        for field, value in self.TAKEN:
            with self.subTest(field=field, value=value):
                self.setUp()
                answer = self.create("odd", channel=self.channel_with(field, value))
                self.assertEqual(answer.code, 0, answer)
                self.assertEqual((WORLD.prefix("bad") / "share/odd").read_text(), "odd\n")

    def test_what_is_no_repodata(self) -> None:
        folder = WORLD.channels / "none/linux-64"
        folder.mkdir(parents=True, exist_ok=True)
        for text in ("", "[]", "{", "{}x", '{"packages": []}', '{"packages": {"a-1-0.conda": 5}, "info": ', "\0" * 100, "<html>"):
            with self.subTest(text=text):
                self.setUp()
                (folder / "repodata.json").write_text(text)
                answer = self.create("odd", channel=folder.parent.as_uri())
                self.assert_refused(answer, 1, "none/linux-64|odd")


class BadWishes(Refused):
    def test_unknown_package(self) -> None:
        self.assert_refused(self.create("goood"), 1, "goood", r"\bgood\b")

    def test_dependency_that_no_channel_has(self) -> None:
        self.assert_refused(self.create("needs-absent"), 1, "absent")

    def test_conflict(self) -> None:
        self.assert_refused(self.create("good", "fights-good"), 1, "good", "fights-good")

    def test_virtual_package_that_is_not_there(self) -> None:
        self.assert_refused(self.create("needs-cuda-99"), 1, "__cuda")

    def test_spec_that_cannot_be_read(self) -> None:
        self.assert_refused(self.create("good >=,<"), 2, "good")

    def test_unreadable_yaml(self) -> None:
        file = WORLD.home / "environment.yml"
        for text in ("dependencies: [good\n", "- just\n- a list\n", "dependencies:\n  - {conda: [good]}\n", "\0\1\2"):
            with self.subTest(text=text):
                file.write_text(text)
                answer = WORLD.hpcenv("create", "-n", "bad", "--override-channels", "-c", FAULT, "-y", "-f", file)
                self.assert_refused(answer, 1, r"environment\.yml")

    def test_file_that_is_not_there(self) -> None:
        answer = WORLD.hpcenv("create", "-n", "bad", "--override-channels", "-c", FAULT, "-y", "-f", "/nonexistent.yml")
        self.assertIn(answer.code, (1, 2, 3), answer)
        self.assert_refused(answer, answer.code, "/nonexistent.yml")

    def test_unknown_recipe(self) -> None:
        self.assert_refused(WORLD.hpcenv("create", "-n", "bad", "--recipe", "cuda-dv", "-y"), 1, "cuda-dev")

    def test_name_that_leads_elsewhere(self) -> None:
        answer = WORLD.hpcenv("create", "-n", "../bad", "--override-channels", "-c", FAULT, "-y", "good")
        self.assert_refused(answer, 2)


class BadChannels(Refused):
    def test_no_such_channel(self) -> None:
        answer = self.create("good", channel=f"{WORLD.server.address}/nowhere")
        self.assertIn(answer.code, (1, 3), answer)
        self.assert_refused(answer, answer.code, f"{WORLD.server.address}/nowhere")

    def test_nobody_listens(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            self.assert_refused(self.create("good", channel=f"http://127.0.0.1:{port}/x"), 3, f"127.0.0.1:{port}")

    def test_server_that_fails(self) -> None:
        self.assert_refused(self.create("good", channel=FAULT.replace("/fault", "/~status=500/fault")), 3, "500")

    def test_server_that_fails_once(self) -> None:
        answer = self.create("good", channel=FAULT.replace("/fault", "/~once=503/fault"))
        self.assertEqual(answer.code, 0, answer)

    def test_no_such_folder(self) -> None:
        answer = self.create("good", channel="file:///nonexistent/channel")
        self.assertIn(answer.code, (1, 3), answer)
        self.assert_refused(answer, answer.code, "/nonexistent/channel")


class FullDisk(Refused):
    def mount(self, size: str) -> Path:
        if os.geteuid() != 0:
            skip("only root can mount a small disk")
        place = WORLD.folder / "small"
        place.mkdir(exist_ok=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755,uid={TEST_USER}", "tmpfs", str(place)],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", str(place)], check=True)
        return place

    def test_full_disk(self) -> None:
        place = self.mount("24m")
        answer = WORLD.hpcenv("create", "-p", place / "env", "--override-channels", "-c", WORLD.channel("mini"), "-y", "python",
                              HPCENV_ROOT=str(place / "root"))
        self.assertEqual(answer.code, 3, answer)
        self.assertRegex(answer.err, "space|full|No space")
        self.assertFalse((place / "env").exists())
        left = [path for path in tree(place) if path.startswith(".") or "/envs/" in path]
        self.assertEqual(left, [])
        packages = place / "root/pkgs"
        for path in packages.glob("*/") if packages.exists() else ():
            self.assertTrue(path.name.startswith(".") or (path / "info/repodata_record.json").exists(), path)


if __name__ == "__main__":
    unittest.main()
