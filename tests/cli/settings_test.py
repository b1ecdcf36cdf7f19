"""Settings: files, variables, `hpcenv config`; and where things go at the first use."""
import json
import os
import pty
import select
import shutil
import subprocess
import time
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase


class Config(CliCase):
    def own_file(self):
        with open(f"{self.home}/.config/hpcenv/config.yml", encoding="utf-8") as file:
            return file.read()

    def test_shows_each_value_with_its_source(self):
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write("channel_alias: https://mirror\nssl_verify: no\nproxy_servers: {https: 'http://p:1'}\n")
        answer = self.run_json("config", env={"HPCENV_JOBS": "3"})
        settings = answer["settings"]
        self.assertEqual(settings["channel_alias"], {"value": "https://mirror", "source": f"{self.home}/.condarc"})
        self.assertEqual(settings["jobs"], {"value": 3, "source": "HPCENV_JOBS"})
        self.assertEqual(settings["offline"], {"value": False, "source": "default"})
        self.assertEqual(settings["proxy_servers"]["value"], {"https": "http://p:1"})
        self.assertEqual(settings["channels"]["value"], [f"file://{self.channel}"])
        self.assertEqual(answer["files"], [f"{self.home}/.condarc"])
        out = self.run_program("config", check=0).stdout
        self.assertRegex(out, rf"channel_alias +https://mirror +{self.home}/.condarc")

    def test_options_are_the_last_layer(self):
        answer = self.run_json("config", "--jobs", "5", "-r", "/elsewhere", env={"HPCENV_JOBS": "3"})
        self.assertEqual(answer["settings"]["jobs"], {"value": 5, "source": "option"})
        self.assertEqual(answer["settings"]["root"]["value"], "/elsewhere")
        done = self.run_program("config", "--jobs", "many", check=2)
        self.assertIn("--jobs", done.stderr)

    def test_set_get_append_prepend_remove(self):
        del self.variables["HPCENV_CHANNELS"]
        self.run_program("config", "set", "channels", "conda-forge", "bioconda", check=0)
        self.run_program("config", "append", "channels", "last", check=0)
        self.run_program("config", "prepend", "channels", "first", check=0)
        self.assertEqual(self.run_program("config", "get", "channels", check=0).stdout,
                         "first\nconda-forge\nbioconda\nlast\n")
        self.run_program("config", "remove", "channels", "bioconda", check=0)
        self.run_program("config", "set", "always_yes", "true", check=0)
        self.run_program("config", "set", "custom_channels", "mine=/srv/x", check=0)
        self.assertEqual(self.own_file(), "channels:\n  - first\n  - conda-forge\n  - last\nalways_yes: true\n"
                                          "custom_channels:\n  mine: /srv/x\n")
        self.run_program("config", "remove", "custom_channels", "mine", check=0)
        self.run_program("config", "remove", "channels", check=0)
        self.assertEqual(self.own_file(), "always_yes: true\ncustom_channels: {}\n")
        self.assertEqual(self.run_json("config", "get", "channels")["settings"]["channels"],
                         {"value": ["conda-forge"], "source": "default"})

    def test_a_dry_run_shows_the_file_and_writes_none(self) -> None:
        shown = self.run_program("config", "set", "jobs", "8", "--dry-run", check=0)
        self.assertEqual(shown.stdout, "jobs: 8\n")
        self.assertIn("Nothing was written", shown.stderr)
        self.assertFalse(os.path.exists(f"{self.home}/.config/hpcenv"))
        answer = self.run_json("config", "append", "channels", "mine", "--dry-run")
        self.assertEqual((answer["value"], answer["dry_run"]), (["mine"], True))

    def test_comments_stay(self):
        os.makedirs(f"{self.home}/.config/hpcenv")
        with open(f"{self.home}/.config/hpcenv/config.yml", "w", encoding="utf-8") as out:
            out.write("# why\nroot: /x  # here\n\n# more\njobs: 4\n")
        self.run_program("config", "set", "jobs", "8", check=0)
        self.assertEqual(self.own_file(), "# why\nroot: /x  # here\n\n# more\njobs: 8\n")

    def test_wrong_words(self):
        self.assertIn("did you mean: channels", self.run_program("config", "get", "chanels", check=2).stderr)
        self.run_program("config", "set", "offline", "perhaps", check=2)
        self.run_program("config", "set", "channel_priority", "odd", check=2)
        self.run_program("config", "set", "pinned_packages", "numpy >>1", check=2)
        self.run_program("config", "append", "offline", "true", check=2)
        self.run_program("config", "set", "jobs", check=2)
        self.run_program("config", "remove", "channels", "never", check=1)
        self.run_program("config", "turn", check=2)
        self.assertFalse(os.path.exists(f"{self.home}/.config"))

    def test_describe(self):
        keys = {s["key"] for s in self.run_json("config", "describe")["settings"]}
        self.assertLessEqual({"root", "channels", "ssl_verify", "pkgs_dirs", "jobs"}, keys)

    def test_a_bad_file_is_refused_with_its_line(self):
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write("x: 1\nchannels: {a: b}\n")
        done = self.run_program("info", check=1)
        self.assertIn(f"{self.home}/.condarc:2: 'channels' is no list", done.stderr)
        self.assertIn("--no-rc", done.stderr)
        self.run_program("info", "--no-rc", check=0)


class Condarc(CliCase):
    def condarc(self, text):
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write(text)

    def test_words_for_channels(self):
        del self.variables["HPCENV_CHANNELS"]
        parent = os.path.dirname(self.channel)
        for text in (f"channel_alias: file://{parent}\nchannels: [tiny]\n",
                     f"custom_channels: {{tiny: '{parent}'}}\nchannels: [tiny]\n",
                     f"custom_multichannels: {{ours: ['file://{self.channel}']}}\nchannels: [ours]\n",
                     f"default_channels: ['{self.channel}']\nchannels: [defaults]\n",
                     "channels: [$CHANNEL]\n"):
            self.condarc(text)
            answer = self.run_json("create", "-n", "x", "greeter", "--dry-run", env={"CHANNEL": f"file://{self.channel}"})
            self.assertEqual(answer["plan"]["link"][0]["version"], "2.0", text)

    def test_denied_channels(self):
        self.condarc(f"denylist_channels: ['file://{self.channel}']\n")
        answer = self.run_json("create", "-n", "x", "greeter", "--dry-run", check=1)
        self.assertEqual(answer["error"]["kind"], "refused")
        self.assertIn("denylist_channels", answer["error"]["message"])

    def test_pins_and_folders(self):
        self.condarc(f"pinned_packages: ['greeter 1.*']\nenvs_dirs: [{self.home}/my-envs]\npkgs_dirs: [{self.home}/my-pkgs]\n")
        del self.variables["HPCENV_ROOT"]
        self.run_program("create", "-n", "x", "hello", "-y", check=0)
        self.assertEqual({p["name"]: p["version"] for p in self.run_json("list", "-n", "x")["packages"]}["greeter"], "1.0")
        self.assertTrue(os.path.exists(f"{self.home}/my-envs/x/conda-meta/history"))
        self.assertIn("greeter-1.0-0", os.listdir(f"{self.home}/my-pkgs"))
        self.assertEqual([e["name"] for e in self.run_json("env", "list")["environments"]], ["x"])
        # A root that is named comes first; what lies in the other folders is still found.
        self.run_program("create", "-n", "y", "greeter", "-y", check=0, env={"HPCENV_ROOT": self.root})
        self.assertTrue(os.path.exists(f"{self.root}/envs/y/conda-meta/history"))
        self.run_program("run", "-n", "x", "true", check=0, env={"HPCENV_ROOT": self.root})

    def site(self, text):
        """A file that is read before the user's."""
        os.makedirs(f"{self.home}/.config/conda", exist_ok=True)
        with open(f"{self.home}/.config/conda/.condarc", "w", encoding="utf-8") as out:
            out.write(text)

    def test_marks_of_a_site(self):
        self.site("channels:\n  - site  #!top\n  - last  #!bottom\nchannel_priority: flexible  #!final\noffline: false\n")
        self.condarc("channels: [mine, last]\nchannel_priority: strict\noffline: true\n")
        del self.variables["HPCENV_CHANNELS"]
        settings = self.run_json("config")["settings"]
        self.assertEqual(settings["channels"]["value"], ["site", "mine", "last"])
        self.assertEqual(settings["channel_priority"], {"value": "flexible", "source": f"{self.home}/.config/conda/.condarc", "final": True})
        self.assertNotIn("final", settings["offline"])
        self.assertEqual(self.run_program("config", "get", "channel_priority", check=0, env={"CONDA_CHANNEL_PRIORITY": "strict",
                         "HPCENV_CHANNEL_PRIORITY": "disabled"}).stdout, "flexible\n")
        self.assertIn(".condarc (final)", self.run_program("config", check=0).stdout)
        done = self.run_program("create", "-n", "x", "greeter", "--channel-priority", "strict", check=1)
        self.assertIn("--channel-priority has no effect: channel_priority is final in", done.stderr)
        self.assertFalse(os.path.exists(f"{self.root}/envs/x"))

    def test_keys_that_do_nothing_are_named(self):
        self.condarc("always_softlink: true\nchanels: [a]\nssl_verify: true\n")
        idle = {entry["key"]: entry["reason"] for entry in self.run_json("config")["without_effect"]}
        self.assertEqual(sorted(idle), ["always_softlink", "chanels"])
        self.assertEqual(idle["chanels"], "hpcenv does not know it")
        out = self.run_program("config", check=0).stdout
        self.assertIn(f"  always_softlink ({self.home}/.condarc): files are linked hard or copied", out)
        self.assertIn("allow_softlinks does nothing in hpcenv: files are linked",
                      self.run_program("config", "get", "allow_softlinks", check=2).stderr)
        described = {entry["key"] for entry in self.run_json("config", "describe")["without_effect"]}
        self.assertLessEqual({"allow_softlinks", "path_conflict", "rollback_enabled", "track_features"}, described)

    def link_facts(self, name):
        with open(f"{self.root}/envs/{name}/conda-meta/greeter-2.0-0.json", encoding="utf-8") as file:
            return json.load(file)["link"]["type"], os.stat(f"{self.root}/envs/{name}/share/greeter/version").st_nlink

    def test_always_copy(self):
        self.run_program("create", "-n", "linked", "greeter", "-y", check=0)
        self.assertEqual(self.link_facts("linked"), (1, 2))
        for name, words in (("one", ["--always-copy"]), ("two", ["--copy"])):
            self.run_program("create", "-n", name, "greeter", "-y", *words, check=0)
            self.assertEqual(self.link_facts(name), (3, 1))
        budget = self.run_json("create", "-n", "y", "greeter", "--dry-run")["plan"]["budget"]
        self.condarc("always_copy: true\n")
        self.run_program("create", "-n", "three", "greeter", "-y", check=0)
        self.assertEqual(self.link_facts("three"), (3, 1))
        self.assertGreater(self.run_json("create", "-n", "y", "greeter", "--dry-run")["plan"]["budget"]["bytes"], budget["bytes"])
        self.run_program("verify", "-n", "three", check=0)

    def test_safety_checks(self):
        """A package that is not what it says, in a channel and in the cache."""
        channel = f"{self.home}/channel"
        entry = tiny_channel.add_package(channel, "odd", "1.0", files={"share/odd": ("odd\n", 0o644)}, lie=True)
        tiny_channel.write_repodata(channel, [entry, tiny_channel.add_package(channel, "sound", "1.0", files={
            "share/sound": ("sound\n", 0o644)})])
        self.variables["HPCENV_CHANNELS"] = f"file://{channel}"
        for text, code, said in (("", 1, "wrong sha256"), ("safety_checks: enabled\n", 1, "wrong sha256"),
                                 ("safety_checks: warn\n", 0, "wrong sha256"), ("safety_checks: disabled\n", 0, None)):
            with self.subTest(text):
                self.condarc(text)
                shutil.rmtree(self.root, ignore_errors=True)
                done = self.run_program("create", "-n", "x", "odd", "-y", check=code)
                self.assertEqual("wrong sha256" in done.stderr, said is not None, done.stderr)
                self.assertEqual("warning:" in done.stderr, "warn" in text)
                self.assertEqual(os.path.exists(f"{self.root}/envs/x"), code == 0)
        self.run_program("create", "-n", "y", "sound", "-y", check=0)
        file = f"{self.root}/pkgs/sound-1.0-0/share/sound"
        for text, word in (("safety_checks: disabled\n", None), ("safety_checks: warn\n", "is used"), ("", "is fetched again")):
            with self.subTest(text):
                os.unlink(file) if os.path.exists(file) else None
                with open(file, "w", encoding="utf-8") as out:
                    out.write("other\n")
                self.condarc(text)
                done = self.run_program("create", "-n", f"z{len(text)}", "sound", "-y", check=0)
                self.assertEqual("damaged" in done.stderr, word is not None, done.stderr)
                self.assertIn(word or "", done.stderr)
        # A wrong checksum of the archive is refused in any case.
        self.condarc("safety_checks: disabled\n")
        entry[1]["sha256"] = "0" * 64
        tiny_channel.write_repodata(channel, [entry])
        shutil.rmtree(self.root)
        self.assertIn("wrong sha256", self.run_program("create", "-n", "x", "odd", "-y", check=1).stderr)

    def test_frozen_environments_may_be_left_unprotected(self):
        self.run_program("create", "-n", "x", "greeter", "-y", check=0)
        with open(f"{self.root}/envs/x/conda-meta/frozen", "w", encoding="utf-8"):
            pass
        self.run_program("install", "-n", "x", "picky", check=1)
        self.condarc("protect_frozen_envs: false\n")
        self.run_program("update", "-n", "x", "greeter", check=0)

    def test_archives_in_the_caches_of_others(self):
        channel, site = f"{self.home}/channel", f"{self.home}/site"
        shutil.copytree(self.channel, channel)
        os.mkdir(site)
        for name in ("greeter-2.0-0.tar.bz2", "hello-1.0-0.tar.bz2"):
            shutil.move(f"{channel}/linux-64/{name}", site)
        self.condarc(f"pkgs_dirs: [{self.home}/own, {site}]\n")
        del self.variables["HPCENV_ROOT"]
        self.variables["HPCENV_CHANNELS"] = f"file://{channel}"
        plan = self.run_json("create", "-n", "x", "hello", "--dry-run")["plan"]
        self.assertEqual((plan["fetch"], plan["budget"]["download_bytes"]), ([], 0))
        before = self.tree(site)
        os.chmod(site, 0o555)
        self.addCleanup(os.chmod, site, 0o755)
        self.run_program("create", "-n", "x", "hello", "-y", check=0)
        self.assertEqual(self.run_program("run", "-n", "x", "hello", check=0).stdout.split()[0], "hello")
        self.assertEqual(self.tree(site), before)
        self.assertEqual(sorted(os.listdir(f"{self.home}/own")), ["greeter-2.0-0", "hello-1.0-0", "urls.txt"])
        # Where others can write to it, it is as if it were not there.
        os.chmod(site, 0o777)
        shutil.rmtree(f"{self.home}/own")
        self.run_program("create", "-n", "y", "hello", "-y", check=1)

    def test_what_is_disallowed_is_never_taken(self):
        self.condarc("disallowed_packages: ['greeter >=2']\n")
        self.run_program("create", "-n", "x", "greeter", "-y", check=0)
        self.assertEqual({p["name"]: p["version"] for p in self.run_json("list", "-n", "x")["packages"]}["greeter"], "1.0")
        error = self.run_json("install", "-n", "x", "greeter=2", "--dry-run", check=1)["error"]
        self.assertEqual(error["kind"], "conflict")
        self.assertIn("disallowed", json.dumps(error))

    def test_offline_and_overrides(self):
        self.condarc("offline: true\nchannels: ['http://127.0.0.1:9/x']\noverride_virtual_packages: {cuda: '13.1'}\n")
        del self.variables["CONDA_OVERRIDE_CUDA"]
        packages = {p["name"]: p for p in self.run_json("info")["virtual_packages"]}
        self.assertEqual(packages["__cuda"]["version"], "13.1")
        del self.variables["HPCENV_CHANNELS"]
        answer = self.run_json("create", "-n", "x", "greeter", "--dry-run", check=1)
        self.assertIn("offline", str(answer["error"]))

    def test_certificates(self):
        self.condarc(f"ssl_verify: {self.home}/none.pem\n")
        done = self.run_program("search", "greeter", check=1)
        self.assertIn(f"{self.home}/none.pem", done.stderr)


class FirstUse(CliCase):
    """Quotas come from a `quota` program in front of PATH; the disks are those of the temporary directory."""

    def setUp(self):
        super().setUp()
        del self.variables["HPCENV_ROOT"]
        self.default = f"{self.home}/.local/share/hpcenv"
        os.makedirs(f"{self.home}/bin")
        self.variables["PATH"] = f"{self.home}/bin:{self.variables['PATH']}"
        self.variables["USER"] = "somebody"
        self.work_place = f"{self.home}/work"
        os.makedirs(self.work_place)

    def quota(self, kib_left, heading=""):
        """One KiB of the limit is used already: a limit of 0 is none."""
        source = self.mount_source(self.home)
        path = f"{self.home}/bin/quota"
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\necho \"{heading}\"\necho '{source} 1 0 {kib_left + 1} 0 5 0 0 0'\n")
        os.chmod(path, 0o755)

    @staticmethod
    def mount_source(path):
        best = ("", "")
        with open("/proc/self/mounts", encoding="utf-8") as file:
            for line in file:
                source, point = line.split()[:2]
                inside = point == "/" or path == point or path.startswith(point + "/")
                if inside and len(point) >= len(best[1]):
                    best = (source, point)
        return best[0]

    def test_home_with_room_needs_no_word(self):
        self.quota(100 << 20)
        disk = os.statvfs(self.home)
        small = disk.f_bavail * disk.f_frsize < 20 << 30 or 0 < disk.f_files and disk.f_favail < 300_000
        done = self.run_program("create", "-n", "x", "greeter", "-y", check=0)
        self.assertEqual("Environments and packages go to" in done.stderr, small)
        self.assertTrue(os.path.exists(f"{self.default}/envs/x"))
        self.assertFalse(os.path.exists(f"{self.home}/.config"))

    def test_small_quota_without_another_place_is_said(self):
        self.quota(1 << 20)
        done = self.run_program("create", "-n", "x", "greeter", "-y", check=0)
        self.assertIn(f"Environments and packages go to {self.default}: your quota on", done.stderr)
        self.assertIn("1.0 GiB", done.stderr)

    def test_two_places_and_a_person_who_chooses(self):
        self.quota(1 << 20)
        env = {**self.variables, "WORK": self.work_place, "TERM": "dumb"}
        leader, follower = pty.openpty()
        with subprocess.Popen([PROGRAM, "create", "-n", "x", "greeter"], env=env, stdin=follower, stdout=follower,
                              stderr=follower, close_fds=True) as process:
            os.close(follower)
            text = self.talk(leader, [("Number [1]:", b"2\n"), ("[Y/n]", b"y\n")])
            process.wait(60)
        os.close(leader)
        self.assertEqual(process.returncode, 0, text)
        self.assertIn(f"{self.work_place}/hpcenv", text)
        # Both have the same room, so home stays first; the person took the second.
        self.assertTrue(os.path.exists(f"{self.work_place}/hpcenv/envs/x"), text)
        with open(f"{self.home}/.config/hpcenv/config.yml", encoding="utf-8") as file:
            self.assertEqual(file.read(), f"root: {self.work_place}/hpcenv\n")
        self.assertEqual(self.run_json("env", "list")["environments"][0]["name"], "x")
        # Asked once only.
        self.assertNotIn("go to", self.run_program("create", "-n", "y", "greeter", "-y", check=0).stderr)

    @staticmethod
    def talk(leader, script):
        text = ""
        end = time.monotonic() + 60
        for question, answer in [*script, (None, None)]:
            while question is None or question not in text:
                if time.monotonic() > end or not select.select([leader], [], [], 5)[0]:
                    return text
                try:
                    piece = os.read(leader, 4096)
                except OSError:
                    return text
                if not piece:
                    return text
                text += piece.decode()
            os.write(leader, answer)
        return text

    def test_a_dry_run_remembers_nothing(self):
        self.quota(1 << 20)
        self.run_program("create", "-n", "x", "greeter", "--dry-run", check=0, env={"WORK": self.work_place})
        self.assertFalse(os.path.exists(f"{self.home}/.config"))

    def test_a_root_that_is_named_is_not_questioned(self):
        self.quota(100)
        done = self.run_program("create", "-n", "x", "greeter", "-y", "-r", f"{self.home}/mine", check=0)
        self.assertNotIn("go to", done.stderr)
        self.assertTrue(os.path.exists(f"{self.home}/mine/envs/x"))

    def test_what_a_quota_cannot_hold_is_refused_before_it_is_fetched_or_linked(self):
        self.variables["HPCENV_ROOT"] = self.root
        words = ["create", "-n", "x", "greeter", "-y"]
        group = "Disk quotas for group g (gid $(id -g)): "
        for whose, heading in (("your quota on /", ""), ("your group's quota on /", group)):
            for kib, place in ((0, f"{self.root}/pkgs"), (8, f"{self.root}/envs/x")):
                # The archive has less than 1 KiB; the environment takes its directories and a record.
                self.quota(kib, heading)
                free = self.run_json(*words, "--dry-run")["plan"]["budget"]["free_bytes"]
                self.assertEqual(free, kib * 1024)
                error = self.run_json(*words, check=3)["error"]
                self.assertEqual(error["kind"], "no_space")
                self.assertIn(f"no space for {place}: it needs ", error["message"])
                self.assertIn(whose, error["message"])
                self.assertFalse(os.path.exists(f"{self.root}/envs/x"))
                self.assertEqual(os.path.exists(f"{self.root}/pkgs/greeter-2.0-0"), kib != 0)
            self.run_program("clean", "--packages", check=0)
        self.quota(100, "Disk quotas for group other (gid 4294967294): ")
        self.run_program(*words, check=0)
        # What is removed needs no room.
        self.quota(0)
        self.run_program("remove", "-n", "x", "greeter", "-y", check=0)


if __name__ == "__main__":
    unittest.main()
