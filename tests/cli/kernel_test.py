"""kernel install, list and remove: files for Jupyter. tests/thread/kernel_test.py has a real Jupyter start one."""
import json
import os
import subprocess
import unittest

import tiny_channel
from cli_case import CliCase

PYTHON = {"bin/python": ("#!/bin/sh\necho \"$CONDA_PREFIX|$COLOUR|$*\"\n", 0o755),
          "etc/conda/env_vars.d/colour.json": ('{"COLOUR": "it\'s red"}\n', 0o644)}
KERNEL = {"lib/python3.11/site-packages/ipykernel_launcher.py": ("\n", 0o644),
          "lib/python3.11/site-packages/ipykernel/resources/logo-svg.svg": ("<svg/>\n", 0o644)}


class Kernel(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "python", "3.11.0", files=PYTHON),
            tiny_channel.add_package(cls.channel, "ipykernel", "1", depends=["python"], files=KERNEL),
        ])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "ipykernel", "-y", check=0)
        self.kernels = f"{self.home}/.local/share/jupyter/kernels"

    def install(self, *words, check=0, env=None):
        """kernel install of the environment `work`."""
        return self.run_program("kernel", "install", "-n", "work", *words, check=check, env=env)

    def states(self):
        return {one["kernel"]: one["state"] for one in self.run_json("kernel", "list")["kernels"]}

    def test_files_and_what_they_start(self):
        self.install()
        with open(os.path.join(self.kernels, "work", "kernel.json"), encoding="utf-8") as file:
            kernel = json.load(file)
        self.assertEqual(kernel, {"argv": [os.path.join(self.kernels, "work", "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                                  "display_name": "Python (work)", "language": "python",
                                  "metadata": {"debugger": True, "hpcenv": {"environment": "work", "prefix": self.prefix}}})
        self.assertEqual(sorted(self.tree(f"{self.kernels}/work")), ["kernel.json", "logo-svg.svg", "python"])
        done = subprocess.run(["/usr/bin/env", "-i", *kernel["argv"]], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, f"{self.prefix}|it's red|-m ipykernel_launcher -f {{connection_file}}\n")

    def test_where_jupyter_looks(self):
        self.install(env={"JUPYTER_DATA_DIR": f"{self.home}/data", "XDG_DATA_HOME": f"{self.home}/xdg"})
        self.install(env={"XDG_DATA_HOME": f"{self.home}/xdg"})
        self.install("--into", f"{self.home}/shared", "--kernel", "torch.2", "--display-name", "Tö\"rch")
        for folder in ("data/kernels/work", "xdg/jupyter/kernels/work", "shared/share/jupyter/kernels/torch.2"):
            self.assertTrue(os.path.exists(f"{self.home}/{folder}/kernel.json"), folder)
        answer = self.run_json("kernel", "list", "--into", f"{self.home}/shared")
        self.assertEqual(answer["kernels"], [{"kernel": "torch.2", "display_name": "Tö\"rch", "prefix": self.prefix, "state": "current",
                                              "folder": f"{self.home}/shared/share/jupyter/kernels/torch.2"}])
        self.assertFalse(os.path.exists(self.kernels))

    def test_json(self):
        answer = self.run_json("kernel", "install", "-n", "work")
        self.assertEqual((answer["kernel"], answer["display_name"], answer["folder"], answer["prefix"]),
                         ("work", "Python (work)", f"{self.kernels}/work", self.prefix))
        self.assertEqual(self.run_json("kernel", "remove", "work")["removed"], f"{self.kernels}/work")
        self.assertEqual(self.states(), {})

    def test_list_and_remove(self):
        self.assertIn("wrote no kernels", self.run_program("kernel", "list", check=0).stderr)
        self.install()
        self.install("--kernel", "second")
        os.makedirs(f"{self.kernels}/foreign")
        with open(f"{self.kernels}/foreign/kernel.json", "w", encoding="utf-8") as file:
            file.write('{"argv": ["x"], "display_name": "x", "language": "python"}')
        self.assertEqual(self.states(), {"second": "current", "work": "current"})
        with open(f"{self.prefix}/conda-meta/state", "w", encoding="utf-8") as file:
            file.write('{"env_vars": {"NEW": "1"}}')
        self.assertEqual(self.states(), {"second": "changed", "work": "changed"})
        self.install()
        self.assertRegex(self.run_program("kernel", "list", check=0).stdout, rf"work +current +Python \(work\) +{self.prefix}")
        self.assertIn("did not write", self.run_program("kernel", "remove", "foreign", check=1).stderr)
        self.assertIn("did you mean: second", self.run_program("kernel", "remove", "secand", check=1).stderr)
        self.run_program("kernel", "remove", "../kernels/work", check=2)
        self.run_program("kernel", "remove", check=2)
        self.run_program("kernel", "remove", "second", check=0)
        self.run_program("env", "remove", "-n", "work", "-y", check=0)
        self.assertEqual(self.states(), {"work": "environment gone"})
        self.run_program("kernel", "remove", "work", check=0)
        self.assertEqual(os.listdir(self.kernels), ["foreign"])

    def test_kernels_of_others_are_kept(self):
        os.makedirs(f"{self.kernels}/work")
        for name, text in (("kernel.json", "{\"metadata\": {\"hpcenv\": 1}}"), ("python", "#!/bin/sh\n")):
            with open(os.path.join(self.kernels, "work", name), "w", encoding="utf-8") as file:
                file.write(text)
        before = self.tree(self.kernels)
        self.assertIn("hpcenv did not write it", self.install(check=1).stderr)
        self.assertEqual(self.tree(self.kernels), before)
        self.install("--force")
        self.assertEqual(self.states(), {"work": "current"})

    def test_without_ipykernel(self):
        self.run_program("create", "-n", "bare", "python", "-y", check=0)
        done = self.run_program("kernel", "install", "-n", "bare", check=1)
        self.assertIn("there is no ipykernel in", done.stderr)
        self.assertIn("hpcenv install -n bare ipykernel", done.stderr)
        self.assertFalse(os.path.exists(self.kernels))

    def test_names(self):
        for name in ("a b", "a/b", ".a", "ä"):
            self.assertIn("Jupyter knows no kernel named", self.install("--kernel", name, check=2).stderr)
        prefix = f"{self.home}/my env+1"
        self.run_program("create", "-p", prefix, "ipykernel", "-y", check=0)
        self.run_program("kernel", "install", "-p", prefix, check=0)
        self.assertEqual(self.states(), {"my-env-1": "current"})
        done = self.install(check=2, env={"HOME": ""})
        self.assertIn("--into DIR", done.stderr)


if __name__ == "__main__":
    unittest.main()
