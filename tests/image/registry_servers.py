"""Registries for tests: Debian's docker-registry on a port of its own, with passwords or tokens where asked for, a server
of tokens that it believes, and a proxy before it that behaves badly where a rule says so."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PASSWORD = "s3cret:word"  # noqa: S105
PIECE = 1 << 16


class Registry:
    """docker-registry over a folder; gone with `close`."""

    def __init__(self, folder: Path, *, htpasswd: bool = False, tokens: TokenServer | None = None, tls: Tls | None = None,
                 host: str = "127.0.0.1") -> None:
        folder.mkdir(parents=True)
        configuration: dict[str, object] = {
            "version": 0.1, "log": {"level": "info"}, "http": {"addr": f"{host}:0"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "store")}, "delete": {"enabled": True}}}
        if tls:
            configuration["http"] = {"addr": f"{host}:0", "tls": {"certificate": str(tls.certificate), "key": str(tls.key)}}
        if htpasswd:
            made = subprocess.run(["htpasswd", "-Bbn", "me", PASSWORD], capture_output=True, text=True, check=True)
            (folder / "htpasswd").write_text(made.stdout)
            configuration["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        if tokens:
            configuration["auth"] = {"token": {"realm": tokens.address + "/token", "service": "registry", "issuer": "test",
                                               "rootcertbundle": str(tokens.tls.certificate)}}
        (folder / "config.yml").write_text(json.dumps(configuration))  # YAML holds JSON
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log,
                                            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)})
        self.port = self._port()
        self.name = f"{host}:{self.port}"

    def _port(self) -> int:
        for _ in range(300):
            found = re.search(r"listening on [^ ]*:(\d+)", self.log.read_text())
            if found:
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(self.log.read_text())

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Straight from the registry, without whom is tested."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Tls:
    """A key and a certificate that signs itself."""

    def __init__(self, folder: Path, host: str = "localhost") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key, self.certificate = folder / "key.pem", folder / "certificate.pem"
        name = f"IP:{host}" if re.fullmatch(r"[0-9.]+", host) else f"DNS:{host}"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}",
                        "-addext", f"subjectAltName={name}", "-keyout", str(self.key), "-out", str(self.certificate)],
                       check=True, capture_output=True)

    def sign(self, text: bytes) -> bytes:
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.key)], input=text, capture_output=True,
                              check=True).stdout


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Gives tokens to `me` with PASSWORD (all rights that are asked for), to who has the identity token `id-s3cret`, and to
    everybody the right to pull from `public/`."""

    def __init__(self, folder: Path) -> None:
        self.tls = Tls(folder)
        self.asked: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

            def do_GET(self) -> None:  # noqa: N802
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                authorization = self.headers.get("Authorization")
                owner.asked.append("GET " + ("password" if authorization else "nobody"))
                expected = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
                if authorization and authorization != expected:
                    self._send(401, {})
                else:
                    self._grant(query, known=bool(authorization))

            def do_POST(self) -> None:  # noqa: N802
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                owner.asked.append("POST " + form["grant_type"][0])
                if form["refresh_token"] == ["id-s3cret"]:
                    self._grant({"service": form["service"], "scope": form["scope"][0].split(" ")}, known=True)
                else:
                    self._send(401, {})

            def _grant(self, query: dict[str, list[str]], *, known: bool) -> None:
                access = []
                for scope in query.get("scope", []):
                    kind, name, actions = scope.rsplit(":", 2) if scope.count(":") > 2 else scope.split(":")
                    granted = actions.split(",") if known else ["pull"] if name.startswith("public/") else []
                    access.append({"type": kind, "name": name, "actions": granted})
                self._send(200, {"token": owner.token(access), "expires_in": 60})

            def _send(self, status: int, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, access: list[dict[str, object]]) -> str:
        pem = self.tls.certificate.read_text()
        der = "".join(line for line in pem.splitlines() if "-----" not in line)
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
        claims = {"iss": "test", "sub": "me", "aud": "registry", "exp": now + 300, "nbf": now - 60, "iat": now,
                  "jti": str(uuid.uuid4()), "access": access}
        signed = base64url(json.dumps(head).encode()) + "." + base64url(json.dumps(claims).encode())
        return signed + "." + base64url(self.tls.sign(signed.encode()))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


@dataclass
class Answer:
    """In place of the registry's; `read` says whether the request's body is read first."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    read: bool = True


@dataclass
class CutRequest:
    """The connection breaks after so many bytes of the request's body, on both sides."""

    after: int


@dataclass
class CutAnswer:
    """The registry gets all; of its answer's body so many bytes come through, or not even the head (None)."""

    after: int | None


@dataclass
class Hold:
    """The answer waits until the event is set, after so many bytes of its body."""

    until: threading.Event
    after: int


@dataclass
class Change:
    """The answer comes as the function makes it of status, headers and body."""

    by: Callable[[int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]


@dataclass
class Grown:
    """The registry gets these bytes before the body; `hidden`: and its Range says nothing of them."""

    by: bytes
    hidden: bool


@dataclass
class Slow:
    """The answer waits."""

    seconds: float


Fault = Slow | Answer | CutRequest | CutAnswer | Hold | Change | Grown


class Proxy:
    """Passes everything on to a registry but what a rule takes. Rules are asked in order, with method, path and how many
    requests of that method and kind (blob, upload, manifest, other) came before."""

    def __init__(self, registry: Registry, *rules: Callable[[str, str, int], Fault | None]) -> None:
        self.registry = registry
        self.rules = rules
        self.lines: list[str] = []
        self.counts: dict[tuple[str, str], int] = {}
        self.lock = threading.Lock()
        owner = self

        class Handler(ProxyHandler):
            proxy = owner

        self.server = Server(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fault(self, method: str, path: str) -> Fault | None:
        kind = next((word for word in ("uploads", "blobs", "manifests") if f"/{word}/" in path), "other")
        with self.lock:
            count = self.counts.get((method, kind), 0)
            self.counts[method, kind] = count + 1
            self.lines.append(f"{method} {path}")
        return next((found for rule in self.rules if (found := rule(method, path, count))), None)

    def methods(self) -> list[str]:
        """What was asked, in order, without addresses."""
        return [line.split(" ")[0] for line in self.lines]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def _pass_on(self) -> None:
        fault = self.proxy.fault(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if isinstance(fault, Answer):
            self._answer(fault, length)
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.proxy.registry.port, timeout=120)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() == "content-length" and isinstance(fault, Grown):
                    upstream.putheader(name, str(length + len(fault.by)))
                elif name.lower() not in ("connection", "expect"):
                    upstream.putheader(name, value)
            upstream.endheaders()
            if isinstance(fault, Grown):
                upstream.send(fault.by)
            self._send_body(upstream, length, fault)
            answer = upstream.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            self._relay(fault, answer.status, headers, answer.read())
        except ConnectionAbortedError:
            self._hang_up()
        finally:
            upstream.close()

    def _send_body(self, upstream: http.client.HTTPConnection, length: int, fault: Fault | None) -> None:
        left = length
        while left > 0:
            piece = self.rfile.read(min(PIECE, left))
            if isinstance(fault, CutRequest) and length - left >= fault.after:
                raise ConnectionAbortedError
            upstream.send(piece)
            left -= len(piece)

    def _answer(self, fault: Answer, length: int) -> None:
        if fault.read:
            self.rfile.read(length)
        else:
            self.close_connection = True
        self._relay(None, fault.status, {"content-length": str(len(fault.body)), **fault.headers}, fault.body)

    def _relay(self, fault: Fault | None, status: int, headers: dict[str, str], body: bytes) -> None:
        if isinstance(fault, CutAnswer) and fault.after is None:
            self._hang_up()
            return
        if isinstance(fault, Slow):
            time.sleep(fault.seconds)
        if isinstance(fault, Grown) and fault.hidden:
            headers = {**headers, "range": f"0-{int(headers['range'].removeprefix('0-')) - len(fault.by)}"}
        if isinstance(fault, Change):
            status, headers, body = fault.by(status, headers, body)
        self.send_response(status)
        for name, value in headers.items():
            if name not in ("connection", "date", "transfer-encoding"):
                self.send_header(name, value)
        if "content-length" not in headers:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(fault, CutAnswer):
            self.wfile.write(body[:fault.after])
            self.close_connection = True
            return
        if isinstance(fault, Hold):
            self.wfile.write(body[:fault.after])
            self.wfile.flush()
            fault.until.wait(120)
            body = body[fault.after:]
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _pass_on  # noqa: N815


def temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="hpcenv-registry-", dir=os.environ.get("TMPDIR")))
