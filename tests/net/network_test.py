#!/usr/bin/env python3
"""One create after the other over real servers: HTTPS and HTTP/2 with an authority of one's own, redirects, every fault that
a server or a proxy has, no network at all. Each failure is checked for message, exit code, and for what is left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import backports.zstd as zstd

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "fake"), str(TESTS / "cli"), str(TESTS / "tools")]

import tiny_channel  # noqa: E402
from http_server import FileServer  # noqa: E402
from skipping import skip  # noqa: E402

FOLDER = Path(tempfile.mkdtemp(prefix="hpcenv-net-"))
NOISE = "".join(f"{number * 2654435761 % 4294967296:08x}" for number in range(40_000))


def program() -> str:
    """The hpcenv to test: the static one where there is one."""
    names = ("HPCENV_BIN", "HPCENV_RELEASE_PROGRAM", "HPCENV_PROGRAM")
    return next(os.environ[name] for name in names if os.path.isfile(os.environ.get(name, "")))


PROGRAM = program()


def tree(folder: Path) -> dict[str, bytes | str]:
    """All below a folder: files with their content, links with their target."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
    return found


@dataclass
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Home:
    """A home of its own, so that creates can run side by side."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=FOLDER))
        self.root = self.folder / "root"
        self.prefix = self.root / "envs/e"
        self.variables = {"HOME": str(self.folder), "HPCENV_ROOT": str(self.root), "PATH": "/usr/bin:/bin", "LC_ALL": "C",
                          "CONDA_OVERRIDE_CUDA": "", "ASAN_OPTIONS": "detect_leaks=0"}

    def run(self, *words: str, before: tuple[str, ...] = (), **more: str) -> Answer:
        done = subprocess.run([*before, PROGRAM, *words], env={**self.variables, **more}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    def create(self, channel: str, *words: str, before: tuple[str, ...] = (), **more: str) -> Answer:
        return self.run("create", "-n", "e", "-y", "--override-channels", "-c", channel, *(words or ("hello",)),
                        before=before, **more)

    def forget_packages(self) -> None:
        """Leaves the index, so that only packages are fetched."""
        shutil.rmtree(self.root / "pkgs", ignore_errors=True)
        shutil.rmtree(self.root / "envs", ignore_errors=True)


class NetworkCase(unittest.TestCase):
    def assert_created(self, home: Home, answer: Answer) -> None:
        self.assertEqual(answer.code, 0, answer)
        self.assertTrue((home.prefix / "bin/hello").is_file(), answer)

    def assert_refused(self, home: Home, answer: Answer, code: int, *said: str, before: dict | None = None) -> None:
        self.assertEqual(answer.code, code, answer)
        self.assertRegex(answer.err, re.compile("^error: ", re.MULTILINE), answer)
        self.assertRegex(answer.err, re.compile("^hint: ", re.MULTILINE), answer)
        for text in said:
            self.assertRegex(answer.err, text, answer)
        self.assertNotIn("s3cret", answer.err + answer.out)
        self.assertFalse(home.prefix.exists(), answer)
        left = {name: what for name, what in tree(home.root).items() if what != "folder" and name != "pkgs/urls.txt"}
        self.assertEqual(sorted(left), sorted(before or {}), answer)


def files_of(home: Home) -> dict[str, bytes | str]:
    """What a refused command must leave as it is; the state files beside the index say when it was asked for."""
    return {name: what for name, what in tree(home.root).items() if what != "folder" and name != "pkgs/urls.txt"}


class Tls(NetworkCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.root = FOLDER / "tls"
        tiny_channel.make(str(cls.root / "site/tiny"))
        cls.server = subprocess.Popen([sys.executable, "-B", TESTS / "fake/tls_site.py", cls.root], stdout=subprocess.PIPE,
                                      text=True)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        cls.address = cls.server.stdout.readline().strip()
        cls.addClassCleanup(cls.server.stdout.close)
        cls.trust = {"HPCENV_CA_BUNDLE": str(cls.root / "ca.pem")}

    def setUp(self) -> None:
        self.before = len((self.root / "access.log").read_text().splitlines())

    def log(self, wanted: int) -> list[str]:
        """The lines of this test that are of archives; nginx writes them after its answers."""
        for _ in range(200):
            lines = (self.root / "access.log").read_text().splitlines()[self.before:]
            lines = [line for line in lines if ".tar.bz2 " in line]
            if len(lines) >= wanted:
                break
            time.sleep(0.02)
        return lines

    def test_http_2_with_an_authority_of_ones_own(self) -> None:
        home = Home()
        self.assert_created(home, home.create(f"{self.address}/tiny", **self.trust))
        fetched = self.log(2)
        self.assertEqual(len(fetched), 2, fetched)
        for line in fetched:
            self.assertTrue(line.startswith("HTTP/2.0 200 "), line)

    def test_a_redirect_to_another_host_takes_no_credentials_along(self) -> None:
        home = Home()
        address = self.address.replace("https://", "https://user:s3cret@")
        answer = home.create(f"{address}/private/tiny", **self.trust)
        self.assert_created(home, answer)
        lines = self.log(4)
        first = [line for line in lines if " 127.0.0.1 " in line]
        second = [line for line in lines if " 127.0.0.2 " in line]
        self.assertEqual((len(first), len(second)), (2, 2), lines)
        for line in lines:
            self.assertTrue(line.startswith("HTTP/2.0 "), line)
        for line in first:
            self.assertIn('"Basic ', line)
        for line in second:
            self.assertTrue(line.endswith('"-"'), line)
        for name, content in tree(home.folder).items():
            if isinstance(content, bytes):
                self.assertNotIn(b"s3cret", content, name)
        self.assertNotIn("s3cret", answer.out + answer.err)

    def test_without_credentials(self) -> None:
        home = Home()
        self.assert_refused(home, home.create(f"{self.address}/private/tiny", **self.trust), 1, "wants credentials", "401")

    def test_a_certificate_that_nobody_vouches_for(self) -> None:
        for bundle in ("other-ca.pem", None):
            home = Home()
            trust = {"HPCENV_CA_BUNDLE": str(self.root / bundle)} if bundle else {}
            answer = home.create(f"{self.address}/tiny", **trust)
            self.assert_refused(home, answer, 3, "certificate is not trusted", "HPCENV_CA_BUNDLE")

    def test_a_bundle_that_is_not_there(self) -> None:
        home = Home()
        answer = home.create(f"{self.address}/tiny", SSL_CERT_FILE="/nonexistent/ca.pem")
        self.assert_refused(home, answer, 1, "SSL_CERT_FILE names /nonexistent/ca.pem")

    def test_a_host_whose_openssl_wants_a_provider_that_is_missing(self) -> None:
        configuration = FOLDER / "openssl.cnf"
        configuration.write_text("config_diagnostics = 1\nopenssl_conf = init\n[init]\nproviders = list\n"
                                 "alg_section = algorithms\n[list]\nfips = fips_section\n[fips_section]\n"
                                 "module = /nowhere/fips.so\nactivate = 1\n[algorithms]\ndefault_properties = fips=yes\n")
        home = Home()
        answer = home.create(f"{self.address}/tiny", OPENSSL_CONF=str(configuration), **self.trust)
        self.assert_created(home, answer)


class Faults(NetworkCase):
    """http_server.py makes the trouble: for the index, or by base_url (CEP 15) for the packages alone."""

    # fault, what the index's failure gives, what a package's failure gives: exit code and words; None: it succeeds.
    CASES = [
        ("status=401", (1, "wants credentials", "401"), (1, "wants credentials", "401")),
        ("status=403", (1, "refuses access", "403"), (1, "refuses access", "403")),
        ("status=404", (1, "no such channel"), (1, "not there", "404")),
        ("status=407", (1, "proxy wants credentials"), (1, "proxy wants credentials")),
        ("status=410", (1, "no such channel"), (1, "gone for good", "410")),
        ("status=418", (3, "unexpected status 418"), (3, "unexpected status 418")),
        ("status=429", (3, "too many requests", "4 attempts"), (3, "too many requests", "4 attempts")),
        ("status=500", (3, "fault of its own, status 500", "4 attempts"), (3, "status 500", "4 attempts")),
        ("status=503", (3, "status 503", "4 attempts"), (3, "status 503", "4 attempts")),
        ("once=429", None, None),
        ("once=503", None, None),
        ("truncate=100", (3, "cut before the end", "4 attempts"), (3, "cut before the end", "4 attempts")),
        ("wrong-length", (3, "cut before the end", "announces more than"), (1, "wrong size")),
        ("cut-once", None, None),
        ("no-range", None, None),
        ("slow=100000", None, None),
        ("redirect", None, None),
        ("corrupt", (1, r"repodata\.json\.zst"), (1, "wrong sha256", "channel's index says")),
    ]

    @classmethod
    def setUpClass(cls) -> None:
        cls.root = FOLDER / "faults"
        cls.site(cls.root / "tiny", "")
        for number, (fault, _, _) in enumerate(cls.CASES):
            cls.site(cls.root / f"based{number}", f"../../~{fault}/tiny/linux-64")
        cls.server = FileServer(cls.root, log=FOLDER / "faults.log")
        threading.Thread(target=cls.server.serve_forever, args=(0.05,), daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)

    @staticmethod
    def site(channel: Path, base_url: str) -> None:
        """One big package, so that a cut comes in its middle, and one small one that is sound whatever the other is."""
        noise = {"bin/hello": ("#!/bin/sh\necho hello\n", 0o755), "share/noise": (NOISE, 0o644)}
        tiny_channel.write_repodata(channel, [tiny_channel.add_package(channel, "hello", "1.0", files=noise)])
        repodata = channel / "linux-64/repodata.json"
        text = json.loads(repodata.read_text())
        if base_url:
            text["info"]["base_url"] = base_url
        # As large as a real one: a cut or a changed byte hits what counts.
        text["packages"].update({f"filler{number}-1.0-0.tar.bz2": {"name": f"filler{number}", "version": "1.0", "build": "0",
                                                                   "depends": []} for number in range(400)})
        repodata.with_suffix(".json.zst").write_bytes(zstd.compress(
            json.dumps(text).encode(), options={zstd.CompressionParameter.checksum_flag: 1}))

    def check(self, home: Home, answer: Answer, wanted: tuple | None, before: dict | None = None) -> None:
        if wanted is None:
            self.assert_created(home, answer)
        else:
            self.assert_refused(home, answer, *wanted, before=before)

    def test_each_fault_of_the_index(self) -> None:
        def attempt(case: tuple) -> tuple:
            home = Home()
            return case, home, home.create(f"{self.server.address}/~{case[0]}/tiny")

        with ThreadPoolExecutor(max_workers=6) as pool:
            for (fault, wanted, _), home, answer in pool.map(attempt, self.CASES):
                with self.subTest(fault=fault):
                    self.check(home, answer, wanted)

    def test_each_fault_of_a_package(self) -> None:
        def attempt(numbered: tuple) -> tuple:
            number, case = numbered
            home = Home()
            channel = f"{self.server.address}/based{number}"
            home.create(channel, "--dry-run")
            before = files_of(home)
            return case, home, before, home.create(channel)

        with ThreadPoolExecutor(max_workers=6) as pool:
            for (fault, _, wanted), home, before, answer in pool.map(attempt, enumerate(self.CASES)):
                with self.subTest(fault=fault):
                    self.check(home, answer, wanted, before)

    def test_a_cut_is_resumed_where_it_was(self) -> None:
        lines = [json.loads(line) for line in (FOLDER / "faults.log").read_text().splitlines()]
        home = Home()
        channel = self.root / "resumed"
        self.site(channel, "../../~cut-once/resumed/linux-64")
        self.assert_created(home, home.create(f"{self.server.address}/resumed"))
        asked = [json.loads(line) for line in (FOLDER / "faults.log").read_text().splitlines()][len(lines):]
        archives = [line for line in asked if line["path"].endswith("hello-1.0-0.tar.bz2")]
        self.assertEqual([line["status"] for line in archives], [200, 206], archives)
        self.assertEqual(archives[1]["range"], f"bytes={archives[0]['bytes']}-")


class Offline(NetworkCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.root = FOLDER / "offline"
        tiny_channel.make(str(cls.root / "tiny"))
        cls.server = FileServer(cls.root, log=FOLDER / "offline.log")
        threading.Thread(target=cls.server.serve_forever, args=(0.05,), daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)
        cls.channel = f"{cls.server.address}/tiny"

    def requests(self) -> int:
        return len((FOLDER / "offline.log").read_text().splitlines())

    def test_with_warm_caches_no_socket_is_opened(self) -> None:
        if shutil.which("strace") is None:
            skip("strace is missing")
        home = Home()
        self.assert_created(home, home.create(self.channel))
        shutil.rmtree(home.prefix)
        trace = home.folder / "trace"
        answer = home.create(self.channel, "--offline", "hello",
                             before=("strace", "-f", "-qq", "-e", "trace=socket,socketpair,connect,execve", "-o", str(trace)))
        self.assert_created(home, answer)
        calls = trace.read_text()
        self.assertIn("execve(", calls)
        self.assertNotRegex(calls, r"\b(socket|socketpair|connect)\(")

    def test_nothing_was_ever_fetched(self) -> None:
        home = Home()
        before = self.requests()
        answer = home.create(self.channel, "--offline", "hello")
        self.assert_refused(home, answer, 1, "was never fetched, and this is offline", "without --offline")
        self.assertEqual(self.requests(), before)

    def test_packages_are_not_there(self) -> None:
        home = Home()
        self.assertEqual(home.create(self.channel, "--dry-run", "hello").code, 0)
        left, before = files_of(home), self.requests()
        answer = home.create(self.channel, "--offline", "hello")
        self.assert_refused(home, answer, 1, r"offline, and 2 packages are not in the package cache: greeter-2\.0-0\.tar\.bz2, "
                            r"hello-1\.0-0\.tar\.bz2", "without --offline", before=left)
        self.assertEqual(self.requests(), before)

    def test_a_folder_as_channel_needs_no_network(self) -> None:
        home = Home()
        self.assert_created(home, home.create((self.root / "tiny").as_uri(), "--offline", "hello"))


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
