"""Wheels from PyPI as conda packages: `noarch: python` with entry points, or linux-64 where they hold machine code."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import zipfile
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import elf, package, pypi

BASIC = [
    "pip==26.3", "setuptools==84.2.1", "wheel==0.48.0", "packaging==26.4", "click==8.5.1", "rich==15.0.0",
    "markdown-it-py==4.3.0", "mdurl==0.1.2", "pygments==2.21.0", "requests==2.34.2", "certifi==2026.10.19.post1",
    "charset-normalizer==3.5.3", "idna==3.20", "urllib3==2.8.0", "typing-extensions==4.16.0"]
MORE = [
    "flask==3.1.3", "blinker==1.9.0", "itsdangerous==2.2.0", "jinja2==3.1.6", "markupsafe==3.0.4", "werkzeug==3.1.9",
    "httpie==3.2.4", "defusedxml==0.7.1", "multidict==7.2.1", "requests-toolbelt==1.0.0", "pysocks==1.7.1",
    "black==26.10.1", "mypy-extensions==1.2.0", "pathspec==1.1.1", "platformdirs==4.14.8", "pytokens==0.4.1"]
# The same programs for CPython 3.9, in the newest versions that know it.
OLDER = ["pip==25.3", "setuptools==81.0.0", "packaging==25.0", "click==8.1.8", "markdown-it-py==3.0.0", "requests==2.32.5",
         "urllib3==2.6.3", "charset-normalizer==3.5.3"]
NUMPY = ["numpy==2.0.2"]
UNDERSCORED = [
    "typing-extensions", "mypy-extensions", "ipython-pygments-lexers", "jupyter-client", "jupyter-core", "jupyter-events",
    "jupyter-server", "jupyter-server-terminals", "jupyterlab-pygments", "jupyterlab-server", "prometheus-client", "pure-eval",
    "stack-data"]
CONDA_NAMES = {**{name: name.replace("-", "_") for name in UNDERSCORED},
               "fastjsonschema": "python-fastjsonschema", "tzdata": "python-tzdata", "nbconvert": "nbconvert-core"}
# Extras of a distribution are packages of their own on conda-forge.
EXTRAS = {("jsonschema", "format-nongpl"): "jsonschema-with-format-nongpl", ("bleach", "css"): "bleach-with-css"}
EXTRA_DEPENDS = {"pip": ["setuptools", "wheel"]}
LIBRARIES = {"libgcc_s.so.1": "libgcc >=12", "libstdc++.so.6": "libstdcxx >=12", "libz.so.1": "libzlib >=1.2.13,<2.0a0"}
ENVIRONMENT = {"sys_platform": "linux", "os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64",
               "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
FULL_VERSIONS = {"3.11": "3.11.2", "3.9": "3.9.2"}


def conda_name(distribution: str) -> str:
    """The name under which conda-forge has a distribution of PyPI."""
    name = str(canonicalize_name(distribution))
    return CONDA_NAMES.get(name, name)


def conda_spec(requirement: Requirement) -> str:
    """A requirement of a wheel as a match spec of conda."""
    clauses = sorted((str(clause) for clause in requirement.specifier), key=lambda text: (text[0] == "<", text))
    text = ",".join(re.sub(r"^==(.*\*)$", r"\1", clause) for clause in clauses)
    with_extra = [EXTRAS[(requirement.name, extra)] for extra in requirement.extras if (requirement.name, extra) in EXTRAS]
    return f"{(with_extra or [conda_name(requirement.name)])[0]} {text}".strip()


def requirements_of(metadata: dict[str, list[str]], minor: str, extra: str = "") -> list[Requirement]:
    """What a wheel needs on linux-64 with CPython `minor`; with `extra`, only what that adds."""
    environment = {**ENVIRONMENT, "python_version": minor, "python_full_version": FULL_VERSIONS[minor]}

    def applies(one: Requirement, extra: str) -> bool:
        return one.marker is None or one.marker.evaluate({**environment, "extra": extra})

    requirements = [Requirement(text) for text in metadata.get("Requires-Dist", [])]
    return [one for one in requirements if applies(one, extra) and not (extra and applies(one, ""))]


def _depends(metadata: dict[str, list[str]], name: str, minor: str) -> list[str]:
    wanted = requirements_of(metadata, minor)
    python = (metadata.get("Requires-Python") or [">=3.9"])[0].replace(" ", "")
    return [f"python {python}", *EXTRA_DEPENDS.get(name, []), *sorted({conda_spec(one) for one in wanted})]


def metadata_of(info: Path) -> dict[str, list[str]]:
    """The fields of a .dist-info folder that a package is made of."""
    message = Parser().parsestr((info / "METADATA").read_text())
    return {key: message.get_all(key, []) for key in ("Name", "Version", "Requires-Dist", "Requires-Python",
                                                      "License-Expression", "License")}


def _entry_points(info: Path) -> list[str]:
    file = info / "entry_points.txt"
    if not file.exists():
        return []
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(file.read_text())
    scripts = parser["console_scripts"] if parser.has_section("console_scripts") else {}
    return [f"{name} = {target.split('[')[0].strip()}" for name, target in sorted(scripts.items())]


def _spread_data(tree: Path, site: Path, scripts: Path) -> None:
    for data in list(site.glob("*.data")):
        for kind, place in (("purelib", site), ("platlib", site), ("scripts", scripts), ("data", tree)):
            if (data / kind).is_dir():
                shutil.copytree(data / kind, place, dirs_exist_ok=True)
        shutil.rmtree(data)


def _shebang(minor: str) -> str:
    return f"#!{package.PLACEHOLDER}/bin/python{minor}\n"


def _write_script(path: Path, entry_point: str, minor: str) -> None:
    module, function = entry_point.split("=", 1)[1].strip().split(":")
    first = function.split(".")[0]
    path.write_text(f"{_shebang(minor)}import sys\nfrom {module} import {first}\n\nif __name__ == '__main__':\n"
                    f"    sys.exit({function}())\n")


def _set_shebangs(scripts: Path, minor: str) -> None:
    for script in scripts.iterdir() if scripts.exists() else ():
        text = script.read_text()
        script.write_text(re.sub(r"\A#!\s*python\S*\n", lambda _: _shebang(minor), text))
        script.chmod(0o755)


def _use_libraries_of_the_prefix(tree: Path) -> list[str]:
    """Has machine code of a wheel look into the prefix's lib/ too, as conda-forge's does; says what it finds there."""
    needed = set()
    for path in sorted(tree.rglob("*.so*")):
        if not elf.is_dynamic(path):
            continue
        wanted, own = (subprocess.run([elf.patchelf(), option, str(path)], check=True, capture_output=True, text=True).stdout
                       for option in ("--print-needed", "--print-rpath"))
        found = {package for library, package in LIBRARIES.items() if library in wanted.split()}
        if found:
            run_path = ":".join(filter(None, [own.strip(), f"$ORIGIN/{os.path.relpath(tree / 'lib', path.parent)}"]))
            subprocess.run([elf.patchelf(), "--force-rpath", "--set-rpath", run_path, str(path)], check=True, capture_output=True)
        needed |= found
    return sorted(needed)


def package_of(wheel: Path, work: Path, minor: str = "3.11") -> package.Package:
    """A wheel as a package for CPython `minor`, its files below `work`."""
    tree = work / "tree"
    pure = wheel.stem.endswith("-none-any")
    site, scripts = (tree / "site-packages", tree / "python-scripts") if pure else (tree / f"lib/python{minor}/site-packages", tree / "bin")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    _spread_data(tree, site, scripts)
    info = next(site.glob("*.dist-info"))
    (info / "INSTALLER").write_text("conda\n")
    metadata, entry_points = metadata_of(info), _entry_points(info)
    name, version = conda_name(metadata["Name"][0]), metadata["Version"][0]
    depends = _depends(metadata, name, minor)
    abi = minor.replace(".", "")
    if not pure:
        scripts.mkdir(exist_ok=True)
        for entry_point in entry_points:
            _write_script(scripts / entry_point.split("=")[0].strip(), entry_point, minor)
        after = f"3.{int(minor.split('.')[1]) + 1}.0a0"
        depends += ["__glibc >=2.17,<3.0.a0", f"python >={minor},<{after}", f"python_abi {minor}.* *_cp{abi}",
                    *_use_libraries_of_the_prefix(tree)]
    _set_shebangs(scripts, minor)
    build = "pyhd8ed1ab_0" if pure else f"py{abi}{package.build_string(name, version)}"
    terms = (metadata["License-Expression"] + metadata["License"] + ["LicenseRef-see-dist-info"])[0]
    return package.Package(name, version, tree, terms.splitlines()[0][:80], build=build, depends=depends,
                           noarch="python" if pure else None, entry_points=entry_points if pure else [])


def _make(pins: list[str], downloads: Path, work: Path, channel: Path, minor: str = "3.11") -> list[dict[str, str]]:
    folder = downloads / ("wheels" if minor == "3.11" else f"wheels-{minor}")
    for wheel in pypi.fetch(pins, folder, minor):
        package.write(package_of(wheel, work / wheel.stem, minor), channel)
    return []


def make_basic(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes pip, click, rich, requests and what they need."""
    return _make(BASIC, downloads, work, channel)


def make_older(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes what of make_basic needs other versions, or another build, for CPython 3.9."""
    return _make(OLDER, downloads, work, channel, "3.9")


def make_numpy(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes numpy for both minors of Python."""
    return [*_make(NUMPY, downloads, work, channel), *_make(NUMPY, downloads, work, channel, "3.9")]


def make_more(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes flask, httpie, black and what they need beyond make_basic."""
    return _make(MORE, downloads, work, channel)
