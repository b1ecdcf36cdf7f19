"""Runs inside the namespaces of the virtual cluster; started by cluster.py only.

virtual_host.py switch STATE        PID 1 of the outer namespaces: the network switch, and the parent of every host.
virtual_host.py host STATE NAME     PID 1 of one host: its own view of the disk, /dev, /tmp, address, munged, Slurm.
"""
import json
import os
import pathlib
import shutil
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


def answers(*command: str) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


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
        self.site = config.Site.read(settings["site"])

    def run(self) -> None:
        mount("-t", "proc", "proc", "/proc")
        mount("-t", "tmpfs", "-o", "mode=755", "hosts", str(self.state / "hosts"))
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "br0", "type", "bridge")
        sh("ip", "link", "set", "br0", "up")
        hosts = {name: self.start_host(name) for name in self.site.names}
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
        node = next((node for node in self.site.nodes if node.name == name), None)
        if node and node.dead_network:  # its switch is this namespace, which has no address there and passes nothing on
            sh("ip", "link", "add", f"d-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
            sh("ip", "link", "set", f"d-{name}", "up")
        interface = node.interface if node else "eth0"
        sh("ip", "link", "add", f"v-{name}", "type", "veth", "peer", "name", interface, "netns", str(process.pid))
        sh("ip", "link", "set", f"v-{name}", "master", "br0", "up")


class Host:
    DEVICES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))

    def __init__(self, state: pathlib.Path, settings: dict, name: str):
        self.state = state
        self.settings = settings
        self.name = name
        self.base = state / "hosts" / name
        self.root = self.base / "root"
        self.site = config.Site.read(settings["site"])
        self.node = next((node for node in self.site.nodes if node.name == name), None)

    def run(self) -> None:
        self.make_root()
        self.make_devices()
        self.share()
        self.configure()
        self.install_driver()
        self.install_arch()
        self.install_modules()
        sh("hostname", self.node.own_name if self.node else self.name)
        (self.base / "ready").touch()
        self.join_network()
        self.enter_root()
        self.start_daemons()
        reap_for_ever()

    def make_root(self) -> None:
        """A copy-on-write view of this machine's /, so that a host has what the machine has installed; or of another tree."""
        root = str(self.root)
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={self.settings['lower']},upperdir={self.base}/upper,workdir={self.base}/work", root)
        mount("-t", "proc", "proc", root + "/proc")
        mount("-t", "sysfs", "-o", "ro", "sysfs", root + "/sys")
        noexec = ",noexec" if self.node and self.node.tmp_noexec else ""
        size = self.node.local_megabytes if self.node else 64
        for path, options in (("run", "mode=755"), ("tmp", "mode=1777" + noexec), ("local", f"mode=1777,size={size}m")):
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
            if name == "home" and self.node and not self.node.home:
                mount("-t", "tmpfs", "-o", "mode=755", "home", str(target))
            else:
                mount("--bind", str(self.state / name), str(target))

    @staticmethod
    def log_path() -> str:
        return "var/log/virtual-slurm"

    def configure(self) -> None:
        etc = self.root / "etc"
        (etc / "hosts").write_text(self.site.hosts_file())
        (etc / "hostname").write_text((self.node.own_name if self.node else self.name) + "\n")
        self.configure_slurm()
        for user in config.USERS:
            self.add_user(etc, user)
        key = etc / "munge" / "munge.key"
        key.parent.mkdir(exist_ok=True)
        key.unlink(missing_ok=True)
        key.write_bytes((self.state / "munge.key").read_bytes())
        key.chmod(0o400)
        sh("chroot", str(self.root), "chown", "-R", "munge:", "/etc/munge")

    def configure_slurm(self) -> None:
        folder = self.root / self.site.conf_folder[1:]
        folder.mkdir(parents=True, exist_ok=True)
        files = {"slurm.conf": self.site.slurm_conf("/" + self.log_path()), "cgroup.conf": config.cgroup_conf(self.settings["version"]),
                 "job_submit.lua": self.site.submit_plugin, "cli_filter.lua": self.site.cli_filter,
                 "gres.conf": config.gres_conf(self.node) if self.node and self.node.gpus else ""}
        for name, text in files.items():
            if text:
                (folder / name).write_text(text)

    @staticmethod
    def add_user(etc: pathlib.Path, user: config.User) -> None:
        with (etc / "passwd").open("a") as file:
            file.write(f"{user.name}:x:{user.uid}:{user.uid}::/home/{user.name}:{user.shell}\n")
        with (etc / "group").open("a") as file:
            file.write(f"{user.name}:x:{user.uid}:\n")
        with (etc / "shadow").open("a") as file:  # without this line su(1) refuses, and slurmd runs su
            file.write(f"{user.name}:!:19000:0:99999:7:::\n")

    def install_driver(self) -> None:
        driver = self.site.drivers.get(self.name)
        if not driver:
            return
        sh("cp", "-a", driver + "/usr/.", str(self.root / "usr"))
        if os.path.isdir(self.root / "proc" / "driver") and os.path.isdir(driver + "/proc-driver"):
            mount("--bind", driver + "/proc-driver", str(self.root / "proc" / "driver"))
        sh("chroot", str(self.root), "ldconfig")

    def install_arch(self) -> None:
        """uname(1) tells another machine. What slurmd tells the controller is set where it is started."""
        if self.node and self.node.arch:
            uname = self.root / "usr/bin/uname"
            uname.rename(uname.with_name("uname.real"))
            uname.write_text(f"#!/bin/sh\n/usr/bin/uname.real \"$@\" | sed 's/x86_64/{self.node.arch}/g'\n")
            uname.chmod(0o755)
            shutil.copy(self.state / f"uname-{self.node.arch}.so", self.root / "run/uname.so")

    def install_modules(self) -> None:
        """`module` for login shells, from the folder that has it (tests/shells); its files name each other where they lie."""
        tools = self.settings["module_tools"]
        if not tools:
            return
        place = self.root / tools[1:]
        place.mkdir(parents=True, exist_ok=True)
        for folder in place.parents:  # of this host's view of them alone
            if self.root in folder.parents:
                folder.chmod(folder.stat().st_mode | 0o055)
        mount("--bind", tools, str(place))
        for path in ("usr/lib/x86_64-linux-gnu/libtcl8.6.so", "usr/share/tcltk"):  # which Tcl looks for there
            if not (self.root / path).exists():
                (self.root / path).symlink_to(f"{tools}/{path}")
        init = f"{tools}/usr/share/{'lmod/lmod' if self.site.modules == 'lmod' else 'modules'}/init"
        profile = self.root / "etc/profile.d"
        for path in (*profile.glob("*lmod*"), *profile.glob("*modules*")):
            path.unlink()
        (profile / "modules.sh").write_text(f"export MODULEPATH={config.MODULE_FILES}\n. {init}/$([ -n \"$BASH_VERSION\" ] && echo bash || echo sh)\n"
                                            "[ -z \"$BASH_VERSION\" ] || export -f module\n")
        for path, suffix, word in (("etc/csh.login", "csh", "setenv MODULEPATH {}"), ("etc/zsh/zprofile", "zsh", "export MODULEPATH={}"),
                                   ("etc/fish/config.fish", "fish", "set -gx MODULEPATH {}")):
            with (self.root / path).open("a") as file:
                file.write(f"\n{word.format(config.MODULE_FILES)}\nsource {init}/{suffix}\n")

    def join_network(self) -> None:
        interface = self.node.interface if self.node else "eth0"
        wait_for(lambda: interface + ":" in pathlib.Path("/proc/self/net/dev").read_text(), 60, "no network")
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "address", "add", self.site.address(self.name) + "/24", "dev", interface)
        sh("ip", "link", "set", interface, "up")
        if self.node and self.node.dead_network:
            sh("ip", "address", "add", self.site.dead_address(self.name) + "/24", "dev", "eth0")
            sh("ip", "link", "set", "eth0", self.node.dead_network)

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
        conf = ["-f", self.site.conf_folder + "/slurm.conf"]
        if self.name != config.LOGIN:
            sh(*(["env", "LD_PRELOAD=/run/uname.so"] if self.node.arch else []), "slurmd", *conf)
            return
        if self.site.database:
            self.start_database()
        sh("slurmctld", "-c", *conf)

    def start_database(self) -> None:
        """MariaDB and slurmdbd, with one account that every user has."""
        for path in ("/run/mysqld", "/run/db", "/run/slurmdbd"):
            pathlib.Path(path).mkdir()
            sh("chown", "slurm:" if path.endswith("dbd") else "mysql:", path)
        socket = "/run/mysqld/mysqld.sock"
        with open(f"/{self.log_path()}/database.log", "wb") as log:
            subprocess.run(["mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir=/run/db", "--auth-root-authentication-method=socket",
                            "--skip-test-db"], stdout=log, stderr=log, check=True)
            subprocess.Popen(["mariadbd", "--no-defaults", "--user=mysql", "--datadir=/run/db", f"--socket={socket}", "--skip-networking",
                              "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"], stdout=log, stderr=log)
        ask = ["mariadb", "--no-defaults", "-S", socket, "-e"]
        wait_for(lambda: answers(*ask, "select 1"), 60, "MariaDB does not come up")
        sh(*ask, "create database slurm_acct_db; create user slurm@localhost identified via unix_socket; "
           "grant all on slurm_acct_db.* to slurm@localhost")
        conf = pathlib.Path(self.site.conf_folder, "slurmdbd.conf")
        conf.write_text(f"AuthType=auth/munge\nDbdHost={config.LOGIN}\nSlurmUser=slurm\nStorageType=accounting_storage/mysql\n"
                        f"StorageHost=localhost\nStorageUser=slurm\nLogFile=/{self.log_path()}/slurmdbd.log\nPidFile=/run/slurmdbd/pid\n")
        sh("chown", "slurm:", str(conf))
        conf.chmod(0o600)
        os.environ["SLURM_CONF"] = self.site.conf_folder + "/slurm.conf"
        sh("slurmdbd")
        wait_for(lambda: answers("sacctmgr", "-n", "list", "cluster"), 60, "slurmdbd does not come up")
        sh("sacctmgr", "-iQ", "add", "cluster", "virtual")
        sh("sacctmgr", "-iQ", "add", "account", "proj", "Description=p", "Organization=o", "Cluster=virtual")
        for user in config.USERS:
            sh("sacctmgr", "-iQ", "add", "user", user.name, "Account=proj")


def main() -> None:
    role, state = sys.argv[1], pathlib.Path(sys.argv[2])
    settings = json.loads((state / "settings.json").read_text())
    if role == "switch":
        Switch(state, settings).run()
    else:
        Host(state, settings, sys.argv[3]).run()


if __name__ == "__main__":
    main()
