"""CPython 3.11 from Debian, moved back to the layout that CPython itself has, with its prefix as a placeholder."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import apt, elf, layout, package
from .parts_clib import GLIBC

DEBS = ["python3.11-minimal", "python3.11", "libpython3.11-minimal", "libpython3.11-stdlib", "libpython3.11",
        "libpython3.11-dev", "python3.11-dev"]
LIB = "lib/python3.11"
FILES = [f"{LIB}/*", "bin/*", "lib/lib*.so*", "include/*", "lib/pkgconfig/*"]
UNWANTED = [f"{LIB}/EXTERNALLY-MANAGED", f"{LIB}/sitecustomize.py", f"{LIB}/_distutils_system_mod.py",
            f"{LIB}/lib-dynload/nis.*", f"{LIB}/lib-dynload/_dbm.*", f"{LIB}/config-3.11-*/lib*", "bin/x86_64-*",
            "bin/pygettext3.11", f"{LIB}/config-3.11-*/python.o"]
PREFIXED_TEXT = [f"{LIB}/_sysconfigdata_*.py", f"{LIB}/config-3.11-*/Makefile", "lib/pkgconfig/*.pc",
                 "bin/python3.11-config", "bin/pydoc3.11"]
LINKS = {"bin/python": "python3.11", "bin/python3": "python3.11", "bin/pydoc3": "pydoc3.11", "bin/pydoc": "pydoc3.11",
         "bin/python3-config": "python3.11-config", "lib/libpython3.11.so": "libpython3.11.so.1.0"}
DEPENDS = [GLIBC, "bzip2 >=1.0.8,<2.0a0", "libexpat >=2.5.0,<3.0a0", "libffi >=3.4,<4.0a0", "libgcc >=12",
           "liblzma >=5.4.1,<6.0a0", "libsqlite >=3.40.1,<4.0a0", "libuuid >=2.38.1,<3.0a0", "libxcrypt >=4.4.33",
           "libzlib >=1.2.13,<2.0a0", "ncurses >=6.4,<7.0a0", "openssl >=3.0.15,<4.0a0", "readline >=8.2,<9.0a0",
           "tzdata"]
SITE_PACKAGES = '''            for libdir in libdirs:
                path = os.path.join(prefix, libdir,
                                    "python%d.%d" % sys.version_info[:2],
                                    "site-packages")
                sitepackages.append(path)
'''


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


def _undo_debian_layout(tree: Path) -> None:
    for name in ("bin/python3.11", "lib/libpython3.11.so.1.0"):
        _edit_frozen_site(tree / name)
    _edit(tree / LIB / "site.py", r"            if is_virtual_environment:\n.*?(?=        else:\n)", SITE_PACKAGES)
    _edit(tree / LIB / "sysconfig.py", r"'DEB_PYTHON_INSTALL_LAYOUT', 'posix_local'\)",
          "'DEB_PYTHON_INSTALL_LAYOUT', 'posix_prefix')")
    _edit(tree / LIB / "sysconfig.py", r"            prefix_scheme = 'posix_local'", "            prefix_scheme = deb_build")


def _stage(debs: dict[str, Path], work: Path) -> Path:
    tree = work / "tree"
    for name in DEBS:
        apt.unpack(debs[name], work / name)
    # The machine's pyconfig.h only forwards to the one in the multiarch folder, which lands on the same conda path.
    (work / "libpython3.11-dev/usr/include/python3.11/pyconfig.h").unlink()
    real_config = work / "libpython3.11-dev/usr/bin/x86_64-linux-gnu-python3.11-config"
    shutil.move(real_config, work / "python3.11-dev/usr/bin/python3.11-config")
    for name in DEBS:
        layout.move(work / name, tree, FILES)
    return tree


def _compile(tree: Path) -> None:
    """Adds the bytecode that a python package of conda brings; it holds the times that files have in the archive."""
    for path in tree.rglob("*.py"):
        if not path.is_symlink():
            os.utime(path, (package.TIMESTAMP_MS / 1000, package.TIMESTAMP_MS / 1000))
    unwanted = "lib2to3/tests|test/bad|_sysconfigdata"
    subprocess.run([tree / "bin/python3.11", "-I", "-m", "compileall", "-q", "-j", "2", "-s", str(tree), "-p", "/",
                    "-x", unwanted, tree / LIB], check=True, capture_output=True)


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes python and python_abi; tells what was left out."""
    debs = apt.Apt(downloads).fetch(DEBS)
    tree = _stage(debs, work)
    for path in sorted(tree.rglob("*")):
        if any(fnmatch.fnmatchcase(str(path.relative_to(tree)), pattern) for pattern in UNWANTED):
            path.unlink()
    for name, target in LINKS.items():
        (tree / name).unlink(missing_ok=True)
        (tree / name).symlink_to(target)
    layout.place_prefix_in(tree, PREFIXED_TEXT)
    _undo_debian_layout(tree)
    elf.set_run_paths(tree)
    _compile(tree)
    (tree / LIB / "site-packages").mkdir()
    (tree / LIB / "site-packages/README.txt").write_text("This directory contains site packages.\n")
    version = apt.upstream_version(debs["python3.11-minimal"])
    build = package.build_string("python", version) + "_cpython"
    package.write(package.Package("python", version, tree, "Python-2.0", build=build, depends=DEPENDS,
                                  constrains=["python_abi 3.11.* *_cp311"]), channel)
    _python_abi(work / "abi", channel)
    return [{"part": "python", "left_out": "ensurepip, tkinter, dbm.ndbm, nis",
             "reason": "Debian has them in packages that need other layouts or libraries"}]


def _python_abi(tree: Path, channel: Path) -> None:
    tree.mkdir()
    package.write(package.Package("python_abi", "3.11", tree, "BSD-3-Clause", build="8_cp311", build_number=8,
                                  constrains=["python 3.11.* *_cpython"], noarch="generic"), channel)
