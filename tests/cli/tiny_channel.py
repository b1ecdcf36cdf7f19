"""A channel of a few small packages, made with the standard library: for tests of the commands."""
import bz2
import hashlib
import io
import json
import os
import tarfile

PLACEHOLDER = "/opt/" + "placeholder_" * 20

HELLO = f"#!/bin/sh\necho \"hello from {PLACEHOLDER} with ${{GREETING:-no greeting}}\"\nexit \"${{1:-0}}\"\n"
ACTIVATE = "export GREETING=\"$CONDA_DEFAULT_ENV\"\necho 'noise on stdout'\n: \"${UNSET_VARIABLE_OF_A_CARELESS_SCRIPT}\"\n"


def _member(archive, path, content, mode=0o644):
    info = tarfile.TarInfo(path)
    info.size = len(content)
    info.mode = mode
    archive.addfile(info, io.BytesIO(content))


def _link(archive, path, target):
    info = tarfile.TarInfo(path)
    info.type, info.linkname = tarfile.SYMTYPE, target
    archive.addfile(info)


def add_package(channel, name, version, *, depends=(), constrains=(), files=None, links=None, build="0", lie=False):
    """Writes channel/linux-64/NAME-VERSION-BUILD.tar.bz2; returns its file name and repodata entry. With `lie` the digests
    in its paths.json are wrong."""
    files, links = files or {}, links or {}
    index = {"name": name, "version": version, "build": build, "build_number": 0, "depends": list(depends),
             "constrains": list(constrains), "subdir": "linux-64", "license": "MIT", "timestamp": 1700000000000}
    paths = []
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for path, (text, mode) in sorted(files.items()):
            content = text.encode()
            entry = {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(content + b"x" * lie).hexdigest(),
                     "size_in_bytes": len(content)}
            if PLACEHOLDER in text:
                entry.update(prefix_placeholder=PLACEHOLDER, file_mode="text")
            paths.append(entry)
            _member(archive, path, content, mode)
        for path, target in sorted(links.items()):
            _link(archive, path, target)
            paths.append({"_path": path, "path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest(), "size_in_bytes": 0})
        _member(archive, "info/index.json", json.dumps(index).encode())
        _member(archive, "info/paths.json", json.dumps({"paths": paths, "paths_version": 1}).encode())
        _member(archive, "info/files", ("\n".join(sorted([*files, *links])) + "\n").encode())
    data = bz2.compress(raw.getvalue())
    file_name = f"{name}-{version}-{build}.tar.bz2"
    os.makedirs(f"{channel}/linux-64", exist_ok=True)
    with open(f"{channel}/linux-64/{file_name}", "wb") as out:
        out.write(data)
    entry = dict(index, sha256=hashlib.sha256(data).hexdigest(), md5=hashlib.md5(data).hexdigest(), size=len(data))
    return file_name, entry


def write_repodata(channel, entries):
    for subdir, packages in (("linux-64", dict(entries)), ("noarch", {})):
        os.makedirs(f"{channel}/{subdir}", exist_ok=True)
        with open(f"{channel}/{subdir}/repodata.json", "w", encoding="utf-8") as out:
            json.dump({"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}}, out)


def make(channel):
    """hello (needs greeter), greeter 1.0 and 2.0, picky (needs greeter <2), gpuonly (needs a driver of CUDA 13)."""
    hello = {"bin/hello": (HELLO, 0o755), "etc/conda/activate.d/hello.sh": (ACTIVATE, 0o644)}
    write_repodata(channel, [
        add_package(channel, "greeter", "1.0", files={"share/greeter/version": ("1.0\n", 0o644)}),
        add_package(channel, "greeter", "2.0", files={"share/greeter/version": ("2.0\n", 0o644)}),
        add_package(channel, "hello", "1.0", depends=["greeter >=1.0"], files=hello),
        add_package(channel, "picky", "1.0", depends=["greeter <2"], files={"share/picky": ("x\n", 0o644)}),
        add_package(channel, "gpuonly", "1.0", depends=["__cuda >=13"], files={"share/gpuonly": ("x\n", 0o644)}),
        add_package(channel, "cuda-version", "13.0", constrains=["__cuda >=13"], files={"share/cv": ("13\n", 0o644)}),
        add_package(channel, "cuda-version", "12.2", constrains=["__cuda >=12"], files={"share/cv": ("12\n", 0o644)}),
    ])
