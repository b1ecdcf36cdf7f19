"""Real engines on loopback sockets: containerd and dockerd as Debian ships them, podman; no bridge, no iptables."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


DOCKER = "/usr/bin/docker"


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is missing: ./bootstrap deps test long")


def run(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=900,
                          stdin=subprocess.DEVNULL, **options)


class Daemons:
    """containerd, and dockerd on top of it; ended by `stop`."""

    def __init__(self, folder: Path) -> None:
        need("containerd", "dockerd", DOCKER, "runc")
        self.folder = folder
        self.containerd = folder / "c.sock"
        self.docker = f"unix://{folder}/d.sock"
        config = folder / "containerd.toml"
        config.write_text(f'version = 2\nroot = "{folder}/c/root"\nstate = "{folder}/c/state"\n'
                          f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\n  address = "{self.containerd}"\n')
        self.processes: list[subprocess.Popen] = []
        try:
            self._start(["containerd", "-c", config], self.containerd)
            self._start(["dockerd", "--data-root", folder / "docker", "--exec-root", folder / "exec", "-H", self.docker,
                         "--containerd", self.containerd, "--iptables=false", "--bridge=none", "--pidfile", folder / "d.pid"],
                        folder / "d.sock")
        except BaseException:
            self.stop()
            raise

    def _start(self, command: list[str | Path], socket: Path) -> None:
        log = self.folder / f"{Path(str(command[0])).name}.log"
        with log.open("w") as output:
            process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=subprocess.STDOUT)
        self.processes.append(process)
        deadline = time.monotonic() + 60
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def cli(self, *words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        """docker's own command line."""
        deadline = time.monotonic() + 60
        while True:
            done = run(DOCKER, "-H", self.docker, *words, **options)
            if "Cannot connect" not in done.stderr or time.monotonic() > deadline:
                return done
            time.sleep(0.2)

    def ctr(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return run("ctr", "-a", self.containerd, *words)


class Podman:
    """With a store of its own."""

    def __init__(self, folder: Path) -> None:
        need("podman", "runc")
        # podman takes at most 50 characters.
        state = tempfile.mkdtemp(prefix="podman-")
        atexit.register(shutil.rmtree, state, ignore_errors=True)
        self.options = ["--root", str(folder / "podman"), "--runroot", state, "--runtime", "runc"]

    def cli(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return run("podman", *self.options, *words)

    def run(self, image: str, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return self.cli("run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "none",
                        *options, image, *command)
