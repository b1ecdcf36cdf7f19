"""NVIDIA's CUDA toolkit from its wheels, split, named, laid out and constrained as conda-forge's records are."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from . import elf, package, pypi
from .parts_clib import GLIBC
from .parts_compiler import activation

SMALL = "small"
LICENSE = "LicenseRef-NVIDIA-End-User-License-Agreement"
TARGET = "targets/x86_64-linux"
VERSIONS = ["11.8", "12.0", "12.2", "12.4", "12.6", "12.8", "12.9", "13.0"]
NVCC, RUNTIME, CCCL = "13.0.88", "13.0.96", "13.0.85"
NVRTC12, RUNTIME12 = "12.9.86", "12.9.79"
TOOLKIT_WHEELS = [f"nvidia-cuda-nvcc=={NVCC}", f"nvidia-cuda-crt=={NVCC}", f"nvidia-nvvm=={NVCC}",
                  f"nvidia-cuda-cccl=={CCCL}", f"nvidia-cuda-runtime=={RUNTIME}", f"nvidia-cuda-nvrtc=={NVCC}"]
CUDA12_WHEELS = [f"nvidia-cuda-runtime-cu12=={RUNTIME12}", f"nvidia-cuda-nvrtc-cu12=={NVRTC12}"]
V13, ANY13 = "cuda-version >=13.0,<13.1.0a0", "cuda-version >=13,<14.0a0"
V12, ANY12 = "cuda-version >=12.9,<12.10.0a0", "cuda-version >=12,<13.0a0"
GCC_LIMIT = ["gcc_impl_linux-64 >=6,<16.0a0"]
RUNS = [GLIBC, "libgcc >=12", "libstdcxx >=12"]
PROFILE = f"""
TOP              = $(_HERE_)/..

CICC_PATH        = $(TOP)/nvvm/bin
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice

LD_LIBRARY_PATH += $(TOP)/lib:
PATH            += $(CICC_PATH):$(_HERE_):

INCLUDES        +=  "-I$(TOP)/{TARGET}/include" "-I$(TOP)/include" $(_SPACE_)
SYSTEM_INCLUDES +=  "-isystem" "$(TOP)/{TARGET}/include/cccl" $(_SPACE_)

LIBRARIES        =+ $(_SPACE_) "-L$(TOP)/{TARGET}/lib/stubs" "-L$(TOP)/{TARGET}/lib" "-L$(TOP)/lib"

CUDAFE_FLAGS    +=
PTXAS_FLAGS     +=
"""


@dataclass(frozen=True)
class Output:
    """One conda package out of unpacked wheels: `takes` maps a pattern of paths there to a folder in the package.

    A name in braces in `depends` stands for that output's very build. `digits` is how much of the version the names of its
    libraries carry; `flavour` tells builds of one version apart.
    """

    name: str
    version: str
    takes: list[tuple[str, str]] = field(default_factory=list)
    depends: list[str] = field(default_factory=list)
    constrains: list[str] = field(default_factory=list)
    noarch: bool = False
    links: list[str] = field(default_factory=list)
    digits: int = 3
    flavour: str = ""

    @property
    def build(self) -> str:
        build = package.build_string(self.name + self.flavour, self.version)
        return f"{self.flavour}_{build}" if self.flavour == SMALL else build


CUBLAS_LIBRARIES = ["cublas", "cublasLt", "nvblas"]
CUDNN_LIBRARIES = ["", "_adv", "_cnn", "_engines_precompiled", "_engines_runtime_compiled", "_graph", "_heuristic", "_ops"]
T_LIB, T_INCLUDE = f"{TARGET}/lib", f"{TARGET}/include"
TOOLKIT = [
    Output("cuda-crt-tools", NVCC, [("bin/crt/*", "bin/crt")], [V13]),
    Output("cuda-crt-dev_linux-64", NVCC, [("include/crt/*", f"{T_INCLUDE}/crt")], [V13], noarch=True),
    Output("cuda-nvvm-tools", NVCC, [("nvvm/bin/*", "nvvm/bin")], [GLIBC, V13, "libgcc >=12"]),
    Output("cuda-nvvm-impl", NVCC, [("nvvm/libdevice/*", "nvvm/libdevice"), ("lib/libnvvm.so.*", "nvvm/lib64")],
           [GLIBC, V13, "libgcc >=12"]),
    Output("cuda-nvvm-dev_linux-64", NVCC, [("include/nvvm.h", "nvvm/include")], [V13], noarch=True),
    Output("cuda-nvcc-tools", NVCC, [("bin/*", "bin")], [*RUNS, "{cuda-crt-tools}", "{cuda-nvvm-tools}", V13], GCC_LIMIT),
    Output("cuda-nvcc-dev_linux-64", NVCC, [("include/fatbinary_section.h", T_INCLUDE)],
           ["{cuda-crt-dev_linux-64}", "{cuda-nvvm-dev_linux-64}", V13, "libgcc >=6"], GCC_LIMIT, noarch=True),
    Output("cuda-nvcc-impl", NVCC, [], [
        f"cuda-cudart >={NVCC},<14.0a0", "cuda-cudart-dev", "{cuda-nvcc-dev_linux-64}", "{cuda-nvcc-tools}",
        "{cuda-nvvm-impl}", V13], GCC_LIMIT),
    Output("cuda-nvcc_linux-64", NVCC, [], [
        GLIBC, "cuda-cudart-dev_linux-64 13.0.*", "cuda-driver-dev_linux-64 13.0.*", f"cuda-nvcc-dev_linux-64 {NVCC}.*",
        f"cuda-nvcc-impl {NVCC}.*", f"cuda-nvcc-tools {NVCC}.*", "sysroot_linux-64 >=2.17,<3.0a0"]),
    Output("cuda-nvcc", NVCC, [], [f"cuda-nvcc_linux-64 {NVCC}.*", "gcc_linux-64", "gxx_linux-64"]),
    Output("cuda-cudart_linux-64", RUNTIME, [("lib/libcudart.so.*", T_LIB)], [V13], noarch=True),
    Output("cuda-cudart", RUNTIME, [], [*RUNS, "{cuda-cudart_linux-64}", V13],
           links=["libcudart.so.13", f"libcudart.so.{RUNTIME}"]),
    Output("cuda-cudart-static_linux-64", RUNTIME, [("lib/*.a", T_LIB)], [V13], noarch=True),
    Output("cuda-cudart-static", RUNTIME, [], [*RUNS, "{cuda-cudart-static_linux-64}", V13],
           links=["libcudart_static.a", "libcudadevrt.a"]),
    Output("cuda-nvrtc", NVCC, [("lib/libnvrtc.so.*", T_LIB), ("lib/libnvrtc-builtins.so.*", T_LIB)], [*RUNS, V13],
           links=["libnvrtc.so.13", f"libnvrtc.so.{NVCC}", "libnvrtc-builtins.so.13.0"]),
    Output("cuda-nvrtc-dev", NVCC, [("include/nvrtc.h", T_INCLUDE)], [*RUNS, "{cuda-nvrtc}", V13],
           [f"cuda-nvrtc-static >={NVCC}"], links=["libnvrtc.so"]),
    Output("cuda-cccl_linux-64", CCCL, [("include/cccl/*", f"{T_INCLUDE}/cccl"), ("include/nv/*", f"{T_INCLUDE}/nv"),
                                        ("lib/cmake/*", f"{T_LIB}/cmake")], [V13], noarch=True),
    Output("cuda-driver-dev_linux-64", RUNTIME, [("lib/stubs/*", f"{T_LIB}/stubs")], [V13], noarch=True),
    Output("cuda-driver-dev", RUNTIME, [], [*RUNS, "cuda-driver-dev_linux-64", V13], links=["stubs/libcuda.so"]),
    Output("cuda-cudart-dev_linux-64", RUNTIME, [("include/*", T_INCLUDE)],
           ["cuda-cccl_linux-64", "cuda-cudart-static_linux-64", "cuda-cudart_linux-64", V13], noarch=True),
    Output("cuda-cudart-dev", RUNTIME, [], [
        *RUNS, "{cuda-cudart}", "{cuda-cudart-dev_linux-64}", "{cuda-cudart-static}", V13], links=["libcudart.so"]),
]
CUDA12 = [
    Output("cuda-cudart_linux-64", RUNTIME12, [("lib/libcudart.so.*", T_LIB)], [V12], noarch=True),
    Output("cuda-cudart", RUNTIME12, [], [*RUNS, "{cuda-cudart_linux-64}", V12],
           links=["libcudart.so.12", f"libcudart.so.{RUNTIME12}"]),
    Output("cuda-nvrtc", NVRTC12, [("lib/libnvrtc.so.*", T_LIB), ("lib/libnvrtc-builtins.so.*", T_LIB)], [*RUNS, V12],
           links=["libnvrtc.so.12", f"libnvrtc.so.{NVRTC12}", "libnvrtc-builtins.so.12.9"]),
    Output("cuda-nvrtc-dev", NVRTC12, [("include/nvrtc.h", T_INCLUDE)], [*RUNS, "{cuda-nvrtc}", V12],
           [f"cuda-nvrtc-static >={NVRTC12}"], links=["libnvrtc.so"]),
]
# The names that a linker asks for, by package and major version: folder, and what each points to.
UNVERSIONED = {
    ("cuda-cudart-dev_linux-64", "13"): (T_LIB, {"libcudart.so": "libcudart.so.13"}),
    ("cuda-nvrtc-dev", "13"): (T_LIB, {"libnvrtc.so": "libnvrtc.so.13"}),
    ("cuda-nvrtc-dev", "12"): (T_LIB, {"libnvrtc.so": "libnvrtc.so.12"}),
    ("cuda-nvvm-impl", "13"): ("nvvm/lib64", {"libnvvm.so": "libnvvm.so.4"}),
    ("libcublas-dev", "13"): (T_LIB, {f"lib{one}.so": f"lib{one}.so.13" for one in CUBLAS_LIBRARIES}),
    ("libcudnn-dev", "9"): ("lib", {f"libcudnn{one}.so": f"libcudnn{one}.so.9" for one in CUDNN_LIBRARIES}),
    ("nccl", "2"): ("lib", {"libnccl.so": "libnccl.so.2"})}


def make_versions(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes the cuda-version metapackages, which tie CUDA's packages to `__cuda`."""
    del downloads
    for version in VERSIONS:
        major = version.split(".")[0]
        tree = work / version
        tree.mkdir()
        package.write(package.Package("cuda-version", version, tree, LICENSE, build_number=3, noarch="generic",
                                      constrains=[f"cudatoolkit {version}|{version}.*", f"__cuda >={major}"]), channel)
    return []


def unpack(wheels: list[Path], work: Path) -> Path:
    """The files of NVIDIA's wheels below one folder, without the folder that each brings."""
    root = work / "wheels"
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                parts = member.split("/", 2)
                if parts[0] == "nvidia" and len(parts) == 3 and not member.endswith("/"):
                    target = root / parts[2]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(member) as source, target.open("wb") as file:
                        shutil.copyfileobj(source, file, 1 << 20)
    return root


def _real_name(path: Path, output: Output) -> str:
    """The file name with the whole version, as the toolkit's own archives have it: libcudart.so.13 -> .so.13.0.96."""
    found = re.fullmatch(r"(.+\.so)\.(\d+)", path.name)
    numbers = output.version.split(".")
    if not found or numbers[0] != found.group(2):
        return path.name
    return f"{found.group(1)}.{'.'.join(numbers[:output.digits])}"


def _set_run_path(path: Path, run_path: str) -> None:
    """Has a library find others beside it, and a program those of the environment, where it needs any of them."""
    needed = subprocess.run([elf.patchelf(), "--print-needed", str(path)], check=True, capture_output=True, text=True).stdout
    if ".so." in path.name or re.search(r"libgcc_s|libstdc\+\+", needed):
        subprocess.run([elf.patchelf(), "--force-rpath", "--set-rpath", run_path, str(path)], check=True, capture_output=True)


def _place(path: Path, tree: Path, folder: Path, output: Output) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    real = folder / _real_name(path, output)
    shutil.move(path, real)
    if real.name != path.name:
        (folder / path.name).symlink_to(real.name)
    if elf.is_dynamic(real):
        real.chmod(0o755)
        up = "../" * len(folder.relative_to(tree).parts)
        _set_run_path(real, "$ORIGIN" if ".so" in real.name else f"$ORIGIN/{up}lib")


def _take(output: Output, root: Path, tree: Path) -> None:
    for pattern, folder in output.takes:
        base = pattern.rsplit("/", 1)[0]
        for path in sorted((root / base).rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and fnmatch.fnmatchcase(str(relative), pattern):
                _place(path, tree, tree / folder / relative.parent.relative_to(base), output)


def _link(output: Output, tree: Path) -> None:
    for name in output.links:
        link = tree / "lib" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * len(link.parent.relative_to(tree).parts)
        link.symlink_to(f"{up}{T_LIB}/{name}")
    folder, links = UNVERSIONED.get((output.name, output.version.split(".")[0]), ("", {}))
    for name, target in links.items():
        (tree / folder).mkdir(parents=True, exist_ok=True)
        (tree / folder / name).symlink_to(target)


def _record(output: Output, outputs: list[Output], tree: Path) -> package.Package:
    exact = {f"{{{one.name}}}": f"{one.name} {one.version} {one.build}" for one in outputs}
    return package.Package(output.name, output.version, tree, LICENSE, build=output.build,
                           depends=[exact.get(d, d) for d in output.depends], constrains=output.constrains,
                           noarch="generic" if output.noarch else None)


def write(outputs: list[Output], root: Path, work: Path, channel: Path) -> None:
    """Writes the packages of `outputs` out of the unpacked wheels at `root`."""
    for output in outputs:
        tree = work / "tree" / output.name
        tree.mkdir(parents=True)
        _take(output, root, tree)
        _link(output, tree)
        if output.name == "cuda-nvcc_linux-64":
            activation(tree, "~cuda-nvcc_activate", "~cuda-nvcc_deactivate")
        package.write(_record(output, outputs, tree), channel)
        shutil.rmtree(tree)


def stub_source(header: str) -> str:
    """C text of a libcuda whose functions all return 34, CUDA_ERROR_STUB_LIBRARY, and touch nothing."""
    names = sorted(set(re.findall(r"^CUresult CUDAAPI (cu\w+)\(", header, re.MULTILINE)))
    versioned = sorted(set(re.findall(r"^\s*#define cu\w+ +(cu\w+_v\d+)\b", header, re.MULTILINE)))
    return "".join(f"int {name}(void) {{ return 34; }}\n" for name in sorted({*names, *versioned}))


def _driver_stub(root: Path) -> list[dict[str, str]]:
    compiler = shutil.which("cc")
    stub = root / "lib/stubs/libcuda.so"
    stub.parent.mkdir(parents=True)
    if not compiler:
        return [{"part": "cuda13", "left_out": "the stub libcuda.so", "reason": "no C compiler here"}]
    source = stub.with_suffix(".c")
    source.write_text(stub_source((root / "include/cuda.h").read_text()))
    subprocess.run([compiler, "-shared", "-fPIC", "-nostdlib", "-O1", "-Wl,-soname,libcuda.so.1", "-o", str(stub),
                    str(source)], check=True)
    source.unlink()
    return []


def make_toolkit(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes nvcc and the runtime of CUDA 13; tells what was left out."""
    root = unpack(pypi.fetch(TOOLKIT_WHEELS, downloads / "wheels"), work)
    skips = _driver_stub(root)
    (root / "bin/nvcc.profile").write_text(PROFILE)
    write(TOOLKIT, root, work, channel)
    return [*skips, {"part": "cuda13", "left_out": "libnvptxcompiler-dev, the .alt variants of NVRTC",
                     "reason": "not in NVIDIA's wheels of nvcc; or twice the size for what nothing here loads"}]


def make_cuda12(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes the runtime and NVRTC of CUDA 12; tells what was left out."""
    root = unpack(pypi.fetch(CUDA12_WHEELS, downloads / "wheels"), work)
    write(CUDA12, root, work, channel)
    return [{"part": "cuda12", "left_out": "nvcc", "reason": "NVIDIA has no wheel with nvcc of CUDA 12"}]
