#!/usr/bin/env python3
"""The services of a compose file come up in a real dockerd, on processors, and answer their health checks. As root, in --all."""

from __future__ import annotations

import json
import os
import sys
import unittest
from pathlib import Path

from engine_case import EngineCase, need_root
from engines import Daemons, run
from image_case import debian

# Beside the Python of the tests.
COMPOSE = Path(sys.executable).parent / "docker-compose"
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# This machine allows no bridge: neither network nor published ports; and nobody waits half a minute for a first check.
OVERRIDE = "services:\n" + "".join(
    f"  {name}:\n    network_mode: none\n    ports: !reset []\n    healthcheck:\n      interval: 1s\n" for name in ("api", "worker"))


def setUpModule() -> None:  # noqa: N802 (unittest's name)
    need_root()


class ComposeUp(EngineCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.with_real_channel("first")
        cls.daemons = Daemons(cls.work)
        cls.addClassCleanup(cls.daemons.stop)

    def compose(self, *words: str) -> str:
        done = run(COMPOSE, "-f", "compose.yaml", "-f", "override.yaml", "--profile", "cpu", *words, cwd=self.folder,
                   env={**os.environ, "DOCKER_HOST": self.daemons.docker})
        self.assertEqual(0, done.returncode, f"{done.args}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_two_services_of_one_image(self) -> None:
        code = self.folder / "server.py"
        code.write_text(SERVER)
        (self.folder / "token.txt").write_text("s3cret")
        self.hpcenv("create", "-y", "-n", "app", "python")
        self.hpcenv("image", "build", "-n", "app", "--base", debian(), "--add", f"{code}:/opt/code/server.py", "--tag",
                    "lab.example/app:1", "-o", "app.tar")
        self.hpcenv("image", "compose", "app.tar", "--local", "--gpus", "all", "--shm-size", "2gb",
                    "--service", "api=python /opt/code/server.py 8000", "--port", "api=8000", "--health", "api=/health",
                    "--service", "worker=python /opt/code/server.py 8001", "--port", "worker=8001",
                    "--volume", "data:/data", "--secret", "token.txt", "-o", "compose.yaml")
        (self.folder / "override.yaml").write_text(OVERRIDE)
        loaded = self.daemons.cli("load", "-i", self.folder / "app.tar")
        self.assertEqual(0, loaded.returncode, loaded.stderr)
        try:
            self.compose("up", "-d", "--wait", "--wait-timeout", "120")
            services = [json.loads(line) for line in self.compose("ps", "--format", "json").splitlines()]
            self.assertEqual({("api", "healthy"), ("worker", "healthy")},
                             {(service["Service"], service["Health"]) for service in services})
            for name in ("api", "worker"):
                self.assertEqual("s3cret", self.compose("exec", "-T", name, "cat", "/run/secrets/token"))
                self.assertIn("2.0G", self.compose("exec", "-T", name, "df", "-h", "/dev/shm"))
                # PID 1 hands signals on and reaps: it is not the program.
                self.assertNotIn("server.py", self.compose("exec", "-T", name, "cat", "/proc/1/comm"))
            self.compose("exec", "-T", "api", "touch", "/data/shared")
            self.compose("exec", "-T", "worker", "ls", "/data/shared")
        finally:
            self.compose("down", "--volumes", "--timeout", "5")


if __name__ == "__main__":
    unittest.main()
