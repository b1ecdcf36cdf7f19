#!/usr/bin/env python3
"""Push and pull against a real registry, with skopeo and umoci as judges. Numbers are those of the traps of issue 10."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import registry_servers as servers  # noqa: E402
from registry_case import (  # noqa: E402
    FOLDER, MANIFEST, PROGRAM, RegistryCase, digest_of, large_image, layers_of, main, small_image)
from registry_servers import PASSWORD, Answer, Hold, Proxy, Registry  # noqa: E402
from skipping import skip  # noqa: E402
from small_images import LAYER, Entry, Layout, tar  # noqa: E402


DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def zstd_frame(data: bytes) -> bytes:
    """One zstd frame whose blocks are stored as they are."""
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    size = 1 << 17
    for start in range(0, len(data), size):
        piece = data[start:start + size]
        last = start + size >= len(data)
        frame += (int(last) | len(piece) << 3).to_bytes(3, "little") + piece
    return frame


def manifest_of(source: str) -> str:
    """The digest of the manifest that skopeo finds."""
    raw = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false", source], check=True, capture_output=True).stdout
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def outer_address() -> str:
    """Of this machine, as others see it; empty where it has only loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return ""
        address = probe.getsockname()[0]
    return "" if address.startswith("127.") else address


class PushAndPull(RegistryCase):
    def test_trap_21_second_push_sends_no_blob(self) -> None:
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

    def test_trap_22_zstd_and_plain_layers_keep_the_manifest(self) -> None:
        """Trap 22."""
        layout = Layout(self.home.folder / "image")
        data = tar([Entry("opt/a", b"a" * 300_000)])
        layout.add_packed(zstd_frame(data), hashlib.sha256(data).hexdigest(), f"{LAYER}+zstd")
        layout.add([Entry("opt/b", b"b")], compression="none")
        layout.add([Entry("opt/c", b"c")])
        image = layout.finish()
        self.assertEqual(self.push(image)["digest"], digest_of(image))
        self.assertEqual(manifest_of(f"docker://{self.registry.name}/{self.repository}:1"), digest_of(image))

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

    def test_images_for_another_machine(self) -> None:
        """The only one is pushed, whatever it is for; of several the one for --platform."""
        images = {}
        for machine in ("arm64", "amd64"):
            layout = Layout(self.home.folder / machine)
            layout.add([Entry("opt/machine", machine.encode())])
            images[machine] = layout.finish(architecture=machine)
        name = f"{self.registry.name}/{self.repository}:1"
        self.assertEqual(self.succeed("push", str(images["arm64"]), name)["digest"], digest_of(images["arm64"]))
        self.fail_with(1, "push", str(images["arm64"]), name, "--platform", "linux-64", said="is for linux/arm64")
        both = self.home.folder / "both"
        shutil.copytree(images["arm64"], both)
        shutil.copytree(images["amd64"], both, dirs_exist_ok=True)
        entries = [{**json.loads((image / "index.json").read_text())["manifests"][0],
                    "platform": {"architecture": machine, "os": "linux"}} for machine, image in images.items()]
        (both / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        for subdir, machine in (("linux-64", "amd64"), ("linux-aarch64", "arm64")):
            answer = self.succeed("push", str(both), name, "--platform", subdir)
            self.assertEqual(answer["digest"], digest_of(images[machine]))
        self.fail_with(1, "push", str(both), name, "--platform", "linux-ppc64le", said="no image for linux/ppc64le")

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
                self.assertEqual(manifest_of(source), digest_of(self.image))
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

    def test_killed_wherever_it_changes_the_disk(self) -> None:
        """Each time the name is not there or stands for the whole image, and the next pull ends well."""
        self.push(self.image)
        words = ("pull", f"{self.registry.name}/{self.repository}:1", "--jobs", "1", "--format")
        for form, skopeo in (("oci-archive", "oci-archive"), ("oci-dir", "oci")):
            out = self.home.folder / form
            for point in range(1, 200):
                done = self.home.run(*words, form, "-o", str(out), HPCENV_FAULT_KILL=str(point))
                if done.returncode == 0:
                    break
                self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                if out.exists():
                    self.assertEqual(manifest_of(f"{skopeo}:{out}"), digest_of(self.image))
                self.succeed(*words, form, "-o", str(out))
                self.assertEqual(manifest_of(f"{skopeo}:{out}"), digest_of(self.image))
                self.assertFalse(list(self.home.folder.glob("*.partial")))
                shutil.rmtree(out) if out.is_dir() else out.unlink()
            if point == 1:
                skip("no fault points in this build")
            self.assertGreater(point, 10)

    def test_a_directory_is_added_to(self) -> None:
        self.push(self.image)
        words = ("pull", f"{self.registry.name}/{self.repository}:1", "-o", "out", "--format", "oci-dir")
        self.assertEqual(self.succeed(*words)["blobs"]["fetched"], 3)
        self.assertEqual(self.succeed(*words)["blobs"], {"fetched": 0, "there": 3, "bytes_fetched": 0})
        self.repository += "-two"
        other = small_image(self.home.folder / "other", "two")
        self.push(other)
        self.succeed("pull", f"{self.registry.name}/{self.repository}:1", "-o", "out", "--format", "oci-dir")
        self.assertEqual(digest_of(self.home.folder / "out"), digest_of(other))
        self.assertEqual(len(list((self.home.folder / "out/blobs/sha256").iterdir())), 4)

    def test_docker_manifests_keep_their_digest(self) -> None:
        name = f"{self.registry.name}/{self.repository}:1"
        subprocess.run(["skopeo", "copy", "--format", "v2s2", "--dest-tls-verify=false", f"oci:{self.image}:x",
                        f"docker://{name}"], check=True, capture_output=True)
        status, headers, _ = self.registry.ask(f"/v2/{self.repository}/manifests/1", "HEAD", Accept=DOCKER_MANIFEST)
        self.assertEqual(status, 200)
        answer = self.succeed("pull", name, "-o", "out.tar")
        self.assertEqual(answer["digest"], headers["docker-content-digest"])
        self.assertEqual(manifest_of(f"oci-archive:{self.home.folder}/out.tar"), answer["digest"])
        self.repository += "-again"
        self.assertEqual(self.push(self.home.folder / "out.tar")["digest"], answer["digest"])
        self.assertEqual(self.registry.ask(f"/v2/{self.repository}/manifests/1", "HEAD", Accept=DOCKER_MANIFEST)[0], 200)

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

    def test_a_disk_that_fills_up(self) -> None:
        self.push(large_image(self.home.folder / "large"))
        small = self.home.folder / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], capture_output=True,
                          check=False).returncode != 0:
            skip("no right to mount a file system")
        self.addCleanup(subprocess.run, ["umount", str(small)], check=True)
        self.fail_with(3, "pull", f"{self.registry.name}/{self.repository}:1", "-o", "small/out.tar", said="No space left")
        self.assertEqual([path.name for path in small.iterdir()], ["out.tar.partial"])

    def test_trap_23_a_bill_of_materials_is_found_by_the_fallback_tag(self) -> None:
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

    def test_what_the_reference_page_says_to_write(self) -> None:
        page = (Path(__file__).resolve().parents[2] / "docs/reference/registries.md").read_text()
        lines = page.partition("```sh\n")[2].partition("```")[0]
        for said, meant in (("registry.example.org", self.closed.name), ("USER:TOKEN", f"me:{PASSWORD}")):
            self.assertIn(said, lines)
            lines = lines.replace(said, meant)
        subprocess.run(["sh", "-eu", "-c", lines], env=self.home.environment, check=True)
        self.assertEqual((self.home.folder / ".config/containers/auth.json").stat().st_mode & 0o777, 0o600)
        self.succeed("push", str(self.image), f"{self.closed.name}/{self.repository}:1")

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

    def test_trap_21_a_token_that_ends_in_the_middle_is_renewed(self) -> None:
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
        host = outer_address()
        if not host:
            self.registry_is_loopback_only()
            return
        tls = servers.Tls(self.home.folder / "tls", host)
        safe = Registry(self.home.folder / "safe", tls=tls, host=host)
        self.addCleanup(safe.close)
        name = f"{safe.name}/{self.repository}:1"
        self.fail_with(3, "push", str(self.image), name, said="certificate is not trusted")
        # Over HTTP/2, several blobs and parts at once.
        for image in (self.image, large_image(self.home.folder / "large")):
            self.succeed("push", str(image), name, HPCENV_CA_BUNDLE=str(tls.certificate))
            answer = self.succeed("pull", name, "-o", image.name + ".tar", HPCENV_CA_BUNDLE=str(tls.certificate))
            self.assertEqual(answer["digest"], digest_of(image))
        plain = Registry(self.home.folder / "plain", host=host)
        self.addCleanup(plain.close)
        self.fail_with(3, "push", str(self.image), f"{plain.name}/{self.repository}:1", said="secure connection")
        self.succeed("push", str(self.image), f"{plain.name}/{self.repository}:1", "--plain-http")

    def registry_is_loopback_only(self) -> None:
        """A machine without any other address: https is asked for all the same, and nobody is there."""
        self.fail_with(3, "push", str(self.image), "registry.invalid/a:1", said="https://registry.invalid/")


if __name__ == "__main__":
    main()
