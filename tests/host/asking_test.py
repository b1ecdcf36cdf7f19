#!/usr/bin/env python3
"""The doctor's checks that ask others, through the program: real file systems, programs that hang, servers, proxies, targets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "fake"), str(TESTS / "cli"), str(TESTS / "tools")]

import tiny_channel  # noqa: E402
from http_server import FileServer  # noqa: E402
from skipping import skip  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]
DAY = 86400


class AskingCase(unittest.TestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="hpcenv-asking-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.variables = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LC_ALL": "C", "HPCENV_CHANNELS": "file:///none",
                          "ASAN_OPTIONS": "detect_leaks=0"}

    def run_program(self, *words: str, before: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*before, PROGRAM, *words], env={**self.variables, **more}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)

    def finding(self, check: str, *words: str, before: tuple[str, ...] = (), **more: str) -> dict[str, Any]:
        done = self.run_program("doctor", "--json", check, *words, before=before, **more)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        return json.loads(done.stdout)["findings"][0]

    def assert_finds(self, finding: dict[str, Any], severity: str, words: str, command: str | None = None) -> None:
        self.assertEqual(finding["severity"], severity, finding)
        self.assertIn(words, finding["text"])
        if command is not None:
            self.assertEqual(finding["remedy"]["commands"], [command])

    def program(self, name: str, script: str) -> dict[str, str]:
        """A variable under which a program of this name is found."""
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n" + script)
        (folder / name).chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}


class Storage(AskingCase):
    def mount(self, options: str) -> Path:
        place = self.home / "disk"
        place.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False).returncode != 0:
            skip("no right to mount a file system")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        return place

    def test_a_disk_in_memory_that_runs_no_programs(self) -> None:
        place = self.mount("size=600m,nr_inodes=500,noexec")
        where = {"HPCENV_ROOT": str(place / "hpcenv")}
        self.assert_finds(self.finding("F01", **where), "warning", "is in memory")
        self.assert_finds(self.finding("F02", **where), "failure", "not enough room")
        self.assert_finds(self.finding("F03", **where), "failure", "files free")
        self.assert_finds(self.finding("F04", **where), "failure", "no program can be run from environments")
        self.assert_finds(self.finding("F04", TMPDIR=str(place)), "warning", "temporary files", "mkdir -p ~/tmp && export TMPDIR=~/tmp")
        self.assertEqual(list(place.iterdir()), [])

    def test_cache_and_environments_on_two_disks(self) -> None:
        place = self.mount("size=600m")
        finding = self.finding("F05", CONDA_PKGS_DIRS=str(place / "pkgs"))
        self.assert_finds(finding, "info", "different file systems, files are copied")

    def test_no_hard_links(self) -> None:
        finding = self.finding("F05", before=(sys.executable, str(TESTS / "fake/refused_calls.py"), "links"))
        self.assertIn(finding["severity"], ("info", "pass"), finding)
        self.assertIn("hard links no", finding["evidence"][0])

    def test_a_path_that_is_too_long_or_has_a_blank(self) -> None:
        self.assert_finds(self.finding("F07", HPCENV_ROOT=str(self.home / ("l" * 240))), "failure", "more than the 255")
        self.assert_finds(self.finding("F07", HPCENV_ROOT=str(self.home / "a b")), "warning", "holds a blank")

    def test_a_directory_that_everybody_can_write_to(self) -> None:
        envs = self.home / "root/envs"
        envs.mkdir(parents=True)
        envs.chmod(0o777)
        self.assert_finds(self.finding("F08", HPCENV_ROOT=str(self.home / "root")), "warning", "everybody can write to",
                          f"chmod o-w {envs}")
        envs.chmod(0o755)
        finding = self.finding("F08", HPCENV_ROOT=str(self.home / "root"), before=("sh", "-c", 'umask 0; exec "$@"', "sh"))
        self.assert_finds(finding, "warning", "your umask", "umask 022")

    def test_a_quota_that_is_full_and_one_that_hangs(self) -> None:
        source = next(line.split()[0] for line in reversed(Path("/proc/self/mounts").read_text().splitlines())
                      if line.split()[1] == "/")
        if "overlay" in source:
            skip("no right to mount a file system")
        with_quota = self.program("quota", f"echo '{source} 1000 0 1100 0 5 0 9 0'\nexit 1\n")
        finding = self.finding("F02", **with_quota)
        if os.stat(self.home).st_dev == os.stat("/").st_dev:
            self.assert_finds(finding, "failure", "100.0 KiB of space free (your quota)")
            self.assert_finds(self.finding("F03", **with_quota), "failure", "4 files free (your quota)")
        self.finding("F02", **self.program("quota", "sleep 600\n"))  # within the patience of run_program

    def test_a_probe_that_is_killed_leaves_at_most_a_private_directory(self) -> None:
        for number in range(20):
            child = subprocess.Popen([PROGRAM, "probe"], env=self.variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     start_new_session=True)
            time.sleep(0.002 * number)
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        time.sleep(0.5)
        left = list(self.home.rglob("*"))
        self.assertEqual(left, [], "the process that tries cleans up, whoever is killed")
        self.run_program("probe")
        self.assertEqual(list(self.home.rglob("*")), [])


class Slurm(AskingCase):
    def test_slurm_that_hangs(self) -> None:
        hanging = self.program("scontrol", "sleep 600\n")
        self.assert_finds(self.finding("S01", **hanging), "warning", "does not answer", "scontrol ping")

    def test_old_targets_and_a_driver_that_has_changed(self) -> None:
        folder = self.home / ".config/hpcenv/targets"
        folder.mkdir(parents=True)
        profile = json.loads(self.run_program("probe", "--json").stdout)["profile"]
        file = folder / "gpu.json"
        file.write_text(json.dumps(profile))
        self.assert_finds(self.finding("S05"), "pass", "recent")
        file.write_text(json.dumps({"format": 1, "nodes": [{**profile, "taken_at": int(time.time()) - 40 * DAY}, profile],
                                    "reach": {"partition": "a100"}}))
        command = "hpcenv target add gpu --partition a100"
        for words in ((), ("--on", "gpu")):
            self.assert_finds(self.finding("S05", *words), "warning", "target gpu was profiled 40 days ago", command)
        profile["nvidia"]["kernel_module"] = "1.2.3"
        file.write_text(json.dumps(profile))
        self.assert_finds(self.finding("S05"), "warning", "was profiled with driver 1.2.3")


class Network(AskingCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = self.home / "site"
        tiny_channel.make(str(self.site / "tiny"))

    def serve(self) -> str:
        server = FileServer(self.site)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.address

    def reach(self, url: str, **more: str) -> dict[str, Any]:
        return self.finding("N01", HPCENV_CHANNELS=url, **more)

    def test_answers_of_servers(self) -> None:
        address = self.serve()
        self.assert_finds(self.reach(f"{address}/tiny"), "pass", "can be reached")
        self.assert_finds(self.reach(f"{address}/not-there"), "warning", "there is no channel at")
        self.assert_finds(self.reach(f"{address}/~status=401/tiny"), "warning", "wants credentials")
        self.assert_finds(self.reach(f"{address}/~status=503/tiny"), "warning", "a fault of its own")
        self.assert_finds(self.finding("N01"), "pass", "this machine's disks")
        self.assert_finds(self.reach(f"{address}/tiny", HPCENV_OFFLINE="true"), "info", "offline")

    def test_proxies(self) -> None:
        address = self.serve()
        refusing = f"{address}/~status=407/tiny"
        proxy = address.replace("http://", "http://ada:s3cret@")
        finding = self.reach(refusing, http_proxy=proxy)
        self.assertIn("***@127.0.0.1", json.dumps(finding))
        self.assert_finds(self.reach("http://conda.example/tiny", http_proxy="http://ada:s3cret@127.0.0.1:1"), "failure",
                          "through the proxy http://***@127.0.0.1:1")
        self.assert_finds(self.reach(f"{address}/tiny", https_proxy="htp://ada:s3cret@proxy"), "failure", "is no kind of proxy",
                          "unset https_proxy")
        in_job = self.reach("http://127.0.0.1:1/tiny", SLURM_JOB_ID="7")
        self.assert_finds(in_job, "warning", "on a compute node that is usual")

    def test_a_proxy_that_gives_no_tunnel(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def refuse() -> None:
                while True:
                    try:
                        connection = listener.accept()[0]
                    except OSError:
                        return
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            threading.Thread(target=refuse, daemon=True).start()
            proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.assert_finds(self.reach("https://conda.example/tiny", https_proxy=proxy), "failure", "wants a name and a password")

    def test_a_server_that_does_not_answer(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            finding = self.reach(f"http://127.0.0.1:{listener.getsockname()[1]}/tiny")
            self.assert_finds(finding, "warning", "no answer within 10 s")

    def test_certificates(self) -> None:
        self.assert_finds(self.finding("N02", SSL_CERT_FILE="/not/there.pem"), "failure", "SSL_CERT_FILE names /not/there.pem",
                          "unset SSL_CERT_FILE")
        empty = self.home / "empty.pem"
        empty.write_text("no certificate\n")
        self.assert_finds(self.finding("N02", SSL_CERT_FILE=str(empty)), "failure", "holds no certificates")
        self.assert_finds(self.finding("N02", HPCENV_SSL_VERIFY="false"), "warning", "ssl_verify is off",
                          "hpcenv config set ssl_verify true")

    def test_an_authority_that_is_not_known(self) -> None:
        root = self.home / "tls"
        tiny_channel.make(str(root / "site/tiny"))
        server = subprocess.Popen([sys.executable, "-B", TESTS / "fake/tls_site.py", root], stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        assert server.stdout is not None
        self.addCleanup(server.stdout.close)
        channel = server.stdout.readline().strip() + "/tiny"
        right = {"SSL_CERT_FILE": str(root / "ca.pem"), "HPCENV_CHANNELS": channel}
        self.assert_finds(self.finding("N02", **right), "pass", "1 certificates in")
        self.assert_finds(self.finding("N01", **right), "pass", "can be reached")
        wrong = {**right, "SSL_CERT_FILE": str(root / "other-ca.pem")}
        self.assert_finds(self.finding("N02", **wrong), "failure", "is not trusted")
        self.assert_finds(self.finding("N01", **wrong), "info", "see N02")
        self.assert_finds(self.finding("N02", **right, REQUESTS_CA_BUNDLE="/not/there"), "warning", "other programs, such as pip",
                          "unset REQUESTS_CA_BUNDLE")


if __name__ == "__main__":
    unittest.main(verbosity=2)
