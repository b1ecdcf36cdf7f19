#!/usr/bin/env python3
"""A server on loopback that says what it was asked, and answers badly where the path tells it to. Prints its address."""

from __future__ import annotations

import json
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, announced: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(announced or len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = self.close_connection or announced is not None

    def _hang_up(self) -> None:
        """With a reset, so that what the client still sends fails."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def handle_expect_100(self) -> bool:
        if self.path == "/too-large":
            self._send(413, b"too much")
            return False
        return super().handle_expect_100()

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/too-large-unread":
            self.wfile.write(b"HTTP/1.1 413 no\r\nContent-Length: 0\r\n\r\n")
            self._hang_up()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/echo":
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = {"method": self.command, "query": query, "headers": headers, "size": len(body),
                    "sum": sum(body), "first": body[:20].decode("latin-1")}
            self._send(200, json.dumps(said).encode(), {"X-Said": " one ", "x-said": "two"})
        elif path.startswith("/status="):
            self._send(int(path.partition("=")[2]), b"words", {"Retry-After": "7", "WWW-Authenticate": "Basic realm=x"})
        elif path == "/cut":
            self._send(200, b"abc", announced=100)
        elif path == "/silent":
            time.sleep(2)
        elif path == "/slow":
            time.sleep(1)
            self._send(201)
        elif path == "/part":
            self._send(206, b"bcd", {"Content-Range": "bytes 1-3/10"})
        elif path.startswith("/redirect="):
            self._send(307, headers={"Location": path.partition("=")[2].replace("|", "/")})
        elif path == "/long":
            self._send(200, b"x" * 3_000_000)
        elif path == "/long-refusal":
            self._send(403, b"x" * 3_000_000)
        else:
            self._send(404)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = answer  # noqa: N815


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


with Server(("127.0.0.1", 0), Handler) as server:
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
