"""repodata.json and repodata.json.zst of a folder of packages, by py-rattler."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rattler.index import index_fs


def write_repodata(channel: Path) -> None:
    """Indexes both subdirs of `channel`, which come into being where they are missing."""
    for subdir in ("linux-64", "noarch"):
        (channel / subdir).mkdir(parents=True, exist_ok=True)
    asyncio.run(index_fs(channel, write_zst=True, write_shards=False, force=True))
