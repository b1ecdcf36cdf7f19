"""C libraries and data that CPython stands on, from Debian's packages, split and named as conda-forge has them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import apt, elf, layout, package

PREFIXED_TEXT = ["lib/pkgconfig/*.pc", "bin/*-config"]
GLIBC = "__glibc >=2.17,<3.0.a0"


@dataclass(frozen=True)
class Library:
    """One conda package out of Debian packages; the first of `debs` gives the version."""

    name: str
    debs: list[str]
    files: list[str]
    license: str
    depends: list[str] = field(default_factory=list)
    constrains: list[str] = field(default_factory=list)
    noarch: bool = False
    tar_bz2: bool = False
    build: str = ""


LIBRARIES = [
    Library("libgcc", ["libgcc-s1"], ["lib/libgcc_s.so.*"], "GPL-3.0-only WITH GCC-exception-3.1",
            [GLIBC, "_openmp_mutex >=4.5"]),
    Library("libgomp", ["libgomp1"], ["lib/libgomp.so.1.*"], "GPL-3.0-only WITH GCC-exception-3.1", [GLIBC]),
    Library("libstdcxx", ["libstdc++6"], ["lib/libstdc++.so.*"], "GPL-3.0-only WITH GCC-exception-3.1",
            [GLIBC, "libgcc {version}"]),
    Library("libzlib", ["zlib1g"], ["lib/libz.so.*"], "Zlib", [GLIBC], ["zlib {version} *_0"]),
    Library("zlib", ["zlib1g-dev"], ["include/*", "lib/libz.so", "lib/pkgconfig/*"], "Zlib",
            [GLIBC, "libzlib {version} {build:libzlib}"]),
    Library("bzip2", ["libbz2-1.0", "bzip2", "libbz2-dev"], ["lib/libbz2.so*", "bin/*", "include/*"], "bzip2-1.0.6",
            [GLIBC, "libgcc >=12"], tar_bz2=True),
    Library("liblzma", ["liblzma5"], ["lib/liblzma.so.*"], "0BSD", [GLIBC, "libgcc >=12"], ["xz {version}.*"]),
    Library("libffi", ["libffi8", "libffi-dev"], ["lib/libffi.so*", "include/*", "lib/pkgconfig/*"], "MIT",
            [GLIBC, "libgcc >=12"], tar_bz2=True),
    Library("libexpat", ["libexpat1"], ["lib/libexpat.so.*"], "MIT", [GLIBC, "libgcc >=12"], ["expat {version}.*"]),
    Library("libuuid", ["libuuid1", "uuid-dev"], ["lib/libuuid.so*", "include/*", "lib/pkgconfig/*"], "BSD-3-Clause",
            [GLIBC, "libgcc >=12"]),
    Library("libxcrypt", ["libcrypt1"], ["lib/libcrypt.so.*"], "LGPL-2.1-or-later", [GLIBC, "libgcc >=12"]),
    Library("ncurses", ["libncursesw6", "libtinfo6", "ncurses-base", "ncurses-bin", "libncurses-dev"],
            ["lib/lib*.so*", "bin/*", "include/*", "lib/pkgconfig/*", "lib/terminfo/*"], "X11 AND BSD-3-Clause",
            [GLIBC, "libgcc >=12"]),
    Library("readline", ["libreadline8", "libreadline-dev"], ["lib/lib*.so*", "include/*", "lib/pkgconfig/*"],
            "GPL-3.0-only", [GLIBC, "libgcc >=12", "ncurses >=6.4,<7.0a0"]),
    Library("libsqlite", ["libsqlite3-0", "libsqlite3-dev"], ["lib/lib*.so*", "include/*", "lib/pkgconfig/*"],
            "blessing", [GLIBC, "libgcc >=12", "libzlib >=1.2.13,<2.0a0"]),
    Library("openssl", ["libssl3", "openssl", "libssl-dev"],
            ["lib/lib*.so*", "lib/engines-3/*", "lib/ossl-modules/*", "bin/*", "include/*", "lib/pkgconfig/*"],
            "Apache-2.0", [GLIBC, "ca-certificates", "libgcc >=12"]),
    Library("tzdata", ["tzdata"], ["share/zoneinfo/*"], "LicenseRef-Public-Domain", noarch=True, build="h04d1e81_0"),
]


# What CPython 3.9 of the older release was linked against, where it is not what LIBRARIES have.
OLDER_LIBRARIES = [
    Library("libffi", ["libffi7"], ["lib/libffi.so.*"], "MIT", [GLIBC, "libgcc >=12"]),
    Library("mpdecimal", ["libmpdec3"], ["lib/libmpdec.so.*"], "BSD-2-Clause", [GLIBC, "libgcc >=12"]),
    Library("openssl", ["libssl1.1"], ["lib/lib*.so.*", "lib/engines-1.1/*"], "OpenSSL",
            [GLIBC, "ca-certificates", "libgcc >=12"]),
]


def build_of(name: str, versions: dict[str, str]) -> str:
    """The build string that the library `name` gets here."""
    return package.build_string(name, versions[name])


def _fill(text: str, name: str, versions: dict[str, str]) -> str:
    text = text.replace("{version}", versions[name])
    for other in versions:
        text = text.replace(f"{{build:{other}}}", build_of(other, versions))
    return text


def _versions(debs: dict[str, Path]) -> dict[str, str]:
    known = [library for library in (*LIBRARIES, *OLDER_LIBRARIES) if library.debs[0] in debs]
    return {library.name: apt.upstream_version(debs[library.debs[0]]) for library in known}


def _certificates(debs: dict[str, Path], work: Path, channel: Path) -> None:
    apt.unpack(debs["ca-certificates"], work / "unpacked")
    tree = work / "tree"
    (tree / "ssl").mkdir(parents=True)
    certificates = sorted((work / "unpacked").rglob("*.crt"))
    (tree / "ssl/cacert.pem").write_text("".join(path.read_text() for path in certificates))
    (tree / "ssl/cert.pem").symlink_to("cacert.pem")
    date = apt.upstream_version(debs["ca-certificates"])
    version = f"{date[:4]}.{int(date[4:6])}.{int(date[6:8])}"
    package.write(package.Package("ca-certificates", version, tree, "ISC", build="hbd8a1cb_0", depends=["__unix"],
                                  noarch="generic"), channel)


def _openmp_mutex(work: Path, channel: Path) -> None:
    (work / "tree/lib").mkdir(parents=True)
    (work / "tree/lib/libgomp.so.1").symlink_to("libgomp.so.1.0.0")
    package.write(package.Package("_openmp_mutex", "4.5", work / "tree", "BSD-3-Clause", build="2_gnu", build_number=2,
                                  depends=[GLIBC, "libgomp >=7.5.0"], constrains=["openmp_impl 9999"]), channel)


def _library(library: Library, debs: dict[str, Path], work: Path, channel: Path) -> None:
    versions = _versions(debs)
    tree = work / "tree"
    for deb in library.debs:
        apt.unpack(debs[deb], work / deb)
        layout.move(work / deb, tree, library.files)
    for static in tree.rglob("*.a"):
        static.unlink()
    layout.place_prefix_in(tree, PREFIXED_TEXT)
    elf.set_run_paths(tree)
    package.write(package.Package(
        library.name, versions[library.name], tree, library.license, build=library.build,
        depends=[_fill(text, library.name, versions) for text in library.depends],
        constrains=[_fill(text, library.name, versions) for text in library.constrains],
        noarch="generic" if library.noarch else None, tar_bz2=library.tar_bz2), channel)


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes all of LIBRARIES, the certificates and _openmp_mutex; tells what was left out."""
    names = [deb for library in LIBRARIES for deb in library.debs] + ["ca-certificates"]
    debs = apt.Apt(downloads).fetch(names)
    for library in LIBRARIES:
        _library(library, debs, work / library.name, channel)
        shutil.rmtree(work / library.name)
    _certificates(debs, work / "ca-certificates", channel)
    _openmp_mutex(work / "_openmp_mutex", channel)
    return []


def make_older(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes OLDER_LIBRARIES; tells what was left out."""
    names = [deb for library in OLDER_LIBRARIES for deb in library.debs]
    debs = apt.Apt(downloads, release=apt.OLDER_RELEASE).fetch(names)
    for library in OLDER_LIBRARIES:
        _library(library, debs, work / library.name, channel)
    return []
