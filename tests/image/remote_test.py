#!/usr/bin/env python3
"""Images that lie in a registry: what they hold, compose files for them, and squashfs files out of them."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "image")]

import registry_servers as servers  # noqa: E402
from registry_servers import Registry  # noqa: E402
from skipping import skip  # noqa: E402
from small_images import Entry, Layout, folder  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]
FOLDER = servers.temporary_folder()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


class Remote(unittest.TestCase):
    registry: Registry
    reference: str
    digest: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.registry = Registry(FOLDER / "registry")
        cls.addClassCleanup(cls.registry.close)
        layout = Layout(FOLDER / "image")
        layout.add([folder("opt"), Entry("opt/hello", b"hello\n" * 50_000)], org_hpcenv_content="packages",
                   org_hpcenv_packages="python-3.12.1-h1_0 numpy-2.0-py312_0")
        image = layout.finish({"Env": ["A=b", "NVIDIA_VISIBLE_DEVICES=all"], "Cmd": ["/opt/hello"],
                               "Labels": {"org.hpcenv.prefix": "/opt/envs/app"}})
        cls.reference = f"{cls.registry.name}/lab/app:1"
        cls.environment = {"PATH": "/usr/bin:/bin", "HOME": str(FOLDER), "LC_ALL": "C", "HPCENV_ROOT": str(FOLDER / "root"),
                           "HPCENV_REMOTE_BACKOFF_FACTOR": "0"}
        pushed = cls.run_program("push", image, cls.reference, "--json")
        cls.digest = json.loads(pushed.stdout)["digest"]

    @classmethod
    def run_program(cls, *words: object, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([PROGRAM, "image", *(str(word) for word in words)], capture_output=True, text=True, check=False,
                              env={**cls.environment, **environment}, stdin=subprocess.DEVNULL)
        if done.returncode != code:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=FOLDER))

    def requests(self) -> str:
        return self.registry.log.read_text()

    def test_inspect_fetches_documents_only(self) -> None:
        before = len(self.requests())
        answer = json.loads(self.run_program("inspect", self.reference, "--json").stdout)
        self.assertEqual((self.reference, self.digest), (answer["reference"], answer["digest"]))
        self.assertEqual(["python-3.12.1-h1_0", "numpy-2.0-py312_0"], answer["layers"][0]["packages"])
        self.assertNotIn(f"blobs/{answer['layers'][0]['digest']}", self.requests()[before:])
        text = self.run_program("inspect", self.reference).stdout
        self.assertIn("\n1 layer, ", text)
        self.assertIn(self.reference, text)

    def test_compose_names_the_digest(self) -> None:
        text = self.run_program("compose", self.reference, "--service", "api", "--port", "api=8000").stdout
        self.assertIn(f"{self.registry.name}/lab/app@{self.digest}", text)
        self.assertIn("/opt/envs/app/bin/python", text)

    def test_a_squashfs_file(self) -> None:
        out = self.folder / "app.sqsh"
        answer = json.loads(self.run_program("pull", self.reference, "-o", out, "--format", "squashfs", "--json").stdout)
        self.assertEqual(self.digest, answer["digest"])
        self.assertEqual([out], list(self.folder.iterdir()))
        subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", str(self.folder / "tree"), str(out)], check=True,
                       capture_output=True)
        self.assertEqual("hello\n" * 50_000, (self.folder / "tree/opt/hello").read_text())
        self.assertIn("A=b\n", (self.folder / "tree/etc/environment").read_text())
        shutil.rmtree(self.folder / "tree")
        again = self.folder / "again.sqsh"
        self.run_program("pull", self.reference, "-o", again, "--format", "squashfs", "--jobs", "1")
        self.assertEqual(out.read_bytes(), again.read_bytes())
        self.run_program("pull", self.reference, "-o", again, "--format", "squashfs", "--compress", "zstd")
        self.assertIn("Compression zstd", subprocess.run(["unsquashfs", "-s", str(again)], check=True, capture_output=True,
                                                         text=True).stdout)

    def test_what_was_fetched_is_not_fetched_again(self) -> None:
        out = self.folder / "app.sqsh"
        log = self.folder / "points"
        self.run_program("pull", self.reference, "-o", self.folder / "logged.sqsh", "--format", "squashfs", HPCENV_FAULT_LOG=str(log))
        if not log.exists():
            skip("no fault points in this build")
        first = log.read_text().split().index("image.squashfs.create") + 2
        self.run_program("pull", self.reference, "-o", out, "--format", "squashfs", code=-signal.SIGKILL,
                         HPCENV_FAULT_KILL=str(first))
        self.assertFalse(out.exists())
        answer = json.loads(self.run_program("pull", self.reference, "-o", out, "--format", "squashfs", "--json").stdout)
        self.assertEqual(0, answer["blobs"]["fetched"])
        self.assertEqual((self.folder / "logged.sqsh").read_bytes(), out.read_bytes())
        self.assertEqual({"app.sqsh", "logged.sqsh", "points"}, {path.name for path in self.folder.iterdir()})

    def test_what_cannot_be(self) -> None:
        done = self.run_program("pull", self.reference, "-o", self.folder, "--format", "squashfs", code=1)
        self.assertIn("is a directory", done.stderr)
        done = self.run_program("pull", self.reference, "-o", self.folder / "x", "--format", "squashfs", "--compress", "none", code=2)
        self.assertIn("--compress 'none' is not known for squashfs files", done.stderr)
        done = self.run_program("pull", self.reference, "-o", self.folder / "x", "--compress", "zstd", code=2)
        self.assertIn("--compress is for squashfs files", done.stderr)
        for command in ("inspect", "compose"):
            more = ["--service", "a"] if command == "compose" else []
            done = self.run_program(command, f"{self.registry.name}/lab/none:1", *more, code=1)
            self.assertRegex(done.stderr, r"error: .*lab/none:1")
        self.assertEqual([], list(self.folder.iterdir()))


if __name__ == "__main__":
    unittest.main()
