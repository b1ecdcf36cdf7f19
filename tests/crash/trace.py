"""What a process and its threads changed on the disk, by strace; its children (python, link scripts) are not counted."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHANGING = ("open,openat,creat,write,pwrite64,writev,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,"
            "rmdir,unlink,unlinkat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,fallocate,truncate,"
            "ftruncate,copy_file_range,sendfile,ioctl,mknod,mknodat,setxattr,fsetxattr,fsync,fdatasync,clone,clone3,fork,vfork")
NO_CHANGE = ("execve", "fsync", "fdatasync", "clone", "clone3", "fork", "vfork")


@dataclass
class Call:
    name: str
    text: str  # arguments, with the paths behind descriptors


def is_available() -> bool:
    """Whether this process may trace others."""
    try:
        return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def around(log: Path) -> list[str]:
    """Words that go before a command to trace it."""
    return ["strace", "-f", "-y", "-s", "200", "-e", f"trace={CHANGING},execve", "-o", str(log)]


def calls_of(log: Path) -> list[Call]:
    """Calls of the first process and its threads in the order in which they began."""
    ours: set[str] = set()
    begun: dict[str, str] = {}  # a thread that is being made, by its maker
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        pid, rest = line.split(None, 1)
        ours = ours or {pid}
        if resumed := re.match(r"<\.\.\. (clone3?) resumed>.* = (\d+)", rest):
            if "CLONE_THREAD" in begun.pop(pid, "") or "CLONE_THREAD" in rest:
                ours.add(resumed.group(2))
            continue
        if not (call := re.match(r"(\w+)\((.*)", rest)):
            continue
        name, text = call.groups()
        if name.startswith("clone"):
            if made := re.search(r" = (\d+)$", text):
                if "CLONE_THREAD" in text:
                    ours.add(made.group(1))
            else:
                begun[pid] = text
        elif pid in ours:
            calls.append(Call(name, text))
    return calls


def disk_changes(calls: list[Call], root: Path) -> list[Call]:
    """Those that change names, contents or facts of files below `root`, attempts that fail included."""
    found = []
    for call in calls:
        if call.name in NO_CHANGE or str(root) not in call.text:
            continue
        if call.name in ("open", "openat") and "O_CREAT" not in call.text:
            continue
        if call.name == "ioctl" and "FICLONE" not in call.text:
            continue
        if call.name in ("write", "pwrite64", "writev") and not re.match(rf"\d+<{re.escape(str(root))}", call.text):
            continue
        found.append(call)
    return found
