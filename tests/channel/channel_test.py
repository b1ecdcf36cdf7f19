#!/usr/bin/env python3
"""Judges a channel of build_channel.py with the ecosystem's own tools: channel_test.py PROFILE."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import backports.zstd as zstd
import conda_package_streaming.package_streaming as streaming
from rattler import Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName, RepoData, Version, install, solve
from rattler.package.build_string import BuildString

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from ending import leave
from skipping import skip

HERE = Path(__file__).resolve().parent
WANTED = {"mini": {"python", "openssl", "pkgconf", "click", "rich", "cuda-version"},
          "python": {"httpie", "flask", "black", "numpy"},
          "jupyter": {"httpie", "flask", "black", "numpy", "jupyterlab", "ipykernel", "jsonschema-with-format-nongpl"},
          "cuda": {"cuda-nvcc", "cudnn", "gxx_linux-64", "cuda-cudart-dev", "cuda-nvrtc", "cuda-version", "libcublas-dev", "nccl"}}
WANTED["whole"] = WANTED["jupyter"] | WANTED["cuda"]
# Where a record of NVIDIA's software may differ from a real one of the same name and version: what no wheel has, and packages
# that the corpus has for another CUDA only.
NO_WHEEL = {"libnvptxcompiler-dev 13.0.88 *", "libnvptxcompiler-dev_linux-64 13.0.88 *"}
ANOTHER_CUDA = {"libcudnn-9.13.0.50", "libcudnn-dev-9.13.0.50", "cudnn-9.13.0.50", "nccl-2.28.9.1"}
CORPUS = HERE.parents[2] / "shared/corpus/conda-forge"
VIRTUAL = {"__glibc": "2.36", "__unix": "0", "__linux": "6.1"}


def records_of(channel: Path, subdir: str) -> dict[str, dict]:
    """The records of one subdir, by file name."""
    repodata = json.loads((channel / subdir / "repodata.json").read_bytes())
    return {**repodata["packages"], **repodata["packages.conda"]}


def members(archive: Path) -> dict[str, tuple[bytes, str]]:
    """Content hash (of regular files) and link target (of links) of all members, by path, and the info files whole."""
    found: dict[str, tuple[bytes, str]] = {}
    parts = ("pkg", "info") if archive.suffix == ".conda" else ("pkg",)
    for part in parts:
        with archive.open("rb") as file:
            for tar, member in streaming.stream_conda_component(archive.name, file, part):
                data = tar.extractfile(member).read() if member.isreg() else b""
                keep = data if member.name.startswith("info/") else hashlib.sha256(data).hexdigest().encode()
                found[member.name] = (keep, member.linkname)
    return found


async def solved(channel: Path, specs: list[str], virtual: dict[str, str]) -> list:
    """What py-rattler would install of `channel` for `specs`."""
    packages = [GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
                for name, version in virtual.items()]
    return await solve([Channel(channel.as_uri())], [MatchSpec(spec) for spec in specs], gateway=Gateway(),
                       platforms=["linux-64", "noarch"], virtual_packages=packages)


def comparable(specs: list[str]) -> set[str]:
    """Specs without what follows from the compiler that built the package, and without build strings."""
    words = [spec.split() for spec in specs]
    of_the_compiler = {"libgcc", "libstdcxx", "__glibc", "libzlib"}
    return {" ".join([*one[:2], "*"] if len(one) == 3 else one[:1] if one[0] in of_the_compiler else one) for one in words}


def difference(ours: dict, real: dict) -> set[str]:
    """What one of two records asks for and the other does not."""
    found = {f"subdir {one}" for one in {ours["subdir"]} ^ {real["subdir"]}}
    for field in ("depends", "constrains"):
        found |= comparable(ours.get(field, [])) ^ comparable(real.get(field, []))
    return found


class ChannelTest(unittest.TestCase):
    profile = "mini"
    channel = Path()

    def test_holds_what_tests_ask_for(self) -> None:
        names = {record["name"] for subdir in ("linux-64", "noarch") for record in records_of(self.channel, subdir).values()}
        self.assertLessEqual(WANTED[self.profile], names)

    def test_rattler_reads_both_forms_of_the_repodata(self) -> None:
        for subdir in ("linux-64", "noarch"):
            folder = self.channel / subdir
            plain = (folder / "repodata.json").read_bytes()
            self.assertEqual(plain, zstd.decompress((folder / "repodata.json.zst").read_bytes()))
            read = RepoData.from_path(folder / "repodata.json").into_repo_data(Channel(self.channel.as_uri()))
            self.assertEqual(len(read), len(records_of(self.channel, subdir)))

    def test_each_record_tells_the_truth_about_its_archive(self) -> None:
        for subdir in ("linux-64", "noarch"):
            for name, record in records_of(self.channel, subdir).items():
                with self.subTest(archive=name):
                    data = (self.channel / subdir / name).read_bytes()
                    self.assertEqual(record["size"], len(data))
                    self.assertEqual(record["sha256"], hashlib.sha256(data).hexdigest())
                    self.assertEqual(record["md5"], hashlib.md5(data).hexdigest())
                    self.assertTrue(name.startswith(f"{record['name']}-{record['version']}-{record['build']}."))

    def test_each_paths_json_tells_the_truth_about_the_files(self) -> None:
        for subdir in ("linux-64", "noarch"):
            for name, record in records_of(self.channel, subdir).items():
                with self.subTest(archive=name):
                    self._check_archive(self.channel / subdir / name, record)

    def _check_archive(self, archive: Path, record: dict) -> None:
        found = members(archive)
        index = json.loads(found["info/index.json"][0])
        self.assertEqual({key: index[key] for key in ("name", "version", "build", "depends", "subdir")},
                         {key: record[key] for key in ("name", "version", "build", "depends", "subdir")})
        entries = json.loads(found["info/paths.json"][0])["paths"]
        content = {path for path in found if not path.startswith("info/")}
        self.assertEqual(content, {entry["_path"] for entry in entries})
        for entry in entries:
            digest, link = found[entry["_path"]]
            self.assertEqual(bool(link), entry["path_type"] == "softlink")
            if not link:
                self.assertEqual(digest.decode(), entry["sha256"], entry["_path"])

    def test_each_dependency_can_be_met(self) -> None:
        names = sorted({record["name"] for subdir in ("linux-64", "noarch")
                        for record in records_of(self.channel, subdir).values()})
        for name in names:
            with self.subTest(package=name):
                chosen = asyncio.run(solved(self.channel, [name], {**VIRTUAL, "__cuda": "13.0"}))
                self.assertIn(name, [record.name.normalized for record in chosen])

    def test_nvidias_records_say_what_the_real_ones_say(self) -> None:
        if not CORPUS.is_dir():
            skip("there is no ../shared")
        real: dict[str, list[dict]] = {}
        for subdir in ("linux-64", "noarch"):
            packed = (CORPUS / subdir / "repodata.json.zst").read_bytes()
            for record in json.loads(zstd.decompress(packed))["packages.conda"].values():
                real.setdefault(f"{record['name']}-{record['version']}", []).append(record)
        ours = [record for subdir in ("linux-64", "noarch") for record in records_of(self.channel, subdir).values()
                if record["license"].startswith("LicenseRef-NVIDIA")]
        self.assertGreaterEqual(len(ours), 8)
        for record in ours:
            stem = f"{record['name']}-{record['version']}"
            with self.subTest(package=stem):
                self.assertIn(stem, real)
                found = min((difference(record, one) for one in real[stem]), key=len) - NO_WHEEL
                if stem in ANOTHER_CUDA:
                    found = {spec for spec in found if not spec.startswith("cuda-version ")}
                self.assertEqual(found, set())

    def test_cuda_needs_a_driver_that_has_it(self) -> None:
        specs = ["cuda-version=13"]
        self.assertEqual(len(asyncio.run(solved(self.channel, specs, {**VIRTUAL, "__cuda": "13.0"}))), 1)
        self.assertEqual(len(asyncio.run(solved(self.channel, specs, VIRTUAL))), 1)
        with self.assertRaisesRegex(Exception, "__cuda >=13"):
            asyncio.run(solved(self.channel, specs, {**VIRTUAL, "__cuda": "12.2"}))

    def test_an_install_by_rattler_runs_and_knows_its_prefix(self) -> None:
        with tempfile.TemporaryDirectory(prefix="a space ") as folder:
            prefix, cache = Path(folder) / "prefix", Path(folder) / "pkgs"
            chosen = asyncio.run(solved(self.channel, ["python", "rich", "pip", "pkgconf", "zlib"], VIRTUAL))
            asyncio.run(install(chosen, prefix, cache_dir=cache, show_progress=False))
            code = ("import bz2, ctypes, curses, hashlib, lzma, readline, rich, sqlite3, ssl, sys, uuid, zlib\n"
                    "print(sys.prefix); print(rich.__file__)")
            answer = subprocess.run([prefix / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=True)
            self.assertEqual(answer.stdout.splitlines(),
                             [str(prefix), f"{prefix}/lib/python3.11/site-packages/rich/__init__.py"])
            paths = subprocess.run([prefix / "bin/pkg-config", "--variable=pc_path", "pkg-config"], capture_output=True,
                                   text=True, check=True)
            self.assertEqual(paths.stdout.strip(), f"{prefix}/lib/pkgconfig:{prefix}/share/pkgconfig")
            pip = subprocess.run([prefix / "bin/pip", "--version"], capture_output=True, text=True, check=True)
            self.assertIn(str(prefix), pip.stdout)


    def test_the_older_python_runs_with_packages_of_its_own_and_shared_ones(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            prefix, cache = Path(folder) / "prefix", Path(folder) / "pkgs"
            chosen = asyncio.run(solved(self.channel, ["python=3.9", "rich", "requests", "pip"], VIRTUAL))
            versions = {record.name.normalized: str(record.version) for record in chosen}
            self.assertEqual((versions["openssl"], versions["libffi"]), ("1.1.1w", "3.3"))
            asyncio.run(install(chosen, prefix, cache_dir=cache, show_progress=False))
            code = ("import bz2, ctypes, curses, decimal, hashlib, lzma, readline, requests, rich, sqlite3, ssl, sys, uuid\n"
                    "import charset_normalizer.md; print(sys.version[:4], sys.prefix); print(rich.__file__)\n"
                    "print(ssl.OPENSSL_VERSION[:14]); print(charset_normalizer.md.__file__)")
            answer = subprocess.run([prefix / "bin/python", "-I", "-c", code], capture_output=True, text=True, check=True)
            site = f"{prefix}/lib/python3.9/site-packages"
            version, module, ssl, binary = answer.stdout.splitlines()
            self.assertEqual((version, module, ssl), (f"3.9. {prefix}", f"{site}/rich/__init__.py", "OpenSSL 1.1.1w"))
            self.assertRegex(binary, rf"^{site}/charset_normalizer/md.*\.cpython-39-x86_64-linux-gnu\.so$")
            pip = subprocess.run([prefix / "bin/pip", "--version"], capture_output=True, text=True, check=True)
            self.assertIn(f"{site}/pip (python 3.9)", pip.stdout)

    def test_only_the_newer_python_names_its_site_packages(self) -> None:
        paths = {record["version"]: record.get("python_site_packages_path")
                 for record in records_of(self.channel, "linux-64").values() if record["name"] == "python"}
        self.assertEqual(paths, {"3.11.2": "lib/python3.11/site-packages", "3.9.2": None})


def main() -> int:
    ChannelTest.profile = sys.argv.pop(1)
    done = subprocess.run([sys.executable, HERE / "build_channel.py", "--profile", ChannelTest.profile],
                          stdout=subprocess.PIPE, text=True, check=True)
    ChannelTest.channel = Path(done.stdout.strip())
    return 0 if unittest.main(exit=False, verbosity=1).result.wasSuccessful() else 1


if __name__ == "__main__":
    leave(main())
