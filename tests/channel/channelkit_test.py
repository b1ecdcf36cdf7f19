#!/usr/bin/env python3
"""The rules by which other people's software becomes conda packages, without a network."""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
import threading
import unittest
from pathlib import Path

import conda_package_streaming.package_streaming as streaming
from packaging.requirements import Requirement

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "tools")]

import build_channel
from ending import leave

from channelkit import apt, cache, layout, package, parts_cuda, parts_wheels


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)


class Layout(Folder):
    def test_paths_of_debian_become_those_of_a_prefix(self) -> None:
        for debian, conda in (("usr/lib/x86_64-linux-gnu/libz.so.1", "lib/libz.so.1"), ("usr/bin/tic", "bin/tic"),
                              ("lib/x86_64-linux-gnu/libz.so.1", "lib/libz.so.1"), ("usr/sbin/zic", "bin/zic"),
                              ("usr/include/x86_64-linux-gnu/ffi.h", "include/ffi.h"),
                              ("usr/lib/python3.11/os.py", "lib/python3.11/os.py")):
            self.assertEqual(layout.conda_path(debian), conda)

    def test_links_still_point_to_their_targets(self) -> None:
        folder = self.root / "in/usr/lib/x86_64-linux-gnu"
        folder.mkdir(parents=True)
        (folder / "libz.so").symlink_to("/lib/x86_64-linux-gnu/libz.so.1")
        (folder / "libz.so.1").symlink_to("libz.so.1.2.13")
        (folder / "libz.so.1.2.13").write_text("")
        self.assertEqual(layout.move(self.root / "in", self.root / "out", ["lib/*"]), 3)
        self.assertTrue((self.root / "out/lib/libz.so").resolve().samefile(self.root / "out/lib/libz.so.1.2.13"))

    def test_only_whole_prefixes_are_replaced(self) -> None:
        self.assertEqual(layout.place_prefix("prefix=/usr\nlibdir=${prefix}/lib/x86_64-linux-gnu"),
                         f"prefix={package.PLACEHOLDER}\nlibdir=${{prefix}}/lib")
        for text in ("/usrlocal", "/opt/usr/lib", "a/usr", "/usr-x"):
            self.assertEqual(layout.place_prefix(text), text)


class Packages(Folder):
    def make(self, **more: object) -> Path:
        tree = self.root / "tree"
        (tree / "bin").mkdir(parents=True)
        (tree / "bin/text").write_text(f"#!{package.PLACEHOLDER}/bin/sh\n")
        (tree / "bin/text").chmod(0o755)
        (tree / "bin/binary").write_bytes(b"\0" + package.PLACEHOLDER.encode() + b"/share\0")
        (tree / "bin/link").symlink_to("text")
        package.write(package.Package("some", "1.0", tree, "0BSD", depends=["other >=1"], **more), self.root / "channel")
        return next((self.root / "channel").rglob("some-1.0-*"))

    def info(self, archive: Path) -> dict[str, dict]:
        with archive.open("rb") as file:
            members = streaming.stream_conda_component(archive.name, file, "info")
            return {member.name: json.loads(tar.extractfile(member).read()) for tar, member in members
                    if member.name.endswith(".json")}

    def test_placeholders_are_found_with_their_mode(self) -> None:
        self.assertEqual(len(package.PLACEHOLDER), 255)
        for bz2 in (False, True):
            with self.subTest(tar_bz2=bz2):
                self.setUp()
                info = self.info(self.make(tar_bz2=bz2))
                entries = {one["_path"]: one for one in info["info/paths.json"]["paths"]}
                self.assertEqual({path: one.get("file_mode") for path, one in entries.items()},
                                 {"bin/text": "text", "bin/binary": "binary", "bin/link": None})
                self.assertEqual(entries["bin/link"]["path_type"], "softlink")
                self.assertEqual(info["info/index.json"]["depends"], ["other >=1"])

    def test_executables_stay_executable(self) -> None:
        with tarfile.open(self.make(tar_bz2=True)) as tar:
            self.assertTrue(tar.getmember("bin/text").mode & 0o100)
            self.assertFalse(tar.getmember("bin/binary").mode & 0o100)

    def test_noarch_python_names_its_entry_points(self) -> None:
        info = self.info(self.make(noarch="python", entry_points=["some = some:main"]))
        self.assertEqual(info["info/link.json"]["noarch"], {"type": "python", "entry_points": ["some = some:main"]})
        self.assertEqual(info["info/index.json"]["subdir"], "noarch")


class Wheels(unittest.TestCase):
    def test_requirements_become_match_specs(self) -> None:
        for text, spec in (("urllib3<3,>=1.26", "urllib3 >=1.26,<3"), ("idna", "idna"), ("Jinja2 == 3.*", "jinja2 3.*"),
                           ("typing_extensions>=4", "typing_extensions >=4"), ("x!=1.5,>=1", "x !=1.5,>=1")):
            self.assertEqual(parts_wheels.conda_spec(Requirement(text)), spec)


class Missing(Folder):
    def test_a_part_that_cannot_be_reached_is_left_out_and_says_why(self) -> None:
        nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "",
                   "PIP_RETRIES": "0", "PIP_TIMEOUT": "2"}
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update(nowhere)
        folders, skips = build_channel.gather_parts([build_channel.NCCL, build_channel.CUDA_VERSIONS], self.root)
        self.assertEqual([folder.name.rsplit("-", 1)[0] for folder in folders], ["cuda-version"])
        self.assertEqual([(skip["part"], skip["left_out"]) for skip in skips], [("nccl13", "all of it")])
        self.assertRegex(skips[0]["reason"], r"^pip download nvidia-nccl-cu13==2\.28\.9: ")
        self.assertEqual(list((self.root / "parts").glob("nccl13-*.tmp")), [])


class Stub(unittest.TestCase):
    def test_every_function_of_the_header_is_there_in_all_its_versions(self) -> None:
        header = ("CUresult CUDAAPI cuInit(unsigned int Flags);\nCUresult CUDAAPI cuMemAlloc(size_t n);\n"
                  "    #define cuMemAlloc                          cuMemAlloc_v2\n")
        source = parts_cuda.stub_source(header)
        for name in ("cuInit", "cuMemAlloc", "cuMemAlloc_v2"):
            self.assertIn(f"int {name}(void) {{ return 34; }}", source)


class Sources(unittest.TestCase):
    def test_sources_keep_the_place_and_take_the_release(self) -> None:
        text = apt.sources_text([apt.Repository("mirror://host/debian/", "bookworm-updates", "/none.gpg")], "main non-free")
        self.assertEqual(text.splitlines(), ["deb mirror://host/debian/ bookworm-updates main non-free",
                                             "deb-src mirror://host/debian/ bookworm-updates main non-free"])


    def test_sources_of_an_older_release(self) -> None:
        text = apt.sources_text([apt.Repository("mirror://host/security/", "bookworm-security", "/none.gpg")], "main", "old")
        self.assertEqual(text.splitlines()[0], "deb mirror://host/security/ old-security main")


class Cache(Folder):
    def test_a_failed_attempt_leaves_nothing(self) -> None:
        with self.assertRaises(ValueError), cache.made_once(self.root / "part") as scratch:
            (scratch / "half").write_text("")
            raise ValueError
        self.assertEqual([path.name for path in self.root.iterdir()], ["part.lock"])

    def test_two_at_once_make_it_once(self) -> None:
        made = []

        def make() -> None:
            with cache.made_once(self.root / "part") as scratch:
                if scratch:
                    made.append(scratch)
                    (scratch / "whole").write_text("")

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(made), (self.root / "part/whole").exists()), (1, True))


if __name__ == "__main__":
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
