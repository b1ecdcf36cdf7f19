#!/usr/bin/env python3
"""A real nginx on loopback that speaks HTTP/2 over TLS under a certificate authority of its own.

    tls_site.py ROOT [NAME...]

Serves the files of ROOT/site and prints its base address (https://127.0.0.1:PORT). In ROOT it leaves ca.pem (the authority
that signed the server), other-ca.pem (one that did not) and access.log (a line a request: protocol, status, path, address of
the host, and in quotes the Authorization header).
/to-http/... redirects to plain http, /to-port/PORT/... to another port of the same machine. /private/... wants credentials,
whichever they are, and redirects archives to the same path below /mirror/ of another host, 127.0.0.2 at the same port.
The certificate is for these two addresses and for each NAME.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

CONFIGURATION = """
daemon off; master_process off; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 64; }}
http {{
  log_format short '$server_protocol $status $uri $server_addr "$http_authorization"'; access_log {root}/access.log short;
  client_body_temp_path {root}/tmp; proxy_temp_path {root}/tmp; fastcgi_temp_path {root}/tmp;
  uwsgi_temp_path {root}/tmp; scgi_temp_path {root}/tmp;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;
    root {root}/site;
    location /to-http/ {{ return 302 http://127.0.0.1:1/; }}
    location ~ ^/to-port/(\\d+)(/.*)$ {{ return 302 https://127.0.0.1:$1$2; }}
    location /private/ {{
      if ($http_authorization = "") {{ return 401; }}
      rewrite "^/private/(.*\\.(conda|tar\\.bz2))$" https://127.0.0.2:{port}/mirror/$1 redirect;
      alias {root}/site/;
    }}
  }}
  server {{
    listen 127.0.0.2:{port} ssl http2;
    ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;
    location /mirror/ {{ alias {root}/site/; }}
  }}
}}
"""


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(root: Path, names: list[str]) -> None:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "other-ca"):
        openssl("req", "-x509", *curve, "-days", "2", "-subj", f"/CN=hpcenv test {name}", "-keyout", f"{root}/{name}.key",
                "-out", f"{root}/{name}.pem")
    openssl("req", "-new", *curve, "-subj", "/CN=127.0.0.1", "-keyout", f"{root}/server.key", "-out", f"{root}/server.csr")
    alternatives = ["IP:127.0.0.1", "IP:127.0.0.2", *(f"DNS:{name}" for name in names)]
    (root / "names").write_text(f"subjectAltName={','.join(alternatives)}\n")
    openssl("x509", "-req", "-in", f"{root}/server.csr", "-CA", f"{root}/ca.pem", "-CAkey", f"{root}/ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{root}/names", "-out", f"{root}/server.pem")


def die_with_parent() -> None:
    """Whoever started this script may end it in any way: nginx goes with it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    sys.exit("tls_site.py: nginx did not start")


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    os.environ.pop("OPENSSL_CONF", None)  # a test sets a broken one, for its client
    (root / "site").mkdir(exist_ok=True)
    make_certificates(root, sys.argv[2:])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (root / "nginx.conf").write_text(CONFIGURATION.format(root=root, port=port))
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        sys.exit("tls_site.py: nginx is missing")
    command = [program, "-c", f"{root}/nginx.conf", "-p", str(root), "-e", f"{root}/error.log"]
    server = subprocess.Popen(command, preexec_fn=die_with_parent)
    wait_until_it_listens(server, port)
    print(f"https://127.0.0.1:{port}", flush=True)
    server.wait()


main()
