#!/usr/bin/env python3
"""The loopback server's own test: what it answers, and that each fault is the fault that it is called."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fake"))

from http_server import FAULTS, FileServer

CONTENT = bytes(range(256)) * 40


class ServerTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "root"
        self.root.mkdir()
        (self.root / "file.bin").write_bytes(CONTENT)
        (Path(folder.name) / "secret").write_bytes(b"secret")
        self.log = Path(folder.name) / "log"
        self.server = FileServer(self.root, log=self.log)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(*self.server.server_address, timeout=5)
        self.addCleanup(connection.close)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()

    def status(self, path: str, **headers: str) -> int:
        return self.ask(path, **headers)[0].status

    def test_whole_files_ranges_and_heads(self) -> None:
        answer, body = self.ask("/file.bin")
        self.assertEqual((answer.status, body), (200, CONTENT))
        answer, body = self.ask("/file.bin", Range="bytes=10-19")
        self.assertEqual((answer.status, body), (206, CONTENT[10:20]))
        self.assertEqual(answer.headers["Content-Range"], f"bytes 10-19/{len(CONTENT)}")
        self.assertEqual(self.ask("/file.bin", Range="bytes=-5")[1], CONTENT[-5:])
        self.assertEqual(self.status("/file.bin", Range=f"bytes={len(CONTENT)}-"), 416)
        answer, body = self.ask("/file.bin", method="HEAD")
        self.assertEqual((answer.headers["Content-Length"], body), (str(len(CONTENT)), b""))

    def test_unchanged_files_are_not_sent_again(self) -> None:
        answer, _ = self.ask("/file.bin")
        self.assertEqual(self.status("/file.bin", If_None_Match=answer.headers["ETag"]), 304)
        self.assertEqual(self.status("/file.bin", If_None_Match='"other"'), 200)
        self.assertEqual(self.status("/file.bin", If_Modified_Since=answer.headers["Last-Modified"]), 304)

    def test_nothing_outside_the_root(self) -> None:
        self.assertEqual(self.status("/../secret"), 404)
        self.assertEqual(self.status("/absent"), 404)

    def test_faults(self) -> None:
        for path in ("/~truncate/file.bin", "/~wrong-length/file.bin", "/~cut-once/file.bin"):
            with self.assertRaises(http.client.IncompleteRead, msg=path):
                self.ask(path)
        self.assertEqual(self.ask("/~cut-once/file.bin")[1], CONTENT)
        self.assertEqual([self.status("/~once=500/file.bin") for _ in range(2)], [500, 200])
        self.assertEqual(self.status("/~status=503/file.bin"), 503)
        corrupt = self.ask("/~corrupt/file.bin")[1]
        self.assertEqual(sum(a != b for a, b in zip(corrupt, CONTENT, strict=True)), 1)
        self.assertEqual(self.ask("/~redirect/file.bin")[0].headers["Location"], "/file.bin")
        self.assertEqual(self.status("/~no-range/file.bin", Range="bytes=1-2"), 200)
        self.assertEqual(self.status("/~private=word/file.bin"), 401)
        self.assertEqual(self.status("/~private=word/file.bin", Authorization="Bearer word"), 200)

    def test_a_fault_that_does_not_exist_is_said(self) -> None:
        self.assertNotIn("typo", FAULTS)
        self.assertEqual(self.status("/~typo/file.bin"), 501)

    def test_clients_that_hang_up_are_no_news(self) -> None:
        (self.root / "large.bin").write_bytes(bytes(20_000_000))
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            for path in ("/large.bin", "/~slow=1000/large.bin", "/file.bin"):
                with socket.create_connection(self.server.server_address) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    client.recv(100)
            self.assertEqual(self.status("/file.bin"), 200)
            time.sleep(0.3)
        self.assertEqual(said.getvalue(), "")

    def test_each_request_is_logged(self) -> None:
        self.ask("/file.bin", Range="bytes=0-9")
        self.ask("/absent")
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        self.assertEqual([(one["path"], one["status"], one["bytes"]) for one in entries],
                         [("/file.bin", 206, 10), ("/absent", 404, 4)])


if __name__ == "__main__":
    unittest.main()
