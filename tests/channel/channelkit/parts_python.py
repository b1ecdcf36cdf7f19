"""CPython 3.11 and 3.9 from Debian, moved back to the layout that CPython itself has, with the prefix as a placeholder."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import apt, elf, layout, package
from .parts_clib import GLIBC

DEBS = ["python{minor}-minimal", "python{minor}", "libpython{minor}-minimal", "libpython{minor}-stdlib",
        "libpython{minor}", "libpython{minor}-dev", "python{minor}-dev"]
FILES = ["lib/python{minor}/*", "bin/*", "lib/lib*.so*", "include/*", "lib/pkgconfig/*"]
UNWANTED = ["lib/python{minor}/EXTERNALLY-MANAGED", "lib/python{minor}/sitecustomize.py",
            "lib/python{minor}/_distutils_system_mod.py", "lib/python{minor}/lib-dynload/nis.*",
            "lib/python{minor}/lib-dynload/_dbm.*", "lib/python{minor}/config-{minor}-*/lib*", "bin/x86_64-*",
            "bin/pygettext{minor}", "lib/python{minor}/config-{minor}-*/python.o"]
PREFIXED_TEXT = ["lib/python{minor}/_sysconfigdata_*.py", "lib/python{minor}/config-{minor}-*/Makefile",
                 "lib/pkgconfig/*.pc", "bin/python{minor}-config", "bin/pydoc{minor}"]
LINKS = {"bin/python": "python{minor}", "bin/python3": "python{minor}", "bin/pydoc3": "pydoc{minor}",
         "bin/pydoc": "pydoc{minor}", "bin/python3-config": "python{minor}-config",
         "lib/libpython{minor}.so": "libpython{minor}.so.1.0"}
COMMON_DEPENDS = [GLIBC, "bzip2 >=1.0.8,<2.0a0", "libexpat >=2.5.0,<3.0a0", "libgcc >=12", "liblzma >=5.4.1,<6.0a0",
                  "libsqlite >=3.40.1,<4.0a0", "libuuid >=2.38.1,<3.0a0", "libxcrypt >=4.4.33",
                  "libzlib >=1.2.13,<2.0a0", "ncurses >=6.4,<7.0a0", "readline >=8.2,<9.0a0", "tzdata"]
SITE_PACKAGES = '''            for libdir in libdirs:
                path = os.path.join(prefix, libdir,
                                    "python%d.%d" % sys.version_info[:2],
                                    "site-packages")
                sitepackages.append(path)
'''


@dataclass(frozen=True)
class Minor:
    """One CPython of one Debian release, and where Debian's text of it has to be turned back: (file, pattern, instead)."""

    minor: str
    release: str
    depends: list[str]
    edits: list[tuple[str, str, str]]
    missing: str
    more_debs: list[str] = field(default_factory=list)
    frozen_site: list[str] = field(default_factory=list)
    site_packages: str = ""

    def fill(self, texts: list[str]) -> list[str]:
        return [text.format(minor=self.minor) for text in texts]

    @property
    def library(self) -> str:
        return f"lib/python{self.minor}"

    @property
    def abi(self) -> str:
        return f"cp{self.minor.replace('.', '')}"


NEWER = Minor(
    "3.11", apt.RELEASE, ["libffi >=3.4,<4.0a0", "openssl >=3.0.15,<4.0a0"],
    [("site.py", r"            if is_virtual_environment:\n.*?(?=        else:\n)", SITE_PACKAGES),
     ("sysconfig.py", r"'DEB_PYTHON_INSTALL_LAYOUT', 'posix_local'\)", "'DEB_PYTHON_INSTALL_LAYOUT', 'posix_prefix')"),
     ("sysconfig.py", r"            prefix_scheme = 'posix_local'", "            prefix_scheme = deb_build")],
    "ensurepip, tkinter, dbm.ndbm, nis, most of distutils, lib2to3",
    frozen_site=["bin/python3.11", "lib/libpython3.11.so.1.0"], site_packages="lib/python3.11/site-packages")
OLDER = Minor(
    "3.9", apt.OLDER_RELEASE,
    ["libffi >=3.3,<3.4.0a0", "mpdecimal >=2.5.1,<2.6.0a0", "openssl >=1.1.1w,<1.1.2a"],
    [("site.py", r"            if 'VIRTUAL_ENV' in os\.environ.*?(?=        else:\n)", SITE_PACKAGES),
     ("distutils/sysconfig.py", r'os\.path\.join\(prefix, "lib", "python3", "dist-packages"\)',
      'os.path.join(libpython, "site-packages")'),
     ("distutils/command/install.py", r'self\.select_scheme\("unix_local"\)', 'self.select_scheme("unix_prefix")')],
    "ensurepip, tkinter, dbm.ndbm, nis, lib2to3", more_debs=["python3-distutils"])


def _edit(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, lambda _: replacement, path.read_text(), count=1, flags=re.DOTALL)
    if count != 1:
        raise RuntimeError(f"{path.name}: Debian's text is not the one that this tool knows how to turn back")
    path.write_text(text)


def _edit_frozen_site(path: Path) -> None:
    # CPython 3.11 runs the `site` that is frozen into the program, not site.py; both words have one length.
    data = path.read_bytes()
    if b"dist-packages\0" not in data:
        raise RuntimeError(f"{path.name}: no frozen site with Debian's folder name")
    path.write_bytes(data.replace(b"dist-packages\0", b"site-packages\0"))


def _undo_debian_layout(python: Minor, tree: Path) -> None:
    for name in python.frozen_site:
        _edit_frozen_site(tree / name)
    for file, pattern, replacement in python.edits:
        _edit(tree / python.library / file, pattern, replacement)


def _stage(python: Minor, debs: dict[str, Path], work: Path) -> Path:
    tree = work / "tree"
    for name in debs:
        apt.unpack(debs[name], work / name)
    # The machine's pyconfig.h only forwards to the one in the multiarch folder, which lands on the same conda path.
    (work / f"libpython{python.minor}-dev/usr/include/python{python.minor}/pyconfig.h").unlink()
    config = f"usr/bin/python{python.minor}-config"
    real_config = next(work.glob(f"*/usr/bin/x86_64-linux-gnu-python{python.minor}-config"))
    shutil.move(real_config, work / f"python{python.minor}-dev" / config)
    for name in debs:
        layout.move(work / name, tree, python.fill(FILES))
    return tree


def _compile(python: Minor, tree: Path) -> None:
    """Adds the bytecode that a python package of conda brings; it holds the times that files have in the archive."""
    for path in tree.rglob("*.py"):
        if not path.is_symlink():
            os.utime(path, (package.TIMESTAMP_MS / 1000, package.TIMESTAMP_MS / 1000))
    unwanted = "lib2to3/tests|test/bad|_sysconfigdata"
    subprocess.run([tree / f"bin/python{python.minor}", "-I", "-m", "compileall", "-q", "-j", "2", "-s", str(tree), "-p",
                    "/", "-x", unwanted, tree / python.library], check=True, capture_output=True)


def _make(python: Minor, downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    debs = apt.Apt(downloads, release=python.release).fetch([*python.fill(DEBS), *python.more_debs])
    tree = _stage(python, debs, work)
    unwanted = python.fill(UNWANTED)
    for path in sorted(tree.rglob("*")):
        if any(fnmatch.fnmatchcase(str(path.relative_to(tree)), pattern) for pattern in unwanted):
            path.unlink()
    for name, target in LINKS.items():
        link = tree / name.format(minor=python.minor)
        link.unlink(missing_ok=True)
        link.symlink_to(target.format(minor=python.minor))
    layout.place_prefix_in(tree, python.fill(PREFIXED_TEXT))
    _undo_debian_layout(python, tree)
    elf.set_run_paths(tree)
    _compile(python, tree)
    (tree / python.library / "site-packages").mkdir(exist_ok=True)
    (tree / python.library / "site-packages/README.txt").write_text("This directory contains site packages.\n")
    version = apt.upstream_version(debs[f"python{python.minor}-minimal"])
    package.write(package.Package(
        "python", version, tree, "Python-2.0", build=package.build_string("python", version) + "_cpython",
        depends=sorted([*COMMON_DEPENDS, *python.depends]), constrains=[f"python_abi {python.minor}.* *_{python.abi}"],
        site_packages=python.site_packages), channel)
    _python_abi(python, work / "abi", channel)
    return [{"part": f"python {python.minor}", "left_out": python.missing,
             "reason": "Debian has them in packages that need other layouts or libraries"}]


def _python_abi(python: Minor, tree: Path, channel: Path) -> None:
    tree.mkdir()
    package.write(package.Package("python_abi", python.minor, tree, "BSD-3-Clause", build=f"8_{python.abi}", build_number=8,
                                  constrains=[f"python {python.minor}.* *_cpython"], noarch="generic"), channel)


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes python 3.11 and its python_abi; tells what was left out."""
    return _make(NEWER, downloads, work, channel)


def make_older(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes python 3.9 and its python_abi; tells what was left out."""
    return _make(OLDER, downloads, work, channel)
