"""JupyterLab and what it needs, from PyPI, under conda-forge's names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from . import package, pypi
from .parts_wheels import EXTRAS, conda_spec, metadata_of, package_of, requirements_of

PINS = [
    "anyio==4.16.0", "argon2-cffi==25.1.0", "argon2-cffi-bindings==26.2.0", "arrow==1.4.0", "asttokens==3.0.2",
    "async-lru==2.4.0", "attrs==26.1.0", "babel==2.18.0", "beautifulsoup4==4.15.0", "bleach==6.4.0", "cffi==2.1.1", "comm==0.2.3",
    "debugpy==1.8.22", "executing==2.3.0", "fastjsonschema==2.22.3", "fqdn==1.6.0", "h11==0.16.0", "httpcore==1.0.9",
    "httpx==0.28.1", "ipykernel==7.4.0", "ipython==9.18.1", "ipython-pygments-lexers==1.1.1", "isoduration==20.11.0",
    "jedi==0.20.1", "json5==0.17.3", "jsonpointer==3.12", "jsonschema==4.26.0", "jsonschema-specifications==2025.9.1",
    "jupyter-builder==1.3.0", "jupyter-client==8.10.0", "jupyter-core==5.9.1", "jupyter-events==0.12.1", "jupyter-lsp==2.3.1",
    "jupyter-server==2.21.1", "jupyter-server-terminals==0.5.4", "jupyterlab==4.6.6", "jupyterlab-pygments==0.3.0",
    "jupyterlab-server==2.28.1", "lark==1.3.1", "matplotlib-inline==0.2.2", "mistune==3.4.0", "nbclient==0.11.0",
    "nbconvert==7.17.2", "nbformat==5.11.1", "nest-asyncio2==1.7.4", "notebook-shim==0.2.4", "overrides==7.7.0",
    "pandocfilters==1.5.1", "parso==0.8.7", "pexpect==4.9.0", "prometheus-client==0.26.0", "prompt-toolkit==3.0.53",
    "psutil==7.2.2", "ptyprocess==0.7.0", "pure-eval==0.2.4", "pycparser==3.12", "python-dateutil==4.0.0",
    "python-json-logger==4.2.0", "pyyaml==6.0.4", "pyzmq==27.3.0", "referencing==0.37.0", "rfc3339-validator==0.1.4",
    "rfc3986-validator==0.1.1", "rfc3987-syntax==1.1.0", "rpds-py==2026.9.1", "send2trash==2.2.0", "six==1.17.0",
    "soupsieve==2.10", "stack-data==0.6.3", "terminado==0.18.1", "tinycss2==1.5.1", "tornado==6.6.1", "traitlets==5.16.1",
    "tzdata==2026.6", "uri-template==1.3.0", "wcwidth==0.9.4", "webcolors==25.10.0", "webencodings==0.6.1",
    "websocket-client==1.9.2"]
KERNEL = "share/jupyter/kernels/python3/kernel.json"


def _name_the_interpreter(tree: Path) -> None:
    """Has the kernel start the prefix's own python whatever PATH says, as conda-forge's package does."""
    kernel = tree / KERNEL
    text, count = re.subn(r'"python"(?=,\s*"-m")', f'"{package.PLACEHOLDER}/bin/python"', kernel.read_text())
    if count != 1:
        raise RuntimeError("ipykernel's kernel.json is not the one that this tool knows")
    kernel.write_text(text)


def _write_extra(base: package.Package, extra: str, work: Path, channel: Path) -> None:
    """The package that is `base` and what one of its extras adds."""
    work.mkdir()
    metadata = metadata_of(next(base.tree.glob("site-packages/*.dist-info")))
    added = [conda_spec(one) for one in requirements_of(metadata, "3.11", extra)]
    package.write(package.Package(EXTRAS[(base.name, extra)], base.version, work, base.license, build=base.build,
                                  noarch="generic", depends=sorted([f"{base.name} =={base.version}", *added])), channel)


def make(downloads: Path, work: Path, channel: Path) -> list[dict[str, str]]:
    """Writes JupyterLab, its server, the kernel, and all they need beyond the wheels of the other parts."""
    for wheel in pypi.fetch(PINS, downloads / "wheels"):
        made = package_of(wheel, work / wheel.stem)
        if made.name == "ipykernel":
            _name_the_interpreter(made.tree)
        for name, extra in EXTRAS:
            if name == made.name:
                _write_extra(made, extra, work / f"{name}-{extra}", channel)
        package.write(made, channel)
        shutil.rmtree(made.tree)
    return []
