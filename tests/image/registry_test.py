#!/usr/bin/env python3
"""Push and pull against a real registry, with skopeo and umoci as judges; then through a proxy that has every fault that
registries and what lies before them have. Numbers are those of the traps of issue 10."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
import unittest
from pathlib import Path

import registry_servers as servers
from registry_servers import PASSWORD, Answer, Change, CutAnswer, CutRequest, Grown, Hold, Proxy, Registry
from small_images import LAYER, Entry, Layout, folder, tar

FOLDER = servers.temporary_folder()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
PROGRAM = next(os.environ[name] for name in ("HPCENV_BIN", "HPCENV_PROGRAM", "HPCENV_RELEASE_PROGRAM")
               if os.path.isfile(os.environ.get(name, "")))
# The program sends parts of 32 MiB.
LARGE = 70 << 20
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def zstd_frame(data: bytes) -> bytes:
    """One zstd frame whose blocks are stored as they are."""
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    size = 1 << 17
    for start in range(0, len(data), size):
        piece = data[start:start + size]
        last = start + size >= len(data)
        frame += (int(last) | len(piece) << 3).to_bytes(3, "little") + piece
    return frame


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


class PushAndPull(RegistryCase):
    def test_second_push_sends_no_blob(self) -> None:
        """Trap 21."""
        first = self.push(self.image)
        self.assertEqual(first["blobs"]["sent"], 3)
        self.assertEqual(first["digest"], digest_of(self.image))
        proxy = self.proxy()
        second = self.push(self.image, proxy.name)
        self.assertEqual(second["blobs"], {"sent": 0, "mounted": 0, "there": 3, "bytes_sent": 0})
        self.assertEqual(set(proxy.methods()), {"HEAD", "PUT"})
        self.assertEqual(self.tag(), digest_of(self.image))

    def test_skopeo_copies_what_was_pushed(self) -> None:
        self.push(self.image)
        source = f"docker://{self.registry.name}/{self.repository}:1"
        copy = self.home.folder / "copy"
        subprocess.run(["skopeo", "copy", "--preserve-digests", "--src-tls-verify=false", source, f"oci:{copy}:x"],
                       check=True, capture_output=True)
        self.assertEqual(digest_of(copy), digest_of(self.image))
        subprocess.run(["umoci", "unpack", "--rootless", "--image", f"{copy}:x", str(self.home.folder / "bundle")],
                       check=True, capture_output=True)
        self.assertEqual((self.home.folder / "bundle/rootfs/opt/hello").read_text(), "hello one\n")

    def test_zstd_and_plain_layers_keep_the_manifest(self) -> None:
        """Trap 22."""
        layout = Layout(self.home.folder / "image")
        data = tar([Entry("opt/a", b"a" * 300_000)])
        layout.add_packed(zstd_frame(data), hashlib.sha256(data).hexdigest(), f"{LAYER}+zstd")
        layout.add([Entry("opt/b", b"b")], compression="none")
        layout.add([Entry("opt/c", b"c")])
        image = layout.finish()
        self.assertEqual(self.push(image)["digest"], digest_of(image))
        raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false",
                              f"docker://{self.registry.name}/{self.repository}:1"], check=True, capture_output=True).stdout
        self.assertEqual("sha256:" + hashlib.sha256(raw).hexdigest(), digest_of(image))

    def test_archives_are_pushed_as_they_are(self) -> None:
        for kind in ("oci-archive", "docker-archive"):
            with self.subTest(kind=kind):
                file = self.home.folder / f"{kind}.tar"
                subprocess.run(["skopeo", "copy", f"oci:{self.image}:x", f"{kind}:{file}:docker.io/t/a:1"], check=True,
                               capture_output=True)
                answer = self.push(file)
                self.assertEqual(self.tag(), answer["digest"])
                subprocess.run(["skopeo", "copy", "--src-tls-verify=false", f"docker://{self.registry.name}/{self.repository}:1",
                                f"oci:{self.home.folder}/{kind}:x"], check=True, capture_output=True)

    def test_large_blobs_go_in_parts(self) -> None:
        image = large_image(self.home.folder / "large")
        proxy = self.proxy()
        self.push(image, proxy.name)
        self.assertEqual(proxy.methods().count("PATCH"), 3)
        self.check_blobs(image)
        answer = self.succeed("pull", f"{self.registry.name}/{self.repository}:1", "-o", "out", "--format", "oci-dir")
        self.assertEqual(answer["digest"], digest_of(image))

    def test_blobs_of_another_repository_are_mounted(self) -> None:
        self.push(self.image)
        before = self.repository
        self.repository += "-other"
        answer = self.push(self.image, None, "--mount-from", f"{self.registry.name}/{before}")
        self.assertEqual(answer["blobs"], {"sent": 0, "mounted": 3, "there": 0, "bytes_sent": 0})
        self.repository += "-third"
        answer = self.push(self.image, None, "--mount-from", f"{self.registry.name}/no/such")
        self.assertEqual(answer["blobs"]["sent"], 3)
        self.check_blobs(self.image)

    def test_pull_keeps_digests_in_both_forms(self) -> None:
        self.push(self.image)
        name = f"{self.registry.name}/{self.repository}"
        for number, (form, reference) in enumerate([("oci-archive", f"{name}:1"), ("oci-dir", f"{name}:1"),
                                                    ("oci-archive", f"{name}@{digest_of(self.image)}")]):
            with self.subTest(form=form, reference=reference):
                out = f"out-{number}"
                answer = self.succeed("pull", reference, "-o", out, "--format", form)
                self.assertEqual(answer["digest"], digest_of(self.image))
                source = f"{'oci-archive' if form == 'oci-archive' else 'oci'}:{self.home.folder}/{out}"
                raw = subprocess.run(["skopeo", "inspect", "--raw", source], check=True, capture_output=True).stdout
                self.assertEqual("sha256:" + hashlib.sha256(raw).hexdigest(), digest_of(self.image))
        with tarfile.open(self.home.folder / "out-0") as archive:
            document = json.load(archive.extractfile("manifest.json"))
        self.assertEqual(document[0]["RepoTags"], [f"{name}:1"])
        self.assertFalse(list(self.home.folder.glob("*.partial")))

    def test_of_an_index_the_platform_is_chosen(self) -> None:
        self.push(self.image)
        descriptor = {"mediaType": MANIFEST, "digest": digest_of(self.image),
                      "size": (self.image / "blobs/sha256" / digest_of(self.image)[7:]).stat().st_size}
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {**descriptor, "platform": {"architecture": "amd64", "os": "linux"}}]}
        body = json.dumps(index).encode()
        self.assertEqual(self.registry.ask(f"/v2/{self.repository}/manifests/all", "PUT", body,
                                           Content_Type=index["mediaType"])[0], 201)
        name = f"{self.registry.name}/{self.repository}:all"
        answer = self.succeed("pull", name, "-o", "out.tar", "--platform", "linux-64")
        self.assertEqual(answer["digest"], digest_of(self.image))
        self.assertEqual(answer["named_digest"], "sha256:" + hashlib.sha256(body).hexdigest())
        self.fail_with(1, "pull", name, "-o", "arm.tar", "--platform", "linux-aarch64", said="no image for linux/arm64")
        self.fail_with(1, "pull", f"{self.registry.name}/{self.repository}:1", "-o", "arm.tar", "--platform",
                       "linux-aarch64", said="is for linux/amd64, not for linux/arm64")
        self.assertFalse((self.home.folder / "arm.tar").exists())

    def test_a_killed_pull_goes_on_with_what_it_has(self) -> None:
        self.push(self.image)
        never = threading.Event()
        self.addCleanup(never.set)
        held = threading.Event()
        last = layers_of(self.image)[1]["digest"]

        def hold(method: str, path: str, _: int) -> Hold | None:
            if method != "GET" or not path.endswith(last):
                return None
            held.set()
            return Hold(never, 10)

        proxy = self.proxy(hold)
        words = [PROGRAM, "image", "pull", f"{proxy.name}/{self.repository}:1", "-o", "out.tar", "--jobs", "1"]
        child = subprocess.Popen(words, cwd=self.home.folder, env=self.home.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertTrue(held.wait(60))
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.assertFalse((self.home.folder / "out.tar").exists())
        answer = self.succeed("pull", f"{self.registry.name}/{self.repository}:1", "-o", "out.tar", "--jobs", "1")
        self.assertGreaterEqual(answer["blobs"]["there"], 1)
        self.assertGreaterEqual(answer["blobs"]["fetched"], 1)
        self.assertEqual(answer["digest"], digest_of(self.image))

    def test_an_interrupted_push_leaves_no_tag(self) -> None:
        image = large_image(self.home.folder / "large")
        never = threading.Event()
        self.addCleanup(never.set)
        held = threading.Event()

        def hold(method: str, _path: str, _: int) -> Hold | None:
            if method == "PATCH":
                held.set()
                return Hold(never, 0)
            return None

        proxy = self.proxy(hold)
        child = subprocess.Popen([PROGRAM, "image", "push", str(image), f"{proxy.name}/{self.repository}:1"],
                                 env=self.home.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        self.assertTrue(held.wait(60))
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(30), 130)
        self.assertIsNone(self.tag())

    def test_a_bill_of_materials_is_found_by_the_fallback_tag(self) -> None:
        """Trap 23."""
        documents = {"cdx.json": ({"bomFormat": "CycloneDX", "specVersion": "1.6"}, "application/vnd.cyclonedx+json"),
                     "spdx.json": ({"spdxVersion": "SPDX-2.3"}, "application/spdx+json")}
        for name, (document, _) in documents.items():
            (self.home.folder / name).write_text(json.dumps(document))
        for _ in range(2):  # a second push lists nothing twice
            answer = self.push(self.image, None, "--sbom", "cdx.json", "--sbom", "spdx.json")
        self.assertEqual([one["listed_by"] for one in answer["attached"]], ["tag", "tag"])
        tag = "sha256-" + digest_of(self.image).removeprefix("sha256:")
        status, _, body = self.registry.ask(f"/v2/{self.repository}/manifests/{tag}",
                                            Accept="application/vnd.oci.image.index.v1+json")
        self.assertEqual(status, 200)
        listed = json.loads(body)["manifests"]
        self.assertEqual([entry["artifactType"] for entry in listed], [kind for _, kind in documents.values()])
        for entry, (document, kind) in zip(listed, documents.values()):
            _, _, text = self.registry.ask(f"/v2/{self.repository}/manifests/{entry['digest']}", Accept=MANIFEST)
            artifact = json.loads(text)
            self.assertEqual(artifact["subject"]["digest"], digest_of(self.image))
            self.assertEqual(artifact["layers"][0]["mediaType"], kind)
            _, _, sbom = self.registry.ask(f"/v2/{self.repository}/blobs/{artifact['layers'][0]['digest']}")
            self.assertEqual(json.loads(sbom), document)
        (self.home.folder / "other.json").write_text("{}")
        self.repository += "-bad"
        self.fail_with(1, "push", str(self.image), f"{self.registry.name}/{self.repository}:1", "--sbom", "other.json",
                       said="no bill of materials")
        self.assertIsNone(self.tag())


class Credentials(RegistryCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        place = FOLDER / cls.__name__
        cls.closed = Registry(place / "closed", htpasswd=True)
        cls.addClassCleanup(cls.closed.close)
        cls.tokens = servers.TokenServer(place / "tokens")
        cls.addClassCleanup(cls.tokens.close)
        cls.by_token = Registry(place / "by_token", tokens=cls.tokens)
        cls.addClassCleanup(cls.by_token.close)

    def test_passwords(self) -> None:
        name = f"{self.closed.name}/{self.repository}:1"
        self.fail_with(1, "push", str(self.image), name, said=f"no credentials.*podman login {self.closed.name}")
        self.home.credentials(self.closed.name, password="wrong")  # noqa: S106
        self.fail_with(1, "push", str(self.image), name, said="credentials are not accepted")
        self.home.credentials(self.closed.name)
        self.assertEqual(self.succeed("push", str(self.image), name)["digest"], digest_of(self.image))
        self.succeed("pull", name, "-o", "out.tar")

    def test_what_skopeo_wrote_is_read(self) -> None:
        file = self.home.folder / "auth.json"
        subprocess.run(["skopeo", "login", "--tls-verify=false", "--authfile", str(file), "-u", "me", "--password-stdin",
                        self.closed.name], input=PASSWORD, text=True, check=True, capture_output=True)
        self.succeed("push", str(self.image), f"{self.closed.name}/{self.repository}:1", REGISTRY_AUTH_FILE=str(file))
        self.fail_with(1, "push", str(self.image), f"{self.closed.name}/{self.repository}:2",
                       REGISTRY_AUTH_FILE="/no/such/file", said="REGISTRY_AUTH_FILE names /no/such/file")

    def test_helpers_are_asked(self) -> None:
        helper = self.home.folder / "bin/docker-credential-test"
        helper.parent.mkdir()
        helper.write_text("#!/bin/sh\nread server\n"
                          f"echo \"{{\\\"Username\\\": \\\"me\\\", \\\"Secret\\\": \\\"{PASSWORD}\\\"}}\"\n")
        helper.chmod(0o755)
        (self.home.folder / ".docker").mkdir()
        configuration = self.home.folder / ".docker/config.json"
        configuration.write_text(json.dumps({"credHelpers": {self.closed.name: "test"}}))
        self.succeed("push", str(self.image), f"{self.closed.name}/{self.repository}:1")
        configuration.write_text(json.dumps({"credsStore": "missing"}))
        self.fail_with(1, "push", str(self.image), f"{self.closed.name}/{self.repository}:2",
                       said="docker-credential-missing.*is not installed")

    def test_tokens(self) -> None:
        name = f"{self.by_token.name}/public/app"
        self.fail_with(1, "push", str(self.image), f"{name}:1", said="credentials")
        self.home.credentials(self.by_token.name)
        self.succeed("push", str(self.image), f"{name}:1")
        other = self.succeed("push", str(self.image), f"{self.by_token.name}/private/app:1", "--mount-from", name)
        self.assertEqual(other["blobs"]["mounted"], 3)
        self.home.credentials("elsewhere.example")
        self.succeed("pull", f"{name}:1", "-o", "public.tar")
        self.fail_with(1, "pull", f"{self.by_token.name}/private/app:1", "-o", "private.tar", said="credentials")

    def test_identity_tokens(self) -> None:
        place = self.home.folder / ".docker/config.json"
        place.parent.mkdir()
        place.write_text(json.dumps({"auths": {self.by_token.name: {"identitytoken": "id-s3cret"}}}))
        self.succeed("push", str(self.image), f"{self.by_token.name}/{self.repository}:1")
        self.assertIn("POST refresh_token", self.tokens.asked)

    def test_a_token_that_ends_in_the_middle_is_renewed(self) -> None:
        """Trap 21."""
        image = large_image(self.home.folder / "large")
        challenge = f'Bearer realm="{self.tokens.address}/token",service="registry"'

        def expired(method: str, _path: str, count: int) -> Answer | None:
            return Answer(401, {"www-authenticate": challenge}) if method == "PATCH" and count == 1 else None

        proxy = Proxy(self.by_token, expired)
        self.addCleanup(proxy.close)
        self.home.credentials(proxy.name)
        before = len(self.tokens.asked)
        self.succeed("push", str(image), f"{proxy.name}/{self.repository}:1")
        self.assertEqual(len(self.tokens.asked) - before, 2)
        self.assertEqual(proxy.methods().count("PATCH"), 4)

    def test_outside_loopback_it_is_https(self) -> None:
        try:
            host = next(info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
                        if not info[4][0].startswith("127."))
        except (StopIteration, OSError):
            host = ""
        if not host:
            self.registry_is_loopback_only()
            return
        tls = servers.Tls(self.home.folder / "tls", host)
        safe = Registry(self.home.folder / "safe", tls=tls, host=host)
        self.addCleanup(safe.close)
        name = f"{safe.name}/{self.repository}:1"
        self.fail_with(3, "push", str(self.image), name, said="certificate is not trusted")
        self.succeed("push", str(self.image), name, HPCENV_CA_BUNDLE=str(tls.certificate))
        plain = Registry(self.home.folder / "plain", host=host)
        self.addCleanup(plain.close)
        self.fail_with(3, "push", str(self.image), f"{plain.name}/{self.repository}:1", said="secure connection")
        self.succeed("push", str(self.image), f"{plain.name}/{self.repository}:1", "--plain-http")

    def registry_is_loopback_only(self) -> None:
        """A machine without any other address: https is asked for all the same, and nobody is there."""
        self.fail_with(3, "push", str(self.image), "registry.invalid/a:1", said="https://registry.invalid/")


def once(method: str, kind: str, fault: object, at: int = 0) -> object:
    """A fault of one request."""
    return lambda asked, path, count: fault if (asked == method and f"/{kind}/" in path and count == at) else None


def always(method: str, kind: str, fault: object) -> object:
    return lambda asked, path, _: fault if asked == method and f"/{kind}/" in path else None


class PushThroughFaults(RegistryCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.large = large_image(FOLDER / cls.__name__ / "large")

    def check_survived(self, image: Path, *rules: object) -> Proxy:
        proxy = self.proxy(*rules)
        self.push(image, proxy.name)
        self.assertEqual(self.tag(), digest_of(image))
        self.check_blobs(image)
        return proxy

    def check_refused(self, code: int, said: str, *rules: object, image: Path | None = None) -> None:
        proxy = self.proxy(*rules)
        self.fail_with(code, "push", str(image or self.image), f"{proxy.name}/{self.repository}:1", said=said)
        self.assertIsNone(self.tag())

    def test_stale_location(self) -> None:
        """Trap 21: the second part goes to the address of the first."""
        places: list[str] = []

        def stale(status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
            places.append(headers["location"])
            return status, {**headers, "location": places[0]}, body

        self.check_survived(self.large, once("POST", "uploads", Change(stale), at=0), once("PATCH", "uploads", Change(stale)))

    def test_answer_of_a_part_is_lost(self) -> None:
        self.check_survived(self.large, once("PATCH", "uploads", CutAnswer(None), at=1))

    def test_a_part_is_cut(self) -> None:
        proxy = self.check_survived(self.large, once("PATCH", "uploads", CutRequest(20 << 20), at=1))
        self.assertIn("GET", proxy.methods())

    def test_a_part_never_arrives(self) -> None:
        """Nothing of it came: the session goes on where it was."""
        proxy = self.check_survived(self.large, once("PATCH", "uploads", Answer(503), at=1))
        self.assertEqual(proxy.methods().count("PATCH"), 4)

    def test_put_is_done_but_its_answer_lost(self) -> None:
        """Trap 21: a second PUT would be a 404."""
        for image in (self.image, self.large):
            with self.subTest(image=image.name):
                self.repository += "x"
                proxy = self.check_survived(image, once("PUT", "uploads", CutAnswer(None)))
                self.assertLessEqual(proxy.methods().count("PATCH"), 3)

    def test_put_says_404(self) -> None:
        done = Change(lambda *_: (404, {}, b""))
        self.check_survived(self.image, once("PUT", "uploads", done))

    def test_mount_becomes_an_upload(self) -> None:
        """Trap 21: 202 in place of 201."""
        proxy = self.proxy()
        answer = self.push(self.image, proxy.name, "--mount-from", f"{proxy.name}/not/there")
        self.assertEqual(answer["blobs"]["sent"], 3)
        self.assertTrue(any("mount=" in line for line in proxy.lines))

    def test_the_registry_lies_about_its_range(self) -> None:
        for lie in ("0-99999999", "0-0", "5-7", "none"):
            with self.subTest(lie=lie):
                self.repository += "x"
                change = Change(lambda status, headers, body, lie=lie: (status, {**headers, "range": lie}, body))
                self.check_survived(self.large, once("PATCH", "uploads", change))
        self.repository += "x"
        change = Change(lambda status, headers, body: (status, {**headers, "range": "0-99999999"}, body))
        self.check_refused(3, "the registry says that it has", always("PATCH", "uploads", change), image=self.large)

    def test_more_is_stored_than_was_sent(self) -> None:
        """2.8 appends without a look at Content-Range: found by the range, or by the digest, and sent anew."""
        for at, hidden in ((1, False), (2, True)):
            with self.subTest(hidden=hidden):
                self.repository += "x"
                proxy = self.check_survived(self.large, once("PATCH", "uploads", Grown(b"twice" * 1000, hidden), at=at))
                self.assertEqual(proxy.methods().count("PATCH"), 3 + at + 1)

    def test_nothing_of_that_size(self) -> None:
        self.check_refused(1, "nothing of that size", always("PUT", "uploads", Answer(413, read=False)))
        self.check_refused(1, "nothing of that size.*1.0 MiB at once", always("PATCH", "uploads", Answer(413, read=False)),
                           image=self.large)

    def test_parts_become_as_small_as_they_must(self) -> None:
        proxy = self.check_survived(self.large, once("PATCH", "uploads", Answer(413, read=False)))
        self.assertGreater(proxy.methods().count("PATCH"), 4)

    def test_no_parts(self) -> None:
        proxy = self.check_survived(self.large, always("PATCH", "uploads", Answer(405)))
        self.assertEqual(proxy.methods().count("PATCH"), 1)

    def test_busy(self) -> None:
        started = time.monotonic()
        self.check_survived(self.image, once("HEAD", "blobs", Answer(429, {"retry-after": "1"})),
                            once("POST", "uploads", Answer(500)), once("PUT", "manifests", Answer(502)))
        self.assertGreater(time.monotonic() - started, 1)

    def test_errors_that_stay(self) -> None:
        cases = [("HEAD", "blobs", 500, 3, "fault of its own .status 500"), ("POST", "uploads", 429, 3, "too many requests"),
                 ("POST", "uploads", 403, 1, "access is denied"), ("POST", "uploads", 404, 1, "not there"),
                 ("PUT", "uploads", 500, 3, "status 500.*attempts"), ("PUT", "manifests", 400, 1, "refuses .status 400"),
                 ("PUT", "manifests", 500, 3, "status 500"), ("HEAD", "blobs", 401, 1, "wants credentials")]
        for method, kind, status, code, said in cases:
            with self.subTest(method=method, kind=kind, status=status):
                self.repository += "x"
                self.check_refused(code, said, always(method, kind, Answer(status)))

    def test_a_long_pause_is_not_waited_for(self) -> None:
        started = time.monotonic()
        self.check_refused(3, "asks to wait 3600 seconds", always("HEAD", "blobs", Answer(429, {"retry-after": "3600"})))
        self.assertLess(time.monotonic() - started, 30)

    def test_always_cut(self) -> None:
        self.check_refused(3, "cut before the end", always("PUT", "uploads", CutRequest(0)))
        self.check_refused(3, "cut before the end", always("PATCH", "uploads", CutRequest(1 << 20)), image=self.large)

    def test_nobody_is_there(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            name = f"127.0.0.1:{closed.getsockname()[1]}"
            self.fail_with(3, "push", str(self.image), f"{name}/a:1", said="cannot be reached")
        self.fail_with(1, "push", str(self.image), f"{self.registry.name}/a:1", HPCENV_OFFLINE="true", said="this is offline")

    def test_a_damaged_image_is_not_pushed(self) -> None:
        image = small_image(self.home.folder / "damaged")
        blob = image / "blobs/sha256" / layers_of(image)[0]["digest"].removeprefix("sha256:")
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
        self.check_refused(1, "DIGEST_INVALID", image=image)
        blob.unlink()
        self.check_refused(1, blob.name, image=image)

    def test_words_that_are_wrong(self) -> None:
        name = f"{self.registry.name}/{self.repository}:1"
        for words, code, said in [(["push", str(self.image)], 2, "an image and a name"),
                                  (["push", "no-such", name], 1, "no-such"),
                                  (["push", str(self.image), "Name"], 2, "no capitals"),
                                  (["push", str(self.image), name, "--mount-from", "quay.io/a"], 2, "another registry"),
                                  (["push", str(self.image), f"{name}@sha256:{'0' * 64}"], 1, "has the digest"),
                                  (["pull", name], 2, "-o OUT"), (["pull", name, "-o", "x", "--format", "zip"], 2, "not known"),
                                  (["pull", name, "-o", "x", "--platform", "win-64"], 1, "win-64")]:
            with self.subTest(words=words):
                self.fail_with(code, *words, said=said)


class PullThroughFaults(RegistryCase):
    def setUp(self) -> None:
        super().setUp()
        self.push(self.image)
        self.layer = layers_of(self.image)[0]

    def of_layer(self, fault: object, *, first_only: bool = True) -> object:
        seen: list[str] = []

        def rule(method: str, path: str, _: int) -> object:
            if method != "GET" or not path.endswith(self.layer["digest"]) or (first_only and seen):
                return None
            seen.append(path)
            return fault

        return rule

    def pull(self, *rules: object) -> tuple[Proxy, dict[str, object]]:
        proxy = self.proxy(*rules)
        answer = self.succeed("pull", f"{proxy.name}/{self.repository}:1", "-o", "out", "--format", "oci-dir")
        self.assertEqual(digest_of(self.home.folder / "out"), digest_of(self.image))
        for blob in (self.home.folder / "out/blobs/sha256").iterdir():
            self.assertEqual(hashlib.sha256(blob.read_bytes()).hexdigest(), blob.name)
        return proxy, answer

    def check_refused(self, code: int, said: str, *rules: object) -> None:
        proxy = self.proxy(*rules)
        self.fail_with(code, "pull", f"{proxy.name}/{self.repository}:1", "-o", "out.tar", said=said)
        self.assertFalse((self.home.folder / "out.tar").exists())

    def test_cut(self) -> None:
        half = int(self.layer["size"]) // 2
        proxy, _ = self.pull(self.of_layer(CutAnswer(half)))
        self.assertEqual(sum(line.endswith(str(self.layer["digest"])) for line in proxy.lines), 2)
        self.check_refused(3, "cut before the end.*attempts", self.of_layer(CutAnswer(0), first_only=False))

    def test_lying_ranges(self) -> None:
        half = int(self.layer["size"]) // 2

        def lie(status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
            if status == 206:
                headers = {**headers, "content-range": f"bytes 0-{len(body) - 1}/{self.layer['size']}"}
            return status, headers, body

        calls = iter([CutAnswer(half)])

        def rule(method: str, path: str, _: int) -> object:
            if method == "GET" and path.endswith(str(self.layer["digest"])):
                return next(calls, Change(lie))
            return None

        self.pull(rule)  # found by its head, and the whole is asked for
        calls = iter([CutAnswer(half)])
        shutil.rmtree(self.home.folder / "out")

        def silent(status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
            return status, headers, bytes([body[0] ^ 1]) + body[1:]

        lie = silent
        self.check_refused(1, f"cannot get {self.layer['digest']}.*what came is", rule)

    def test_other_bytes(self) -> None:
        self.check_refused(1, "what came is sha256", self.of_layer(Change(lambda s, h, b: (s, h, b[:-1] + b"x"))))
        more = Change(lambda s, h, b: (s, {**h, "content-length": str(len(b) + 1)}, b + b"x"))
        self.check_refused(1, "more came than", self.of_layer(more))
        other = Change(lambda s, h, b: (s, {**h, "content-length": str(len(b) + 1)}, b + b" "))
        self.check_refused(1, "the registry sent sha256:.* where", always("GET", "manifests", other))

    def test_errors_that_stay(self) -> None:
        for status, code, said in [(404, 1, "not there"), (403, 1, "denied"), (500, 3, "fault of its own"),
                                   (429, 3, "too many requests"), (401, 1, "wants credentials")]:
            with self.subTest(status=status):
                self.check_refused(code, said, always("GET", "manifests", Answer(status)))
                self.check_refused(code, said, self.of_layer(Answer(status), first_only=False))

    def test_errors_that_pass(self) -> None:
        _, answer = self.pull(self.of_layer(Answer(503)), once("GET", "manifests", Answer(429, {"retry-after": "1"})))
        self.assertEqual(answer["blobs"]["fetched"] + answer["blobs"]["there"], 3)

    def test_nothing_of_that_name(self) -> None:
        self.fail_with(1, "pull", f"{self.registry.name}/{self.repository}:other", "-o", "out.tar", said="MANIFEST_UNKNOWN")
        self.fail_with(1, "pull", f"{self.registry.name}/not/there:1", "-o", "out.tar", said="not there")

    def test_what_is_no_image(self) -> None:
        config = b"{}"
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        _, headers, _ = self.registry.ask(f"/v2/{self.repository}/blobs/uploads/", "POST")
        place = headers["location"].split(self.registry.name)[1]
        self.registry.ask(f"{place}&digest={digest}", "PUT", config)
        chart = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
                 "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest, "size": 2}}
        status, _, _ = self.registry.ask(f"/v2/{self.repository}/manifests/chart", "PUT", json.dumps(chart).encode(),
                                         Content_Type=MANIFEST)
        self.assertEqual(status, 201)
        self.fail_with(1, "pull", f"{self.registry.name}/{self.repository}:chart", "-o", "out.tar",
                       said="is no image of a container")


if __name__ == "__main__":
    missing = servers.missing_programs()
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}: ./bootstrap deps test")
    unittest.main()
