"""gcc, g++ and binutils of Debian with a sysroot of Debian's glibc, split and named as conda-forge's compilers.

The drivers keep Debian's names in bin/, so that they find the rest from where they lie; the conda-forge names beside them
are small scripts that hand over the sysroot.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import apt, elf, layout, package
from .parts_clib import GLIBC

HOST = "x86_64-conda-linux-gnu"
SYSROOT = f"{HOST}/sysroot"
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
GCC = "lib/gcc/x86_64-linux-gnu/12"
TOOLS = ["addr2line", "ar", "as", "c++filt", "elfedit", "ld.bfd", "nm", "objcopy", "objdump", "ranlib", "readelf", "size",
         "strings", "strip"]
GPL = "GPL-3.0-only WITH GCC-exception-3.1"
SYSROOT_DEBS = ["libc6", "libc6-dev"]
UNWANTED = ["*/gconv/*", "*/audit/*", "usr/share/*", "usr/bin/*", "sbin/*", "*/libc.a", "usr/lib/*/libm-*.a", "etc/*"]
DEBS = [*SYSROOT_DEBS, "linux-libc-dev", "binutils-x86-64-linux-gnu", "libbinutils", "libctf0", "libctf-nobfd0",
        "libjansson4", "libzstd1", "cpp-12", "gcc-12", "g++-12", "libgcc-12-dev", "libstdc++-12-dev", "libmpc3",
        "libmpfr6", "libgmp10", "libisl23"]


@dataclass
class Maker:
    """What all packages of this part need while they are made."""

    debs: dict[str, Path]
    work: Path
    channel: Path
    versions: dict[str, str] = field(default_factory=dict)

    def tree(self, name: str) -> Path:
        path = self.work / "trees" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def unpacked(self, deb: str) -> Path:
        path = self.work / "debs" / deb
        if not path.exists():
            apt.unpack(self.debs[deb], path)
        return path

    def version(self, deb: str) -> str:
        return apt.upstream_version(self.debs[deb])

    def write(self, name: str, version: str, license: str, depends: list[str], **more: object) -> None:
        tree = self.tree(name)
        package.write(package.Package(name, version, tree, license, depends=depends, **more), self.channel)
        self.versions[name] = version
        shutil.rmtree(tree)

    def exact(self, name: str) -> str:
        """A dependency on the very build that was made of `name` before."""
        version = self.versions[name]
        return f"{name} {version} {package.build_string(name, version)}"


def _copy_root(source: Path, root: Path) -> None:
    """Copies Debian's tree as it is; absolute links become relative ones inside `root`."""
    for path in sorted(source.rglob("*")):
        relative = str(path.relative_to(source))
        if (path.is_dir() and not path.is_symlink()) or any(fnmatch.fnmatch(relative, one) for one in UNWANTED):
            continue
        target = root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        link = os.readlink(path) if path.is_symlink() else ""
        if link.startswith("/"):
            target.symlink_to(os.path.relpath(link[1:], str(Path(relative).parent)))
        else:
            shutil.copy2(path, target, follow_symlinks=False)


def _sysroot(maker: Maker) -> None:
    _copy_root(maker.unpacked("linux-libc-dev"), maker.tree("kernel-headers_linux-64") / SYSROOT)
    maker.write("kernel-headers_linux-64", maker.version("linux-libc-dev"), "GPL-2.0-only WITH Linux-syscall-note", [],
                noarch="generic")
    for deb in SYSROOT_DEBS:
        _copy_root(maker.unpacked(deb), maker.tree("sysroot_linux-64") / SYSROOT)
    version = maker.version("libc6")
    maker.write("sysroot_linux-64", version, "LGPL-2.1-or-later",
                [f"__glibc >={version}", maker.exact("kernel-headers_linux-64"), "tzdata"], noarch="generic")


def _tool(maker: Maker, tree: Path, tool: str) -> None:
    name = "ld" if tool == "ld.bfd" else tool
    (tree / "bin").mkdir(exist_ok=True)
    (tree / "x86_64-linux-gnu/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy2(maker.unpacked("binutils-x86-64-linux-gnu") / f"usr/bin/x86_64-linux-gnu-{tool}",
                 tree / f"bin/{HOST}-{name}")
    (tree / f"x86_64-linux-gnu/bin/{name}").symlink_to(f"../../bin/{HOST}-{name}")


def _binutils(maker: Maker) -> None:
    layout.move(maker.unpacked("libzstd1"), maker.tree("zstd"), ["lib/libzstd.so.*"])
    elf.set_run_paths(maker.tree("zstd"))
    maker.write("zstd", maker.version("libzstd1"), "BSD-3-Clause", [GLIBC, "libgcc >=12", "libzlib >=1.2.13,<2.0a0"])
    version = maker.version("binutils-x86-64-linux-gnu")
    linker = maker.tree("ld_impl_linux-64")
    _tool(maker, linker, "ld.bfd")
    for deb in ("libbinutils", "libctf0", "libctf-nobfd0", "libjansson4"):
        layout.move(maker.unpacked(deb), linker, ["lib/lib*.so*"])
    elf.set_run_paths(linker)
    maker.write("ld_impl_linux-64", version, "GPL-3.0-only", [GLIBC, "libzlib >=1.2.13,<2.0a0", "zstd >=1.5.4,<1.6.0a0"],
                constrains=[f"binutils_impl_linux-64 {version}"])
    for tool in TOOLS:
        if tool != "ld.bfd":
            _tool(maker, maker.tree("binutils_impl_linux-64"), tool)
    elf.set_run_paths(maker.tree("binutils_impl_linux-64"))
    maker.write("binutils_impl_linux-64", version, "GPL-3.0-only",
                [maker.exact("ld_impl_linux-64"), "sysroot_linux-64", "zstd >=1.5.4,<1.6.0a0"])


def activation(tree: Path, *names: str) -> None:
    """Puts activate.d and deactivate.d scripts of tests/channel/scripts where conda packages have them."""
    for name in names:
        folder = tree / "etc/conda" / ("deactivate.d" if "deactivate" in name else "activate.d")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(SCRIPTS / f"{name}.sh", folder / f"{name}.sh")


def _driver(maker: Maker, tree: Path, deb: str, program: str, names: list[str]) -> None:
    (tree / "bin").mkdir(exist_ok=True)
    debian = f"x86_64-linux-gnu-{program}-12"
    shutil.copy2(maker.unpacked(deb) / f"usr/bin/{debian}", tree / f"bin/{debian}")
    for name in names:
        wrapper = tree / f"bin/{HOST}-{name}"
        wrapper.write_text(f'#!/bin/sh\nexec "{package.PLACEHOLDER}/bin/{debian}" '
                           f'--sysroot="{package.PLACEHOLDER}/{SYSROOT}" "$@"\n')
        wrapper.chmod(0o755)


def _compilers(maker: Maker) -> None:
    version = maker.version("gcc-12")
    layout.move(maker.unpacked("libgcc-12-dev"), maker.tree("libgcc-devel_linux-64"), [f"{GCC}/*"])
    for library in maker.tree("libgcc-devel_linux-64").glob(f"{GCC}/lib*san*"):
        library.unlink()
    maker.write("libgcc-devel_linux-64", version, GPL, ["__unix"], noarch="generic")
    layout.move(maker.unpacked("libstdc++-12-dev"), maker.tree("libstdcxx-devel_linux-64"), [f"{GCC}/*", "include/*"])
    maker.write("libstdcxx-devel_linux-64", version, GPL, ["__unix"], noarch="generic")
    gcc = maker.tree("gcc_impl_linux-64")
    for name in ("cc1", "collect2", "lto-wrapper", "liblto_plugin.so"):
        for deb in ("cpp-12", "gcc-12"):
            layout.move(maker.unpacked(deb), gcc, [f"{GCC}/{name}"])
    for deb in ("libmpc3", "libmpfr6", "libgmp10", "libisl23"):
        layout.move(maker.unpacked(deb), gcc, ["lib/lib*.so.*"])
    _driver(maker, gcc, "gcc-12", "gcc", ["gcc", "cc"])
    _driver(maker, gcc, "cpp-12", "cpp", ["cpp"])
    elf.set_run_paths(gcc)
    maker.write("gcc_impl_linux-64", version, GPL, [
        "binutils_impl_linux-64 >=2.40", f"libgcc >={version}", maker.exact("libgcc-devel_linux-64"),
        f"libgomp >={version}", f"libstdcxx >={version}", "libzlib >=1.2.13,<2.0a0", "sysroot_linux-64",
        "zstd >=1.5.4,<1.6.0a0"])
    gxx = maker.tree("gxx_impl_linux-64")
    layout.move(maker.unpacked("g++-12"), gxx, [f"{GCC}/cc1plus"])
    _driver(maker, gxx, "g++-12", "g++", ["g++", "c++"])
    elf.set_run_paths(gxx)
    maker.write("gxx_impl_linux-64", version, GPL, [
        maker.exact("gcc_impl_linux-64"), maker.exact("libstdcxx-devel_linux-64"), "sysroot_linux-64", "tzdata"])


def _activated(maker: Maker) -> None:
    activation(maker.tree("binutils_linux-64"), "activate-binutils_linux-64", "deactivate-binutils_linux-64")
    maker.write("binutils_linux-64", maker.versions["binutils_impl_linux-64"], "BSD-3-Clause",
                [maker.exact("binutils_impl_linux-64")])
    version = maker.versions["gcc_impl_linux-64"]
    activation(maker.tree("gcc_linux-64"), "activate-gcc_linux-64", "deactivate-gcc_linux-64")
    maker.write("gcc_linux-64", version, "BSD-3-Clause",
                ["binutils_linux-64", f"gcc_impl_linux-64 {version}.*", "sysroot_linux-64"])
    activation(maker.tree("gxx_linux-64"), "activate-gxx_linux-64", "deactivate-gxx_linux-64")
    maker.write("gxx_linux-64", version, "BSD-3-Clause",
                ["binutils_linux-64", maker.exact("gcc_linux-64"), f"gxx_impl_linux-64 {version}.*", "sysroot_linux-64"])


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes the compilers and what they need; tells what was left out."""
    maker = Maker(apt.Apt(downloads).fetch(DEBS), work, channel)
    _sysroot(maker)
    _binutils(maker)
    _compilers(maker)
    _activated(maker)
    return [{"part": "compiler", "left_out": "sanitizers, link-time optimisation, static libc",
             "reason": "they double the size and no test links with them"}]
