"""Where measurements take place: a folder in memory, channels made once and kept, a server, and a small starter."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "channel")]

from channelkit import cache  # noqa: E402

NGINX = """{user} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{ access_log off; log_not_found off; sendfile on; tcp_nopush on; keepalive_requests 100000; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {root}; }} }}
"""


@dataclass(frozen=True)
class Sample:
    """One run of a program."""

    seconds: float
    cpu: float
    peak_mib: float
    code: int


class Failed(RuntimeError):
    """A measured program did not do its work; its words are in the message."""


def _tmpfs(room: int) -> Path | None:
    """A folder on tmpfs with `room` bytes free. Small ones exist: containers often give 64 MB."""
    for folder in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout
            usage = shutil.disk_usage(folder)
            if kind.strip() == "tmpfs" and os.access(folder, os.W_OK) and usage.free >= room:
                return folder
    return None


class Ground:
    """Removed at the end, but for the channels, which lie in the cache by the hash of what makes them."""

    def __init__(self, program: Path, room: int) -> None:
        """`room`: bytes that the work needs at once."""
        memory = _tmpfs(room)
        self.on_tmpfs = memory is not None
        self.folder = Path(tempfile.mkdtemp(prefix="hpcenv-bench-", dir=memory))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.kept = cache.default_root() / "bench"
        self.kept.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.launcher = self.compile("launch", (HERE / "launch.c").read_text())
        self.empty = self.compile("empty", "int main(void) { return 0; }\n")
        self.home = self.folder / "home"
        self.home.mkdir()
        self.address = ""

    def compile(self, name: str, source: str) -> Path:
        """A small C program, static."""
        file = self.folder / f"{name}.c"
        file.write_text(source)
        subprocess.run(["cc", "-O2", "-static", "-o", self.folder / name, file], check=True)
        return self.folder / name

    def channel(self, name: str, sources: list[Path], make: Callable[[Path], object]) -> Path:
        """A channel made by `make`, whose answer lies beside it in specs.json; once for each state of `sources`."""
        digest = hashlib.sha256()
        for source in sources:
            digest.update(source.read_bytes())
        target = self.kept / f"{name}-{digest.hexdigest()[:16]}"
        with cache.made_once(target) as scratch:
            if scratch is not None:
                print(f"bench: making the channel {name} ...", file=sys.stderr, flush=True)
                started = time.monotonic()
                (scratch / "specs.json").write_text(json.dumps(make(scratch)))
                print(f"bench: made {name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        return target

    def serve(self) -> None:
        """Starts nginx over the kept channels; `address` is what stands before a channel's name."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=port, root=self.kept,
                                              user="user root;" if os.geteuid() == 0 else ""))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        server = subprocess.Popen([program, "-p", self.folder, "-c", configuration])
        atexit.register(server.wait)
        atexit.register(server.terminate)
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                self.address = f"http://127.0.0.1:{port}"
                return
            time.sleep(0.05)
        raise Failed("nginx did not start")

    def environment(self, **more: str) -> dict[str, str]:
        """What measured programs see of the machine's variables: nothing."""
        return {"HOME": str(self.home), "HPCENV_ROOT": str(self.folder / "root"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                "CONDA_OVERRIDE_GLIBC": "2.36", **more}

    def launch(self, command: list[str | Path], runs: int = 1, codes: tuple[int, ...] = (0,), **more: str) -> list[Sample]:
        """Runs a program `runs` times; answer() has its output. Raises Failed where one run ends with another code."""
        out, said, complaints = self.folder / "samples", self.folder / "said", self.folder / "complaints"
        with said.open("wb") as sink, complaints.open("wb") as errors:
            subprocess.run([self.launcher, out, str(runs), *map(str, command)], env=self.environment(**more), stdout=sink,
                           stderr=errors, stdin=subprocess.DEVNULL, check=True)
        samples = []
        for line in out.read_text().splitlines():
            wall, user, system, peak, code = map(int, line.split())
            samples.append(Sample(wall / 1e9, (user + system) / 1e6, peak / 1024, code))
        ended = sorted({sample.code for sample in samples})
        if not set(ended) <= set(codes):
            raise Failed(f"{' '.join(map(str, command))[:300]}: exit codes {ended}: {complaints.read_text(errors='replace')[-2000:]}")
        return samples

    def hpcenv(self, *arguments: str | Path, runs: int = 1, codes: tuple[int, ...] = (0,), **more: str) -> list[Sample]:
        """Runs hpcenv."""
        return self.launch([self.program, *arguments], runs, codes, **more)

    def rattler(self, work: str, **options: object) -> dict[str, float]:
        """Does `work` by py-rattler in a process of its own; its answer, with the peak of that process."""
        script = [sys.executable, "-B", HERE / "peer.py", work, json.dumps(options)]
        sample = self.launch(script)[0]
        answer = json.loads(self.answer().splitlines()[-1])
        return {**answer, "peak_mib": sample.peak_mib, "process_seconds": sample.seconds}

    def answer(self) -> str:
        """What the last program wrote to its stdout."""
        return (self.folder / "said").read_text()

    def drop(self, *names: str) -> None:
        """Removes folders below the ground."""
        for name in names:
            shutil.rmtree(self.folder / name, ignore_errors=True)
