"""Settings of .condarc that choose packages: add_pip_as_python_dependency and pinned_packages, in the plan and in what is
installed.
"""
import json
import os
import unittest

import tiny_channel
from cli_case import CliCase


class ChoiceCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/choice"

        def add(name, version, **more):
            return tiny_channel.add_package(cls.channel, name, version, files={f"share/{name}": (f"{version}\n", 0o644)}, **more)

        tiny_channel.write_repodata(cls.channel, [
            add("python", "3.12.1"), add("python", "3.6.1"), add("pip", "24.0", depends=["python >=3.8"]), add("tool", "1.0"),
            add("lib", "1.0"), add("lib", "2.0"), add("lib", "3.0"), add("app", "1.0", depends=["lib >=1"]),
            add("app", "2.0", depends=["lib >=3"]), add("module", "1.0", depends=["python"])])

    def condarc(self, text):
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write(text)

    def installed(self):
        """What is listed, and agrees with the files."""
        versions = {p["name"]: p["version"] for p in self.run_json("list", "-n", "work")["packages"]}
        for name, version in versions.items():
            with open(f"{self.prefix}/share/{name}", encoding="utf-8") as file:
                self.assertEqual(file.read(), f"{version}\n")
        self.assertEqual(sorted(os.listdir(f"{self.prefix}/share")), sorted(versions))
        return versions

    def planned(self, *words):
        plan = self.run_json(*words, "--dry-run")["plan"]
        return [f"{p['name']}={p['version']}" for p in plan["link"]]

    def history(self):
        with open(f"{self.prefix}/conda-meta/history", encoding="utf-8") as file:
            return file.read()


class Pip(ChoiceCase):
    def test_python_brings_pip_along_unless_it_is_told_not_to(self):
        for text, pip in (("", True), ("add_pip_as_python_dependency: true\n", True), ("add_pip_as_python_dependency: no\n", False)):
            self.setUp()
            self.condarc(text)
            expected = ["python=3.12.1", "pip=24.0"] if pip else ["python=3.12.1"]
            self.assertEqual(self.planned("create", "-n", "work", "python"), expected, text)
            self.run_program("create", "-y", "-n", "work", "module", check=0)
            self.assertEqual(self.installed(), {"python": "3.12.1", "module": "1.0", **({"pip": "24.0"} if pip else {})}, text)
            # It is nobody's wish.
            self.assertNotIn("pip", self.history().split("update specs:")[1])

    def test_it_comes_with_python_only_and_where_one_fits(self):
        self.run_program("create", "-y", "-n", "work", "tool", check=0)
        self.assertEqual(self.installed(), {"tool": "1.0"})
        self.assertEqual(self.planned("create", "-n", "other", "python=3.6"), ["python=3.6.1"])

    def test_what_is_there_stays_and_what_is_missing_comes_later(self):
        self.run_program("create", "-y", "-n", "work", "python", check=0)
        self.condarc("add_pip_as_python_dependency: false\n")
        self.run_program("install", "-y", "-n", "work", "tool", check=0)
        self.assertEqual(self.installed(), {"python": "3.12.1", "pip": "24.0", "tool": "1.0"})
        self.run_program("remove", "-y", "-n", "work", "pip", check=0)
        self.assertEqual(self.installed(), {"python": "3.12.1", "tool": "1.0"})
        self.run_program("install", "-y", "-n", "work", "module", check=0)
        self.assertNotIn("pip", self.installed())
        self.condarc("")
        self.assertEqual(sorted(self.planned("install", "-n", "work", "lib")), ["lib=3.0", "pip=24.0"])


class Pins(ChoiceCase):
    def test_they_hold_in_every_command_and_no_pin_lifts_them(self):
        self.condarc("pinned_packages: ['lib <3', 'tool 1.*']\n")
        self.assertEqual(self.planned("create", "-n", "work", "lib"), ["lib=2.0"])
        self.assertEqual(self.planned("create", "-n", "work", "lib", "--no-pin"), ["lib=3.0"])
        self.run_program("create", "-y", "-n", "work", "app", check=0)
        self.assertEqual(self.installed(), {"app": "1.0", "lib": "2.0"})
        for words in (["update", "--all"], ["update", "lib"], ["install", "lib"]):
            self.assertEqual(self.planned(words[0], "-n", "work", *words[1:]), [], words)
        self.assertEqual(self.planned("update", "-n", "work", "--all", "--no-pin"), ["lib=3.0", "app=2.0"])
        # A pin is no wish: nothing is installed because of it, and nothing is noted.
        self.assertNotIn("tool", self.installed())
        self.assertNotIn("'tool", self.history())
        self.condarc("")
        self.run_program("update", "-y", "-n", "work", "--all", check=0)
        self.assertEqual(self.installed(), {"app": "2.0", "lib": "3.0"})

    def test_a_wish_against_a_pin_is_a_conflict_that_names_it(self):
        self.condarc("pinned_packages: ['lib <3']\n")
        for wish in ("lib=3", "app=2"):
            error = self.run_json("create", "-n", "work", wish, "--dry-run", check=1)["error"]
            self.assertEqual(error["kind"], "conflict")
            self.assertIn("lib <3", json.dumps(error), wish)
            self.assertIn("pin", json.dumps(error), wish)

    def test_an_environment_made_before_the_pin_is_brought_below_it_by_an_update_only(self):
        self.run_program("create", "-y", "-n", "work", "lib", check=0)
        self.condarc("pinned_packages: ['lib <3']\n")
        self.assertEqual(self.planned("update", "-n", "work", "lib"), ["lib=2.0"])

    def test_one_that_cannot_be_read_is_named_with_its_file(self):
        self.condarc("channels: [x]\npinned_packages: ['lib >>3']\n")
        answer = self.run_json("create", "-n", "work", "lib", "--dry-run", check=2)
        self.assertEqual(answer["error"]["kind"], "bad_spec")
        self.assertIn("lib >>3", json.dumps(answer["error"]))


if __name__ == "__main__":
    unittest.main()
