#!/usr/bin/env python3
"""A server on loopback that behaves as tests/fake/http_server.py cannot: answers that change between two requests, and
redirects to elsewhere. Prints its address; paths are told apart in `Handler.do_GET`."""

from __future__ import annotations

import collections
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WHOLE = b"a" * 100 + b"b" * 100
seen: collections.Counter[str] = collections.Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.close_connection = cut is not None

    def do_GET(self) -> None:  # noqa: N802
        path = self.path
        seen[path] += 1
        if path.startswith("/cut-then-"):
            self._cut_then(path.removeprefix("/cut-then-"), first=seen[path] == 1)
        elif path.startswith("/retry-after="):
            if seen[path] == 1:
                self._send(429, headers={"Retry-After": path.partition("=")[2]})
            else:
                self._send(200, b"ok")
        elif path == "/circle":
            self._send(302, headers={"Location": "/circle"})
        elif path == "/to-file":
            self._send(302, headers={"Location": "file:///etc/hostname"})
        elif path.startswith("/redirect-to-port:"):
            port, _, rest = path.removeprefix("/redirect-to-port:").partition("/")
            self._send(302, headers={"Location": f"http://127.0.0.1:{port}/{rest}"})
        elif path == "/echo-authorization":
            self._send(200, (self.headers.get("Authorization") or "none").encode())
        else:
            self._send(404)

    def _cut_then(self, then: str, first: bool) -> None:
        if first:
            self._send(200, WHOLE, {"ETag": '"one"'}, cut=60)
        elif then == "whole":
            self._send(200, WHOLE, {"ETag": '"one"'})
        elif then == "other-tag":
            self._send(200, WHOLE, {"ETag": '"two"'})
        elif then == "other-range":
            self._send(206, WHOLE[50:], {"ETag": '"one"', "Content-Range": "bytes 50-199/200"})
        elif then == "other-size":
            self._send(206, WHOLE[60:], {"ETag": '"one"', "Content-Range": "bytes 60-259/260"})


class Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


with Server(("127.0.0.1", 0), Handler) as server:
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
