"""The folder outside the tree where downloads and finished parts are kept, its locks, and its atomic folders."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

UNUSED_DAYS = 30


def default_root() -> Path:
    """Where this project keeps what its builds and tests may reuse."""
    if explicit := os.environ.get("HPCENV_CACHE"):
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hpcenv-build"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path` (made if absent); waits for another holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def made_once(target: Path) -> Iterator[Path | None]:
    """Yields a scratch folder that becomes `target` when the block ends well, or None where `target` is there already."""
    with locked(target.with_name(target.name + ".lock")):
        if target.exists():
            os.utime(target)
            yield None
            return
        scratch = Path(tempfile.mkdtemp(prefix=target.name + ".", suffix=".tmp", dir=target.parent))
        scratch.chmod(0o755)
        try:
            yield scratch
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def drop_unused(folder: Path, pattern: str = "*", days: int = UNUSED_DAYS) -> None:
    """Removes folders that no run has asked for in `days`; locks and files stay."""
    limit = time.time() - days * 86400
    for entry in folder.glob(pattern):
        if entry.is_dir() and entry.stat().st_mtime < limit:
            shutil.rmtree(entry, ignore_errors=True)
