"""hpcenv clean --trash with what real interrupted commands left, and what no part of clean ever touches."""
import os
import shutil
import signal
import subprocess
import time
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase, skip

NOBODY = 64_321


class CleanCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/clean"

        def data(name, version):
            return {f"share/{name}/{i}": (f"{name} {version} {i}\n" * 500, 0o644) for i in range(5)}

        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "base", "1.0", files=data("base", "1.0")),
            tiny_channel.add_package(cls.channel, "more", "1.0", files=data("more", "1.0")),
            tiny_channel.add_package(cls.channel, "more", "2.0", files=data("more", "2.0"))])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-y", "-n", "work", "base", "more=1.0", check=0)

    def stop_at(self, point, *words):
        """The command stands still at this point; its process."""
        process = subprocess.Popen([PROGRAM, *words, "-y"], env={**self.variables, "HPCENV_FAULT_STOP": point},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while self.state(process.pid) != "T":
            self.assertLess(time.monotonic(), end, f"{point} is never reached")
            self.assertIsNone(process.poll(), f"{point} is never reached")
            time.sleep(0.01)
        return process

    @staticmethod
    def state(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def cut_off_at(self, point, *words):
        process = self.stop_at(point, *words)
        process.kill()
        process.wait()

    def clean(self, *words):
        answer = self.run_json("clean", "--trash", *words)
        self.assertEqual({item["what"] for item in answer["items"]} - {"trash"}, set())
        return answer

    def left(self):
        """What lies where environments lie, and in the environment, that is no environment's."""
        own = f"{self.prefix}/.hpcenv"
        beside = [name for name in os.listdir(f"{self.root}/envs") if name.startswith(".")]
        return sorted(beside + (os.listdir(own) if os.path.exists(own) else []))

    def version_of_more(self):
        return {p["name"]: p["version"] for p in self.run_json("list", "-n", "work")["packages"]}.get("more")


class Trash(CleanCase):
    def test_what_was_prepared_goes_and_the_environment_is_as_before(self):
        before = self.tree(self.prefix)
        self.cut_off_at("conda_meta.create:1", "install", "-n", "work", "more=2.0")
        left = self.left()
        self.assertEqual([name.split("-")[0] for name in left], ["change", "lock"])
        with_leftovers = self.tree(self.prefix)
        answer = self.clean("--dry-run")
        self.assertEqual([item["path"] for item in answer["items"]], [self.prefix])
        self.assertEqual(answer["freed_bytes"], 0)
        self.assertEqual(self.tree(self.prefix), with_leftovers)
        answer = self.clean()
        self.assertEqual(answer["freed_bytes"], answer["bytes"])
        self.assertEqual(self.tree(self.prefix), before)
        self.assertEqual(self.clean()["items"], [])

    def test_what_was_replaced_goes_after_the_change(self):
        self.cut_off_at("remove_tree.unlink:2", "install", "-n", "work", "more=2.0")
        trash = [name for name in self.left() if os.path.isdir(f"{self.prefix}/.hpcenv/{name}/trash")]
        self.assertEqual(len(trash), 1, self.left())
        done = self.run_program("clean", "--trash", check=0)
        self.assertIn(self.prefix, done.stdout)
        self.assertIn("Freed", done.stderr)
        self.assertEqual(self.left(), [])
        self.assertEqual(self.version_of_more(), "2.0")
        self.run_program("verify", "-n", "work", check=0)

    def test_a_change_that_is_decided_is_completed_and_files_of_the_users_are_kept(self):
        mine = f"{self.prefix}/share/more/0"
        self.cut_off_at("commit.rename:1", "install", "-n", "work", "more=2.0")
        self.run_program("run", "-n", "work", "true", check=125)
        self.clean()
        self.assertEqual((self.left(), self.version_of_more()), ([], "2.0"))
        self.run_program("verify", "-n", "work", check=0)
        self.run_program("run", "-n", "work", "true", check=0)
        # Changed by hand, then replaced: kept by the update, and by clean.
        os.unlink(mine)
        with open(mine, "w", encoding="utf-8") as out:
            out.write("of the user's")
        kept = self.run_json("install", "-n", "work", "more=1.0")["kept"]
        self.assertEqual(len(kept), 1)
        before = self.tree(self.prefix)
        self.assertIn(b"of the user's", before.values())
        self.assertGreater(self.run_json("clean", "--all")["freed_bytes"], 0)
        self.assertEqual(self.tree(self.prefix), before)

    def test_a_create_that_was_cut_off_leaves_a_folder_that_goes(self):
        self.cut_off_at("conda_meta.create:1", "create", "-n", "other", "more=2.0")
        left = self.left()
        self.assertEqual([name.startswith(".other.hpcenv-") for name in left], [True, True], left)
        answer = self.clean("--dry-run")
        self.assertEqual([os.path.dirname(item["path"]) for item in answer["items"]], [f"{self.root}/envs"])
        self.assertEqual(self.left(), left)
        self.clean()
        self.assertEqual(self.left(), [])
        self.assertEqual(os.listdir(f"{self.root}/envs"), ["work"])

    def test_who_is_at_work_is_left_alone(self):
        for point, words in (("conda_meta.create:1", ["install", "-n", "work", "more=2.0"]),
                             ("conda_meta.create:1", ["create", "-n", "other", "more=2.0"])):
            process = self.stop_at(point, *words)
            before = self.tree(f"{self.root}/envs")
            done = self.run_program("clean", "--trash", check=0)
            self.assertIn("another process is at work on", done.stderr)
            self.assertIn("Freed 0 B", done.stderr)
            self.assertEqual(self.tree(f"{self.root}/envs"), before)
            process.send_signal(signal.SIGCONT)
            self.assertEqual(process.wait(60), 0)
            self.assertEqual(self.left(), [])
        self.assertEqual(self.version_of_more(), "2.0")

    def test_hidden_files_of_others_are_no_trash(self):
        for name in (".other.hpcenv-notes", ".hpcenv-abcdefghijkl", "other.hpcenv-abcdefghijkl", ".other.hpcenv-ABCDEFGHIJKL"):
            os.makedirs(f"{self.root}/envs/{name}/more")
        os.makedirs(f"{self.prefix}/.trash/trash")
        before = self.tree(self.root)
        self.assertEqual(self.clean()["items"], [])
        self.assertEqual(self.tree(self.root), before)


class OthersThings(CleanCase):
    """Of all parts of clean at once: what is in use or somebody else's stays."""

    def test_packages_of_environments_and_foreign_caches_stay(self):
        site = f"{self.home}/site"
        env = {"HPCENV_ROOT": site}
        self.run_program("create", "-y", "-p", f"{self.home}/elsewhere", "more=2.0", check=0, env=env)
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write(f"pkgs_dirs: ['{self.root}/pkgs', '{site}/pkgs']\n")
        os.makedirs(f"{self.root}/pkgs/notes")
        before = self.tree(self.home)
        self.run_json("clean", "--packages", "--tarballs", "--trash", "--force")
        self.assertEqual(self.tree(self.home), before)
        # With the environment gone its packages go, and still nothing else.
        self.run_program("env", "remove", "-y", "-n", "work", check=0)
        self.run_json("clean", "--packages", "--tarballs", "--trash", "--force")
        self.assertEqual([name for name in os.listdir(f"{self.root}/pkgs") if os.path.isdir(f"{self.root}/pkgs/{name}")], ["notes"])
        self.assertIn("more-2.0-0", os.listdir(f"{site}/pkgs"))

    def test_what_another_user_owns_stays_and_is_named(self):
        if os.geteuid() != 0:
            skip("no right to act as another user")
        self.cut_off_at("conda_meta.create:1", "install", "-n", "work", "more=2.0")
        unused = f"{self.root}/pkgs/more-2.0-0"
        self.assertTrue(os.path.isdir(unused))
        for folder in (self.work, self.home):
            os.chmod(folder, 0o755)
        before = self.tree(self.root)
        home = f"{self.work}/nobody"
        os.makedirs(f"{home}/.conda")
        with open(f"{home}/.conda/environments.txt", "w", encoding="utf-8") as out:
            out.write(self.prefix + "\n")
        for folder, _, files in os.walk(home):
            for name in ["", *files]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)
        for words, code, said in ((["--all"], 3, f"cannot write the package cache {self.root}/pkgs"),
                                  (["--trash", "--index-cache"], 0, "Freed 0 B")):
            done = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", PROGRAM, "clean", "-y", *words],
                                  env={**self.variables, "HOME": home}, capture_output=True, text=True, check=False, timeout=60,
                                  stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, done.stderr)
            self.assertEqual(self.tree(self.root), before)
        self.assertEqual(done.stderr.count("warning"), 2, done.stderr)
        shutil.rmtree(home)


if __name__ == "__main__":
    unittest.main()
