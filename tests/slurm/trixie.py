#!/usr/bin/env python3
"""A Debian 13 with Slurm 24.11, as a folder for the hosts of a virtual cluster (HPCENV_CLUSTER_ROOT): made once by debootstrap
from where this machine gets its own packages, and kept outside the tree. trixie.py makes it where it is missing; trixie.py --path
prints where it lies and makes nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "channel")]

from channelkit import apt, cache  # noqa: E402

# Open MPI runs programs that were linked with bookworm's, too.
PACKAGES = ["slurmctld", "slurmd", "slurm-client", "munge", "iproute2", "procps", "hostname", "tcsh", "zsh", "fish", "openmpi-bin",
            "libpmix2t64"]
UNREAD = ["usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"]


def folder() -> Path:
    """Where it lies, or would: a name for what is in it."""
    key = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    return cache.default_root() / "trixie" / key


def _make(tree: Path) -> None:
    repository = next(one for one in apt.machine_repositories() if "-" not in one.release)
    keyring = repository.signed_by if repository.signed_by.startswith("/") else str(apt.KEYRING)
    log = tree.with_suffix(".log")
    with log.open("wb") as file:
        done = subprocess.run(["debootstrap", "--variant=minbase", f"--keyring={keyring}", f"--include={','.join(PACKAGES)}", "trixie",
                               str(tree), repository.uri], stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
    if done.returncode != 0:
        raise SystemExit(f"debootstrap failed:\n{log.read_text(errors='replace')[-2000:]}")
    log.unlink()
    for path in UNREAD:
        shutil.rmtree(tree / path, ignore_errors=True)


def ensure() -> Path:
    """The folder, made where it is missing."""
    target = folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with cache.made_once(target) as scratch:
        if scratch is not None:
            _make(scratch)
    cache.drop_unused(target.parent)
    return target


def main() -> int:
    if sys.argv[1:] == ["--path"]:
        print(folder())
        return 0
    if os.geteuid() != 0:
        print("SKIP: no root: debootstrap needs it")
        return 77
    if not shutil.which("debootstrap", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        print("SKIP: no debootstrap")
        return 77
    print(ensure())
    return 0


if __name__ == "__main__":
    sys.exit(main())
