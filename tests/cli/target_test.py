"""hpcenv target: the machines that --on NAME means, from real profiles of the captured machines."""
import json
import os
import subprocess
import time
import unittest

from cli_case import PROGRAM, CliCase

HOSTS = f"{os.environ['HPCENV_SOURCE_DIR']}/tests/host"


class Target(CliCase):
    def setUp(self):
        super().setUp()
        self.folder = f"{self.home}/.config/hpcenv/targets"
        self.variables["HPCENV_SITE"] = f"{self.home}/site"
        # What the machine forbids is the question here: no override.
        del self.variables["CONDA_OVERRIDE_CUDA"]

    def profile(self, host, **changes):
        """The file of `hpcenv probe --json` on a machine of tests/host, taken now."""
        answer = self.run_json("probe", "--captured", f"{HOSTS}/{host}")
        answer["profile"].update({"taken_at": int(time.time()), **changes})
        file = f"{self.home}/{host}.json"
        with open(file, "w", encoding="utf-8") as out:
            json.dump(answer, out)
        return file

    def offered(self, target):
        return {package["name"]: package["version"] for package in target["virtual_packages"]}

    def test_the_least_of_several_nodes_counts(self):
        added = self.run_json("target", "add", "gpu", "--from", self.profile("h100-node"))["target"]
        self.assertEqual(self.offered(added)["__cuda_arch"], "9.0")
        both = self.run_json("target", "add", "gpu", "--from", self.profile("v100-node"))["target"]
        self.assertEqual(self.offered(both)["__cuda_arch"], "7.0")
        shown = self.run_json("target", "show", "gpu")["target"]
        self.assertEqual(len(shown["nodes"]), 2)
        self.assertEqual(self.offered(shown), self.offered(both))
        alone = self.run_json("target", "add", "gpu", "--from", f"{self.home}/h100-node.json", "--replace")["target"]
        self.assertEqual(self.offered(alone)["__cuda_arch"], "9.0")

    def test_a_profile_comes_through_a_pipe(self):
        with open(self.profile("a100-job"), encoding="utf-8") as profile:
            done = subprocess.run([PROGRAM, "target", "add", "gpu", "--from", "-"], env=self.variables, stdin=profile,
                                  capture_output=True, text=True, timeout=120, check=True)
        self.assertIn("NVIDIA A100-SXM4-80GB", done.stdout)
        self.assertIn("hpcenv create -n NAME --on gpu", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)

    def test_this_machine(self):
        here = self.run_json("info")["virtual_packages"]
        added = self.run_json("target", "add", "mine", "--here")["target"]
        self.assertEqual(self.offered(added), {package["name"]: package["version"] for package in here})
        self.assertEqual((added["age_days"], added["old"]), (0, False))

    def test_a_target_without_a_driver_is_warned_of(self):
        done = self.run_program("target", "add", "cpu", "--from", self.profile("login-node"), check=0)
        self.assertIn("without an NVIDIA driver", done.stderr)

    def test_list_tells_age_and_whose(self):
        self.assertIn("hpcenv target add NAME --partition PARTITION", self.run_program("target", "list", check=0).stderr)
        old = int(time.time()) - 41 * 86400
        self.run_program("target", "add", "old", "--from", self.profile("p100-centos7", taken_at=old), check=0)
        os.makedirs(f"{self.home}/site/targets")
        os.rename(f"{self.folder}/old.json", f"{self.home}/site/targets/old.json")
        self.run_program("target", "add", "gpu", "--from", self.profile("a100-job"), check=0)
        with open(f"{self.folder}/broken.json", "w", encoding="utf-8") as file:
            file.write("{")
        done = self.run_program("target", "list", check=0)
        rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
        self.assertRegex(rows["old"], r"P100.* 41 days ago \(old\) +.*/site/targets")
        self.assertRegex(rows["gpu"], r"A100-SXM4-80GB +12\.2 +today +yours")
        self.assertIn("cannot be read", rows["broken"])
        listed = {target["name"]: target for target in self.run_json("target", "list")["targets"]}
        self.assertEqual((listed["old"]["old"], listed["old"]["age_days"]), (True, 41))
        self.assertIn("broken.json", listed["broken"]["problem"])
        # The site's is not the user's to remove; the user's own comes first.
        refused = self.run_program("target", "remove", "old", check=1)
        self.assertIn("is not yours", refused.stderr)
        shadowing = self.run_program("target", "add", "old", "--from", self.profile("a100-job"), check=0)
        self.assertIn("yours is used in place of", shadowing.stderr)
        self.assertEqual(self.run_json("target", "show", "old")["target"]["age_days"], 0)

    def test_an_old_target_is_warned_of_where_it_is_used_and_each_plan_says_how_old(self):
        old = int(time.time()) - 41 * 86400
        self.run_program("target", "add", "gpu", "--from", self.profile("a100-job", taken_at=old), check=0)
        planned = self.run_program("create", "-n", "work", "--on", "gpu", "--dry-run", "hello", check=0)
        self.assertIn("target gpu was profiled 41 days ago", planned.stderr)
        self.assertIn("hpcenv target add gpu --here --replace", planned.stderr)
        self.assertRegex(planned.stdout + planned.stderr, r"target gpu: gpu017, profiled 41 days ago \(")
        plan = self.run_json("create", "-n", "work", "--on", "gpu", "--dry-run", "hello")
        self.assertEqual(plan["plan"]["solved_for"]["age_days"], 41)
        judged = self.run_program("doctor", "--on", "gpu", "S05", "--json")
        self.assertEqual(json.loads(judged.stdout)["findings"][0]["severity"], "warning")

    def test_removing(self):
        self.run_program("target", "add", "gpu", "--from", self.profile("a100-job"), "--from", self.profile("v100-node"), check=0)
        node = self.run_json("target", "show", "gpu")["target"]["nodes"][1]["hostname"]
        before = self.tree(self.folder)
        self.assertIn("Would remove", self.run_program("target", "remove", "gpu", "--dry-run", check=0).stderr)
        self.assertEqual(self.tree(self.folder), before)
        self.run_program("target", "remove", "gpu", "--node", node, check=0)
        self.assertEqual(len(self.run_json("target", "show", "gpu")["target"]["nodes"]), 1)
        self.run_program("target", "remove", "gpu", "--node", "gpu017", check=1)
        self.run_program("target", "remove", "gpu", check=0)
        gone = self.run_program("create", "-n", "work", "--on", "gpu", "hello", check=1)
        self.assertIn("hpcenv target add gpu --partition PARTITION", gone.stderr)

    def test_bad_input_leaves_nothing(self):
        bad = f"{self.home}/bad.json"
        newer = {**self.run_json("probe", "--captured", f"{HOSTS}/a100-job")["profile"], "format": 99}
        for words, said in (("{", "bad.json"), ("[]", "JSON object"), ("{}", "hpcenv probe --json"), (json.dumps(newer), "99"),
                            ('{"format": 1, "nodes": []}', "no list of node profiles")):
            with open(bad, "w", encoding="utf-8") as file:
                file.write(words)
            with self.subTest(words=words[:40]):
                self.assertIn(said, self.run_program("target", "add", "gpu", "--from", bad, check=1).stderr)
        self.assertIn("no name for a target", self.run_program("target", "add", "../x", "--here", check=2).stderr)
        self.assertIn("--partition NAME, --here or --from", self.run_program("target", "add", "gpu", check=2).stderr)
        self.assertIn("no target is named", self.run_program("target", "show", check=2).stderr)
        mixed = self.run_program("target", "add", "gpu", "--from", self.profile("a100-job"), "--from", self.profile("gh200-node"), check=1)
        self.assertIn("different processors", mixed.stderr)
        self.assertFalse(os.path.exists(f"{self.folder}/gpu.json"))


if __name__ == "__main__":
    unittest.main()
