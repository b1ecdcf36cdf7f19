"""What tests of push and pull have in common: a registry, images to push, a home to push from."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import registry_servers as servers
from registry_servers import PASSWORD, Proxy, Registry
from small_images import Entry, Layout, folder

FOLDER = servers.temporary_folder()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
PROGRAM = next(os.environ[name] for name in ("HPCENV_BIN", "HPCENV_PROGRAM", "HPCENV_RELEASE_PROGRAM")
               if os.path.isfile(os.environ.get(name, "")))
# The program sends parts of 32 MiB.
LARGE = 70 << 20
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def small_image(path: Path, seed: str = "one") -> Path:
    layout = Layout(path)
    layout.add([folder("opt/"), Entry("opt/hello", f"hello {seed}\n".encode())])
    layout.add([Entry("opt/more", seed.encode() * 100_000)])
    return layout.finish({"Cmd": ["/opt/hello"]})


def large_image(path: Path) -> Path:
    """One layer of 70 MiB, which goes in three parts."""
    layout = Layout(path)
    layout.add([Entry("opt/weights", b"0123456789abcdef" * (LARGE // 16))], compression="none")
    return layout.finish()


def digest_of(image: Path) -> str:
    return json.loads((image / "index.json").read_text())["manifests"][0]["digest"]


def layers_of(image: Path) -> list[dict[str, object]]:
    manifest = json.loads((image / "blobs/sha256" / digest_of(image).removeprefix("sha256:")).read_text())
    return manifest["layers"]


class Home:
    """A home, a working directory and an hpcenv of one's own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=FOLDER))
        self.environment = {"HOME": str(self.folder), "HPCENV_ROOT": str(self.folder / "root"), "LC_ALL": "C",
                            "PATH": f"{self.folder}/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(self.folder / "run"),
                            "ASAN_OPTIONS": "detect_leaks=0", "HPCENV_REMOTE_BACKOFF_FACTOR": "0"}

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([PROGRAM, "image", *words], cwd=self.folder, env={**self.environment, **more}, timeout=300,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        for secret in ("s3cret", base64.b64encode(f"me:{PASSWORD}".encode()).decode(), "Bearer "):
            if secret in done.stdout + done.stderr:
                raise AssertionError(f"{secret} is told: {done.stdout}{done.stderr}")
        return done

    def credentials(self, registry: str, user: str = "me", password: str = PASSWORD) -> None:
        auth = base64.b64encode(f"{user}:{password}".encode()).decode()
        place = self.folder / "run/containers/auth.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))


class RegistryCase(unittest.TestCase):
    registry: Registry
    image: Path
    large: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.registry = Registry(FOLDER / cls.__name__ / "registry")
        cls.addClassCleanup(cls.registry.close)
        cls.image = small_image(FOLDER / cls.__name__ / "image")

    def setUp(self) -> None:
        self.home = Home()
        self.repository = "t/" + self._testMethodName.replace("__", "_")

    def proxy(self, *rules: object) -> Proxy:
        proxy = Proxy(self.registry, *rules)
        self.addCleanup(proxy.close)
        return proxy

    def succeed(self, *words: str, **more: str) -> dict[str, object]:
        done = self.home.run(*words, "--json", **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def fail_with(self, code: int, *words: str, said: str, **more: str) -> None:
        done = self.home.run(*words, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertRegex(done.stderr, "(?m)^error: ")
        self.assertRegex(done.stderr, "(?m)^hint: ")
        self.assertRegex(done.stderr, said)

    def push(self, image: Path, registry: str | None = None, *words: str, **more: str) -> dict[str, object]:
        return self.succeed("push", str(image), f"{registry or self.registry.name}/{self.repository}:1", *words, **more)

    def tag(self, repository: str | None = None, tag: str = "1") -> str | None:
        """The digest that stands under a tag."""
        status, headers, _ = self.registry.ask(f"/v2/{repository or self.repository}/manifests/{tag}", "HEAD",
                                               Accept=f"{MANIFEST}, application/vnd.oci.image.index.v1+json")
        return headers["docker-content-digest"] if status == 200 else None

    def check_blobs(self, image: Path) -> None:
        """The registry gives back all bytes."""
        for layer in layers_of(image):
            status, _, body = self.registry.ask(f"/v2/{self.repository}/blobs/{layer['digest']}")
            self.assertEqual(status, 200)
            self.assertEqual("sha256:" + hashlib.sha256(body).hexdigest(), layer["digest"])


def main() -> None:
    missing = [name for name in ("docker-registry", "skopeo", "umoci", "htpasswd", "openssl") if not shutil.which(name)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}: ./bootstrap deps test")
    unittest.main()
