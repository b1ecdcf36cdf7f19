"""hpcenv probe --capture and --captured: a machine as a folder."""
import json
import os
import shutil
import unittest

from cli_case import CliCase

HOSTS = f"{os.environ['HPCENV_SOURCE_DIR']}/tests/host"


class Probe(CliCase):
    def setUp(self):
        super().setUp()
        self.folder = f"{self.home}/capture"

    def profile(self, *words, env=None):
        profile = self.run_json("probe", *words, env=env)["profile"]
        profile["taken_at"] = 0
        return profile

    def test_this_machine_reads_the_same_from_its_folder(self):
        secret = {"USER": "quixote", "SLURM_JWT": "never-kept", "https_proxy": "http://quixote:secret@proxy:8080"}
        written = self.profile("--capture", self.folder, env=secret)
        self.assertEqual(self.profile("--captured", self.folder), written)
        # Names that tell nothing stay.
        self.assertIn(written["hostname"], ("node", "vm", "localhost", "host"))
        self.assertEqual(written["environment"]["https_proxy"], "http://proxy:8080")
        everything = b"".join(text for text in self.tree(self.folder).values() if isinstance(text, bytes))
        self.assertLess(len(everything), 1 << 20)
        for word in (b"never-kept", b"secret", b"quixote", self.home.encode()):
            self.assertNotIn(word, everything)

    def test_the_doctor_says_of_the_folder_what_it_said_of_the_machine(self):
        def judged(*words):
            done = self.run_program("doctor", "--json", "driver", "devices", "host", "storage", "slurm", *words, check=None)
            return [(finding["id"], finding["severity"]) for finding in json.loads(done.stdout)["findings"]]

        self.run_program("probe", "--capture", self.folder)
        self.assertEqual(judged("--captured", self.folder), judged())
        # Of the root that the machine's user has, under its other name.
        place = json.loads(self.run_program("doctor", "--captured", self.folder, "F07", "--json").stdout)["findings"][0]
        self.assertIn("/hpcenv/envs", place["text"])

    def test_a_copied_folder_is_a_fixture(self):
        shutil.copytree(f"{HOSTS}/a100-job", f"{self.home}/node")
        self.profile("--captured", f"{self.home}/node", "--capture", self.folder)
        shutil.copytree(self.folder, f"{self.home}/copy")
        profile = self.profile("--captured", f"{self.home}/copy")
        original = self.profile("--captured", f"{HOSTS}/a100-job")
        self.assertEqual(profile["nvidia"], original["nvidia"])
        for folder in (self.folder, f"{self.home}/copy"):
            with open(f"{folder}/host.json", encoding="utf-8") as file:
                self.assertNotIn("gpu017", json.dumps(json.load(file)))
        found = self.run_program("doctor", "--captured", f"{self.home}/copy", "driver", "--json")
        self.assertEqual({finding["severity"] for finding in json.loads(found.stdout)["findings"]} & {"failure"}, set())

    def test_the_text_says_how_to_keep_what_it_shows(self):
        keep = "hpcenv target add NAME --here"
        self.assertIn(keep, self.run_program("probe", check=0).stdout)
        self.assertNotIn(keep, self.run_program("probe", "--captured", f"{HOSTS}/a100-job", check=0).stdout)

    def test_nothing_is_written_over(self):
        os.mkdir(self.folder)
        self.run_program("probe", "--capture", self.folder, check=0)
        before = self.tree(self.home)
        done = self.run_program("probe", "--capture", self.folder, check=1)
        self.assertIn("is there already", done.stderr)
        self.assertEqual(self.tree(self.home), before)

    def test_a_folder_that_cannot_be_made_leaves_nothing(self):
        with open(f"{self.home}/file", "w", encoding="utf-8"):
            pass
        before = self.tree(self.home)
        self.run_program("probe", "--capture", f"{self.home}/file/capture", check=3)
        self.assertEqual(self.tree(self.home), before)


if __name__ == "__main__":
    unittest.main()
