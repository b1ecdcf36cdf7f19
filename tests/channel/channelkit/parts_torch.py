"""PyTorch for CUDA 12.8 with all the libraries that its wheel asks for, from PyPI; the name and the toolkit's bound as on conda-forge."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from . import package, pypi
from .parts_wheels import package_of

PINS = [
    "torch==2.10.0", "cuda-bindings==12.9.4", "cuda-pathfinder==1.9.1", "filelock==4.3.1", "fsspec==2026.9.0", "jinja2==3.1.6",
    "markupsafe==3.0.4", "mpmath==1.3.0", "networkx==3.6.1", "nvidia-cublas-cu12==12.8.4.1", "nvidia-cuda-cupti-cu12==12.8.90",
    "nvidia-cuda-nvrtc-cu12==12.8.93", "nvidia-cuda-runtime-cu12==12.8.90", "nvidia-cudnn-cu12==9.10.2.21",
    "nvidia-cufft-cu12==11.3.3.83", "nvidia-cufile-cu12==1.13.1.3", "nvidia-curand-cu12==10.3.9.90",
    "nvidia-cusolver-cu12==11.7.3.90", "nvidia-cusparse-cu12==12.5.8.93", "nvidia-cusparselt-cu12==0.7.1",
    "nvidia-nccl-cu12==2.27.5", "nvidia-nvjitlink-cu12==12.8.93", "nvidia-nvshmem-cu12==3.4.5", "nvidia-nvtx-cu12==12.8.90",
    "sympy==1.14.0", "triton==3.6.0"]
BOUND = "cuda-version >=12.8,<13"


def _as_on_conda_forge(torch: package.Package) -> package.Package:
    """Its records tell by the build and by `cuda-version` which driver it needs."""
    return dataclasses.replace(torch, name="pytorch", build=f"cuda128_{torch.build}", depends=[*torch.depends, BOUND, "numpy"])


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes PyTorch and what it needs beyond Python, numpy and typing_extensions. The wheels (4 GB) are not kept."""
    del downloads
    for wheel in pypi.fetch(PINS, work / "wheels"):
        made = package_of(wheel, work / wheel.stem)
        package.write(_as_on_conda_forge(made) if made.name == "torch" else made, channel)
        shutil.rmtree(made.tree)
    return []
