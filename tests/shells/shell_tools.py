#!/usr/bin/env python3
"""Lmod, environment-modules and small shells, unpacked from Debian's packages outside the tree.

Nothing of them is installed: the two module systems exclude each other, and both would change every login shell of the
machine. shell_tools.py makes the folder where it is missing; shell_tools.py --path prints where it lies and makes nothing.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "channel")]

from channelkit import apt, cache  # noqa: E402

PACKAGES = ["lmod", "lua-filesystem", "lua-json", "lua-posix", "lua-bit32", "lua-term", "lua-lpeg", "lua5.3",
            "environment-modules", "tcl8.6", "libtcl8.6", "busybox-static", "mksh", "ksh93u+m"]
# Folders and programs whose names stand in the files of the module systems.
MOVED = ["/usr/share/lmod", "/etc/lmod", "/usr/share/lua/5.3/", "/usr/lib/x86_64-linux-gnu/lua/5.3/", "/usr/bin/lua5.3",
         "/usr/share/modules", "/etc/environment-modules", "/usr/lib/x86_64-linux-gnu/modulecmd.tcl",
         "/usr/lib/x86_64-linux-gnu/libtclenvmodules.so", "/usr/bin/tclsh8.6"]


def folder() -> Path:
    """Where they lie, or would: a name for what is in it."""
    release = Path("/etc/os-release").read_bytes()
    key = hashlib.sha256(Path(__file__).read_bytes() + release).hexdigest()[:16]
    return cache.default_root() / "shells" / key


def _move(root: Path, target: Path) -> None:
    """Lets files of `root`, which will lie at `target`, name each other there."""
    for part in ("usr/share/lmod", "usr/share/modules", "usr/lib/x86_64-linux-gnu", "etc"):
        for file in (root / part).rglob("*"):
            if file.is_symlink() or not file.is_file() or file.suffix == ".so":
                continue
            text = file.read_bytes()
            moved = text
            for name in MOVED:
                moved = moved.replace(name.encode(), f"{target}{name}".encode())
            if moved != text and b"\0" not in text:
                file.write_bytes(moved)


def ensure() -> Path:
    """The folder, made where it is missing. Raises channelkit's Unavailable when a package cannot be had."""
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with cache.made_once(target) as scratch:
        if scratch is not None:
            debs = apt.Apt(cache.default_root() / "downloads").fetch(PACKAGES)
            for deb in debs.values():
                apt.unpack(deb, scratch)
            _move(scratch, target)
            (scratch / "versions").write_text("".join(f"{deb.name}\n" for deb in debs.values()))
    cache.drop_unused(target.parent)
    return target


if __name__ == "__main__":
    if sys.argv[1:] == ["--path"]:
        print(folder())
    else:
        print(ensure(), file=sys.stderr if os.environ.get("CI") else sys.stdout)
