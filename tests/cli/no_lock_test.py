"""--no-lock and the setting no_lock, on a file system that has no locks: what writes is refused without them and says so, what
reads needs none; where locks work, they change nothing.
"""
import os
import subprocess
import sys
import unittest
from pathlib import Path

import tiny_channel
from cli_case import PROGRAM, CliCase

REFUSED_CALLS = Path(__file__).resolve().parents[1] / "fake/refused_calls.py"


class NoLock(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/locks"
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, name, "1.0", files={f"bin/{name}": (f"#!/bin/sh\necho {name}\n", 0o755)})
            for name in ("base", "more")])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-y", "-n", "work", "base", "more", check=0)
        self.run_program("remove", "-y", "-n", "work", "more", check=0)

    def without_locks(self, *words, check=0):
        done = subprocess.run([sys.executable, REFUSED_CALLS, "locks", PROGRAM, *words], env=self.variables, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.assertEqual(done.returncode, check, f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def names(self, name="work"):
        return [p["name"] for p in self.run_json("list", "-n", name)["packages"]]

    def test_writers_are_refused_and_told_what_to_type(self):
        for words in (["create", "-n", "new", "base"], ["install", "-n", "work", "more"], ["remove", "-n", "work", "base"],
                      ["env", "remove", "-n", "work"]):
            before = self.tree(f"{self.root}/envs")
            done = self.without_locks(*words, "-y", check=3)
            self.assertIn("--no-lock", done.stderr, words)
            self.assertEqual(self.tree(f"{self.root}/envs"), before, words)

    def test_readers_need_no_lock(self):
        before = self.tree(self.prefix)
        for words in (["list", "-n", "work"], ["verify", "-n", "work"], ["info"], ["env", "list"], ["env", "export", "-n", "work"],
                      ["search", "more"], ["install", "-n", "work", "more", "--dry-run"], ["install", "-n", "work", "base"]):
            self.without_locks(*words)
        self.assertEqual(self.without_locks("run", "-n", "work", "base").stdout, "base\n")
        self.assertEqual(self.tree(self.prefix), before)

    def whole_life(self, *flags):
        """Each command without a lock, with a warning that says so."""
        for words in (["create", "-n", "new", "base"], ["install", "-n", "new", "more"], ["remove", "-n", "new", "base"]):
            done = self.without_locks(*words, "-y", *flags)
            self.assertIn("no lock can be had", done.stderr)
            self.assertEqual(sorted(os.listdir(f"{self.root}/envs")), ["new", "work"])
            self.assertFalse(os.path.exists(f"{self.root}/envs/new/.hpcenv"))
        self.assertEqual(self.names("new"), ["more"])
        self.run_program("verify", "-n", "new", check=0)
        self.without_locks("env", "remove", "-y", "-n", "new", *flags)
        self.assertEqual(os.listdir(f"{self.root}/envs"), ["work"])

    def test_the_option_goes_on_without(self):
        self.whole_life("--no-lock")

    def test_so_does_the_setting_which_readers_may_have_too(self):
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write("no_lock: true\n")
        self.whole_life()
        self.assertEqual(self.names(), ["base"])
        self.without_locks("verify", "-n", "work")

    def test_what_a_killed_writer_left_is_completed_and_cleaned_without_too(self):
        for point, words, left in (("conda_meta.create", ["clean", "--trash"], ["base"]),
                                   ("commit.place", ["install", "-p", self.prefix], ["base", "more"])):
            log = f"{self.home}/{point}"
            self.run_program("create", "-y", "-n", "copy", "base", check=0)
            self.run_program("install", "-y", "-n", "copy", "more", check=0, env={"HPCENV_FAULT_LOG": log, "HPCENV_JOBS": "1"})
            self.run_program("env", "remove", "-y", "-n", "copy", check=0)
            with open(log, encoding="utf-8") as file:
                number = file.read().split().index(point) + 1
            self.run_program("install", "-y", "-n", "work", "more", check=-9,
                             env={"HPCENV_FAULT_KILL": str(number), "HPCENV_JOBS": "1"})
            self.assertTrue(os.path.exists(f"{self.prefix}/.hpcenv"))
            os.unlink(f"{self.prefix}/.hpcenv/lock")
            self.without_locks(*words, "-y", "--no-lock")
            self.assertFalse(os.path.exists(f"{self.prefix}/.hpcenv"), words)
            self.assertEqual(self.names(), left)

    def test_where_locks_work_a_live_holder_is_waited_for_all_the_same(self):
        os.mkdir(f"{self.prefix}/.hpcenv")
        with open(f"{self.prefix}/.hpcenv/lock", "w", encoding="utf-8") as out:
            out.write("written by nobody that can be asked\n")
        before = self.tree(self.prefix)
        done = self.run_program("clean", "--trash", "--no-lock", check=0)
        with subprocess.Popen([PROGRAM, "install", "-y", "-n", "work", "more", "--no-lock"], env=self.variables, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as waiting:
            text = ""
            while "waiting for another process" not in text:
                line = waiting.stderr.readline()
                self.assertTrue(line, text)
                text += line
            waiting.terminate()
            self.assertEqual(waiting.wait(30), 143)
        self.assertEqual(self.tree(self.prefix), before, done.stderr)


if __name__ == "__main__":
    unittest.main()
