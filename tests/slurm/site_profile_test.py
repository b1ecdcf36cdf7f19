#!/usr/bin/env python3
"""`hpcenv slurm site` on a real cluster: what it shows, what it keeps, and what it says when the controller is down."""
import json
import stat
import time

from slurm_case import HPCENV, SlurmCase, run_tests, skip_without_database

PLUGIN = """
function slurm_job_submit(desc, parts, uid) return slurm.SUCCESS end
function slurm_job_modify(desc, rec, parts, uid) return slurm.SUCCESS end
return slurm.SUCCESS
"""


class SiteProfile(SlurmCase):
    needs_environment = False
    submit_plugin = PLUGIN

    def ask(self, *options: str, env=None) -> dict:
        return json.loads(self.on("alice", HPCENV, "slurm", "site", "--json", *options, env=env).out)

    def test_1_what_it_shows(self):
        site = self.ask("--refresh")["site"]
        self.assertEqual(site["cluster"], "virtual")
        self.assertEqual(site["submit_plugins"], ["lua"])
        self.assertEqual(site["enforced"], [])
        self.assertTrue(site["allocates_memory"])
        self.assertEqual(site["default_memory"], "100 MB per CPU")
        partitions = {partition["name"]: partition for partition in site["partitions"]}
        self.assertEqual(partitions["gpu"]["gres"], ["gpu:a100:2"])
        self.assertEqual(partitions["gpu"]["nodes"], ["gpu01", "gpu02"])
        self.assertTrue(partitions["cpu"]["default"])
        self.assertEqual(partitions["cpu"]["time_limit"], "02:00:00")
        nodes = {node["name"]: node for node in site["nodes"]}
        self.assertEqual(nodes["gpu01"]["arch"], self.on("alice", "uname", "-m").out.strip())
        self.assertEqual((nodes["gpu01"]["memory_mb"], nodes["gpu01"]["local_disk_mb"]), (16000, 64))
        text = self.on("alice", HPCENV, "slurm", "site").out
        self.assertRegex(text, r"Cluster virtual, Slurm [0-9.]+, asked a moment ago\n")
        self.assertRegex(text, r"\n  gpu +up +2 x a100 +2 +8 +15\.6 GiB +64\.0 MiB +\S+ +01:00:00 +a100\n")
        self.assertIn("plugins (lua) look at every job", text)

    def test_2_what_it_keeps(self):
        self.ask("--refresh")
        file = self.cluster.home / "alice/.cache/hpcenv/site-virtual.json"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.on("root", "scontrol", "update", "PartitionName=gpu", "State=DOWN")
        self.addCleanup(self.on, "root", "scontrol", "update", "PartitionName=gpu", "State=UP")
        state = lambda answer: {partition["name"]: partition["state"] for partition in answer["site"]["partitions"]}["gpu"]
        self.assertEqual(state(self.ask()), "up")
        self.assertEqual(state(self.ask("--refresh")), "down")
        self.assertEqual(state(self.ask()), "down")
        kept = json.loads(file.read_text())
        kept["site"]["taken_at"] -= 2 * 3600
        file.write_text(json.dumps(kept))
        self.assertLess(self.ask()["age_seconds"], 60)
        for broken in ("", "{", "[]", '{"format": 9}', '{"format": 1, "asked_through": "|", "site": 3}'):
            file.write_text(broken)
            self.assertEqual(self.ask()["site"]["cluster"], "virtual")
        other = self.ask(env={"SLURM_CONF": "/etc/slurm/slurm.conf"})
        self.assertEqual(other["site"]["cluster"], "virtual")

    def test_3_the_controller_is_down(self):
        self.ask("--refresh")
        self.on("root", "scontrol", "shutdown", "slurmctld", check=None)
        for _ in range(100):
            if " UP" not in self.on("alice", "scontrol", "ping", check=None).out:
                break
        started = time.monotonic()
        done = self.on("alice", HPCENV, "slurm", "site", "--refresh")
        self.assertLess(time.monotonic() - started, 4)  # sinfo needs 9 s
        self.assertIn("gpu01", self.on("alice", HPCENV, "slurm", "site", "--refresh", "--json").out)
        self.assertRegex(done.err, r"warning: Slurm's controller does not answer: .*; this is what was seen a moment ago\n")
        self.assertIn("2 x a100", done.out)
        nothing = self.on("alice", HPCENV, "slurm", "site", check=3, env={"XDG_CACHE_HOME": "/home/alice/empty"})
        self.assertIn("Slurm's controller does not answer", nothing.err)
        self.assertIn("scontrol ping", nothing.err)

    def test_4_without_slurm(self):
        done = self.on("alice", HPCENV, "slurm", "site", "--refresh", check=None, env={"PATH": "/nothing"})
        self.assertEqual(done.code, 1, done.err)
        self.assertIn("there is no Slurm here: scontrol is not in PATH", done.err)


class Accounts(SlurmCase):
    needs_environment = False
    site = {"database": True}

    @classmethod
    def setUpClass(cls):
        skip_without_database()
        super().setUpClass()

    def test_accounts_and_qos(self):
        site = json.loads(self.on("alice", HPCENV, "slurm", "site", "--refresh", "--json").out)["site"]
        self.assertTrue(site["has_database"])
        self.assertEqual(site["enforced"], ["associations", "limits", "qos"])
        self.assertEqual([one["account"] for one in site["associations"]], ["proj"])
        self.assertEqual(site["default_account"], "proj")
        self.assertIn("\n  proj (default)  any ", self.on("alice", HPCENV, "slurm", "site").out)


if __name__ == "__main__":
    run_tests()
