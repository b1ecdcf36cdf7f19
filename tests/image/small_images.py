"""Images made entry by entry, as OCI layouts, the odd ones included."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

TIME = 1_700_000_000
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass
class Entry:
    """One header and its data. `kind`: of tarfile, regular where nothing is said."""

    path: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    time: float = TIME
    device: tuple[int, int] = (0, 0)
    xattrs: dict[str, bytes] = field(default_factory=dict)


def folder(path: str, mode: int = 0o755, **rest: object) -> Entry:
    return Entry(path, kind=tarfile.DIRTYPE, mode=mode, **rest)


def link(path: str, target: str) -> Entry:
    return Entry(path, kind=tarfile.SYMTYPE, target=target, mode=0o777)


def hard(path: str, target: str) -> Entry:
    return Entry(path, kind=tarfile.LNKTYPE, target=target)


def whiteout(path: str) -> Entry:
    folder_name, _, name = path.rpartition("/")
    return Entry(f"{folder_name}/.wh.{name}".lstrip("/"))


def opaque(path: str) -> Entry:
    return Entry(f"{path}/.wh..wh..opq")


def tar(entries: list[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.type, info.mode, info.uid, info.gid, info.mtime = entry.kind, entry.mode, entry.uid, entry.gid, entry.time
            info.linkname, info.size = entry.target, len(entry.data)
            info.devmajor, info.devminor = entry.device
            info.pax_headers = {f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape")
                                for name, value in entry.xattrs.items()}
            archive.addfile(info, io.BytesIO(entry.data))
    return buffer.getvalue()


class Layout:
    """An OCI layout that grows layer by layer; `finish` makes it an image with the tag `x`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.blobs = path / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        self.layers: list[dict[str, object]] = []
        self.diff_ids: list[str] = []

    def put(self, data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (self.blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def add(self, entries: list[Entry], compression: str = "gzip", **annotations: str) -> None:
        data = tar(entries)
        packed = gzip.compress(data, 1, mtime=0) if compression == "gzip" else data
        self.add_packed(packed, hashlib.sha256(data).hexdigest(), f"{LAYER}+gzip" if compression == "gzip" else LAYER,
                        **annotations)

    def add_packed(self, packed: bytes, diff_id: str, media_type: str, **annotations: str) -> None:
        descriptor = self.put(packed, media_type)
        if annotations:
            descriptor["annotations"] = {name.replace("_", "."): value for name, value in annotations.items()}
        self.layers.append(descriptor)
        self.diff_ids.append(f"sha256:{diff_id}")

    def finish(self, config: dict[str, object] | None = None, created: str = "2026-01-31T00:00:00Z",
               architecture: str = "amd64", **annotations: str) -> Path:
        document = {"created": created, "architecture": architecture, "os": "linux", "config": config or {},
                    "rootfs": {"type": "layers", "diff_ids": self.diff_ids}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self.put(json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json"),
                    "layers": self.layers}
        descriptor = self.put(json.dumps(manifest).encode(), manifest["mediaType"])
        descriptor["annotations"] = {"org.opencontainers.image.ref.name": "x", **annotations}
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [descriptor]}))
        (self.path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return self.path
