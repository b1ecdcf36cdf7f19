"""Runs inside the namespaces of the virtual cluster; started by cluster.py only.

virtual_host.py switch STATE        PID 1 of the outer namespaces: the network switch, and the parent of every host.
virtual_host.py host STATE NAME     PID 1 of one host: its own view of the disk, /dev, /tmp, address, munged, Slurm.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import cluster_config as config


def sh(*command: str) -> None:
    subprocess.run(command, check=True)


def mount(*arguments: str) -> None:
    sh("mount", *arguments)


def wait_for(condition, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


def reap_for_ever() -> None:
    """What PID 1 is for: no zombie stays, and SIGTERM ends the namespace."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(0.2)


class Switch:
    def __init__(self, state: pathlib.Path, settings: dict):
        self.state = state
        self.names = [config.LOGIN] + [node["name"] for node in settings["nodes"]]

    def run(self) -> None:
        mount("-t", "proc", "proc", "/proc")
        mount("-t", "tmpfs", "-o", "mode=755", "hosts", str(self.state / "hosts"))
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "br0", "type", "bridge")
        sh("ip", "link", "set", "br0", "up")
        hosts = {name: self.start_host(name) for name in self.names}
        for name, process in hosts.items():
            self.plug_in(name, process)
        reap_for_ever()

    def start_host(self, name: str) -> subprocess.Popen:
        for part in ("upper", "work", "root"):
            (self.state / "hosts" / name / part).mkdir(parents=True)
        return subprocess.Popen(
            ["unshare", "--mount", "--uts", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--propagation",
             "private", sys.executable, "-B", __file__, "host", str(self.state), name])

    def plug_in(self, name: str, process: subprocess.Popen) -> None:
        ready = self.state / "hosts" / name / "ready"

        def is_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"the host {name} ended while it came up")
            return ready.exists()
        wait_for(is_ready, 60, f"{name} does not come up")
        sh("ip", "link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
        sh("ip", "link", "set", f"v-{name}", "master", "br0", "up")


class Host:
    DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))

    def __init__(self, state: pathlib.Path, settings: dict, name: str):
        self.state = state
        self.settings = settings
        self.name = name
        self.base = state / "hosts" / name
        self.root = self.base / "root"
        self.nodes = tuple(config.Node(**node) for node in settings["nodes"])
        self.node = next((node for node in self.nodes if node.name == name), None)

    def run(self) -> None:
        self.make_root()
        self.make_devices()
        self.share()
        self.configure()
        self.install_driver()
        sh("hostname", self.name)
        (self.base / "ready").touch()
        self.join_network()
        self.enter_root()
        self.start_daemons()
        reap_for_ever()

    def make_root(self) -> None:
        """A copy-on-write view of this machine's /, so that a host has what the machine has installed."""
        root = str(self.root)
        mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={self.base}/upper,workdir={self.base}/work", root)
        mount("-t", "proc", "proc", root + "/proc")
        mount("-t", "sysfs", "-o", "ro", "sysfs", root + "/sys")
        for path, options in (("run", "mode=755"), ("tmp", "mode=1777"), ("local", "mode=1777,size=64m")):
            (self.root / path).mkdir(exist_ok=True)
            mount("-t", "tmpfs", "-o", options, path, f"{root}/{path}")

    def make_devices(self) -> None:
        dev = self.root / "dev"
        mount("-t", "tmpfs", "-o", "mode=755", "dev", str(dev))
        for name, major, minor in self.DEVICES:
            self.make_device(dev / name, major, minor)
        for path, kind, options in (("pts", "devpts", "newinstance,ptmxmode=666,gid=5,mode=620"),
                                    ("shm", "tmpfs", "mode=1777")):
            (dev / path).mkdir()
            mount("-t", kind, "-o", options, kind, str(dev / path))
        links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                 "stderr": "/proc/self/fd/2"}
        for name, target in links.items():
            (dev / name).symlink_to(target)
        if self.node and self.node.gpus:
            for name in ["nvidiactl"] + [f"nvidia{index}" for index in range(self.node.gpus)]:
                self.make_device(dev / name, 1, 3)

    @staticmethod
    def make_device(path: pathlib.Path, major: int, minor: int) -> None:
        os.mknod(path, 0o020666, os.makedev(major, minor))
        path.chmod(0o666)

    def share(self) -> None:
        """What all hosts see: the cluster's home and scratch file systems."""
        for name in ("home", "scratch", "log"):
            target = self.root / ("home" if name == "home" else "scratch" if name == "scratch" else self.log_path())
            target.mkdir(parents=True, exist_ok=True)
            mount("--bind", str(self.state / name), str(target))

    @staticmethod
    def log_path() -> str:
        return "var/log/virtual-slurm"

    def configure(self) -> None:
        etc = self.root / "etc"
        (etc / "hosts").write_text(config.hosts_file(self.nodes))
        (etc / "hostname").write_text(self.name + "\n")
        (etc / "slurm").mkdir(exist_ok=True)
        (etc / "slurm" / "slurm.conf").write_text(
            config.slurm_conf("/" + self.log_path(), self.nodes, self.settings["extra"]))
        (etc / "slurm" / "cgroup.conf").write_text(config.cgroup_conf(self.settings["version"]))
        if self.settings["submit_plugin"]:
            (etc / "slurm" / "job_submit.lua").write_text(self.settings["submit_plugin"])
        if self.node and self.node.gpus:
            (etc / "slurm" / "gres.conf").write_text(config.gres_conf(self.node))
        for user in config.USERS:
            self.add_user(etc, user)
        key = etc / "munge" / "munge.key"
        key.parent.mkdir(exist_ok=True)
        key.unlink(missing_ok=True)
        key.write_bytes((self.state / "munge.key").read_bytes())
        key.chmod(0o400)
        sh("chroot", str(self.root), "chown", "-R", "munge:", "/etc/munge")

    @staticmethod
    def add_user(etc: pathlib.Path, user: config.User) -> None:
        with (etc / "passwd").open("a") as file:
            file.write(f"{user.name}:x:{user.uid}:{user.uid}::/home/{user.name}:{user.shell}\n")
        with (etc / "group").open("a") as file:
            file.write(f"{user.name}:x:{user.uid}:\n")
        with (etc / "shadow").open("a") as file:  # without this line su(1) refuses, and slurmd runs su
            file.write(f"{user.name}:!:19000:0:99999:7:::\n")

    def install_driver(self) -> None:
        driver = self.settings["drivers"].get(self.name)
        if not driver:
            return
        sh("cp", "-a", driver + "/usr/.", str(self.root / "usr"))
        if os.path.isdir(self.root / "proc" / "driver") and os.path.isdir(driver + "/proc-driver"):
            mount("--bind", driver + "/proc-driver", str(self.root / "proc" / "driver"))
        sh("chroot", str(self.root), "ldconfig")

    def join_network(self) -> None:
        wait_for(lambda: os.path.exists("/proc/self/net/dev") and "eth0" in pathlib.Path(
            "/proc/self/net/dev").read_text(), 60, "no network")
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "address", "add", config.address(self.name, self.nodes) + "/24", "dev", "eth0")
        sh("ip", "link", "set", "eth0", "up")

    def enter_root(self) -> None:
        """pivot_root, or chroot where this machine is itself a chroot (pivot_root is refused there)."""
        os.chdir(self.root)
        (self.root / ".old").mkdir()
        pivoted = subprocess.run(["pivot_root", ".", ".old"], stderr=subprocess.DEVNULL).returncode == 0
        if not pivoted:
            os.chroot(".")
        os.chdir("/")
        if pivoted:
            mount("--make-rprivate", "/.old")
            sh("umount", "-l", "/.old")
            os.rmdir("/.old")

    def start_daemons(self) -> None:
        os.environ.update(HOME="/root", PATH="/usr/sbin:/usr/bin:/sbin:/bin")
        pathlib.Path("/run/lock").mkdir()
        for path, owner in (("/run/munge", "munge"), ("/var/lib/munge", "munge"), ("/var/log/munge", "munge"),
                            ("/var/spool/slurmd", "root"), ("/var/spool/slurmctld", "slurm")):
            pathlib.Path(path).mkdir(parents=True, exist_ok=True)
            sh("chown", owner + ":", path)
        pathlib.Path("/run/munge").chmod(0o755)
        sh("runuser", "-u", "munge", "--", "munged", "--seed-file=/run/munge/seed", "--log-file=/run/munge/log")
        if self.name == config.LOGIN:
            sh("slurmctld", "-c")
        else:
            sh("slurmd")


def main() -> None:
    role, state = sys.argv[1], pathlib.Path(sys.argv[2])
    settings = json.loads((state / "settings.json").read_text())
    if role == "switch":
        Switch(state, settings).run()
    else:
        Host(state, settings, sys.argv[3]).run()


if __name__ == "__main__":
    main()
