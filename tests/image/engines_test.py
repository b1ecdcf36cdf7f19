#!/usr/bin/env python3
"""The archive before real engines: docker, containerd, podman, buildah. As root, in --all."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest

from engine_case import EngineCase, need_root
from engines import Daemons, Podman, need, run
from image_case import debian, make_channel
from oci_image import Image

NAME = "lab.example/team/app:1.2"
CODE = "import os, requests; print(os.getuid(), requests.__version__)"


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    need_root()


class Engines(EngineCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.with_real_channel("first")
        case = cls()
        case.setUp()
        case.hpcenv("create", "-y", "-n", "app", "python", "requests")
        cls.files = {}
        for kind in ("gzip", "zstd"):
            cls.files[kind] = cls.work / f"app-{kind}.tar"
            case.hpcenv("image", "build", "-n", "app", "--base", debian(), "--tag", NAME, "--compress", kind, "-o", cls.files[kind])
        cls.daemons = Daemons(cls.work)
        cls.addClassCleanup(cls.daemons.stop)

    def test_docker(self) -> None:
        docker = self.daemons.cli
        self.assertIn(NAME, self.succeeds(docker("load", "-i", self.files["gzip"])))
        out = self.succeeds(docker("run", "--rm", "--network", "none", "--read-only", "-u", "4711", NAME, "python", "-c", CODE))
        self.assertTrue(out.startswith("4711 2."), out)
        # Trap 7: nothing was written over the links of the base.
        self.assertEqual(self.succeeds(docker("run", "--rm", "--network", "none", NAME, "/bin/sh", "-c", "echo shell")), "shell\n")
        shown = self.succeeds(docker("image", "inspect", "--format", "{{.Id}}", NAME)).strip()
        self.assertEqual(shown, Image(self.files["gzip"]).manifest["config"]["digest"])

    def test_containerd(self) -> None:
        for kind, file in self.files.items():
            with self.subTest(kind):
                self.succeeds(self.daemons.ctr("images", "import", file))
                self.assertIn(NAME, self.succeeds(self.daemons.ctr("images", "ls", "-q")))
                out = self.succeeds(self.daemons.ctr("run", "--rm", NAME, f"test-{kind}", "python", "-c", CODE))
                self.assertTrue(out.startswith("0 2."), out)
                self.succeeds(self.daemons.ctr("images", "rm", NAME))

    def test_podman(self) -> None:
        podman = Podman(self.folder)
        for kind, file in self.files.items():
            with self.subTest(kind):
                out = self.succeeds(podman.cli("load", "-i", file))
                self.assertIn(NAME, out)
                self.assertNotIn("localhost/latest", out)
                ran = self.succeeds(podman.run(NAME, "python", "-c", CODE, options=("--read-only", "--user", "4711")))
                self.assertTrue(ran.startswith("4711 2."), ran)
                self.assertEqual(self.succeeds(podman.run(NAME, "/bin/sh", "-c", "echo shell")), "shell\n")
                self.succeeds(podman.cli("rmi", NAME))

    def test_buildah_builds_on_it(self) -> None:
        need("buildah")
        store = ["buildah", "--root", self.folder / "buildah", "--runroot", self.folder / "buildah-run", "--storage-driver", "vfs"]
        container = self.succeeds(run(*store, "from", f"oci-archive:{self.files['gzip']}")).strip()
        out = self.succeeds(run(*store, "run", "--isolation", "chroot", container, "--", "python", "-c", CODE))
        self.assertTrue(out.startswith("0 2."), out)

    def test_trap_12_docker_takes_the_most_layers(self) -> None:
        channel = f"{self.folder}/many"
        make_channel(channel)
        file = self.folder / "many.txt"
        file.write_text("@EXPLICIT\n" + "".join(f"file://{channel}/linux-64/p{i}-1.0-0.tar.bz2\n" for i in range(300)))
        base = self.folder / "base"
        shutil.copytree(debian(), base)
        for i in range(85):
            one = self.folder / "one.tar"
            subprocess.run(["tar", "-cf", one, "-C", self.folder, "many.txt", f"--transform=s/many.txt/opt-{i}/"], check=True)
            subprocess.run(["umoci", "raw", "add-layer", "--image", f"{base}:base", one], check=True)
        subprocess.run(["umoci", "gc", "--layout", base], check=True)
        out = self.folder / "many.tar"
        self.hpcenv("image", "build", "-f", file, "--base", base, "--tag", "many:1", "-o", out)
        layers = len(Image(out).layers)
        self.assertGreater(layers, 90)
        self.assertLessEqual(layers, 100)
        self.succeeds(self.daemons.cli("load", "-i", out))
        self.assertIn("opt-84", self.succeeds(self.daemons.cli("run", "--rm", "--network", "none", "many:1", "ls", "/")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
