#!/usr/bin/env python3
"""A static HTTP/1.1 server on loopback for network tests; real sockets, and faults on request.

    http_server.py ROOT [--port 0] [--log FILE] [--delay SECONDS]

Prints its base address (http://127.0.0.1:PORT) as the first line of stdout, then serves until it is ended. GET and HEAD,
Range, ETag and If-None-Match, Last-Modified and If-Modified-Since, keep-alive. Each request is one JSON line in --log:
{"method", "path", "status", "bytes", "range", "port"}, written before the body is sent.

A first path element of this form makes trouble for the file that the rest of the path names:

    /~truncate[=N]/...   sends N bytes (half of the file if not given) and closes, though Content-Length is the whole
    /~wrong-length/...   states a Content-Length that is 100 more than what comes
    /~slow[=N]/...       N bytes a second (1000 if not given)
    /~stall/...          sends the head, then nothing for an hour
    /~status=N/...       answers with that status
    /~once=N/...         answers the first request of a path with that status, later ones as if nothing were
    /~cut-once/...       closes in the middle of the first answer of a path; ranges and later ones are whole
    /~no-range/...       ignores Range
    /~corrupt/...        flips a bit in the middle of the file
    /~redirect/...       redirects to the same path without the fault
    /~private=TOKEN/...  401 without the header "Authorization: Bearer TOKEN"
"""

from __future__ import annotations

import argparse
import email.utils
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {".json": "application/json", ".zst": "application/zstd", ".conda": "application/zip",
         ".bz2": "application/x-bzip2"}
FAULTS = {"truncate", "wrong-length", "slow", "stall", "status", "once", "cut-once", "no-range", "corrupt", "redirect",
          "private"}
CHUNK = 1 << 16


class Log:
    """One JSON line a request; safe for threads. Without a file it keeps nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file.open("a", buffering=1) if file else None
        self._lock = threading.Lock()

    def write(self, entry: dict[str, object]) -> None:
        with self._lock:
            if self._file and not self._file.closed:
                self._file.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        if self._file:
            self._file.close()


class FileServer(ThreadingHTTPServer):
    """Serves `root`; port 0 takes a free one. `address` is what a client puts before the path. While `well` is set, paths
    that ask for a fault are served without it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root: Path, port: int = 0, log: Path | None = None, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.root = root.resolve()
        self.log = Log(log)
        self.delay = delay
        self.well = False
        self._seen: set[str] = set()
        self._seen_lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave in the middle are no news; anything else is a defect of this server and is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        self.log.close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def first_time(self, key: str) -> bool:
        """Whether `key` is asked about for the first time."""
        with self._seen_lock:
            fresh = key not in self._seen
            self._seen.add(key)
            return fresh


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FileServer

    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        self._answer(send_body=True)

    def do_HEAD(self) -> None:  # noqa: N802
        self._answer(send_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are logged as JSON by _note."""

    def _note(self, status: int, sent: int) -> None:
        self.server.log.write({"method": self.command, "path": self.path, "status": status, "bytes": sent,
                               "range": self.headers.get("Range"), "port": self.client_address[1]})

    def _split_fault(self) -> tuple[str, str | None, str]:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        found = re.match(r"/~([a-z-]+)(?:=([^/]*))?(/.*)", path)
        if found and self.server.well:
            return "", None, found.group(3)
        return (found.group(1), found.group(2), found.group(3)) if found else ("", None, path)

    def _answer(self, send_body: bool) -> None:
        if self.server.delay:
            time.sleep(self.server.delay)
        fault, argument, path = self._split_fault()
        if fault and fault not in FAULTS:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, f"no fault is called {fault}")
            return
        if status := self._fault_status(fault, argument):
            self._empty(status)
            return
        if fault == "redirect":
            self._empty(HTTPStatus.FOUND, {"Location": urllib.parse.quote(path)})
            return
        file = self.server.root / path.lstrip("/")
        if not file.is_file() or not file.resolve().is_relative_to(self.server.root):
            self._empty(HTTPStatus.NOT_FOUND)
            return
        self._send_file(file, fault, argument, send_body)

    def _fault_status(self, fault: str, argument: str | None) -> int:
        if fault == "status":
            return int(argument or 500)
        if fault == "once" and self.server.first_time(self.path):
            return int(argument or 500)
        if fault == "private" and self.headers.get("Authorization") != f"Bearer {argument}":
            return HTTPStatus.UNAUTHORIZED
        return 0

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        body = b"" if status == HTTPStatus.NOT_MODIFIED else f"{status}\n".encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self._note(status, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _unchanged(self, etag: str, modified: float) -> bool:
        if wanted := self.headers.get("If-None-Match"):
            return etag in wanted or wanted == "*"
        if since := self.headers.get("If-Modified-Since"):
            parsed = email.utils.parsedate_to_datetime(since)
            return int(modified) <= parsed.timestamp()
        return False

    def _range(self, size: int, etag: str, fault: str) -> tuple[int, int] | None:
        text = self.headers.get("Range") or ""
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
        if not found or fault == "no-range" or found.groups() == ("", ""):
            return None
        if (condition := self.headers.get("If-Range")) and condition != etag:
            return None
        first, last = found.groups()
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1 if last else size)

    def _send_file(self, file: Path, fault: str, argument: str | None, send_body: bool) -> None:
        status = file.stat()
        etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        common = {"ETag": etag, "Last-Modified": email.utils.formatdate(status.st_mtime, usegmt=True)}
        if self._unchanged(etag, status.st_mtime):
            self._empty(HTTPStatus.NOT_MODIFIED, common)
            return
        part = self._range(status.st_size, etag, fault)
        if part and part[0] >= status.st_size:
            self._empty(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{status.st_size}"})
            return
        first, last = part or (0, status.st_size)
        code = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
        self.send_response(code)
        for name, value in common.items():
            self.send_header(name, value)
        if part:
            self.send_header("Content-Range", f"bytes {first}-{last - 1}/{status.st_size}")
        self.send_header("Accept-Ranges", "none" if fault == "no-range" else "bytes")
        self.send_header("Content-Type", TYPES.get(file.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(last - first + (100 if fault == "wrong-length" else 0)))
        self.end_headers()
        stop = self._stop(first, last, fault, argument)
        self._note(code, stop - first if send_body else 0)
        if send_body:
            self._send_body(file, first, stop, fault, argument)
        if stop != last or fault == "wrong-length":
            self.close_connection = True

    def _stop(self, first: int, last: int, fault: str, argument: str | None) -> int:
        if fault == "truncate":
            return min(last, first + (int(argument) if argument else (last - first) // 2))
        if fault == "cut-once" and not self.headers.get("Range") and self.server.first_time(self.path):
            return first + (last - first) // 2
        return last

    def _send_body(self, file: Path, first: int, stop: int, fault: str, argument: str | None) -> None:
        if fault == "stall":
            self.wfile.flush()
            time.sleep(3600)
        rate = int(argument or 1000) if fault == "slow" else 0
        try:
            self._copy(file, first, stop, rate, os.stat(file).st_size // 2 if fault == "corrupt" else -1)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _copy(self, file: Path, first: int, last: int, rate: int, corrupt_at: int) -> None:
        chunk = min(CHUNK, max(1, rate // 10)) if rate else CHUNK
        with file.open("rb") as source:
            source.seek(first)
            at = first
            while at < last and (data := source.read(min(chunk, last - at))):
                if at <= corrupt_at < at + len(data):
                    data = bytearray(data)
                    data[corrupt_at - at] ^= 1
                self.wfile.write(data)
                at += len(data)
                if rate:
                    time.sleep(len(data) / rate)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    with FileServer(options.root, options.port, options.log, options.delay) as server:
        print(server.address, flush=True)
        try:
            server.serve_forever(poll_interval=0.05)
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
