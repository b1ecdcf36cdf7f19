#!/usr/bin/env python3
"""`hpcenv doctor --share`: what is written to be sent to others names nobody, in any form, and can still be read."""
import json
import os
import re
import shutil
import unittest

from cli_case import HOSTS, CliCase, captured_machines

# user, host, domain, group, project, account, mirror and secrets; each stands in no other word of a report.
SECRETS = ("quixote", "dulcinea", "mancha", "rocinante", "windmill", "barataria", "sancho", "s3cret", "t0ken", "neighbour")
PROJECT = "/gpfs/rocinante/windmill"


class Share(CliCase):
    def setUp(self):
        super().setUp()
        self.person = f"{self.home}/home/quixote"
        self.project = f"{self.home}{PROJECT}"
        os.makedirs(self.person)
        os.makedirs(f"{self.project}/lib")
        self.settings = {
            "HOME": self.person, "USER": "quixote", "LOGNAME": "quixote", "GROUP": "rocinante", "SCRATCH": f"{self.home}/scratch/quixote",
            "HPCENV_ROOT": f"{self.project}/hpcenv", "SLURM_JOB_ACCOUNT": "barataria",
            "https_proxy": "http://sancho:s3cret@127.0.0.1:1", "http_proxy": "http://sancho:s3cret@proxy.mancha.edu:3128",
            "HPCENV_CHANNELS": "http://mirror.mancha.edu/t/t0ken/windmill,https://sancho:s3cret@conda.mancha.edu/windmill",
            "SSL_CERT_FILE": f"{PROJECT}/certs/ca.pem", "LD_LIBRARY_PATH": f"{self.project}/lib:{PROJECT}/lib64:{self.person}/neighbour",
            "LD_PRELOAD": f"{PROJECT}/tools/libwrap.so", "PYTHONPATH": f"{self.person}/windmill/src:{PROJECT}/a b/python",
            "PYTHONHOME": f"{PROJECT}/python", "CONDA_EXE": f"{PROJECT}/miniconda3/bin/conda", "CUDA_HOME": f"{PROJECT}/cuda-12.4",
            "CONDA_PREFIX": f"{PROJECT}/miniconda3/envs/base", "CONDA_SHLVL": "1", "CUDA_CACHE_PATH": f"{PROJECT}/cache",
            "NVCC_PREPEND_FLAGS": f"-I{PROJECT}/include -ccbin {PROJECT}/gcc/bin/g++", "CXX": f"{PROJECT}/gcc/bin/g++",
            "LOADEDMODULES": "cuda/12.4", "_LMFILES_": f"{PROJECT}/modules/cuda/12.4", "TMPDIR": f"{PROJECT}/tmp",
            "PATH": f"{PROJECT}/miniconda3/bin:/usr/bin:/bin",
        }
        with open(f"{self.person}/.bashrc", "w", encoding="utf-8") as out:
            out.write(f"export LD_LIBRARY_PATH={PROJECT}/lib:$HOME/windmill/lib\nexport PYTHONPATH=~/windmill/src\n"
                      f"export LD_PRELOAD={PROJECT}/libwrap.so\nexport PYTHONHOME=$HOME/windmill\n")

    def forms(self, *words, env):
        """The report as text, JSON and page."""
        file = f"{self.home}/page-{len(os.listdir(self.home))}.html"
        arguments = ("doctor", "--share", *words)
        text = self.run_program(*arguments, env=env)
        self.assertIn(text.returncode, (0, 1), text.stderr)
        answer = self.run_program(*arguments, "--html", file, "--json", env=env).stdout
        with open(file, encoding="utf-8") as page:
            html = page.read()
        return {"text": text.stdout, "json": answer, "page": html}

    def assert_names_nobody(self, forms):
        for form, text in forms.items():
            for secret in (*SECRETS, self.home):
                place = text.find(secret)
                self.assertEqual(place, -1, f"{form}: ...{text[max(place - 100, 0):place + 100]}...")

    def plain(self, *words, env):
        return self.run_program("doctor", *words, "--json", env=env).stdout

    def environment(self):
        prefix = f"{self.project}/envs/gpu"
        os.makedirs(f"{prefix}/conda-meta")
        for name, text in (("history", ""), ("broken-1-0.json", "{")):
            with open(f"{prefix}/conda-meta/{name}", "w", encoding="utf-8") as out:
                out.write(text)
        return prefix

    def test_this_machine(self):
        prefix = self.environment()
        forms = self.forms("-p", prefix, env=self.settings)
        forms["all"] = self.run_program("doctor", "--share", "-v", "-p", prefix, env=self.settings).stdout
        self.assert_names_nobody(forms)
        # The test would be of no use if the report told none of them without --share.
        plain = self.plain("-p", prefix, env=self.settings)
        for secret in ("quixote", "mancha", "rocinante", "windmill", "neighbour"):
            self.assertIn(secret, plain)
        self.assertRegex(forms["text"], r"\AEnvironment /\S*private\d+/envs/gpu on machine ")
        self.assertIn("Names of the user, of hosts and of private paths are replaced", forms["page"])

    def test_it_can_still_be_read(self):
        answer = json.loads(self.plain("--share", "shell", "network", env=self.settings))
        found = {finding["id"]: finding for finding in answer["findings"]}
        plain = json.loads(self.plain("shell", "network", env=self.settings))
        self.assertEqual([(one["id"], one["severity"]) for one in answer["findings"]],
                         [(one["id"], one["severity"]) for one in plain["findings"]])
        self.assertRegex(found["E03"]["text"], r"^PYTHONHOME=/private\d+ sends every python to another standard library$")
        self.assertEqual(found["E03"]["remedy"]["commands"], ["unset PYTHONHOME"])
        self.assertRegex(found["E02"]["text"], r"/private\d+/libwrap\.so")
        self.assertIn("server", json.dumps(found["N01"]))
        # One folder has one name.
        names = {re.search(r"/private\d+", json.dumps(found[check])).group() for check in ("E03", "N02")}
        self.assertEqual(len(names), 2)

    def test_a_captured_machine_and_a_target(self):
        machine = f"{self.home}/machine"
        shutil.copytree(HOSTS / "contaminated-shell", machine)
        with open(f"{machine}/host.json", encoding="utf-8") as file:
            text = file.read().replace("login02.cluster.example", "dulcinea02.mancha.edu").replace("/home/ada", "/gpfs/home/quixote")
        host = json.loads(text)
        host["environment"].update({"PYTHONPATH": f"{PROJECT}/src", "USER": "quixote"})
        with open(f"{machine}/host.json", "w", encoding="utf-8") as file:
            json.dump(host, file)
        os.makedirs(f"{machine}/root/gpfs")
        shutil.move(f"{machine}/root/home", f"{machine}/root/gpfs/home")
        shutil.move(f"{machine}/root/gpfs/home/ada", f"{machine}/root/gpfs/home/quixote")
        forms = self.forms("--captured", machine, env=self.settings)
        self.assert_names_nobody(forms)
        self.assertIn("/home/user", forms["text"])
        self.assertIn("dulcinea02", self.plain("--captured", machine, env=self.settings))
        target = f"{self.project}/windmill.json"
        profile = json.loads(self.run_program("probe", "--captured", str(HOSTS / "sick-node"), "--json", check=0).stdout)["profile"]
        with open(target, "w", encoding="utf-8") as file:
            json.dump({"format": 1, "nodes": [{**profile, "hostname": f"dulcinea{number}.mancha.edu"} for number in (7, 8)]}, file)
        forms = self.forms("--on", target, env=self.settings)
        self.assert_names_nobody(forms)
        self.assertIn("sbatch --exclude=node", forms["text"])
        self.assertIn("dulcinea7", self.plain("--on", target, env=self.settings))

    def test_machines_are_not_named(self):
        for machine in captured_machines():
            with self.subTest(machine.name):
                with open(machine / "host.json", encoding="utf-8") as file:
                    name = json.load(file)["hostname"]
                answer = json.loads(self.run_program("doctor", "--share", "--captured", str(machine), "--json").stdout)
                for secret in (name, name.split(".")[0], "ada", "cluster.example"):
                    self.assertNotRegex(json.dumps(answer), rf"\b{re.escape(secret)}\b")
                self.assertRegex(answer["machine"], r"^node\d*$")

    def test_slurm(self):
        programs = f"{self.home}/programs"
        os.mkdir(programs)
        for name, text in (("scontrol", "echo 'Slurmctld(primary) at dulcinea1 is UP'\necho 'Slurmctld(backup) at dulcinea2 is DOWN'\n"),
                           ("sinfo", "exit 1\n")):
            with open(f"{programs}/{name}", "w", encoding="utf-8") as out:
                out.write("#!/bin/sh\n" + text)
            os.chmod(f"{programs}/{name}", 0o755)
        settings = {**self.settings, "PATH": f"{programs}:/usr/bin:/bin"}
        self.assertIn("dulcinea2", self.plain("S01", env=settings))
        forms = self.forms("S01", env=settings)
        self.assert_names_nobody(forms)
        self.assertRegex(forms["json"], r"Slurmctld\(backup\) at node\d is DOWN")

    def test_without_it_nothing_is_replaced(self):
        machine = str(HOSTS / "contaminated-shell")
        text = self.run_program("doctor", "--captured", machine).stdout
        self.assertIn("/home/ada/miniconda3", text)
        self.assertIn("login02.cluster.example", text)


if __name__ == "__main__":
    unittest.main()
