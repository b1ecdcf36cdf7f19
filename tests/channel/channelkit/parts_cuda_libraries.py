"""cuBLAS, cuDNN and NCCL for CUDA 13 and 12 from NVIDIA's wheels, as conda-forge's records are."""

from __future__ import annotations

from pathlib import Path

from . import pypi
from .errors import Unavailable
from .parts_cuda import ANY12, ANY13, CUBLAS_LIBRARIES, SMALL, T_INCLUDE, T_LIB, V12, V13, Output, unpack, write

CUBLAS13, CUBLAS12 = "13.1.0.3", "12.9.1.4"
CUDNN13, CUDNN12 = "9.13.0.50", "9.10.2.21"
NCCL = "2.28.9.1"
RUNS = ["__glibc >=2.28,<3.0.a0", "libgcc >=12", "libstdcxx >=12"]
ENGINES = "libcudnn_engines_precompiled.so.*"
Skips = list[dict[str, str]]


def _cublas(version: str, bound: str) -> Output:
    major = version.split(".")[0]
    links = [f"lib{name}.so.{number}" for name in CUBLAS_LIBRARIES for number in (major, version)]
    return Output("libcublas", version, [("lib/*.so.*", T_LIB)], [*RUNS, "cuda-nvrtc", bound], links=links, digits=4)


def _cudnn(version: str, bound: str, flavour: str = "") -> list[Output]:
    return [
        Output("libcudnn", version, [("lib/libcudnn*.so.*", "lib")],
               [*RUNS, "cuda-nvrtc", bound, "libcublas", "libzlib >=1.2.13,<2.0a0"], ["libcudnn-jit <0a"], flavour=flavour),
        Output("libcudnn-dev", version, [("include/*", "include")], [*RUNS, bound, "{libcudnn}"], ["libcudnn-jit-dev <0a"],
               flavour=flavour),
        Output("cudnn", version, [], [*RUNS, bound, "{libcudnn-dev}"], ["cudnn-jit <0a"], flavour=flavour)]


def _nccl(bound: str, flavour: str) -> list[Output]:
    return [Output("nccl", NCCL, [("lib/libnccl.so.*", "lib"), ("include/*", "include")], [*RUNS, bound], flavour=flavour)]


def _make(wheel: str, outputs: list[Output], downloads: Path, work: Path, channel: Path) -> None:
    write(outputs, unpack(pypi.fetch([wheel], downloads / "wheels"), work), work, channel)


def make_cublas13(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes cuBLAS for CUDA 13 and its headers."""
    libraries = _cublas(CUBLAS13, V13)
    headers = Output("libcublas-dev", CUBLAS13, [("include/*", T_INCLUDE)], [
        *RUNS, "cuda-crt-dev_linux-64", "cuda-cudart-dev_linux-64", "{libcublas}", V13], [f"libcublas-static >={CUBLAS13}"],
        links=[f"lib{name}.so" for name in CUBLAS_LIBRARIES])
    _make(f"nvidia-cublas=={CUBLAS13}", [libraries, headers], downloads, work, channel)
    return []


def make_cublas12(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes cuBLAS for CUDA 12."""
    _make(f"nvidia-cublas-cu12=={CUBLAS12}", [_cublas(CUBLAS12, V12)], downloads, work, channel)
    return [{"part": "cublas12", "left_out": "libcublas-dev",
             "reason": "the headers that it includes are in no wheel that this channel takes for CUDA 12"}]


def make_cudnn13(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes cuDNN for CUDA 13, whole."""
    _make(f"nvidia-cudnn-cu13=={CUDNN13}", _cudnn(CUDNN13, ANY13), downloads, work, channel)
    return []


def make_cudnn13_small(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes cuDNN for CUDA 13 without its largest library; tells what was left out."""
    root = unpack(pypi.fetch([f"nvidia-cudnn-cu13=={CUDNN13}"], downloads / "wheels"), work)
    engines = next(iter((root / "lib").glob(ENGINES)), None)
    if engines is None:
        raise Unavailable("the cuDNN wheel has another layout than this tool knows")
    size = engines.stat().st_size // 1_000_000
    engines.unlink()
    write(_cudnn(CUDNN13, ANY13, SMALL), root, work, channel)
    return [{"part": "cudnn13-small", "left_out": f"libcudnn_engines_precompiled ({size} MB)",
             "reason": "size; programs compile and link without it, and run what is no convolution"}]


def make_cudnn12(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes cuDNN for CUDA 12, whole, in the last version that knows GPUs before Turing."""
    _make(f"nvidia-cudnn-cu12=={CUDNN12}", _cudnn(CUDNN12, ANY12), downloads, work, channel)
    return []


def make_nccl13(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes NCCL for CUDA 13."""
    _make("nvidia-nccl-cu13==" + NCCL.rpartition(".")[0], _nccl(ANY13, "cuda13"), downloads, work, channel)
    return []


def make_nccl12(downloads: Path, work: Path, channel: Path) -> Skips:
    """Writes NCCL for CUDA 12."""
    _make("nvidia-nccl-cu12==" + NCCL.rpartition(".")[0], _nccl(ANY12, "cuda12"), downloads, work, channel)
    return []
