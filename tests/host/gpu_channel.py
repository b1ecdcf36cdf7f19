#!/usr/bin/env python3
"""A channel for on-gpu.sh that is small enough to carry: only what it installs, and device code for one GPU architecture.

    gpu_channel.py CHANNEL OUT --architecture 90 [--program HPCENV]

CHANNEL is the profile `whole` (or `cuda`) of tests/channel/build_channel.py. Libraries keep their size and all their code for
the processor; device code for other architectures becomes zeros, which weigh nothing in an archive, and the archives are packed
tightly. On a GPU of another architecture they do not work. Prints what each package came to weigh.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import backports.zstd as zstd
import conda_package_streaming.package_streaming as streaming

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "channel"), str(Path(__file__).resolve().parents[1] / "tools")]

from channelkit import elf, index, package
from ending import leave

SPECS = ["cuda-nvcc", "cuda-cudart-dev", "libcublas-dev", "cudnn", "gxx_linux-64"]
FATBIN, ZSTD_FRAME, ELF = b"\x50\xed\x55\xba", b"\x28\xb5\x2f\xfd", b"\x7fELF"
CUBIN_SECTIONS = {".ldata"}
FATBIN_SECTIONS = {".nv_fatbin", "__nv_relfatbin", ".cask_resource"}
LEVEL = 19
PTX, SASS = 1, 2


def sections(data: memoryview) -> list[tuple[str, int, int]]:
    """Name, offset and size of the sections of an ELF file that take up room in it."""
    start = struct.unpack_from("<Q", data, 40)[0]
    count, names = struct.unpack_from("<HH", data, 60)
    headers = [struct.unpack_from("<IIQQQQ", data, start + 64 * number) for number in range(count)]
    texts = headers[names][4]
    found = []
    for name, kind, _, _, offset, size in headers:
        end = bytes(data[texts + name:texts + name + 64]).index(b"\0")
        if kind != 8:  # SHT_NOBITS
            found.append((bytes(data[texts + name:texts + name + end]).decode(), offset, size))
    return found


def thin_fatbins(data: bytearray, start: int, end: int, keep: int) -> int:
    """Zeroes the payloads of fatbin entries that a GPU of architecture `keep` (75, 90, ...) has no use for; says how many bytes.

    It runs machine code of its own, and its driver compiles PTX of its own and older ones."""
    gone, place = 0, data.find(FATBIN, start, end)
    while place >= 0:
        header, size = struct.unpack_from("<HQ", data, place + 6)
        entry, stop = place + header, place + header + size
        while entry + 48 <= stop:
            kind, _, header, payload = struct.unpack_from("<HHIQ", data, entry)
            architecture = struct.unpack_from("<I", data, entry + 28)[0]
            if header == 0:
                break
            useful = (kind == SASS and architecture == keep) or (kind == PTX and architecture <= keep)
            if not useful:
                data[entry + header:entry + header + payload] = bytes(payload)
                gone += payload
            entry += header + payload
        place = data.find(FATBIN, stop, end)
    return gone


def _frame(data: bytearray, place: int, end: int) -> tuple[bytes, int]:
    """What the zstd frame at `place` holds, and how long it is; nothing where it is none."""
    reader = zstd.ZstdDecompressor()
    try:
        content = reader.decompress(bytes(data[place:min(place + (8 << 20), end)]))
    except zstd.ZstdError:
        return b"", 0
    return (content, min(8 << 20, end - place) - len(reader.unused_data)) if reader.eof else (b"", 0)


def thin_cubins(data: bytearray, start: int, end: int, keep: int) -> int:
    """The same for compressed cubins that lie there without a fatbin around them, as in .ldata of cuBLASLt."""
    gone, place = 0, data.find(ZSTD_FRAME, start, end)
    while place >= 0:
        content, size = _frame(data, place, end)
        if content.startswith(ELF):
            flags = struct.unpack_from("<I", content, 48)[0]
            # The architecture is the low byte, or the second one in the newer form of the flags.
            if keep not in (flags & 0xFF, flags >> 8 & 0xFF):
                data[place:place + size] = bytes(size)
                gone += size
        place = data.find(ZSTD_FRAME, place + max(size, 4), end)
    return gone


def thin(path: Path, keep: int) -> int:
    """Takes device code for other architectures out of a library; says how many bytes."""
    data = bytearray(path.read_bytes())
    gone = 0
    for name, offset, size in sections(memoryview(data)):
        if name in FATBIN_SECTIONS:
            gone += thin_fatbins(data, offset, offset + size, keep)
        elif name in CUBIN_SECTIONS:
            gone += thin_cubins(data, offset, offset + size, keep)
    if gone:
        path.write_bytes(data)
    return gone


def needed(channel: Path, program: Path, specs: list[str]) -> list[Path]:
    """The archives that hpcenv would install for `specs`."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([program, "create", "-p", f"{home}/none", "--override-channels", "-c", channel.as_uri(), "--dry-run",
                               "--json", *specs], capture_output=True, text=True, check=False,
                              env={"HOME": home, "HPCENV_ROOT": f"{home}/root", "PATH": "/usr/bin:/bin", "CONDA_OVERRIDE_CUDA": "13.0"})
        if done.returncode != 0:
            raise SystemExit(f"hpcenv finds no solution: {done.stdout}{done.stderr}")
        plan = json.loads(done.stdout)["plan"]["link"]
    stems = ["-".join(str(one[key]) for key in ("name", "version", "build")) for one in plan]
    return [path for stem in stems for path in sorted(channel.glob(f"*/{stem}.*")) if path.suffix in (".conda", ".bz2")]


def repack(archive: Path, out: Path, keep: int, work: Path) -> str:
    """Writes the package again, thinned; says what became of it."""
    tree = work / "tree"
    for part in ("pkg", "info"):
        with archive.open("rb") as file:
            for tar, member in streaming.stream_conda_component(archive.name, file, part):
                tar.extract(member, tree)
    facts = json.loads((tree / "info/index.json").read_text())
    shutil.rmtree(tree / "info")
    gone = sum(thin(path, keep) for path in tree.rglob("*.so*") if elf.is_dynamic(path))
    package.write(package.Package(
        facts["name"], facts["version"], tree, facts["license"], build=facts["build"], build_number=facts["build_number"],
        depends=facts["depends"], constrains=facts["constrains"], noarch=facts.get("noarch"),
        site_packages=facts.get("python_site_packages_path", "")), out)
    shutil.rmtree(tree)
    size = next(out.glob(f"*/{archive.stem}.conda")).stat().st_size
    return f"{size / 1e6:7.1f} MB of {archive.stat().st_size / 1e6:7.1f}  {archive.stem}" + (
        f", {gone / 1e6:.0f} MB of device code left out" if gone else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("channel", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--architecture", type=int, required=True)
    parser.add_argument("--program", type=Path, default=Path(os.environ.get("HPCENV_BIN", "build/release/hpcenv")))
    options = parser.parse_args()
    package.ZSTD_LEVEL = LEVEL
    channel, out = options.channel.resolve(), options.out.resolve()
    for archive in needed(channel, options.program.resolve(), SPECS):
        if archive.suffix != ".conda":
            (out / archive.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy2(archive, out / archive.parent.name)
            continue
        with tempfile.TemporaryDirectory(prefix="gpu-channel-") as work:
            print(repack(archive, out, options.architecture, Path(work)), flush=True)
    index.write_repodata(out)
    return 0


if __name__ == "__main__":
    leave(main())
