"""hpcenv verify as a command: what it finds, how it says it in words and in JSON, and how it leaves."""
import hashlib
import json
import os
import unittest

import tiny_channel
from cli_case import CliCase

SCRIPT = f"#!/bin/sh\nexec {tiny_channel.PLACEHOLDER}/bin/true\n"


class Verify(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/verify"
        tool = {"bin/tool": (SCRIPT, 0o755), "share/tool/a": ("aaaa\n", 0o644), "share/tool/b": ("bbbb\n", 0o644)}
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "base", "1.0", files={"share/base": ("base\n", 0o644)}),
            tiny_channel.add_package(cls.channel, "my-tool", "2.0", depends=["base"], files=tool)])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-y", "-n", "work", "my-tool", check=0)

    def rewrite(self, path, text):
        """A new file in the old one's place: the package cache shares the old one."""
        os.unlink(f"{self.prefix}/{path}")
        with open(f"{self.prefix}/{path}", "w", encoding="utf-8") as out:
            out.write(text)

    def record(self, name):
        return f"{self.prefix}/conda-meta/{name}.json"

    def damage(self, *words):
        """(kind, path) of all that is damaged; the environment is as it was before the look."""
        before = self.tree(self.prefix)
        answer = self.run_json("verify", "-n", "work", *words, check=1)
        self.assertEqual(set(answer), {"schema", "success", "prefix", "packages", "files", "damage", "notes"})
        for damage in answer["damage"]:
            self.assertEqual(set(damage), {"kind", "package", "path", "detail"})
            self.assertEqual(damage["package"], "my-tool-2.0-0")
            self.assertTrue(damage["detail"])
        self.assertEqual(self.tree(self.prefix), before)
        return [(damage["kind"], damage["path"]) for damage in answer["damage"]]

    def test_a_healthy_environment(self):
        for words in ([], ["--sizes"]):
            answer = self.run_json("verify", "-n", "work", *words)
            self.assertEqual(answer, {"schema": 1, "success": True, "prefix": self.prefix, "packages": 2, "files": 4, "damage": [],
                                      "notes": []})
        done = self.run_program("verify", "-p", self.prefix, check=0)
        self.assertEqual(done.stdout, "4 files of 2 packages: as they were installed\n")

    def test_missing_changed_and_another_type(self):
        os.unlink(f"{self.prefix}/share/tool/a")
        self.rewrite("share/tool/b", "longer than it was\n")
        os.unlink(f"{self.prefix}/bin/tool")
        os.mkdir(f"{self.prefix}/bin/tool")
        expected = [("wrong_type", "bin/tool"), ("missing", "share/tool/a"), ("changed", "share/tool/b")]
        self.assertEqual(self.damage(), expected)
        self.assertEqual(self.damage("--sizes"), expected)
        done = self.run_program("verify", "-n", "work", check=1)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["Damage", "Package", "Path"])
        self.assertEqual([line.split()[:3] for line in lines[1:4]],
                         [[kind, "my-tool-2.0-0", path] for kind, path in expected])
        self.assertIn("it is a directory, not a file", lines[1])
        self.assertIn("it has 19 bytes, not 5", lines[3])
        self.assertEqual(lines[4], "4 files of 2 packages: 3 damaged")
        # What it proposes to do puts all in order.
        hint = next(line for line in done.stderr.splitlines() if line.startswith("hint: "))
        self.assertTrue(hint.endswith(f"hpcenv install -p {self.prefix} --force-reinstall my-tool"), hint)
        self.run_program(*hint.split("hpcenv ")[1].split(), "-y", check=0)
        self.run_program("verify", "-n", "work", check=0)

    def test_other_bytes_of_the_same_length(self):
        self.rewrite("share/tool/a", "AAAA\n")
        self.assertEqual(self.damage(), [("changed", "share/tool/a")])
        self.assertEqual(self.run_json("verify", "-n", "work", "--sizes")["damage"], [])
        with open(f"{self.prefix}/bin/tool", encoding="utf-8") as file:
            patched = file.read()
        self.rewrite("bin/tool", patched.replace("true", "fals"))
        self.assertEqual(self.damage(), [("changed", "bin/tool"), ("changed", "share/tool/a")])

    def test_files_of_nobody_are_no_damage(self):
        with open(f"{self.prefix}/share/tool/mine", "w", encoding="utf-8") as out:
            out.write("of the user's\n")
        self.assertEqual(self.run_json("verify", "-n", "work")["files"], 4)

    def test_a_record_of_another_tool(self):
        content = b"foreign\n"
        with open(f"{self.prefix}/share/foreign", "wb") as out:
            out.write(content)
        paths = [{"_path": "share/foreign", "path_type": "hardlink", "sha256": hashlib.sha256(content).hexdigest(),
                  "size_in_bytes": len(content)}]
        record = {"name": "foreign", "version": "1", "build": "x", "build_number": 0, "depends": [], "constrains": [],
                  "subdir": "linux-64", "fn": "foreign-1-x.conda", "channel": "https://elsewhere/c", "files": ["share/foreign"],
                  "url": "https://elsewhere/c/linux-64/foreign-1-x.conda", "paths_data": {"paths": paths, "paths_version": 1}}
        with open(self.record("foreign-1-x"), "w", encoding="utf-8") as out:
            json.dump(record, out)
        answer = self.run_json("verify", "-n", "work")
        self.assertEqual((answer["packages"], answer["files"]), (3, 5))
        self.rewrite("share/foreign", "Foreign\n")
        answer = self.run_json("verify", "-n", "work", check=1)
        self.assertEqual([(d["package"], d["path"]) for d in answer["damage"]], [("foreign-1-x", "share/foreign")])
        # Only names are known of what an old conda installed: that the file is there is all that can be said.
        record["paths_data"]["paths"] = [{"_path": "share/foreign", "path_type": "hardlink"}]
        with open(self.record("foreign-1-x"), "w", encoding="utf-8") as out:
            json.dump(record, out)
        answer = self.run_json("verify", "-n", "work")
        self.assertIn("foreign-1-x: no checksum in the record", answer["notes"][0])
        done = self.run_program("verify", "-n", "work", check=0)
        self.assertIn("note: foreign-1-x: no checksum", done.stdout)

    def test_a_record_that_leads_out_of_the_prefix(self):
        with open(self.record("my-tool-2.0-0"), encoding="utf-8") as file:
            record = json.load(file)
        record["paths_data"]["paths"].append({"_path": "../../outside", "path_type": "hardlink"})
        with open(self.record("my-tool-2.0-0"), "w", encoding="utf-8") as out:
            json.dump(record, out)
        with open(f"{self.root}/outside", "w", encoding="utf-8") as out:
            out.write("x")
        self.assertEqual(self.damage(), [("wrong_type", "../../outside")])

    def test_a_record_that_cannot_be_read(self):
        with open(self.record("my-tool-2.0-0"), encoding="utf-8") as file:
            text = file.read()
        for broken in (text[:len(text) // 2], "", "[]", '{"name": "my-tool"}', "\0" * 40):
            self.rewrite("conda-meta/my-tool-2.0-0.json", broken)
            before = self.tree(self.prefix)
            answer = self.run_json("verify", "-n", "work", check=1)
            self.assertEqual(answer["error"]["kind"], "refused", broken)
            self.assertIn(self.record("my-tool-2.0-0"), json.dumps(answer["error"]))
            done = self.run_program("verify", "-n", "work", check=1)
            self.assertEqual(done.stdout, "")
            self.assertIn(self.record("my-tool-2.0-0"), done.stderr)
            self.assertEqual(self.tree(self.prefix), before)

    def test_no_environment(self):
        answer = self.run_json("verify", "-p", f"{self.home}/none", check=1)
        self.assertEqual(answer["error"]["kind"], "not_found")
        self.run_program("verify", check=2)


if __name__ == "__main__":
    unittest.main()
