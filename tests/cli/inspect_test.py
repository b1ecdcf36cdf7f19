"""Commands that look: list, info, search, env export; and clean."""
import json
import os
import shutil
import unittest

import tiny_channel
from cli_case import CliCase

SITE = "lib/python3.12/site-packages"


class InspectCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = f"{cls.work}/channels/second"
        python = {f"{SITE}/README.txt": ("python\n", 0o644), "bin/python": ("#!/bin/sh\n", 0o755)}
        owned = {f"{SITE}/owned-1.0.dist-info/METADATA": ("Name: owned\nVersion: 1.0\n", 0o644)}
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "greeter", "1.0", files={"share/greeter": ("1.0\n", 0o644)}),
            tiny_channel.add_package(cls.channel, "greeter", "1.9", files={"share/greeter": ("1.9\n", 0o644)}),
            tiny_channel.add_package(cls.channel, "greeter", "1.10", files={"share/greeter": ("1.10\n", 0o644)}, build="b1"),
            tiny_channel.add_package(cls.channel, "hello", "1.0", depends=["greeter >=1"], files={"bin/hello": ("x\n", 0o755)}),
            tiny_channel.add_package(cls.channel, "python", "3.12.1", files=python),
            tiny_channel.add_package(cls.channel, "owned", "1.0", depends=["python"], files=owned),
        ])
        tiny_channel.write_repodata(cls.second, [
            tiny_channel.add_package(cls.second, "greeter", "2.0", files={"share/greeter": ("2.0\n", 0o644)}),
            tiny_channel.add_package(cls.second, "only-second", "1.0", files={"share/second": ("x\n", 0o644)}),
        ])
        aarch = f"{cls.second}/linux-aarch64"
        os.makedirs(aarch)
        with open(f"{cls.second}/linux-64/repodata.json", encoding="utf-8") as file:
            repodata = json.load(file)
        for entry in repodata["packages"].values():
            entry["subdir"] = "linux-aarch64"
        with open(f"{aarch}/repodata.json", "w", encoding="utf-8") as file:
            json.dump(repodata, file)

    def add_pip_package(self, prefix, name, version, **files):
        folder = f"{prefix}/{SITE}/{name}-{version}.dist-info"
        os.makedirs(folder)
        contents = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: not this\n",
                    "INSTALLER": "pip\n", **files}
        for file, text in contents.items():
            with open(f"{folder}/{file}", "w", encoding="utf-8") as out:
                out.write(text)


class List(InspectCase):
    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "hello", "owned", "-y", check=0)

    def names(self, *words):
        return [p["name"] for p in self.run_json("list", "-n", "work", *words)["packages"]]

    def test_filters_by_regular_expression(self):
        self.assertEqual(self.names(), ["greeter", "hello", "owned", "python"])
        self.assertEqual(self.names("e.l"), ["hello"])
        self.assertEqual(self.names("^(greeter|python)$"), ["greeter", "python"])
        self.assertEqual(self.names("hel", "pyth"), ["hello", "python"])
        self.assertEqual(self.names("-f", "hell"), [])
        self.assertEqual(self.names("-f", "hell."), ["hello"])
        self.assertEqual(self.names("HELLO"), ["hello"])
        done = self.run_program("list", "-n", "work", "(", check=2)
        self.assertIn("regular expression", done.stderr)

    def test_text_names_the_environment_and_the_channel(self):
        out = self.run_program("list", "-n", "work", check=0).stdout.splitlines()
        self.assertEqual(out[0], f"# packages in environment at {self.prefix}:")
        self.assertEqual(out[2].split(), ["Package", "Version", "Build", "Channel"])
        self.assertEqual(out[3].split(), ["greeter", "1.10", "b1", "tiny/linux-64"])

    def test_what_pip_installed_is_shown(self):
        self.add_pip_package(self.prefix, "requests", "2.0")
        self.add_pip_package(self.prefix, "mine", "0.1", **{
            "direct_url.json": "{\"url\": \"file:///home/me/mine\", \"dir_info\": {\"editable\": true}}"})
        packages = {p["name"]: p for p in self.run_json("list", "-n", "work")["packages"]}
        self.assertEqual(packages["requests"]["channel"], "pypi")
        self.assertEqual(packages["requests"]["version"], "2.0")
        self.assertEqual(packages["requests"]["installer"], "pip")
        self.assertTrue(packages["mine"]["editable"])
        self.assertNotEqual(packages["owned"]["channel"], "pypi")
        self.assertEqual(self.names("--no-pip"), ["greeter", "hello", "owned", "python"])
        out = self.run_program("list", "-n", "work", "requests", check=0).stdout
        self.assertIn("pypi", out)

    def test_explicit_and_export(self):
        lines = self.run_program("list", "-n", "work", "--explicit", check=0).stdout.splitlines()
        self.assertEqual([line for line in lines if not line.startswith("#")][0], "@EXPLICIT")
        urls = [line for line in lines if line.startswith("file://")]
        self.assertEqual([url.rsplit("/", 1)[1] for url in urls],
                         ["greeter-1.10-b1.tar.bz2", "hello-1.0-0.tar.bz2", "python-3.12.1-0.tar.bz2", "owned-1.0-0.tar.bz2"])
        self.assertIn("# platform: linux-64", lines)
        md5 = self.run_program("list", "-n", "work", "--explicit", "--md5", check=0).stdout
        self.assertRegex(md5, r"greeter-1.10-b1.tar.bz2#[0-9a-f]{32}\n")
        sha = self.run_program("list", "-n", "work", "--explicit", "--sha256", check=0).stdout
        self.assertRegex(sha, r"greeter-1.10-b1.tar.bz2#sha256:[0-9a-f]{64}\n")
        specs = self.run_program("list", "-n", "work", "--export", check=0).stdout
        self.assertIn("\ngreeter=1.10=b1\n", specs)


class Export(InspectCase):
    def setUp(self):
        super().setUp()
        with open(f"{self.home}/env.yml", "w", encoding="utf-8") as out:
            out.write(f"name: work\nchannels: ['file://{self.channel}']\ndependencies: [hello, 'greeter >=1,<1.10', owned]\n"
                      "variables: {NUMBER: '012', TEXT: \"it's: #1\"}\n")
        self.run_program("create", "-f", f"{self.home}/env.yml", "-y", check=0)

    def test_the_file_makes_the_same_environment(self):
        text = self.run_program("env", "export", "-n", "work", check=0).stdout
        self.assertIn("name: work\n", text)
        self.assertIn("  - greeter=1.9=0\n", text)
        self.assertIn(f"  - file://{self.channel}\n", text)
        with open(f"{self.home}/again.yml", "w", encoding="utf-8") as out:
            out.write(text)
        self.run_program("create", "-n", "again", "-f", f"{self.home}/again.yml", "-y", check=0)
        first = [(p["name"], p["build"]) for p in self.run_json("list", "-n", "work")["packages"]]
        second = [(p["name"], p["build"]) for p in self.run_json("list", "-n", "again")["packages"]]
        self.assertEqual(first, second)
        done = self.run_program("run", "-n", "again", "sh", "-c", "echo $NUMBER $TEXT", check=0)
        self.assertEqual(done.stdout, "012 it's: #1\n")

    def test_forms(self):
        text = self.run_program("env", "export", "-n", "work", "--no-builds", check=0).stdout
        self.assertIn("  - greeter=1.9\n", text)
        text = self.run_program("env", "export", "-n", "work", "--from-history", check=0).stdout
        self.assertEqual(text.split("dependencies:\n")[1].split("variables:")[0],
                         "  - \"greeter >=1,<1.10\"\n  - hello\n  - owned\n")
        text = self.run_program("env", "export", "-n", "work", "--ignore-channels", check=0).stdout
        self.assertNotIn("channels:", text)
        answer = self.run_json("env", "export", "-n", "work")
        self.assertEqual(answer["variables"], {"NUMBER": "012", "TEXT": "it's: #1"})
        self.assertIn("hello=1.0=0", answer["dependencies"])

    def test_pip_packages_stand_in_their_section(self):
        self.add_pip_package(self.prefix, "requests", "2.0")
        text = self.run_program("env", "export", "-n", "work", check=0).stdout
        self.assertIn("  - pip:\n      - \"requests==2.0\"\n".replace('"', ''), text.replace('"', ''))
        done = self.run_program("env", "export", "-n", "work", "--explicit", check=0)
        self.assertIn("requests", done.stderr)

    def test_to_a_file(self):
        done = self.run_program("env", "export", "-n", "work", "-f", "out.yml", check=0, cwd=self.home)
        self.assertEqual(done.stdout, "")
        with open(f"{self.home}/out.yml", encoding="utf-8") as file:
            self.assertIn("name: work", file.read())
        self.run_program("env", "export", "-n", "work", "-f", "no/such/folder.yml", check=3, cwd=self.home)


class Explicit(InspectCase):
    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "hello", "owned", "-y", check=0)
        self.file = f"{self.home}/work.txt"
        self.run_program("env", "export", "-n", "work", "--explicit", "-f", self.file, check=0)

    def packages(self, name):
        return [(p["name"], p["version"], p["build"], p["sha256"], p["channel"])
                for p in self.run_json("list", "-n", name)["packages"]]

    def test_makes_the_very_same_packages_without_a_channel(self):
        shutil.rmtree(f"{self.root}/index")
        nothing = {"HPCENV_CHANNELS": f"file://{self.home}/nothing"}
        self.run_program("create", "-n", "again", "-f", self.file, "-y", check=0, env=nothing)
        self.assertEqual(self.packages("again"), self.packages("work"))
        with open(f"{self.root}/envs/again/conda-meta/hello-1.0-0.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["depends"], ["greeter >=1"])
        self.assertEqual(self.run_json("install", "-n", "again", "-f", self.file, "--dry-run", env=nothing)["plan"]["link"], [])

    def test_what_it_brought_may_be_updated(self):
        with open(self.file, encoding="utf-8") as file:
            text = file.read()
        old = tiny_channel.add_package(f"{self.home}/old", "greeter", "1.9", files={"share/greeter": ("1.9\n", 0o644)})
        tiny_channel.write_repodata(f"{self.home}/old", [old])
        lines = [line for line in text.splitlines() if "/greeter-" not in line]
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, f"file://{self.home}/old/linux-64/{old[0]}#{old[1]['sha256']}"]) + "\n")
        self.run_program("create", "-n", "again", "-f", self.file, "-y", check=0)
        with open(f"{self.root}/envs/again/conda-meta/history", encoding="utf-8") as file:
            self.assertIn("# update specs: ['", history := file.read())
        self.assertNotIn("==1", history.split("# update specs")[1])
        text = self.run_program("env", "export", "-n", "again", "--from-history", check=0).stdout
        self.assertIn("dependencies:\n  - greeter\n  - hello\n  - owned\n  - python\nprefix:", text)
        self.assertEqual([(p["name"], p["version"]) for p in self.run_json("update", "-n", "again", "--all")["plan"]["link"]],
                         [("greeter", "1.10")])
        # Nothing goes as an orphan: the file asked for all of them.
        self.assertEqual([p["name"] for p in self.run_json("remove", "-n", "again", "hello")["plan"]["unlink"]], ["hello"])
        # An earlier wish that the file's package meets says more than its name; one that it does not meet gives way.
        for wish, noted in (("greeter>=1", []), ("greeter>=1.10", ["greeter"])):
            self.run_program("create", "-n", noted and "b" or "a", wish, "-y", check=0)
            self.run_program("install", "-n", noted and "b" or "a", "-f", self.file, "-y", check=0)
            with open(f"{self.root}/envs/{noted and 'b' or 'a'}/conda-meta/history", encoding="utf-8") as file:
                specs = file.read().splitlines()[-1]
            self.assertEqual("'greeter'" in specs, bool(noted), specs)

    def test_into_an_empty_cache_and_in_any_order(self):
        with open(self.file, encoding="utf-8") as file:
            lines = file.read().splitlines()
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("\n".join(line.split("#sha256")[0] for line in reversed(lines)) + "\n")
        other = {"HPCENV_ROOT": f"{self.home}/other"}
        done = self.run_program("create", "-n", "x", "-f", self.file, "-y", check=0, env=other)
        self.assertIn("checksum", done.stderr)
        with open(f"{self.home}/other/pkgs/hello-1.0-0/info/repodata_record.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["depends"], ["greeter >=1"])

    def test_a_wrong_hash_is_refused(self):
        with open(self.file, encoding="utf-8") as file:
            text = file.read()
        start = text.index("#sha256:") + 8
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text[:start] + ("0" * 64) + text[start + 64:])
        answer = self.run_json("create", "-n", "x", "-f", self.file, check=1, env={"HPCENV_ROOT": f"{self.home}/other"})
        self.assertEqual(answer["error"]["kind"], "refused")
        self.assertFalse(os.path.exists(f"{self.home}/other/envs/x"))

    def test_what_does_not_go_together(self):
        self.run_program("create", "-n", "x", "-f", self.file, "greeter", check=2)
        with open(self.file, "a", encoding="utf-8") as file:
            file.write("https://h/c/osx-arm64/a-1-0.conda\n")
        done = self.run_program("create", "-n", "x", "-f", self.file, check=1)
        self.assertIn("osx-arm64", done.stderr)
        with open(self.file, "a", encoding="utf-8") as file:
            file.write("numpy\n")
        done = self.run_program("create", "-n", "x", "-f", self.file, check=1)
        self.assertRegex(done.stderr, r"work.txt:\d+: 'numpy' names no package")


class Search(InspectCase):
    def found(self, *words, **options):
        packages = self.run_json("search", *words, **options)["packages"]
        return [(p["name"], p["version"], p["hidden_by_priority"]) for p in packages]

    def setUp(self):
        super().setUp()
        self.variables["HPCENV_CHANNELS"] = f"file://{self.channel} file://{self.second}"

    def test_every_record_of_every_channel_in_version_order(self):
        self.assertEqual(self.found("greeter"), [("greeter", "1.0", False), ("greeter", "1.9", False),
                                                 ("greeter", "1.10", False), ("greeter", "2.0", True)])
        self.assertEqual(self.found("greeter", "--channel-priority", "flexible")[-1], ("greeter", "2.0", False))

    def test_full_specs(self):
        self.assertEqual(self.found("greeter>=1.9,<2"), [("greeter", "1.9", False), ("greeter", "1.10", False)])
        self.assertEqual(self.found("gr*[build=b*]"), [("greeter", "1.10", False)])
        self.assertEqual(self.found(f"file://{self.second}::greeter"), [("greeter", "2.0", True)])
        self.assertEqual([name for name, *_ in self.found("*e*o*")], ["hello", "only-second"])
        self.assertEqual([name for name, *_ in self.found("^(hello|python)$")], ["hello", "python"])
        self.assertEqual(len(self.found("hello", "only-second")), 2)

    def test_a_channel_that_only_the_spec_names(self):
        del self.variables["HPCENV_CHANNELS"]
        self.assertEqual(self.found(f"file://{self.second}::only-second", "--override-channels"),
                         [("only-second", "1.0", False)])

    def test_platform(self):
        answer = self.run_json("search", "greeter", "--platform", "linux-aarch64", "--override-channels", "-c",
                               f"file://{self.second}")
        self.assertEqual([p["subdir"] for p in answer["packages"]], ["linux-aarch64"])

    def test_nothing_found(self):
        answer = self.run_json("search", "greetre", check=1)
        self.assertEqual(answer["packages"], [])
        self.assertEqual(answer["error"]["kind"], "not_found")
        done = self.run_program("search", "greetre", check=1)
        self.assertIn("did you mean: greeter", done.stderr)
        self.assertEqual(done.stdout, "")
        self.run_program("search", "greeter >>1", check=2)
        self.run_program("search", check=2)

    def test_text(self):
        out = self.run_program("search", "greeter", check=0).stdout.splitlines()
        self.assertEqual(out[0].split(), ["Package", "Version", "Build", "Channel", "Size", "Date", "Hidden"])
        self.assertIn("by priority", out[-1])
        self.assertIn("2023-11-14", out[1])
        out = self.run_program("search", "hello", "--info", check=0).stdout
        self.assertIn("greeter >=1", out)
        self.assertIn(f"file://{self.channel}/linux-64/hello-1.0-0.tar.bz2", out)

    def test_offline_uses_what_is_known(self):
        self.run_program("search", "hello", check=0)
        self.assertEqual(len(self.found("hello", "--offline")), 1)


class Clean(InspectCase):
    def cached(self):
        return sorted(name for name in os.listdir(f"{self.root}/pkgs") if os.path.isdir(f"{self.root}/pkgs/{name}"))

    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "hello", "-y", check=0)
        self.run_program("create", "-n", "gone", "greeter=1.0", "-y", check=0)
        self.run_program("env", "remove", "-n", "gone", "-y", check=0)

    def test_unused_packages_go_and_used_ones_stay(self):
        before = self.tree(f"{self.root}/envs")
        answer = self.run_json("clean", "--packages", "--dry-run")
        self.assertEqual([os.path.basename(item["path"]) for item in answer["items"]], ["greeter-1.0-0"])
        self.assertGreater(answer["bytes"], 0)
        self.assertEqual(answer["freed_bytes"], 0)
        self.assertEqual(self.cached(), ["greeter-1.0-0", "greeter-1.10-b1", "hello-1.0-0"])
        done = self.run_program("clean", "--packages", "-y", check=0)
        self.assertIn("Freed", done.stderr)
        self.assertEqual(self.cached(), ["greeter-1.10-b1", "hello-1.0-0"])
        self.assertEqual(self.tree(f"{self.root}/envs"), before)
        self.run_program("create", "-n", "back", "greeter=1.0", "-y", check=0)

    def test_packages_that_an_environment_holds_as_copies_stay(self):
        # What a file system without hard links leaves: no file has a second name.
        copy = f"{self.home}/copy"
        shutil.copytree(self.prefix, copy, symlinks=True)
        self.run_program("env", "remove", "-n", "work", "-y", check=0)
        os.makedirs(f"{self.home}/.conda", exist_ok=True)
        with open(f"{self.home}/.conda/environments.txt", "w", encoding="utf-8") as out:
            out.write(copy + "\n")
        answer = self.run_json("clean", "--packages")
        self.assertEqual([os.path.basename(item["path"]) for item in answer["items"]], ["greeter-1.0-0"])
        self.assertEqual(self.cached(), ["greeter-1.10-b1", "hello-1.0-0"])
        self.assertIn("--force", answer["notes"][0])
        self.run_json("clean", "--packages", "--force")
        self.assertEqual(self.cached(), [])

    def test_archives_and_index(self):
        with open(f"{self.root}/pkgs/old-1-0.tar.bz2", "wb") as out:
            out.write(b"x" * 10000)
        answer = self.run_json("clean", "--tarballs", "--index-cache")
        self.assertEqual({item["what"] for item in answer["items"]}, {"tarballs", "index-cache"})
        self.assertFalse(os.path.exists(f"{self.root}/pkgs/old-1-0.tar.bz2"))
        self.assertFalse(os.path.exists(f"{self.root}/index"))
        self.assertEqual(self.run_json("clean", "--tarballs", "--index-cache")["items"], [])

    def test_words(self):
        self.run_program("clean", check=2)
        self.assertIn("nothing to remove", self.run_program("clean", "--trash", check=0).stdout)


class Info(InspectCase):
    def test_says_where_things_lie(self):
        answer = self.run_json("info", env={"HPCENV_PKGS_DIRS": f"{self.home}/cache", "HPCENV_ENVS_DIRS": f"{self.home}/envs"})
        self.assertEqual(answer["package_caches"], [f"{self.root}/pkgs", f"{self.home}/cache"])
        self.assertEqual(answer["environment_folders"], [f"{self.root}/envs", f"{self.home}/envs"])
        self.assertEqual(answer["channels"], [f"file://{self.channel}"])
        self.run_program("create", "-n", "work", "hello", "-y", check=0)
        active = self.run_json("info", env={"CONDA_PREFIX": self.prefix})
        self.assertEqual(active["environment"], {"prefix": self.prefix, "packages": 2})
        out = self.run_program("info", check=0).stdout
        self.assertIn("__glibc", out)
        self.assertIn(f"{self.root}/envs", out)


if __name__ == "__main__":
    unittest.main()
