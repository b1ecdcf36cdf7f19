"""create, install, update and remove as a user types them, on a small channel."""
import json
import os
import pty
import shutil
import signal
import subprocess
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase

PACKAGE_KEYS = ["name", "version", "build", "build_number", "channel", "subdir", "fn", "url", "sha256", "size"]
PLAN_KEYS = {"link", "unlink", "fetch", "budget", "solved_for", "notes"}


def data(name, version):
    return {f"share/{name}": (f"{name} {version}\n", 0o644)}


def make_channel(channel):
    """app 1 and 2 need lib (2 needs lib >=2), lib 1, 2, 3 need base; old needs lib <2; tool needs base; lone is alone."""
    entries = []

    def add(name, version, **more):
        file_name, entry = tiny_channel.add_package(channel, name, version, files=data(name, version), **more)
        entries.append((file_name, entry))
        return entry

    add("base", "1.0")
    for version, day in (("1.0", 1), ("2.0", 2), ("3.0", 3)):
        add("lib", version, depends=["base"])["timestamp"] = 1700000000000 + day * 86400000
    add("app", "1.0", depends=["lib >=1"])
    add("app", "2.0", depends=["lib >=2"])
    add("old", "1.0", depends=["lib <2"])
    add("tool", "1.0", depends=["base"])
    add("lone", "1.0")
    add("gpu", "1.0", depends=["__cuda >=12"])
    tiny_channel.write_repodata(channel, entries)


class ChangeCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/change"
        make_channel(cls.channel)

    def create(self, *specs):
        self.run_program("create", "-n", "work", *specs, check=0)

    def versions(self, prefix=None):
        listed = self.run_json("list", "-p", prefix or self.prefix)
        return {package["name"]: package["version"] for package in listed["packages"]}

    def names(self, packages):
        return [package["name"] for package in packages]

    def plan(self, *words, env=None):
        return self.run_json(*words, "--dry-run", env=env)["plan"]

    def history(self):
        with open(f"{self.prefix}/conda-meta/history", encoding="utf-8") as file:
            return file.read()

    def refused(self, code, kind, *words, said=(), env=None):
        """Leaves with this code and kind, says these words, and leaves environment and cache as they were."""
        before = self.tree(self.prefix), sorted(os.listdir(f"{self.root}/pkgs")) if os.path.exists(self.root) else None
        answer = self.run_json(*words, check=code, env=env)
        self.assertEqual(answer["error"]["kind"], kind, answer)
        for key in ("message", "context", "hints"):
            self.assertIn(key, answer["error"])
        text = json.dumps(answer["error"])
        for word in said:
            self.assertIn(word, text)
        after = self.tree(self.prefix), sorted(os.listdir(f"{self.root}/pkgs")) if os.path.exists(self.root) else None
        self.assertEqual(after, before)
        return answer["error"]


class Install(ChangeCase):
    def test_adds_what_is_asked_for_and_what_that_needs(self):
        self.create("lone")
        answer = self.run_json("install", "-n", "work", "app")
        self.assertEqual(self.names(answer["plan"]["link"]), ["base", "lib", "app"])
        self.assertEqual(answer["plan"]["unlink"], [])
        self.assertTrue(answer["changed"])
        self.assertEqual(self.versions(), {"app": "2.0", "base": "1.0", "lib": "3.0", "lone": "1.0"})
        with open(f"{self.prefix}/share/app", encoding="utf-8") as file:
            self.assertEqual(file.read(), "app 2.0\n")

    def test_what_is_installed_stays_where_it_can(self):
        self.create("lib=2.0")
        plan = self.plan("install", "-n", "work", "app")
        self.assertEqual(self.names(plan["link"]), ["app"])
        self.assertEqual(plan["unlink"], [])

    def test_a_wish_that_is_met_changes_nothing_and_reads_no_channel(self):
        self.create("app=1.0")
        before = self.tree(self.home)  # with the caches
        answer = self.run_json("install", "-n", "work", "app", "app=1.0", "-c", "file:///no/such/channel")
        self.assertFalse(answer["changed"])
        self.assertEqual(answer["plan"]["link"], [])
        self.assertIsNone(answer["plan"]["solved_for"])
        done = self.run_program("install", "-n", "work", "app", check=0)
        self.assertIn("Nothing to do", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.tree(self.home), before)

    def test_a_dependency_that_is_asked_for_later_is_noted(self):
        self.create("app")
        self.run_program("install", "-n", "work", "lib", check=0)
        self.assertIn("# update specs: ['lib']", self.history())
        self.run_program("remove", "-n", "work", "app", check=0)
        self.assertEqual(self.versions(), {"base": "1.0", "lib": "3.0"})

    def test_a_spec_that_is_not_met_changes_what_is_there(self):
        self.create("app=1.0", "lib=1.0")
        answer = self.run_json("install", "-n", "work", "lib=2.0")
        self.assertEqual(self.names(answer["plan"]["link"]), ["lib"])
        self.assertEqual([package["version"] for package in answer["plan"]["unlink"]], ["1.0"])
        self.assertEqual(self.versions()["app"], "1.0")

    def test_earlier_wishes_hold_and_say_so(self):
        self.create("old")
        error = self.refused(1, "conflict", "install", "-n", "work", "app=2.0", said=["old", "lib"])
        self.assertIn("hpcenv remove old", json.dumps(error["hints"]))

    def test_earlier_wishes_of_a_version_name_what_lifts_them(self):
        self.create("lib=1.0")
        error = self.refused(1, "conflict", "install", "-n", "work", "app=2.0")
        self.assertIn("'lib=1.0', asked for earlier", json.dumps(error["hints"]))
        self.run_program("install", "-n", "work", "app=2.0", "lib=3.0", check=0)
        self.assertEqual(self.versions()["lib"], "3.0")

    def test_freeze_installed_changes_nothing_that_is_there(self):
        self.create("lib=1.0")
        self.run_program("update", "-n", "work", "lib>=1,<2", check=0)
        for flag in ("--freeze-installed", "--no-update-deps"):
            self.refused(1, "conflict", "install", "-n", "work", "app=2.0", flag)
        self.assertEqual(self.names(self.plan("install", "-n", "work", "app", "--freeze-installed")["link"]), ["app"])

    def test_force_reinstall_links_again(self):
        self.create("lib")
        os.unlink(f"{self.prefix}/share/lib")
        plan = self.plan("install", "-n", "work", "lib", "--force-reinstall")
        self.assertEqual((self.names(plan["link"]), self.names(plan["unlink"])), (["lib"], ["lib"]))
        self.run_program("install", "-n", "work", "lib", "--force-reinstall", check=0)
        self.assertTrue(os.path.exists(f"{self.prefix}/share/lib"))

    def test_no_deps_and_only_deps(self):
        self.create("lone")
        self.assertEqual(self.names(self.plan("install", "-n", "work", "app", "--no-deps")["link"]), ["app"])
        self.assertEqual(self.names(self.plan("install", "-n", "work", "app", "--only-deps")["link"]), ["base", "lib"])
        self.refused(2, "usage", "install", "-n", "work", "app", "--no-deps", "--only-deps")

    def test_files_of_both_forms(self):
        self.create("lone")
        with open(f"{self.home}/more.yml", "w", encoding="utf-8") as out:
            out.write("dependencies:\n  - app=1.0\nvariables:\n  COLOUR: red\n")
        with open(f"{self.home}/more.txt", "w", encoding="utf-8") as out:
            out.write("# tools\ntool  # of mine\n\nlib <3\n")
        self.run_program("install", "-n", "work", "-f", "more.yml", "-f", "more.txt", cwd=self.home, check=0)
        self.assertEqual(self.versions(), {"app": "1.0", "base": "1.0", "lib": "2.0", "lone": "1.0", "tool": "1.0"})
        done = self.run_program("run", "-n", "work", "printenv", "COLOUR", check=0)
        self.assertEqual(done.stdout, "red\n")

    def test_the_active_environment_is_the_default(self):
        self.create("lone")
        self.run_program("install", "tool", env={"CONDA_PREFIX": self.prefix}, check=0)
        self.assertIn("tool", self.versions())
        self.run_program("install", "tool", check=2)

    def test_without_a_spec_there_is_nothing_to_do(self):
        self.create("lone")
        self.assertFalse(self.run_json("install", "-n", "work")["changed"])

    def test_bad_wishes(self):
        self.create("lone")
        self.refused(1, "not_found", "install", "-n", "work", "apq", said=["app"])
        self.refused(2, "bad_spec", "install", "-n", "work", "app >>1", said=["app >>1"])
        self.refused(1, "not_found", "install", "-n", "worl", "app", said=["did you mean: work"])
        self.refused(1, "conflict", "install", "-n", "work", "gpu", said=["__cuda"])
        self.refused(1, "not_found", "install", "-n", "work", "-c", "file:///no/such/channel", "app", said=["/no/such/channel"])
        self.refused(1, "not_found", "install", "-n", "work", "-f", "/no/such.yml", said=["/no/such.yml"])
        self.refused(2, "usage", "install", "-n", "work", "app", "--channel-priority", "loose", said=["strict"])
        self.refused(2, "usage", "install", "-n", "work", "app", "--exclude-newer", "soon", said=["2026-11-26"])
        self.refused(2, "usage", "install", "-n", "work", "app", "--platform", "linux-65", said=["linux-aarch64"])
        self.refused(1, "refused", "install", "-n", "work", "app", "--platform", "linux-aarch64", said=["linux-64"])
        self.refused(1, "not_found", "install", "-n", "work", "app", "--on", "nowhere", said=["hpcenv target add nowhere --partition PARTITION"])

    def test_a_package_that_cannot_be_had_leaves_all_as_it_was(self):
        self.create("lone")
        broken = f"{self.work}/channels/broken"
        shutil.rmtree(broken, ignore_errors=True)
        make_channel(broken)
        with open(f"{broken}/linux-64/lib-3.0-0.tar.bz2", "ab") as out:
            out.write(b"x")
        self.refused(1, "refused", "install", "-n", "work", "--override-channels", "-c", f"file://{broken}", "lib=3.0", "base=1.0",
                     said=["lib-3.0-0"])
        os.unlink(f"{broken}/linux-64/lib-3.0-0.tar.bz2")
        answer = self.run_json("install", "-n", "work", "--override-channels", "-c", f"file://{broken}", "lib=3.0", check=1)
        self.assertIn("lib-3.0-0", json.dumps(answer["error"]))
        self.assertEqual(self.versions(), {"lone": "1.0"})


class CutOff(ChangeCase):
    def cut_off(self):
        """Kills an install of app between its commit record and its end."""
        log = f"{self.home}/points"
        self.run_program("create", "-n", "cached", "app", check=0)
        self.run_program("create", "-n", "other", "lone", check=0)
        self.run_program("install", "-n", "other", "app", check=0, env={"HPCENV_FAULT_LOG": log})
        with open(log, encoding="utf-8") as file:
            number = file.read().split().index("commit.unlink_record") + 1
        self.create("lone")
        self.run_program("install", "-n", "work", "app", check=-9, env={"HPCENV_FAULT_KILL": str(number)})
        own = f"{self.prefix}/.hpcenv"
        self.assertTrue(any(os.path.exists(f"{own}/{name}/record") for name in os.listdir(own)))

    def test_install_without_a_spec_completes_it(self):
        self.cut_off()
        answer = self.run_program("run", "-n", "work", "true", check=125)
        self.assertIn(f"hpcenv install -p {self.prefix}", answer.stderr)
        self.refused(1, "refused", "install", "-n", "work", "tool", "--dry-run", said=["hpcenv install -p"])
        self.run_program("install", "-p", self.prefix, check=0)
        self.assertEqual(self.versions(), {"app": "2.0", "base": "1.0", "lib": "3.0", "lone": "1.0"})
        self.run_program("run", "-n", "work", "true", check=0)

    def test_any_other_change_completes_it_first(self):
        self.cut_off()
        self.run_program("remove", "-n", "work", "lone", check=0)
        self.assertEqual(self.versions(), {"app": "2.0", "base": "1.0", "lib": "3.0"})


    def cut_off_create(self):
        """Kills a create when its link script has run, but nobody knows yet that it has."""
        channel = f"{self.home}/scripted"
        files = {**data("thing", "1.0"), "bin/.thing-post-link.sh": ('echo ran >> "$PREFIX/ran"\n', 0o755)}
        tiny_channel.write_repodata(channel, [tiny_channel.add_package(channel, "thing", "1.0", files=files)])
        words = ["create", "-n", "work", "--override-channels", "-c", channel, "thing"]
        log = f"{self.home}/points"
        # With the package in the cache both runs pass the same points.
        self.run_program(*words[:2], "other", *words[3:], check=0)
        self.run_program(*words[:2], "third", *words[3:], check=0, env={"HPCENV_FAULT_LOG": log})
        with open(log, encoding="utf-8") as file:
            number = file.read().split().index("commit.forget_scripts") + 1
        self.run_program(*words, check=-9, env={"HPCENV_FAULT_KILL": str(number)})
        self.run_program("run", "-n", "work", "true", check=125)
        return words

    def runs_of_the_script(self):
        with open(f"{self.prefix}/ran", encoding="utf-8") as file:
            return len(file.readlines())

    def test_a_create_in_its_scripts_starts_over(self):
        self.run_program(*self.cut_off_create(), check=0)
        self.assertEqual((self.versions(), self.runs_of_the_script()), ({"thing": "1.0"}, 1))

    def test_install_completes_a_create_in_its_scripts(self):
        self.cut_off_create()
        self.run_program("install", "-n", "work", "lone", check=0)
        self.assertEqual((self.versions(), self.runs_of_the_script()), ({"thing": "1.0", "lone": "1.0"}, 2))
        self.run_program("run", "-n", "work", "true", check=0)


class Frozen(ChangeCase):
    def test_a_frozen_environment_is_changed_only_on_demand(self):
        self.create("app")
        with open(f"{self.prefix}/conda-meta/frozen", "w", encoding="utf-8") as out:
            json.dump({"message": "ask the admins"}, out)
        for words in (["install", "-n", "work", "tool"], ["update", "-n", "work", "--all"], ["remove", "-n", "work", "app"]):
            self.refused(1, "refused", *words, said=["ask the admins", "--override-frozen"])
        self.run_program("install", "-n", "work", "tool", "--override-frozen", check=0)
        with open(f"{self.prefix}/conda-meta/frozen", "w", encoding="utf-8"):
            pass
        self.refused(1, "refused", "remove", "-n", "work", "tool", said=["frozen"])


class Update(ChangeCase):
    def test_a_name_gets_the_newest(self):
        self.create("app", "lib<3")
        self.run_program("update", "-n", "work", "lib>=1", check=0)
        self.assertEqual(self.versions()["lib"], "3.0")
        self.assertIn("# update specs: ['lib>=1']", self.history())

    def test_a_dependency_becomes_newer_without_being_wished_for(self):
        self.create("app=1.0", "--exclude-newer", "2023-11-15")
        self.assertEqual(self.versions()["lib"], "1.0")
        self.run_program("update", "-n", "work", "lib", check=0)
        self.assertEqual(self.versions(), {"app": "1.0", "base": "1.0", "lib": "3.0"})
        self.run_program("remove", "-n", "work", "app", check=0)
        self.assertEqual(self.versions(), {})

    def test_what_an_earlier_wish_keeps_back_is_said(self):
        self.create("lib=2.0")
        for words in (["lib"], ["--all"]):
            plan = self.plan("update", "-n", "work", *words)
            self.assertEqual(plan["link"], [])
            self.assertIn("'lib=2.0' was asked for earlier", plan["notes"][0])
            self.assertIn("hpcenv update 'lib=3.0'", plan["notes"][0])
        done = self.run_program("update", "-n", "work", "lib", check=0)
        self.assertIn("lib 2.0 is not the newest (3.0)", done.stdout)

    def test_what_another_package_keeps_back_is_said(self):
        self.create("old", "lib")
        plan = self.plan("update", "-n", "work", "lib")
        self.assertEqual(plan["link"], [])
        self.assertIn("old", plan["notes"][0])

    def test_all(self):
        self.create("app=1.0", "lib<3", "lone")
        self.run_program("install", "-n", "work", "app>=1", check=0)
        plan = self.plan("update", "-n", "work", "--all")
        self.assertEqual({package["name"]: package["version"] for package in plan["link"]}, {"app": "2.0"})
        self.assertIn("lib<3", json.dumps(plan["notes"]))

    def test_a_file_says_what_shall_be(self):
        self.create("app=1.0")
        with open(f"{self.home}/environment.yml", "w", encoding="utf-8") as out:
            out.write("dependencies: [app=2.0, tool]\n")
        self.run_program("update", "-n", "work", "-f", f"{self.home}/environment.yml", check=0)
        self.assertEqual(self.versions(), {"app": "2.0", "base": "1.0", "lib": "3.0", "tool": "1.0"})

    def test_bad_wishes(self):
        self.create("lone")
        self.refused(1, "not_found", "update", "-n", "work", "app", said=["hpcenv install"])
        self.refused(2, "usage", "update", "-n", "work", said=["--all"])
        self.refused(2, "usage", "update", "-n", "work", "lone", "--all")
        self.refused(2, "bad_spec", "update", "-n", "work", "lone>>1")


class Remove(ChangeCase):
    def test_dependents_and_orphans_go_too_and_are_named(self):
        self.create("app", "tool")
        answer = self.run_json("remove", "-n", "work", "lib")
        self.assertEqual(sorted(self.names(answer["plan"]["unlink"])), ["app", "lib"])
        self.assertIn("app goes too", answer["plan"]["notes"][0])
        self.assertEqual(self.versions(), {"base": "1.0", "tool": "1.0"})
        self.assertIn("# remove specs: ['lib', 'app']", self.history())
        answer = self.run_json("remove", "-n", "work", "tool")
        self.assertEqual(self.names(answer["plan"]["unlink"]), ["base", "tool"])
        self.assertIn("base goes too", answer["plan"]["notes"][0])
        self.assertEqual(self.versions(), {})
        self.assertEqual(os.listdir(self.prefix), ["conda-meta"])

    def test_what_was_asked_for_is_no_orphan(self):
        self.create("app", "lib")
        self.run_program("remove", "-n", "work", "app", check=0)
        self.assertEqual(self.versions(), {"base": "1.0", "lib": "3.0"})

    def test_orphans_may_stay(self):
        self.create("app")
        self.run_program("remove", "-n", "work", "app", "--no-prune-deps", check=0)
        self.assertEqual(self.versions(), {"base": "1.0", "lib": "3.0"})

    def test_force_removes_just_that_and_says_what_is_broken(self):
        self.create("app")
        answer = self.run_json("remove", "-n", "work", "lib", "--force")
        self.assertEqual(self.names(answer["plan"]["unlink"]), ["lib"])
        self.assertIn("app", answer["plan"]["notes"][0])
        self.assertEqual(self.versions(), {"app": "2.0", "base": "1.0"})

    def test_patterns_and_versions(self):
        self.create("app", "tool", "lone")
        self.assertEqual(self.names(self.plan("remove", "-n", "work", "lo*")["unlink"]), ["lone"])
        self.assertEqual(self.names(self.plan("remove", "-n", "work", "lone=1")["unlink"]), ["lone"])
        self.refused(1, "not_found", "remove", "-n", "work", "lone=2", said=["lone-1.0-0"])

    def test_needs_no_channel(self):
        self.create("lone", "tool")
        self.run_program("remove", "-n", "work", "lone", env={"HPCENV_CHANNELS": "file:///no/such/channel"}, check=0)
        self.assertNotIn("lone", self.versions())

    def test_files_of_the_user_stay(self):
        self.create("lone")
        with open(f"{self.prefix}/share/mine", "w", encoding="utf-8") as out:
            out.write("mine\n")
        self.run_program("remove", "-n", "work", "lone", check=0)
        self.assertEqual(os.listdir(f"{self.prefix}/share"), ["mine"])

    def test_all_removes_the_environment(self):
        self.create("lone")
        self.run_program("remove", "-n", "work", "--all", check=2)
        self.assertTrue(os.path.exists(self.prefix))
        self.run_program("remove", "-n", "work", "--all", "-y", check=0)
        self.assertFalse(os.path.exists(self.prefix))

    def test_bad_wishes(self):
        self.create("lone")
        self.refused(1, "not_found", "remove", "-n", "work", "lonne", said=["lone", "hpcenv list"])
        self.refused(2, "usage", "remove", "-n", "work")
        self.refused(2, "usage", "remove", "-n", "work", "lone", "--all")
        self.refused(2, "bad_spec", "remove", "-n", "work", "lone>>1")
        self.refused(1, "not_found", "remove", "-n", "nowhere", "lone")


class Pins(ChangeCase):
    def pin(self, text):
        with open(f"{self.prefix}/conda-meta/pinned", "w", encoding="utf-8") as out:
            out.write(text)

    def test_pins_of_the_prefix_hold_until_told_otherwise(self):
        self.create("lone")
        self.pin("# kept by hand\nlib <3  # why\n")
        self.assertEqual(self.plan("install", "-n", "work", "app")["link"][1]["version"], "2.0")
        self.assertEqual(self.plan("install", "-n", "work", "app", "--no-pin")["link"][1]["version"], "3.0")
        self.refused(1, "conflict", "install", "-n", "work", "lib=3.0", said=["lib <3"])

    def test_a_pin_that_cannot_be_read_is_named(self):
        self.create("lone")
        self.pin("lib <3\nlib >>3\n")
        error = self.refused(2, "bad_spec", "install", "-n", "work", "app", said=["conda-meta/pinned:2"])
        self.assertIn("lib >>3", error["message"])


class Contract(ChangeCase):
    def check_packages(self, packages):
        self.assertEqual(len({package["name"] for package in packages}), len(packages))
        for package in packages:
            self.assertEqual([key for key in PACKAGE_KEYS if key in package], PACKAGE_KEYS)
            self.assertEqual(package["channel"], f"file://{self.channel}")
            self.assertEqual(package["url"], f"file://{self.channel}/{package['subdir']}/{package['fn']}")
            self.assertEqual(len(package["sha256"]), 64)
            self.assertGreater(package["size"], 0)

    def check_plan(self, answer, command):
        self.assertEqual(list(answer)[:2], ["schema", "success"])
        self.assertEqual((answer["action"], answer["dry_run"], answer["changed"]), (command, True, False))
        plan = answer["plan"]
        self.assertEqual(set(plan), PLAN_KEYS)
        for part in ("link", "unlink", "fetch"):
            self.check_packages(plan[part])
        for key in ("download_bytes", "bytes", "inodes", "free_bytes"):
            self.assertIsInstance(plan["budget"][key], int)
        self.assertEqual(plan["budget"]["estimated"], bool(plan["fetch"]))
        self.assertEqual(plan["budget"]["download_bytes"], sum(package["size"] for package in plan["fetch"]))
        return plan

    def test_every_dry_run_gives_a_whole_plan_and_changes_nothing(self):
        plan = self.check_plan(self.run_json("create", "-n", "work", "app", "--dry-run"), "create")
        self.assertEqual((len(plan["link"]), len(plan["fetch"])), (3, 3))
        self.assertFalse(os.path.exists(self.prefix))
        self.create("app=1.0", "lib=2.0")
        before = self.tree(self.prefix)
        plan = self.check_plan(self.run_json("install", "-n", "work", "lone", "--dry-run"), "install")
        self.assertEqual((self.names(plan["link"]), self.names(plan["fetch"])), (["lone"], ["lone"]))
        plan = self.check_plan(self.run_json("update", "-n", "work", "app=2", "--dry-run"), "update")
        self.assertEqual((self.names(plan["link"]), self.names(plan["unlink"])), (["app"], ["app"]))
        plan = self.check_plan(self.run_json("remove", "-n", "work", "lib", "--dry-run"), "remove")
        self.assertEqual((plan["link"], self.names(plan["unlink"])), ([], ["app", "base", "lib"]))
        self.assertIsNone(plan["solved_for"])
        self.assertEqual(self.tree(self.prefix), before)

    def test_packages_that_lie_in_the_cache_are_not_fetched_and_the_budget_is_exact(self):
        self.create("lib")
        budget = self.check_plan(self.run_json("create", "-n", "other", "lib", "--dry-run"), "create")["budget"]
        self.assertEqual((budget["download_bytes"], budget["estimated"]), (0, False))
        self.assertGreater(budget["inodes"], 0)

    def test_credentials_of_an_address_are_not_shown(self):
        self.create("lone")
        answer = self.run_json("install", "-n", "work", "app", "-c", "http://user:secret@127.0.0.1:1/x", check=3)
        self.assertNotIn("secret", json.dumps(answer))

    def test_the_text_shows_what_comes_goes_and_changes(self):
        self.create("app=1.0", "lib=1.0", "lone")
        done = self.run_program("install", "-n", "work", "lib=2.0", "tool", "--dry-run", check=0)
        rows = [line.split() for line in done.stdout.splitlines()]
        self.assertIn(["~", "lib", "1.0", "->", "2.0", "0", "change/linux-64"], [row[:7] for row in rows])
        self.assertIn(["+", "tool", "1.0", "0", "change/linux-64"], [row[:5] for row in rows])
        self.assertIn("1 to install, 1 to change; 2 to download (", done.stdout)
        self.assertIn("Solved for", done.stdout)
        self.assertIn("Nothing was changed (--dry-run)", done.stderr)
        done = self.run_program("remove", "-n", "work", "lone", "--dry-run", check=0)
        self.assertIn(["-", "lone", "1.0", "0", "change/linux-64"], [line.split() for line in done.stdout.splitlines()])

    def test_quiet_is_quiet(self):
        done = self.run_program("create", "-n", "work", "lone", "-q", check=0)
        self.assertEqual((done.stdout, done.stderr), ("", ""))


class Asking(ChangeCase):
    """On a terminal a person is asked; what is typed decides."""

    def at_the_question(self, *words):
        screen, terminal = pty.openpty()
        child = subprocess.Popen([PROGRAM, *words], env={**self.variables, "TERM": "dumb"}, stdin=terminal, stdout=terminal,
                                 stderr=terminal, start_new_session=True)
        os.close(terminal)
        self.addCleanup(os.close, screen)
        self.addCleanup(child.kill)
        seen = b""
        while b"[y/n]" not in seen.lower():
            seen += os.read(screen, 1000)
        return child, screen

    def test_yes_no_and_nothing(self):
        self.create("lone")
        for answer, code in ((b"n\n", 1), (b"\x04", 1), (b"what\n", 1), (b"y\n", 0)):
            child, screen = self.at_the_question("install", "-n", "work", "tool")
            os.write(screen, answer)
            self.assertEqual(child.wait(60), code, answer)
            self.assertEqual("tool" in self.versions(), code == 0)
        child, screen = self.at_the_question("remove", "-n", "work", "tool")
        os.write(screen, b"\n")
        self.assertEqual(child.wait(60), 0)
        self.assertEqual(self.versions(), {"lone": "1.0"})

    def test_signals_at_the_question(self):
        self.create("lone")
        before = self.tree(self.prefix)
        for sent, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)):
            child, _ = self.at_the_question("install", "-n", "work", "tool")
            child.send_signal(sent)
            self.assertEqual(child.wait(60), code)
        self.assertEqual(self.tree(self.prefix), before)

    def test_questions_of_what_removes(self):
        self.create("lone")
        before = self.tree(self.home)
        for words in (["env", "remove", "-n", "work"], ["clean", "--all"]):
            child, _ = self.at_the_question(*words)
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.wait(60), 130)
            for answer in (b"n\n", b"\x04"):
                child, screen = self.at_the_question(*words)
                os.write(screen, answer)
                self.assertEqual(child.wait(60), 1)
        self.assertEqual(self.tree(self.home), before)
        child, screen = self.at_the_question("env", "remove", "-n", "work")
        os.write(screen, b"YES\n")
        self.assertEqual(child.wait(60), 0)
        self.assertFalse(os.path.exists(self.prefix))

    def test_who_changes_the_environment_each_time_before_the_commit_is_given_way(self):
        self.create("lone")
        child, screen = self.at_the_question("install", "-n", "work", "tool")
        seen = b""
        for attempt in (1, 2, 3):
            with open(f"{self.prefix}/conda-meta/history", "a", encoding="utf-8") as file:
                file.write(f"# another program, {attempt}\n")
            os.write(screen, b"y\n")
            while attempt < 3 and b"[Y/n]" not in seen:
                seen += os.read(screen, 1000)
            self.assertEqual(b"changed by another program" in seen, attempt < 3)
            seen = b""
        while b"3 times" not in seen:
            seen += os.read(screen, 1000)
        self.assertEqual(child.wait(60), 1)
        self.assertEqual(self.versions(), {"lone": "1.0"})
        self.assertEqual(sorted(os.listdir(self.prefix)), ["conda-meta", "share"])

    def test_yes_asks_nothing(self):
        self.run_program("create", "-n", "work", "lone", "-y", check=0)


class Machines(ChangeCase):
    def profile(self, **more):
        answer = self.run_json("probe")
        answer["profile"].update(more)
        return answer

    def test_a_profile_of_another_node_decides(self):
        profile = self.profile(hostname="gpu01", glibc="2.17")
        profile["profile"]["nvidia"].update(winner=0, libcuda=[{
            "path": "/usr/lib64/libcuda.so.1", "end": "answered", "version_code": 0, "cuda_version": 12040}])
        with open(f"{self.home}/node.json", "w", encoding="utf-8") as out:
            json.dump(profile, out)
        self.run_program("create", "-n", "work", "gpu", check=1)
        del self.variables["CONDA_OVERRIDE_CUDA"]
        answer = self.run_json("create", "-n", "work", "gpu", "--on", f"{self.home}/node.json", "--dry-run")
        solved_for = answer["plan"]["solved_for"]
        self.assertEqual((solved_for["target"], solved_for["nodes"]), ("node", ["gpu01"]))
        packages = {package["name"]: package["version"] for package in solved_for["virtual_packages"]}
        self.assertEqual((packages["__cuda"], packages["__glibc"]), ("12.4", "2.17"))
        done = self.run_program("create", "-n", "work", "gpu", "--on", f"{self.home}/node.json", "--dry-run", check=0)
        self.assertIn("target node: gpu01", done.stdout)
        self.assertIn("__cuda 12.4", done.stdout)

    def test_a_conflict_says_what_profile_forbids(self):
        node = f"{self.home}/node.json"
        profile = self.profile(hostname="gpu01")
        profile["profile"]["nvidia"].update(winner=0, libcuda=[{
            "path": "/usr/lib64/libcuda.so.1", "end": "answered", "version_code": 0, "cuda_version": 11040}])
        with open(node, "w", encoding="utf-8") as out:
            json.dump(profile, out)
        del self.variables["CONDA_OVERRIDE_CUDA"]
        done = self.run_program("create", "-n", "work", "gpu", "--on", node, check=1)
        self.assertIn("the NVIDIA driver of target node knows CUDA up to 11.4 (__cuda 11.4, cuDriverGetVersion of "
                      f"/usr/lib64/libcuda.so.1 on gpu01 in {node})", done.stderr)
        profile["profile"]["nvidia"].update(winner=-1, libcuda=[])
        with open(node, "w", encoding="utf-8") as out:
            json.dump(profile, out)
        done = self.run_program("create", "-n", "work", "gpu", "--on", node, check=1)
        self.assertIn(f"target node has no NVIDIA driver (no __cuda, {node})", done.stderr)

    def test_targets_have_names(self):
        os.makedirs(f"{self.home}/.config/hpcenv/targets")
        site = f"{self.home}/site"
        os.makedirs(f"{site}/targets")
        for place, name in ((f"{self.home}/.config/hpcenv", "mine"), (site, "theirs")):
            with open(f"{place}/targets/{name}.json", "w", encoding="utf-8") as out:
                json.dump({"format": 1, "nodes": [self.profile(hostname=name)["profile"]]}, out)
        for name in ("mine", "theirs"):
            plan = self.plan("create", "-n", "work", "lone", "--on", name, env={"HPCENV_SITE": site})
            self.assertEqual(plan["solved_for"]["nodes"], [name])
        error = self.run_json("create", "-n", "work", "lone", "--on", "other", check=1, env={"HPCENV_SITE": site})["error"]
        self.assertIn("there are: mine, theirs", error["hints"])

    def test_a_file_that_is_no_target_is_refused(self):
        with open(f"{self.home}/x.json", "w", encoding="utf-8") as out:
            out.write("{}")
        error = self.run_json("create", "-n", "work", "lone", "--on", f"{self.home}/x.json", check=1)["error"]
        self.assertEqual(error["kind"], "refused")
        self.assertFalse(os.path.exists(self.prefix))

    def arm_channel(self):
        channel = f"{self.home}/arm"
        files = {**data("thing", "1.0"), "bin/.thing-post-link.sh": ('touch "$PREFIX/ran"\n', 0o755)}
        entries = [tiny_channel.add_package(channel, "thing", "1.0", files=files)]
        tiny_channel.write_repodata(channel, entries)
        os.rename(f"{channel}/linux-64", f"{channel}/linux-aarch64")
        repodata = f"{channel}/linux-aarch64/repodata.json"
        with open(repodata, encoding="utf-8") as file:
            text = file.read().replace('"linux-64"', '"linux-aarch64"')
        with open(repodata, "w", encoding="utf-8") as out:
            out.write(text)
        return channel

    def test_another_platform_is_planned_for(self):
        words = ["create", "-n", "work", "--override-channels", "-c", self.arm_channel(), "thing"]
        self.run_program(*words, check=1)
        for flag in ("--platform", "--subdir"):
            solved_for = self.plan(*words, flag, "linux-aarch64")["solved_for"]
            self.assertEqual((solved_for["platform"], solved_for["runs_here"]), ("linux-aarch64", False))
        done = self.run_program(*words, "--platform", "linux-aarch64", check=0)
        self.assertIn("nothing of it runs here", done.stdout)
        self.assertIn("the post-link script of thing-1.0-0 was not run", done.stderr)
        self.assertFalse(os.path.exists(f"{self.prefix}/ran"))
        self.assertEqual(self.versions(), {"thing": "1.0"})
        # The environment knows what it is for.
        self.run_program("remove", "-n", "work", "thing", "--dry-run", check=0)
        self.refused(1, "refused", "install", "-n", "work", "lone", "--platform", "linux-64", said=["linux-aarch64"])

    def test_selectors_of_files_follow_the_machine_that_is_meant(self):
        channel = self.arm_channel()
        path = f"{self.home}/environment.yml"
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"channels: ['file://{channel}', 'file://{self.channel}']\n"
                      "dependencies:\n  - thing  # [aarch64]\n  - lone  # [x86_64]\n  - sel(linux): base >0  # [not aarch64]\n")
        profile = self.profile(hostname="arm01", machine="aarch64")
        with open(f"{self.home}/arm.json", "w", encoding="utf-8") as out:
            json.dump(profile, out)
        names = lambda *words: self.names(self.plan("create", "-n", "work", "-f", path, *words)["link"])
        self.assertEqual(names(), ["base", "lone"])
        self.assertEqual(names("--platform", "linux-aarch64"), ["thing"])
        self.assertEqual(names("--on", f"{self.home}/arm.json"), ["thing"])
        # An environment knows what it is for.
        self.run_program("create", "-n", "work", "-f", path, "--platform", "linux-aarch64", check=0)
        self.assertFalse(self.run_json("install", "-n", "work", "-f", path)["changed"])

    def test_newer_packages_are_left_aside(self):
        versions = {}
        for day in ("2023-11-15", "2023-11-16", "2023-11-16T22:13:20Z", "2023-11-16T22:13:19Z"):
            plan = self.plan("create", "-n", "work", "lib", "--exclude-newer", day)
            versions[day] = plan["link"][-1]["version"]
        self.assertEqual(versions, {"2023-11-15": "1.0", "2023-11-16": "2.0", "2023-11-16T22:13:20Z": "2.0",
                                    "2023-11-16T22:13:19Z": "1.0"})


class ForeignOptions(ChangeCase):
    def test_habits_lead_to_what_is_typed_here(self):
        self.create("lone")
        for words, code, said in (
                (["conda", "install", "x"], 2, "type instead: hpcenv COMMAND, without that word"),
                (["envs"], 2, "type instead: hpcenv env list"),
                (["rename", "-n", "a", "b"], 2, "type instead: hpcenv env export -n OLD"),
                (["env", "create", "-f", "x.yml"], 2, "type instead: hpcenv create -n NAME -f environment.yml"),
                (["env", "update", "-f", "x.yml"], 2, "type instead: hpcenv update -n NAME -f environment.yml"),
                (["env", "config", "vars", "list"], 2, "type instead: hpcenv update -n NAME -f FILE.yml"),
                (["env", "remove", "work"], 2, "an environment is named so: hpcenv env remove -n work"),
                (["env", "export", "work"], 2, "an environment is named so: hpcenv env export -n work"),
                (["info", "--envs"], 2, "type hpcenv env list"),
                (["info", "-e"], 2, "type hpcenv env list"),
                (["config", "--add", "channels", "bioconda"], 2, "type hpcenv config prepend KEY VALUE"),
                (["config", "--show"], 2, "type hpcenv config: each value"),
                (["create", "-n", "x", "--clone", "y"], 2, "hpcenv env export"),
                (["install", "-n", "work", "--solver", "libmamba", "app"], 2, "one solver"),
                (["list", "-n", "base"], 1, "hpcenv needs no base environment and has none"),
                (["activate", "work"], 2, "shell-hook bash"),
                (["list", "work"], 2, "to list the environment work: hpcenv list -n work"),
                (["install", "-n", "work", "xyzzy"], 1, "another one is added with -c CHANNEL"),
                (["install", "app"], 2, "give one of: -n NAME, -p PREFIX")):
            with self.subTest(words):
                error = self.run_json(*words, check=code)["error"]
                self.assertIn(said, error["hints"][0], error)
        with open(f"{self.home}/requirements.txt", "w", encoding="utf-8") as out:
            out.write("app\n")
        error = self.run_json("install", "-n", "work", "-r", f"{self.home}/requirements.txt", check=2)["error"]
        self.assertIn("a list of packages is given with -f FILE", error["hints"][0])
        self.run_program("install", "-n", "work", "--file", f"{self.home}/requirements.txt", "-q", check=0)
        self.assertIn("app", self.versions())
        self.assertEqual(self.run_program("-V", check=0).stdout, self.run_program("--version", check=0).stdout)

    def test_two_specs_about_one_name_both_hold(self):
        self.create("lib=3.0")
        self.refused(1, "conflict", "install", "-n", "work", "lib>=3", "lib<3", said=["lib>=3", "lib<3"])
        self.refused(1, "conflict", "install", "-n", "work", "lib<3", "lib>=3", said=["lib>=3", "lib<3"])
        self.run_program("install", "-n", "work", "lib>=2", "lib<3", check=0)
        self.assertEqual(self.versions()["lib"], "2.0")
        self.assertFalse(self.run_json("install", "-n", "work", "lib>=2", "lib<3", "--dry-run")["changed"])

    def test_well_known_options_lead_to_ours(self):
        for option, instead in (("--strict-channel-priority", "--channel-priority strict"), ("-S", "leave it out"),
                                ("--use-local", "conda-bld"), ("--ssl-verify=false", "SSL_CERT_FILE"),
                                ("--clone", "hpcenv env export"), ("--use-index-cache", "--offline")):
            error = self.run_json("create", "-n", "work", "lone", option, check=2)["error"]
            self.assertEqual(error["kind"], "usage")
            self.assertIn(instead, error["hints"][0])

    def test_pip_sections_are_refused_or_left_out_aloud(self):
        path = f"{self.home}/environment.yml"
        with open(path, "w", encoding="utf-8") as out:
            out.write("dependencies:\n  - lone\n  - pip:\n    - requests\n")
        error = self.run_json("create", "-n", "work", "-f", path, check=1)["error"]
        self.assertIn("--no-pip", error["hints"][0])
        self.assertFalse(os.path.exists(self.prefix))
        done = self.run_program("create", "-n", "work", "-f", path, "--no-pip", check=0)
        self.assertIn("pip install requests", done.stderr)

    def test_a_file_for_other_platforms_is_refused(self):
        path = f"{self.home}/environment.yml"
        with open(path, "w", encoding="utf-8") as out:
            out.write("dependencies: [lone]\nplatforms: [osx-arm64]\n")
        error = self.run_json("create", "-n", "work", "-f", path, check=1)["error"]
        self.assertIn("osx-arm64", error["message"])


if __name__ == "__main__":
    unittest.main()
