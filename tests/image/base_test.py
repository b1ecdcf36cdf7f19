#!/usr/bin/env python3
"""Bases: out of a registry by name and digest, and what they lack."""

from __future__ import annotations

import json
import subprocess
import tarfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from image_case import ImageCase, debian
from oci_image import Image
from registry_servers import Registry


def layout_size(layout: Path) -> int:
    return sum(file.stat().st_size for file in (layout / "blobs").rglob("*") if file.is_file())


class FromRegistry(ImageCase):
    def setUp(self) -> None:
        super().setUp()
        self.registry = Registry(self.folder / "registry")
        self.addCleanup(self.registry.close)
        self.name = f"{self.registry.name}/library/debian:13"
        subprocess.run(["skopeo", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", f"oci:{debian()}:base",
                        f"docker://{self.name}"], check=True)
        self.digest = Image(debian()).descriptor["digest"]

    def test_a_name_is_fetched_and_pinned(self) -> None:
        image = Image(self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", base=self.name))
        labels = image.config["config"]["Labels"]
        self.assertEqual(labels["org.opencontainers.image.base.name"], self.name)
        self.assertEqual(labels["org.opencontainers.image.base.digest"], self.digest)
        self.assertEqual(image.layers[0]["digest"], Image(debian()).layers[0]["digest"])
        by_file = Image(self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", base=debian(), out="by-file"))
        self.assertEqual([layer["digest"] for layer in image.layers], [layer["digest"] for layer in by_file.layers])

    def test_by_its_digest_the_base_is_there_without_the_registry(self) -> None:
        pinned = f"{self.registry.name}/library/debian@{self.digest}"
        first = self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", base=pinned)
        self.registry.close()
        second = self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", base=pinned, out="second")
        self.assertEqual((first / "index.json").read_bytes(), (second / "index.json").read_bytes())

    def test_several_that_need_it_at_once_share_one_pull(self) -> None:
        packages, root = self.explicit("odd"), self.folder / "root"

        def build(number: int) -> bytes:
            out = self.build("-f", packages, "--image-prefix", "/opt/envs/app", base=self.name, out=str(number), HPCENV_ROOT=str(root))
            return (out / "index.json").read_bytes()

        with ThreadPoolExecutor(4) as pool:
            self.assertEqual(len(set(pool.map(build, range(4)))), 1)
        [layout] = [path for path in (root / "images/bases").iterdir() if path.is_dir()]
        self.assertTrue((layout / "oci-layout").is_file())
        items = json.loads(self.hpcenv("clean", "--images", "--json", HPCENV_ROOT=str(root)).stdout)["items"]
        self.assertEqual([(item["what"], item["path"]) for item in items], [("images", str(layout))])
        self.assertGreater(items[0]["bytes"], layout_size(debian()) * 0.9)
        self.assertEqual([path.name for path in (root / "images/bases").iterdir()], [layout.name + ".lock"])
        self.assertEqual(build(4), (self.folder / "0/index.json").read_bytes())

    def test_a_base_that_the_registry_does_not_have(self) -> None:
        done = self.hpcenv("image", "build", "-f", self.explicit("odd"), "--base", f"{self.registry.name}/nothing:1", "-o",
                           self.folder / "x", check=1)
        self.assertIn("nothing", done.stderr)
        self.assertFalse((self.folder / "x").exists())

    def test_an_image_in_a_registry_is_compared_with(self) -> None:
        self.build("-f", self.explicit("big", "odd"), "--image-prefix", "/opt/envs/app")
        self.hpcenv("image", "push", self.folder / "image", f"{self.registry.name}/app:1")
        plan = json.loads(self.hpcenv("image", "build", "-f", self.explicit("big", "p3"), "--image-prefix", "/opt/envs/app", "--base",
                                      "none", "--dry-run", "--json", "--against", f"{self.registry.name}/app:1").stdout)
        shared = {tuple(layer["packages"]): layer["shared"] for layer in plan["layers"] if layer["packages"]}
        self.assertEqual((shared[("big-1.0-0",)], shared[("p3-1.0-0",)]), (True, False))


class Lacking(ImageCase):
    def base_of(self, *paths: str) -> Path:
        """A base with these empty files alone."""
        base = self.folder / "base"
        file = self.folder / "root.tar"
        with tarfile.open(file, "w") as archive:
            for path in paths:
                archive.addfile(tarfile.TarInfo(path))
        subprocess.run(["umoci", "init", "--layout", base], check=True)
        subprocess.run(["umoci", "new", "--image", f"{base}:x"], check=True)
        subprocess.run(["umoci", "raw", "add-layer", "--image", f"{base}:x", file], check=True)
        subprocess.run(["umoci", "gc", "--layout", base], check=True)
        return base

    def test_what_a_base_lacks_is_said(self) -> None:
        done = self.hpcenv("image", "build", "-f", self.explicit("odd"), "--base", self.base_of("etc/hostname"), "-o", self.folder / "x")
        for said in ("no glibc", "no /bin/sh", "no locale C.UTF-8", "neither the base nor the environment has CA certificates"):
            self.assertIn(said, done.stderr)
        image = Image(self.folder / "x")
        self.assertNotIn("LANG", image.env)
        self.assertNotIn("SSL_CERT_FILE", image.env)

    def test_the_environments_certificates_stand_in(self) -> None:
        done = self.hpcenv("image", "build", "-f", self.explicit("certificates"), "--base", self.base_of("bin/sh"), "-o",
                           self.folder / "x", "--image-prefix", "/opt/envs/app")
        self.assertNotIn("CA certificates", done.stderr)
        self.assertEqual(Image(self.folder / "x").env["SSL_CERT_FILE"], "/opt/envs/app/ssl/cacert.pem")

    def test_nothing_is_said_of_a_whole_base(self) -> None:
        done = self.hpcenv("image", "build", "-f", self.explicit("odd"), "--base", debian(), "-o", self.folder / "x")
        self.assertNotIn("warning", done.stderr)
        self.assertEqual(Image(self.folder / "x").env["LANG"], "C.UTF-8")


if __name__ == "__main__":
    unittest.main(verbosity=2)
