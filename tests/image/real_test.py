#!/usr/bin/env python3
"""A real Python in a real Debian as an image: it runs as anybody, starts fast, and is what `hpcenv create` makes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import unittest
from pathlib import Path

from image_case import ImageCase, debian
from oci_image import Image, run_in, unpack

PACKAGES = ("python", "requests", "rich")
PREFIX = "opt/envs/app"

# How the tree in an image differs from the one that `hpcenv create` makes at the same path, and nothing else does.
RULES = {
    "bytecode": "compiled for good (unchecked hash), where create dates it",
    "records": "conda-meta/*.json say nothing of the machine that built it",
    "history": "conda-meta/history tells of the build",
    "own": ".hpcenv is what hpcenv knows of an environment that it changes: none in an image",
    "bom": "share/sbom is in the image alone",
}


def rule_of(path: str, in_created: bool, in_image: bool) -> str | None:
    if path.endswith(".pyc"):
        return "bytecode"
    if path == "conda-meta/history":
        return "history"
    if path.startswith("conda-meta/"):
        return "records" if in_created == in_image else None
    if path == ".hpcenv" or path.startswith(".hpcenv/"):
        return None if in_image else "own"
    if path == "share/sbom" or path.startswith("share/sbom/"):
        return None if in_created else "bom"
    return None


def tree(root: Path) -> dict[str, tuple]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            key = str(path.relative_to(root))
            if path.is_symlink():
                found[key] = ("link", os.readlink(path))
            elif path.is_dir():
                found[key] = ("directory", path.stat().st_mode)
            else:
                found[key] = ("file", path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


class RealPython(ImageCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.with_real_channel("first")
        case = cls()
        case.setUp()
        # Everything that belongs to the store is closed to others.
        case.hpcenv("create", "-y", "-n", "app", *PACKAGES, umask=0o077)
        cls.image_file = cls.work / "app.tar"
        case.hpcenv("image", "build", "-n", "app", "--base", debian(), "--tag", "lab.example/app:1", "-o", cls.image_file,
                    umask=0o077)
        cls.image_file.chmod(0o644)
        cls.image = Image(cls.image_file)
        cls.unpacked = unpack(cls.image_file, cls.work)

    def python(self, code: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        done = run_in(self.unpacked, ["python", *options, "-c", code], {**self.image.env, **env})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_trap_06_bytecode_is_never_stale(self) -> None:
        done = self.python("import json, requests, rich.console; print(requests.__version__)", "-v")
        self.assertIn("requests/__pycache__", done.stderr)
        for line in done.stderr.splitlines():
            self.assertNotIn("stale", line)
            self.assertNotRegex(line, r"^# code object from .*\.py'$")

    def test_bytecode_is_valid_for_good_and_the_same_however_it_is_made(self) -> None:
        flags = {file.read_bytes()[4:8] for file in (self.unpacked / PREFIX / "lib").rglob("site-packages/requests/**/*.pyc")}
        self.assertEqual(flags, {b"\1\0\0\0"}, "unchecked hashes")
        for jobs in ("1", "7"):
            out = self.folder / f"{jobs}.tar"
            self.hpcenv("image", "build", "-n", "app", "--base", debian(), "--tag", "lab.example/app:1", "-o", out, "--jobs", jobs)
            self.assertEqual(Image(out).descriptor["digest"], self.image.descriptor["digest"])

    def test_trap_07_the_bases_shell_runs(self) -> None:
        self.assertTrue((self.unpacked / "bin").is_symlink(), "the base has a merged /usr")
        self.assertEqual(run_in(self.unpacked, ["/bin/sh", "-c", "echo shell"], self.image.env).stdout, "shell\n")

    def test_trap_14_anybody_can_use_it(self) -> None:
        self.assertEqual(self.python("import os, ssl, sqlite3, requests; print(os.getuid())").stdout, "4711\n")

    def test_entry_points_and_certificates(self) -> None:
        done = run_in(self.unpacked, ["normalizer", "--version"], self.image.env)
        self.assertIn("Charset-Normalizer", done.stdout, done.stderr)
        done = self.python("import ssl; print(len(ssl.create_default_context().get_ca_certs()))")
        self.assertGreater(int(done.stdout), 100)
        self.assertEqual(self.python("import locale, sys; print(sys.getfilesystemencoding(), locale.getpreferredencoding())").stdout,
                         "utf-8 UTF-8\n")

    def test_runc_runs_it_for_who_has_no_rights(self) -> None:
        user = ["setpriv", "--reuid=64322", "--regid=64322", "--clear-groups"] if os.geteuid() == 0 else []
        place = self.folder / "place"
        place.mkdir()
        if user:
            os.chown(place, 64_322, 64_322)
        variables = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(place), "XDG_RUNTIME_DIR": str(place)}

        def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
            return subprocess.run([*user, *map(str, words)], capture_output=True, text=True, check=False, timeout=120, cwd=place,
                                  stdin=subprocess.DEVNULL, env=variables)

        done = run("skopeo", "copy", "--quiet", f"oci-archive:{self.image_file}", "oci:layout:x")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("umoci", "unpack", "--rootless", "--image", "layout:x", "bundle")
        self.assertEqual(done.returncode, 0, done.stderr)
        config = json.loads((place / "bundle/config.json").read_text())
        config["process"].update(terminal=False, args=["python", "-c", "import requests; print('in runc')"])
        config["root"]["readonly"] = True
        (place / "bundle/config.json").write_text(json.dumps(config))
        done = run("runc", "--root", place / "state", "run", "--bundle", "bundle", f"hpcenv-{os.getpid()}")
        self.assertEqual(done.stdout, "in runc\n", done.stderr)

    def test_charliecloud_runs_the_tree(self) -> None:
        user = ["setpriv", "--reuid=64322", "--regid=64322", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run([*user, "ch-run", "--unset-env=*", *[f"--set-env={k}={v}" for k, v in self.image.env.items()],
                               self.unpacked, "--", "python", "-c", "import requests; print('in charliecloud')"],
                              capture_output=True, text=True, check=False, timeout=120,
                              env={"PATH": "/usr/bin:/bin", "USER": "somebody", "HOME": "/"})
        self.assertEqual(done.stdout, "in charliecloud\n", done.stderr)

    def test_the_tree_is_what_create_makes(self) -> None:
        place = self.folder / "opt"
        place.mkdir()
        before = ["bwrap", "--dev-bind", "/", "/", "--bind", str(place), "/opt"]
        self.hpcenv("create", "-y", "-p", "/opt/envs/app", *PACKAGES, before=before,
                    HPCENV_ROOT=str(self.folder / "root"))
        created, shipped = tree(place / "envs/app"), tree(self.unpacked / PREFIX)
        used: dict[str, int] = {}
        for path in sorted(set(created) | set(shipped)):
            if created.get(path) == shipped.get(path):
                continue
            rule = rule_of(path, path in created, path in shipped)
            self.assertIsNotNone(rule, f"{path}: {created.get(path)} created, {shipped.get(path)} in the image")
            used[rule] = used.get(rule, 0) + 1
            if rule == "bytecode":
                self.assertEqual({path in created, path in shipped}, {True}, path)
        self.assertEqual(set(used), set(RULES) - ({"own"} - set(used)))

    def test_records_say_what_is_there(self) -> None:
        for file in (self.unpacked / PREFIX / "conda-meta").glob("*.json"):
            record = json.loads(file.read_text())
            for entry in record["paths_data"]["paths"]:
                path = self.unpacked / PREFIX / entry["_path"]
                self.assertTrue(path.is_symlink() or path.exists(), path)
                digest = entry.get("sha256_in_prefix")
                if digest and path.is_file() and not path.is_symlink():
                    self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), digest, path)

    def test_a_squashfs_file_is_the_same_tree(self) -> None:
        out = self.folder / "app.sqsh"
        self.hpcenv("image", "build", "-n", "app", "--base", debian(), "--format", "squashfs", "--tag", "lab.example/app:1", "-o",
                    out)
        root = self.folder / "root"
        subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", root, out], check=True, capture_output=True)
        self.assertEqual(tree(root / PREFIX), tree(self.unpacked / PREFIX))
        for file in ("etc/rc", "etc/environment", ".singularity.d/runscript"):
            self.assertTrue((root / file).exists(), file)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["app.sqsh", "app.sqsh.cdx.json", "app.sqsh.spdx.json", "root"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
