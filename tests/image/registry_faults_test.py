#!/usr/bin/env python3
"""Push and pull through a proxy that has every fault that registries and what lies before them have: what can be survived
is, and else nothing stands under the tag or the file's name. Numbers are those of the traps of issue 10."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import time
from pathlib import Path

from registry_case import FOLDER, MANIFEST, RegistryCase, digest_of, large_image, layers_of, main, small_image
from registry_servers import Answer, Change, CutAnswer, CutRequest, Grown, Proxy, Slow


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

    def test_trap_21_stale_location(self) -> None:
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

    def test_trap_21_put_is_done_but_its_answer_lost(self) -> None:
        """Trap 21: a second PUT would be a 404."""
        for image in (self.image, self.large):
            with self.subTest(image=image.name):
                self.repository += "x"
                proxy = self.check_survived(image, once("PUT", "uploads", CutAnswer(None)))
                self.assertLessEqual(proxy.methods().count("PATCH"), 3)

    def test_put_says_404(self) -> None:
        done = Change(lambda *_: (404, {}, b""))
        self.check_survived(self.image, once("PUT", "uploads", done))

    def test_trap_21_mount_becomes_an_upload(self) -> None:
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

    def test_a_registry_that_stores_slowly(self) -> None:
        """It is silent for longer than others may be; nothing is sent twice."""
        proxy = self.proxy(once("PATCH", "uploads", Slow(2)), always("PUT", "uploads", Slow(2)))
        self.push(self.large, proxy.name, HPCENV_REMOTE_READ_TIMEOUT_SECS="1")
        self.assertEqual((proxy.methods().count("PATCH"), proxy.methods().count("PUT")), (3, 3))
        self.check_blobs(self.large)

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
    main()
