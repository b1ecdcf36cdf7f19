#!/usr/bin/env python3
"""A real Jupyter client starts kernels of another environment: their variables are that environment's."""

from __future__ import annotations

import json
import os
import unittest

from thread_support import World

WORLD = World()
# Runs in the environment `lab`; says what each kernel answered.
CLIENT = r'''
import json, sys
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel
asked = """
import json, os, signal, sys
names = ("CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CFLAGS", "MADE_LIVE", "GREETING", "PYTHONPATH")
print(json.dumps({"variables": {name: os.environ.get(name) for name in names}, "prefix": sys.prefix,
                  "path": os.environ["PATH"].split(":")[0], "process": os.getpid()}))
"""
said = {"known": sorted(KernelSpecManager().find_kernel_specs()), "answers": {}}
for name in sys.argv[1:]:
    manager, client = start_new_kernel(kernel_name=name, startup_timeout=120)
    lines = []
    client.execute_interactive(asked, timeout=120, output_hook=lambda m: lines.append(m["content"].get("text", "")))
    answer = json.loads("".join(lines))
    answer["started"] = manager.provisioner.process.pid
    client.execute("import time; print('begun', flush=True); time.sleep(600)")
    while "begun" not in client.get_iopub_msg(timeout=120)["content"].get("text", ""):
        pass
    manager.interrupt_kernel()
    while (message := client.get_iopub_msg(timeout=120))["msg_type"] != "error":
        pass
    answer["after_interrupt"] = message["content"]["ename"]
    said["answers"][name] = answer
    manager.shutdown_kernel()
print(json.dumps(said))
'''
SCRIPTS = {"10_flags.sh": 'export CFLAGS="-O2${CFLAGS:+ $CFLAGS}"\n', "20_greeting.sh": "export GREETING=\"it's \\`here\\`\"\n"}
LIVE = {"30_live.sh": "cd /tmp\nexport MADE_LIVE=$((40 + 2))\n"}


class Kernels(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        source = ["--override-channels", "-c", WORLD.channel("jupyter"), "-y"]
        for name, specs in (("lab", ["jupyterlab"]), ("recorded", ["python", "ipykernel"])):
            answer = WORLD.hpcenv("create", "-n", name, *source, *specs)
            assert answer.code == 0, answer
        cls.client = WORLD.home / "client.py"
        cls.client.write_text(CLIENT)
        cls.client.chmod(0o644)

    def add_scripts(self, scripts: dict[str, str]) -> None:
        folder = WORLD.prefix("recorded") / "etc/conda/activate.d"
        WORLD.run(["mkdir", "-p", folder])
        for name, text in scripts.items():
            (folder / name).write_text(text)

    def ask(self, *kernels: str, **variables: str) -> dict:
        answer = WORLD.hpcenv("run", "-n", "lab", "python", self.client, *kernels, timeout=600, **variables)
        self.assertEqual(answer.code, 0, answer)
        return json.loads(answer.out.splitlines()[-1])

    def test_a_client_of_another_environment_starts_them(self) -> None:
        prefix = str(WORLD.prefix("recorded"))
        self.add_scripts(SCRIPTS)
        answer = WORLD.hpcenv("kernel", "install", "-n", "recorded", "--display-name", "Recorded")
        self.assertEqual(answer.code, 0, answer)
        self.add_scripts(LIVE)
        answer = WORLD.hpcenv("kernel", "install", "-n", "recorded", "--kernel", "with-live")
        self.assertEqual(answer.code, 0, answer)
        said = self.ask("recorded", "with-live", CFLAGS="-g `id`")
        self.assertLessEqual({"recorded", "with-live"}, set(said["known"]))
        for name, live in (("recorded", None), ("with-live", "42")):
            with self.subTest(kernel=name):
                told = said["answers"][name]
                self.assertEqual(told["variables"], {"CONDA_PREFIX": prefix, "CONDA_DEFAULT_ENV": "recorded", "CFLAGS": "-O2 -g `id`",
                                                     "MADE_LIVE": live, "GREETING": "it's `here`", "PYTHONPATH": None})
                self.assertEqual(os.path.realpath(told["prefix"]), os.path.realpath(prefix))
                self.assertEqual(told["path"], f"{prefix}/bin")
                # Nothing stands between Jupyter and the kernel: its signals reach it.
                self.assertEqual(told["process"], told["started"])
                self.assertEqual(told["after_interrupt"], "KeyboardInterrupt")


if __name__ == "__main__":
    unittest.main()
