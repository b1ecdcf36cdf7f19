"""Packages with symbolic links that lead out of them: the links are made as they are, nothing is ever reached through them."""
import json
import os
import unittest

import tiny_channel
from cli_case import CliCase


class Links(CliCase):
    def setUp(self):
        super().setUp()
        self.outside = f"{self.home}/outside"
        os.makedirs(f"{self.outside}/folder")
        for name in ("folder/a.txt", "file.txt"):
            with open(f"{self.outside}/{name}", "w", encoding="utf-8") as out:
                out.write("the user's\n")
        self.channel = f"{self.home}/channel"
        self.variables["HPCENV_CHANNELS"] = f"file://{self.channel}"
        self.links = {"share/door": f"{self.outside}/folder", "lib/libsystem.so.1": "/usr/lib/libsystem.so.1",
                      "lib/libbuilt.so": f"{tiny_channel.PLACEHOLDER}/lib/libbuilt.so.1", "lib/up": "../../../../outside/file.txt",
                      "etc/file.txt": f"{self.outside}/file.txt", "share/nowhere": "/no/such/folder", "lib/plain": "libplain.so"}
        files = {"share/own.txt": ("own\n", 0o644)}
        tiny_channel.write_repodata(self.channel, [
            tiny_channel.add_package(self.channel, "linked", "1.0", files=files, links=self.links),
            tiny_channel.add_package(self.channel, "linked", "2.0", files={
                **files, "share/door/a.txt": ("package's\n", 0o644), "etc/file.txt": ("package's\n", 0o644)}),
            tiny_channel.add_package(self.channel, "through", "1.0", files={"share/door/a.txt": ("evil\n", 0o644)}),
            tiny_channel.add_package(self.channel, "new", "1.0", files={"share/door/new/b.txt": ("evil\n", 0o644)}),
            tiny_channel.add_package(self.channel, "nowhere", "1.0", files={"share/nowhere/b.txt": ("evil\n", 0o644)}),
        ])
        self.before = self.tree(self.outside)

    def tearDown(self):
        self.assertEqual(self.tree(self.outside), self.before)

    def found(self):
        return {path: os.readlink(f"{self.prefix}/{path}") for path in self.links}

    def test_they_are_made_as_they_are(self):
        self.run_program("create", "-n", "work", "linked=1", check=0)
        self.assertEqual(self.found(), self.links)
        self.run_program("verify", "-n", "work", check=0)
        self.run_program("run", "-n", "work", "true", check=0)
        self.run_program("install", "-n", "work", "linked=1", "--force-reinstall", check=0)
        self.assertEqual(self.found(), self.links)
        self.run_program("remove", "-n", "work", "linked", check=0)
        self.assertEqual(os.listdir(self.prefix), ["conda-meta"])

    def test_nothing_is_written_through_them_in_one_change(self):
        for name, path in (("through", "share/door"), ("new", "share/door"), ("nowhere", "share/nowhere")):
            answer = self.run_json("create", "-n", "work", "linked=1", name, check=1)
            self.assertEqual(answer["error"]["kind"], "refused")
            self.assertIn(path, json.dumps(answer["error"]))
            self.assertFalse(os.path.lexists(self.prefix))

    def test_nothing_is_written_through_them_later(self):
        self.run_program("create", "-n", "work", "linked=1", check=0)
        before = self.tree(self.prefix)
        for name, path in (("through", "share/door"), ("new", "share/door"), ("nowhere", "share/nowhere")):
            answer = self.run_json("install", "-n", "work", name, check=1)
            self.assertEqual(answer["error"]["kind"], "refused")
            self.assertIn(path, json.dumps(answer["error"]))
            self.assertEqual(self.tree(self.prefix), before)

    def test_a_link_becomes_a_directory_and_a_file(self):
        self.run_program("create", "-n", "work", "linked=1", check=0)
        self.run_program("install", "-n", "work", "linked=2", check=0)
        for path in ("share/door/a.txt", "etc/file.txt"):
            with open(f"{self.prefix}/{path}", encoding="utf-8") as file:
                self.assertEqual(file.read(), "package's\n")
            self.assertFalse(os.path.islink(f"{self.prefix}/{path}"))
        self.assertFalse(os.path.islink(f"{self.prefix}/share/door"))
        self.run_program("install", "-n", "work", "linked=1", check=0)
        self.assertEqual(self.found(), self.links)

    def test_an_environment_with_them_goes_alone(self):
        self.run_program("create", "-n", "work", "linked=1", check=0)
        self.run_program("env", "remove", "-n", "work", "-y", check=0)
        self.run_program("clean", "--all", "-y", check=0)
        self.assertFalse(os.path.lexists(self.prefix))


if __name__ == "__main__":
    unittest.main()
