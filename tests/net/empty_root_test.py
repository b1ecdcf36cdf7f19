#!/usr/bin/env python3
"""The static program in a root folder that holds nothing of a system: a create over HTTPS, by a host's name.

Beside the program there are /proc, a bundle of authorities and a resolv.conf. The name server is one of this test's own, in a
network namespace where nothing else can be reached.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "cli")]

import tiny_channel  # noqa: E402

HOST = "channel.test"
INSIDE = "HPCENV_TEST_INSIDE_NAMESPACE"


class NameServer:
    """Answers for one name, over UDP; says that any other does not exist. `asked` holds what it was asked for."""

    def __init__(self, host: str, address: str) -> None:
        self.asked: list[str] = []
        self._host, self._address = host, address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, (kind,) = ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])
        self.asked.append(name)
        question = query[12:at + 5]
        known = name == self._host
        answers = known and kind == 1
        head = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, int(answers), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(self._address)
        return head + question + (record if answers else b"")


class EmptyRoot(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        cls.folder = Path(tempfile.mkdtemp(prefix="hpcenv-empty-root-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.names = NameServer(HOST, "127.0.0.1")
        tiny_channel.make(str(cls.folder / "tls/site/tiny"))
        server = subprocess.Popen([sys.executable, "-B", TESTS / "fake/tls_site.py", cls.folder / "tls", HOST],
                                  stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        cls.addClassCleanup(server.stdout.close)
        cls.port = server.stdout.readline().strip().rsplit(":", 1)[1]

    def setUp(self) -> None:
        self.root = Path(tempfile.mkdtemp(dir=self.folder))
        for folder in ("proc", "etc/ssl/certs"):
            (self.root / folder).mkdir(parents=True)
        shutil.copy(self.folder / "tls/ca.pem", self.root / "etc/ssl/certs/ca-certificates.crt")
        (self.root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        shutil.copy(os.environ["HPCENV_RELEASE_PROGRAM"], self.root / "hpcenv")
        subprocess.run(["mount", "-t", "proc", "proc", self.root / "proc"], check=True)
        self.addCleanup(subprocess.run, ["umount", self.root / "proc"], check=True)

    def run_inside(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/home/nobody"}
        return subprocess.run(["/usr/sbin/chroot", self.root, "/hpcenv", *words], env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)

    def create(self, host: str) -> subprocess.CompletedProcess[str]:
        return self.run_inside("create", "-p", "/env", "--override-channels", "-c", f"https://{host}:{self.port}/tiny", "-y",
                               "hello", "--json")

    def test_a_create_over_https(self) -> None:
        made = self.create(HOST)
        self.assertEqual(made.returncode, 0, made.stderr + made.stdout)
        self.assertTrue(json.loads(made.stdout)["success"])
        self.assertIn(HOST, self.names.asked)
        self.assertIn("hello from /env with", (self.root / "env/bin/hello").read_text())
        listed = self.run_inside("list", "-p", "/env", "--json")
        self.assertEqual([one["name"] for one in json.loads(listed.stdout)["packages"]], ["greeter", "hello"])
        self.assertEqual(sorted(path.name for path in self.root.iterdir()), ["env", "etc", "home", "hpcenv", "proc"])

    def test_a_name_that_does_not_exist(self) -> None:
        made = self.create("nowhere.test")
        self.assertEqual(made.returncode, 3, made.stderr)
        self.assertIn("nowhere.test", json.loads(made.stdout)["error"]["message"])
        self.assertFalse((self.root / "env").exists())

    def test_without_authorities_nothing_is_trusted(self) -> None:
        (self.root / "etc/ssl/certs/ca-certificates.crt").unlink()
        made = self.create(HOST)
        self.assertEqual(made.returncode, 3, made.stderr)
        self.assertIn("certificate", made.stderr + made.stdout)
        self.assertFalse((self.root / "env").exists())


def skip(reason: str) -> int:
    print(f"SKIP: {reason}")
    return 77


def main() -> int:
    if not Path(os.environ.get("HPCENV_RELEASE_PROGRAM", "/nonexistent")).is_file():
        return skip("there is no release program")
    if os.geteuid() != 0:
        return skip("no root: an empty root folder cannot be entered")
    if os.environ.get(INSIDE):
        return 0 if unittest.main(exit=False).result.wasSuccessful() else 1
    namespaces = ["unshare", "--mount", "--net"]
    if subprocess.run([*namespaces, "true"], capture_output=True, check=False).returncode != 0:
        return skip("no mount namespace")
    return subprocess.run([*namespaces, sys.executable, "-B", *sys.argv], env={**os.environ, INSIDE: "1"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
