"""Images as the tests read them, with nothing of hpcenv: layouts and archives, their layers and entries."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import weakref
from collections.abc import Iterator
from pathlib import Path


class Image:
    """An OCI layout or an oci-archive."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._archive = None
        if not self.path.is_dir():
            self._archive = tarfile.open(self.path)
            weakref.finalize(self, self._archive.close)
        self.index = json.loads(self._member("index.json"))
        self.descriptor = self.index["manifests"][0]
        self.manifest = json.loads(self.blob(self.descriptor["digest"]))
        self.config = json.loads(self.blob(self.manifest["config"]["digest"]))

    def _member(self, name: str) -> bytes:
        if self._archive is None:
            return (self.path / name).read_bytes()
        return self._archive.extractfile(name).read()

    def blob(self, digest: str) -> bytes:
        data = self._member("blobs/sha256/" + digest.removeprefix("sha256:"))
        assert hashlib.sha256(data).hexdigest() == digest.removeprefix("sha256:"), f"blob {digest} is damaged"
        return data

    @property
    def env(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["config"]["Env"])

    @property
    def layers(self) -> list[dict]:
        return self.manifest["layers"]

    def content(self, layer: dict) -> str:
        return layer["annotations"]["org.hpcenv.content"]

    def tar(self, layer: dict) -> bytes:
        """The uncompressed layer."""
        data = self.blob(layer["digest"])
        kind = layer["mediaType"].rpartition("tar")[2]
        if kind == "+gzip":
            return gzip.decompress(data)
        if kind == "+zstd":
            return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
        return data

    def entries(self, layer: dict) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        with tarfile.open(fileobj=io.BytesIO(self.tar(layer)), errors="surrogateescape", encoding="utf-8") as archive:
            for info in archive:
                yield info, archive.extractfile(info).read() if info.isreg() else b""

    def files(self) -> dict[str, bytes]:
        """Of all layers, those of upper ones last; links as "-> TARGET"."""
        found = {}
        for layer in self.layers:
            for info, data in self.entries(layer):
                found[info.name] = data if not info.issym() else b"-> " + info.linkname.encode()
        return found


def unpack(image: Path, target: Path) -> Path:
    """By umoci, which compares every diff_id; gives the root file system."""
    layout = target / "layout"
    kind = "oci" if image.is_dir() else "oci-archive"
    subprocess.run(["skopeo", "copy", "--quiet", "--preserve-digests", f"{kind}:{image}", f"oci:{layout}:x"], check=True,
                   capture_output=True)
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:x", target / "bundle"], check=True, capture_output=True)
    (target / "bundle").chmod(0o755)
    return target / "bundle" / "rootfs"


def run_in(root: Path, command: list[str], env: dict[str, str], uid: int = 4711) -> subprocess.CompletedProcess[str]:
    """As a foreign user without rights, the root read-only, without network; `env` is all that is set."""
    nobody = ["setpriv", "--reuid=64322", "--regid=64322", "--clear-groups"] if os.geteuid() == 0 else []
    words = [*nobody, "bwrap", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-net",
             "--unshare-user", "--uid", str(uid), "--gid", str(uid), "--clearenv"]
    for name, value in env.items():
        words += ["--setenv", name, value]
    return subprocess.run([*words, "--", *command], capture_output=True, text=True, check=False, timeout=120)
