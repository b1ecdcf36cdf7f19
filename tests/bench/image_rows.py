"""The rows of images: the CUDA environment as an archive, beside tar with a compressor, and buildah, on the same bytes."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

from ground import Sample
from rows import Bench, Row, middle

RECIPE = ("--recipe", "cuda-dev", "numpy")
# How others pack the same tree, and the fastest that anybody does it with the same compression.
PEERS = {"gzip": "pigz -1 -p 2", "zstd": "zstd -q -3 -T2", "none": "cat"}
FLOORS = {"gzip": "igzip -1 -T 2", "zstd": "zstd -q -1 -T2", "none": "cat"}


class Images:
    def __init__(self, bench: Bench) -> None:
        self.ground = bench.ground
        self.runs = bench.sizes.runs
        self.channel = bench.real_channel(bench.sizes.cuda)
        self.prefix = self.ground.folder / "root/envs/cuda"
        self.create("cuda")

    def create(self, name: str, *more: str) -> None:
        self.ground.hpcenv("create", "-y", "-n", name, *RECIPE, *more, "--override-channels", "-c", self.channel,
                           CONDA_OVERRIDE_CUDA="13.0")

    def build(self, compression: str, form: str = "oci-archive", name: str = "cuda") -> Sample:
        out = self.ground.folder / f"image-{compression}-{form}"
        if form == "oci-archive":
            out.unlink(missing_ok=True)
        return self.ground.hpcenv("image", "build", "-n", name, "--image-prefix", "/opt/envs/cuda", "--tag", "cuda:1", "--base", "none",
                                  "--compress", compression, "--format", form, "-o", out)[0]

    def shell(self, line: str) -> Sample:
        return self.ground.launch(["/bin/bash", "-c", f"set -o pipefail; {line}"])[0]

    def packed(self, packer: str) -> Sample:
        target = self.ground.folder / "packed"
        sample = self.shell(f"tar -C {shlex.quote(str(self.prefix.parent))} -c cuda | {packer} > {target}")
        target.unlink()
        return sample

    def buildah(self, compression: str) -> Sample:
        """The prefix copied into a layer, as a container file would."""
        folder = self.ground.folder / "buildah"
        store = f"buildah --root {folder}/r --runroot {folder}/s --storage-driver vfs"
        line = (f"c=$({store} from scratch) && {store} copy -q $c {self.prefix} /opt/envs/cuda && "
                f"{store} commit -q {'--disable-compression=false' if compression == 'gzip' else '--disable-compression'} $c "
                f"oci-archive:{folder}/out.tar")
        folder.mkdir()
        try:
            return self.shell(line)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def row(self, compression: str) -> Row:
        ours, peers, floors = [], [], []
        for _ in range(self.runs):
            ours.append(self.build(compression))
            peers.append(self.packed(PEERS[compression]))
            if shutil.which(FLOORS[compression].split()[0]):
                floors.append(self.packed(FLOORS[compression]))
        seconds, cpu, peak = middle(ours)
        size = (self.ground.folder / f"image-{compression}-oci-archive").stat().st_size
        note = f"{size / 2**20:.0f} MiB; the peer is tar | {PEERS[compression]}"
        if compression != "zstd" and os.geteuid() == 0 and shutil.which("buildah"):
            note += f"; buildah copying the prefix into a layer: {self.buildah(compression).seconds:.1f} s"
        return Row(f"the CUDA environment as an image, {compression}", seconds, peer=middle(peers)[0],
                   floor=middle(floors)[0] if floors else None, floor_is=f"tar | {FLOORS[compression]}", our_cpu=cpu,
                   our_peak=peak, aim="150 MiB" if compression == "none" else "1.3 of the peer, 150 MiB", note=note)

    def rebuilding(self) -> Row:
        self.create("cuda-more", "pkgconf")
        shutil.rmtree(self.ground.folder / "image-gzip-oci-dir", ignore_errors=True)
        first = self.build("gzip", "oci-dir").seconds
        again = self.build("gzip", "oci-dir", "cuda-more").seconds
        return Row("the same again in its directory, after a small package came", again, aim="5 % of the first",
                   note=f"the first took {first:.1f} s: {100 * again / first:.1f} %")


def image(bench: Bench) -> list[Row]:
    if missing := [program for program in ("pigz", "zstd") if shutil.which(program) is None]:
        print(f"bench: no images: {missing} missing", file=sys.stderr)
        return []
    images = Images(bench)
    return [*(images.row(compression) for compression in ("gzip", "zstd", "none")), images.rebuilding()]
