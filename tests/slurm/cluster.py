#!/usr/bin/env python3
"""A real Slurm cluster of virtual hosts on this one machine, for tests. Needs root; no systemd, no container runtime.

cluster.py up                       brings it up (login01 with slurmctld; cpu01, cpu02, gpu01, gpu02 with slurmd)
cluster.py on HOST USER COMMAND...  runs a command there; users: root, alice (bash), tina (tcsh), zoe (zsh), finn (fish)
cluster.py down                     ends it and removes what it made
cluster.py check                    says which programs are missing on this machine

Every host has its own mount, network, PID, UTS and IPC namespaces over a copy-on-write view of this machine's disk.
All are children of one process, so that nothing stays when it ends: no mount, link, user or file of the machine changes.
"""
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing

import cluster_config as config

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge", "ip": "iproute2",
            "unshare": "util-linux", "nsenter": "util-linux", "setpriv": "util-linux", "runuser": "util-linux",
            "pivot_root": "util-linux", "hostname": "hostname", "tcsh": "tcsh", "zsh": "zsh", "fish": "fish"}


DATABASE = {"slurmdbd": "slurmdbd", "mariadbd": "mariadb-server"}


def missing_programs(programs: dict[str, str] = PROGRAMS, root: str = "") -> list[str]:
    """Debian packages that the cluster needs and this machine, or the tree of its hosts, lacks."""
    path = f"{root}/usr/bin:{root}/usr/sbin" if root else os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return sorted({package for program, package in programs.items() if not shutil.which(program, path=path)})


def why_no_database() -> str | None:
    """Why a cluster with `database` cannot come up; --all installs what it needs, for this machine's Slurm."""
    missing = missing_programs(DATABASE, os.environ.get("HPCENV_CLUSTER_ROOT", ""))
    return f"no accounting database: packages are missing: {' '.join(missing)}" if missing else None


def why_not() -> str | None:
    """Why the cluster cannot come up here, in words."""
    if os.geteuid() != 0:
        return "no root: the virtual Slurm cluster needs namespaces and mounts"
    root = os.environ.get("HPCENV_CLUSTER_ROOT")
    if root and not os.path.isdir(root):
        return f"no debootstrap has made {root} (tests/slurm/trixie.py does)"
    missing = missing_programs()
    return f"packages are missing (./bootstrap deps test installs them): {' '.join(missing)}" if missing else None


@dataclasses.dataclass
class Outcome:
    code: int
    out: str
    err: str


class Cluster:
    """`lease` keeps it alive no longer than this process; without it `down` has to be called."""

    def __init__(self, state: pathlib.Path, lower: str = "/", module_tools: str = "", **site: typing.Any):
        """`lower`: the tree that the hosts are views of. `site`: fields of config.Site. `module_tools`: what tests/shells made."""
        self.state = state
        self.lower = lower
        self.site = config.Site(**site)
        self.module_tools = module_tools if self.site.modules else ""
        self.pids: dict[str, int] = {}

    @property
    def home(self) -> pathlib.Path:
        return self.state / "home"

    @property
    def scratch(self) -> pathlib.Path:
        return self.state / "scratch"

    def up(self, lease: bool) -> None:
        os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        self.prepare_state()
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private",
                   "/usr/bin/python3", "-B", str(HERE / "virtual_host.py"), "switch", str(self.state)]
        reader, writer = os.pipe()
        guard = [sys.executable, "-B", str(HERE / "lease.py"), str(reader) if lease else "-", str(self.state)] + command
        with (self.state / "log" / "cluster.log").open("wb") as log:
            self.owner = subprocess.Popen(guard, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                          pass_fds=(reader,), cwd="/")
        os.close(reader)
        self.lease = writer
        (self.state / "owner").write_text(str(self.owner.pid))
        try:
            self.wait_until_idle(float(os.environ.get("HPCENV_CLUSTER_TIMEOUT", "120")))
        except BaseException:
            self.show_logs()
            self.down()
            raise

    def prepare_state(self) -> None:
        for name in ("home", "scratch", "log", "hosts"):
            (self.state / name).mkdir(parents=True)
        self.state.chmod(0o755)
        (self.state / "scratch").chmod(0o1777)
        (self.state / "log").chmod(0o1777)
        (self.state / "munge.key").write_bytes(os.urandom(128))
        (self.state / "munge.key").chmod(0o600)
        for user in config.USERS:
            home = self.home / user.name
            home.mkdir(mode=0o755)
            os.chown(home, user.uid, user.uid)
        for arch in {node.arch for node in self.site.nodes if node.arch}:
            self.compile_uname(arch)
        if self.site.slurm_conf_by_module:
            self.write_module("slurm/virtual", f"setenv SLURM_CONF {self.site.conf_folder}/slurm.conf")
        settings = {"site": dataclasses.asdict(self.site), "lower": self.lower, "version": self.version(), "module_tools": self.module_tools}
        (self.state / "settings.json").write_text(json.dumps(settings))

    def version(self) -> str:
        """Slurm's, as in 22.05.8."""
        return subprocess.run(["chroot", self.lower, "slurmd", "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]

    def write_module(self, name: str, text: str) -> None:
        """A module file, in the language that both module systems read."""
        path = self.scratch / pathlib.Path(config.MODULE_FILES).name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#%Module1.0\n{text}\n")

    def compile_uname(self, arch: str) -> None:
        """For slurmd, which asks uname(2)."""
        source = f"""#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
int uname(struct utsname* told) {{
  long code = syscall(SYS_uname, told);
  strcpy(told->machine, "{arch}");
  return (int)code;
}}
"""
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", str(self.state / f"uname-{arch}.so")], input=source, text=True,
                       check=True)

    def wait_until_idle(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.owner.poll() is not None:
                raise RuntimeError("the cluster ended while it came up")
            with contextlib.suppress(LookupError):
                idle = self.on(config.LOGIN, "root", *self.with_conf("sinfo"), "-h", "-N", "-t", "idle", "-o", "%N").out.split()
                if len(set(idle)) == len(self.site.nodes):
                    return
            time.sleep(0.1)
        raise TimeoutError(f"the nodes are not idle after {seconds:.0f} s")

    def with_conf(self, *words: str) -> list[str]:
        """A command of Slurm's where its configuration may be known to a module only."""
        return ["env", f"SLURM_CONF={self.site.conf_folder}/slurm.conf", *words]

    def show_logs(self) -> None:
        for path in sorted((self.state / "log").glob("*")):
            lines = [line for line in path.read_text(errors="replace").splitlines()
                     if "error" in line or path.name == "cluster.log"]
            print(f"== {path.name}", *lines[-15:], sep="\n", file=sys.stderr)

    def command(self, host: str, user: str, words: list[str]) -> list[str]:
        """The command line that runs `words` as `user` on `host`, from the user's home with a fresh environment."""
        return ["nsenter", "-t", str(self.pid_of(host)), "-m", "-u", "-n", "-i", "-p", "-r", "-w", "setpriv", "--reuid", user,
                "--regid", user, "--init-groups", "--reset-env", "sh", "-c", 'cd && exec "$@"', "sh"] + words

    def on(self, host: str, user: str, *words: str, timeout: float = 120, stdin: str = "") -> Outcome:
        done = subprocess.run(self.command(host, user, ["timeout", "-k", "2", str(timeout)] + list(words)), input=stdin,
                              capture_output=True, text=True, errors="surrogateescape", check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def pid_of(self, host: str) -> int:
        """The host's PID 1 as this machine sees it; LookupError while there is none."""
        pid = self.pids.get(host)
        wanted = ["host", str(self.state), host]
        if pid is None or command_line(pid)[-3:] != wanted:
            pid = next((pid for pid in descendants(int((self.state / "owner").read_text()))
                        if command_line(pid)[-3:] == wanted and command_line(pid)[0] != "unshare"), None)
            if pid is None:
                raise LookupError(f"no host {host}")
            self.pids[host] = pid
        return pid

    def down(self) -> None:
        owner = self.state / "owner"
        if owner.exists() and str(HERE / "lease.py") in command_line(int(owner.read_text())):
            end_all(int(owner.read_text()))
        if hasattr(self, "owner"):
            self.owner.wait()
            os.close(self.lease)
            del self.owner
        shutil.rmtree(self.state, ignore_errors=True)


def command_line(pid: int) -> list[str]:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def end_all(owner: int) -> None:
    """Ends PID 1 of the outer namespaces (all else in them dies with it), then waits until the kernel is done."""
    inner = descendants(owner)
    with contextlib.suppress(ProcessLookupError):
        os.kill(owner, signal.SIGTERM)
    end = time.monotonic() + 20
    while time.monotonic() < end and any(is_alive(pid) for pid in inner):
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def temporary(**settings: typing.Any) -> Cluster:
    """A cluster of this process's own: any number of checkouts and tests can have theirs at once. Its hosts are views of
    HPCENV_CLUSTER_ROOT (trixie.py) where that is set, else of this machine."""
    state = pathlib.Path(tempfile.mkdtemp(prefix="hpcenv-cluster-", dir="/var/tmp"))
    chosen = {"lower": os.environ.get("HPCENV_CLUSTER_ROOT") or "/", "module_tools": os.environ.get("HPCENV_SHELL_TOOLS", "")}
    return Cluster(state, **{**chosen, **settings})


def fixed() -> Cluster:
    """The one that `cluster.py up` makes: one for each checkout."""
    key = hashlib.sha256(str(HERE).encode()).hexdigest()[:8]
    return Cluster(pathlib.Path(f"/var/tmp/hpcenv-cluster-{key}"))


def main(arguments: list[str]) -> int:
    if arguments == ["check"]:
        print(why_not() or "nothing is missing")
        return 1 if why_not() else 0
    cluster = fixed()
    if arguments == ["up"]:
        if why_not():
            print(f"cluster: {why_not()}", file=sys.stderr)
            return 1
        cluster.down()
        started = time.monotonic()
        cluster.up(lease=False)
        print(f"up in {time.monotonic() - started:.1f} s; home and scratch are in {cluster.state}")
        return 0
    if arguments == ["down"]:
        cluster.down()
        return 0
    if len(arguments) > 3 and arguments[0] == "on":
        words = cluster.command(arguments[1], arguments[2], arguments[3:])
        os.execvp(words[0], words)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
