#!/usr/bin/env python3
"""The static program and its libcuda helper on hosts that are older, stricter or emptier than this one.

    old_hosts_test.py OldSystems    roots of bullseye and bookworm out of Debian's packages, with a real libcuda; musl
    old_hosts_test.py Strict        what needs no download: an empty root, noexec, vm.memfd_noexec, ulimit -v

The host's own loader starts the helper, so what a root holds of glibc decides. Each case runs in mount and pid namespaces of its own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
RELEASE = Path(os.environ.get("HPCENV_RELEASE_PROGRAM", ""))
PROGRAM = RELEASE if RELEASE.is_file() else Path(os.environ["HPCENV_PROGRAM"])
sys.path[:0] = [str(SOURCE / "tests/channel"), str(SOURCE / "tests/tools")]

import drivers
from channelkit import apt, cache
from channelkit.errors import Unavailable
from skipping import skip

NAMESPACES = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount", "--pid", "--fork", "--mount-proc"]
DEBS = cache.default_root() / "channel/downloads"


def unpacked(package: str, root: Path, release: str = apt.RELEASE) -> None:
    try:
        apt.unpack(apt.Apt(DEBS, "main", release).fetch([package])[package], root)
    except Unavailable as reason:
        skip(f"no libcuda of kind {package} ({release}): {reason}")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode != 0:
            skip("no mount namespace")

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hpcenv-old-hosts-")
        self.addCleanup(self._folder.cleanup)
        self.folder = Path(self._folder.name)
        self.root = self.folder / "root"
        self.root.mkdir()

    def inside(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The script in namespaces of its own; descriptor 7 is the program, whatever it mounts."""
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent", **environment}
        opened = f"exec 7<{shlex.quote(str(PROGRAM))}"
        return subprocess.run([*NAMESPACES, "bash", "-c", f"set -e; {opened}; {script}"], env=clean, capture_output=True, text=True,
                              timeout=120, check=False)

    def answer(self, script: str, codes: tuple[int, ...] = (0,), **environment: str) -> dict:
        done = self.inside(script, **environment)
        self.assertIn(done.returncode, codes, f"{done.stderr}{done.stdout[:2000]}")
        return json.loads(done.stdout)

    def in_root(self, words: str, proc: bool = True) -> str:
        """The script that runs the program in the root folder."""
        shutil.copy(PROGRAM, self.root / "hpcenv")
        for folder in ("proc", "tmp", "home"):
            (self.root / folder).mkdir(exist_ok=True)
        mount = f"mount -t proc proc {shlex.quote(str(self.root / 'proc'))}; " if proc else ""
        return f"{mount}exec chroot {shlex.quote(str(self.root))} /hpcenv {words}"

    def finding(self, script: str, **environment: str) -> dict:
        return self.answer(script, codes=(0, 1), **environment)["findings"][0]


class OldSystems(Case):
    def setUp(self) -> None:
        super().setUp()
        if PROGRAM != RELEASE:
            skip("no static program")

    def examine(self, release: str, glibc: str) -> None:
        unpacked("libc6", self.root, release)
        folder = self.root / "usr/lib/x86_64-linux-gnu"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            source = drivers.ensure("real-470")
        except Unavailable as reason:
            skip(f"no libcuda of kind real-470: {reason}")
        for file in source.iterdir():
            shutil.copy(file, folder / file.name, follow_symlinks=False)
        for proc in (True, False):
            with self.subTest(release=release, proc=proc):
                profile = self.answer(self.in_root("probe --json --devices", proc))["profile"]
                self.assertEqual(profile["glibc"], glibc)
                nvidia = profile["nvidia"]
                library = nvidia["libcuda"][nvidia["winner"]]
                self.assertEqual((library["end"], library["cuda_version"]), ("answered", 11040))
                self.assertTrue(library["file_version"].startswith("470."), library)
                self.assertIn(library["init_code"], (0, 100))
                answer = self.answer(self.in_root("doctor --json", proc), codes=(0, 1))
                found = {finding["id"]: finding for finding in answer["findings"]}
                self.assertEqual(found["D08"]["severity"], "pass", found["D08"])
                self.assertEqual(found["H01"]["severity"], "pass", found["H01"])
                self.assertEqual([one["text"] for one in found.values() if "failed itself" in one["text"]], [])

    def test_bullseye(self) -> None:
        self.examine("bullseye", "2.31")

    def test_bookworm(self) -> None:
        self.examine("bookworm", "2.36")

    def test_an_older_libstdcxx_in_front_of_the_environment_s(self) -> None:
        """E01 on a C++ program and bullseye's libstdc++: what the doctor says is what the loader then says."""
        unpacked("libstdc++6", self.folder / "module", "bullseye")
        module = self.folder / "module/usr/lib/x86_64-linux-gnu"
        prefix = self.folder / "prefix"
        for folder in ("lib", "bin", "conda-meta"):
            (prefix / folder).mkdir(parents=True)
        own = subprocess.run(["g++", "-print-file-name=libstdc++.so.6"], capture_output=True, text=True, check=True).stdout.strip()
        shutil.copy(os.path.realpath(own), prefix / "lib/libstdc++.so.6")
        source = self.folder / "main.cpp"
        source.write_text("#include <memory_resource>\n#include <string>\nint main(int c, char**) {\n"
                          "  std::pmr::monotonic_buffer_resource r; std::string s; s.reserve(c + 40);\n"
                          "  return std::pmr::get_default_resource() == &r || s.capacity() == 0;\n}\n")
        program = prefix / "bin/program"
        subprocess.run(["g++", "-std=c++20", "-O0", "-o", str(program), str(source), "-Wl,-rpath,$ORIGIN/../lib",
                        "-Wl,--enable-new-dtags"], check=True)
        (prefix / "conda-meta/history").write_text("")
        (prefix / "conda-meta/own-1-0.json").write_text(json.dumps(
            {"name": "own", "version": "1", "build": "0", "build_number": 0, "subdir": "linux-64", "channel": "test", "depends": [],
             "fn": "own-1-0.conda", "url": "https://conda.anaconda.org/test/linux-64/own-1-0.conda",
             "files": ["bin/program", "lib/libstdc++.so.6"]}))
        finding = self.finding(f"exec {shlex.quote(str(PROGRAM))} doctor E01 --json -p {shlex.quote(str(prefix))}",
                               LD_LIBRARY_PATH=str(module))
        started = subprocess.run([str(program)], env={"LD_LIBRARY_PATH": str(module)}, capture_output=True, text=True)
        missing = re.search(r"version `(GLIBCXX_\S+)' not found", started.stderr)
        if missing:
            self.assertEqual(finding["severity"], "failure", finding)
            self.assertRegex(finding["text"], r"bin/program needs GLIBCXX_3\.4\.\d+, which \S+/libstdc\+\+\.so\.6 lacks")
        else:
            self.assertEqual((started.returncode, finding["severity"]), (0, "warning"), finding)
        self.assertIn(f"{module}/libstdc++.so.6 instead of {prefix}/lib/libstdc++.so.6 (for {program})", finding["evidence"])
        self.assertEqual(finding["remedy"]["commands"], ["unset LD_LIBRARY_PATH"])
        self.assertIsNotNone(missing, "this compiler makes programs that run with bullseye's libstdc++")

    def test_musl(self) -> None:
        unpacked("musl", self.root)
        self.assertTrue((self.root / "lib/ld-musl-x86_64.so.1").is_symlink())
        profile = self.answer(self.in_root("probe --json"))["profile"]
        self.assertEqual((profile["glibc"], profile["system"]["c_library"]), ("", "musl"))
        self.assertIn("no loader for glibc programs", profile["nvidia"]["libcuda"][0]["detail"])
        finding = self.finding(self.in_root("doctor H01 --json"))
        self.assertEqual(finding["severity"], "failure")
        self.assertIn("musl in place of glibc", finding["text"])
        self.assertIn("glibc 2.28 or newer", finding["remedy"]["text"])


class Strict(Case):
    """On this machine's own system: the dynamic program of a development build serves as well."""

    def program(self, words: str) -> str:
        return f"exec {shlex.quote(str(PROGRAM))} {words}"

    def test_an_empty_root_is_told_from_a_broken_helper(self) -> None:
        if PROGRAM != RELEASE:
            skip("no static program")
        for proc in (True, False):
            with self.subTest(proc=proc):
                finding = self.finding(self.in_root("doctor H01 --json", proc))
                self.assertEqual(finding["severity"], "failure", finding)
                self.assertIn("starts no program that is linked with glibc", finding["text"])
                self.assertEqual(self.answer(self.in_root("probe --json", proc))["profile"]["glibc"], "")

    def noexec(self, *folders: str) -> str:
        return "".join(f"mount -t tmpfs -o noexec none {shlex.quote(folder)}; " for folder in folders)

    def test_tmp_without_execution(self) -> None:
        profile = self.answer(self.noexec("/tmp") + self.moved("probe --json"))["profile"]
        self.assertTrue(profile["glibc"].startswith("2."), profile["glibc"])
        # memfd is refused too: another place serves.
        script = self.noexec("/tmp") + "echo 2 >/proc/sys/vm/memfd_noexec; " + self.moved("probe --json")
        if not Path("/proc/sys/vm/memfd_noexec").exists():
            skip("no mount namespace of a kernel that can refuse memfd")
        profile = self.answer(script)["profile"]
        self.assertTrue(profile["glibc"].startswith("2."), profile["glibc"])
        self.assertEqual(profile["system"]["memfd_noexec"], 2)
        finding = self.finding("echo 2 >/proc/sys/vm/memfd_noexec; " + self.program("doctor H03 --json"))
        self.assertEqual(finding["severity"], "info", finding)
        self.assertTrue(any("vm.memfd_noexec=2" in line for line in finding["evidence"]), finding)

    def test_nowhere_to_start_from(self) -> None:
        if not Path("/proc/sys/vm/memfd_noexec").exists():
            skip("no mount namespace of a kernel that can refuse memfd")
        script = ("echo 2 >/proc/sys/vm/memfd_noexec; " + self.noexec("/tmp", "/var/tmp", "/dev/shm") +
                  self.moved("doctor H01 --json"))
        finding = self.finding(script)
        self.assertEqual(finding["severity"], "unavailable", finding)
        self.assertIn("cannot be started", finding["text"])
        self.assertIn("glibc is there", finding["text"])

    def moved(self, words: str) -> str:
        """The program by its descriptor: a mount of the case may hide its path."""
        return f"exec /proc/self/fd/7 {words}"

    def test_little_address_space(self) -> None:
        for kind in ("", "real-535"):
            with self.subTest(kind or "no library"):
                environment = {}
                if kind:
                    try:
                        environment["LD_LIBRARY_PATH"] = str(drivers.ensure(kind))
                    except Unavailable as reason:
                        skip(f"no libcuda of kind {kind}: {reason}")
                profile = self.answer("ulimit -v 4194304; " + self.program("probe --json --no-devices"), **environment)["profile"]
                self.assertTrue(profile["glibc"].startswith("2."), profile["glibc"])
                self.assertEqual(profile["system"]["limits"]["address_bytes"]["soft"], 4 << 30)
                if kind:
                    nvidia = profile["nvidia"]
                    self.assertEqual(nvidia["libcuda"][nvidia["winner"]]["cuda_version"], 12020)
                    finding = self.finding("ulimit -v 4194304; " + self.program("doctor H04 --json"), **environment)
                    self.assertEqual(finding["severity"], "warning", finding)
                    self.assertIn("4.0 GiB of address space", finding["text"])

    def test_low_limits_are_told_with_what_this_user_can_do(self) -> None:
        finding = self.finding("ulimit -Sn 256 -Ss 1024; " + self.program("doctor ulimit --json"))
        self.assertEqual(finding["severity"], "warning", finding)
        command = finding["remedy"]["commands"][0]
        self.assertEqual(command, "ulimit -n 4096 -s 8192")
        finding = self.finding(f"ulimit -Sn 256 -Ss 1024; {command}; " + self.program("doctor ulimit --json"))
        self.assertIn(finding["severity"], ("pass", "info"), finding)

    def test_small_shared_memory(self) -> None:
        finding = self.finding("mount -t tmpfs -o size=64m none /dev/shm; " + self.program("doctor shm --json"))
        self.assertEqual(finding["severity"], "warning", finding)
        self.assertIn("64.0 MiB are free in /dev/shm", finding["text"])

    def test_proc_cannot_be_read(self) -> None:
        answer = self.answer("mount -t tmpfs none /proc; " + self.program("doctor --json"), codes=(0, 1))
        found = {finding["id"]: finding for finding in answer["findings"]}
        for id in ("H02", "H04"):
            self.assertEqual(found[id]["severity"], "unavailable", found[id])
        self.assertEqual(found["H01"]["severity"], "pass", found["H01"])
        self.assertEqual([one["text"] for one in found.values() if "failed itself" in one["text"]], [])

    def test_absurd_values(self) -> None:
        """Files of /proc that hold nonsense: findings, no crash."""
        values = {"/proc/meminfo": "MemTotal: 99999999999999999999999 kB\n", "/proc/cpuinfo": "flags\t\t: \nmodel\t: -7\ncpu family : x\n",
                  "/proc/version": "\x01" * 5000, "/proc/sys/vm/memfd_noexec": "-99999999999\n",
                  "/proc/sys/user/max_user_namespaces": "many\n"}
        script = ""
        for index, (path, text) in enumerate(values.items()):
            if not Path(path).exists():
                continue
            fake = self.folder / f"fake{index}"
            fake.write_text(text)
            script += f"mount --bind {shlex.quote(str(fake))} {path}; "
        answer = self.answer(script + self.program("doctor --json"), codes=(0, 1))
        texts = [finding["text"] for finding in answer["findings"]]
        self.assertEqual([text for text in texts if "failed itself" in text], [])
        profile = self.answer(script + self.program("probe --json"))["profile"]
        self.assertNotIn("user_namespaces", profile["system"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
