#!/usr/bin/env python3
"""Images as squashfs files before the tools that unpack, mount and run them. argv: the program that writes them.

The tree is compared with what umoci unpacks of the same image.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "tools"), str(TESTS / "image")]

from skipping import skip  # noqa: E402
from small_images import LAYER, Entry, Layout, folder, hard, link, opaque, whiteout  # noqa: E402

PROGRAM = sys.argv.pop(1)

# What a file of ours has beside the layers.
ADDED = {"etc/rc", "etc/environment", "etc/fstab", "etc/hosts", "etc/resolv.conf", "etc/passwd", "etc/group",
         ".singularity.d", ".singularity.d/env", ".singularity.d/libs", ".singularity.d/env/10-docker2singularity.sh",
         ".singularity.d/env/99-base.sh", ".singularity.d/labels.json", ".singularity.d/runscript",
         "dev", "proc", "sys", "home", "mnt", "root", "run", "tmp", "var", "var/tmp", "opt", "opt/work"}

CONFIG = {"Env": ["PATH=/usr/bin:/bin", "TITLE=two words", "LC_ALL=C"], "Cmd": ["/bin/sh", "-c", "pwd; echo $TITLE"],
          "WorkingDir": "/opt/work", "Labels": {"org.hpcenv.prefix": "/opt/envs/app"}}


def run(*argv: object, **rest: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, **rest)
    if done.returncode:
        raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def convert(image: Path, out: Path, jobs: int = 2, compression: str = "gzip", created: str = "-",
            **rest: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, str(image), str(out), str(jobs), compression, created], capture_output=True, text=True,
                          check=False, **rest)


def big(seed: int, size: int) -> bytes:
    """Bytes that compress a little."""
    block = hashlib.sha256(str(seed).encode()).digest() + bytes(32)
    return b"".join(hashlib.sha256(block + number.to_bytes(4, "big")).digest() + bytes(16) for number in range(size // 48))


def odd_image(path: Path) -> Path:
    """Whiteouts, replaced types, links, devices, owners, attributes, odd names."""
    layout = Layout(path)
    layout.add([
        folder("etc"), Entry("etc/os-release", b"NAME=test\n"), folder("usr"), folder("usr/bin"),
        Entry("usr/bin/tool", b"#!/bin/sh\n", mode=0o4755), Entry("usr/large", big(1, 700_000)), Entry("usr/same", big(1, 700_000)),
        hard("usr/again", "usr/large"), link("bin", "usr/bin"), Entry("usr/empty"), folder("gone"), Entry("gone/file", b"x"),
        folder("emptied"), Entry("emptied/old", b"x"), folder("emptied/deep"), Entry("emptied/deep/old", b"x"),
        Entry("was-file", b"x"), folder("was-folder"), Entry("was-folder/inside", b"x"), Entry("replaced", big(2, 300_000)),
        hard("kept-by-link", "replaced"), hard("kept-too", "kept-by-link"), folder("private", mode=0o700, uid=1000, gid=1001),
        Entry("private/far", b"x", uid=3_000_000_000, gid=2_999_999_999), Entry("private/old", b"x", time=1.5),
        Entry("with-attributes", b"x", xattrs={"user.note": b"kept", "security.capability": bytes.fromhex(
            "0100000200040000000000000000000000000000")}),
        Entry("zeros", bytes(1_000_000)), folder("names"), Entry("names/" + "n" * 250, b"x"), Entry("names/\u00e9", b"composed"),
        Entry("names/e\u0301", b"decomposed"), Entry("names/new\nline 'x' \"y\"", b"x"),
        Entry("names/" + "/".join(["deep" * 10] * 8), b"long path"),
    ], "gzip")
    layout.add([
        folder("etc"), whiteout("gone"), opaque("emptied"), Entry("emptied/new", b"y"), folder("was-file"),
        Entry("was-file/now", b"y"), Entry("was-folder", b"now a file"), Entry("replaced", b"short"),
        folder("private", mode=0o750, uid=7, gid=8),
    ], "none")
    layout.add([folder("names"), whiteout("names/" + "n" * 250), folder("gone"), Entry("gone/again", b"z"),
                *[Entry(f"many/{number:04}", str(number).encode()) for number in range(3000)]], "gzip")
    return layout.finish(CONFIG)


def describe(root: Path, named: set[str], *, links: bool) -> dict[str, tuple[object, ...]]:
    """All below `root`: type, mode, owners, time, contents; hard links as the first name of the group."""
    found: dict[str, tuple[object, ...]] = {}
    first: dict[int, str] = {}
    for folder_name, folders, files in os.walk(os.fsencode(root)):
        for name in sorted(folders + files):
            path = os.path.join(folder_name, name)
            relative = os.path.relpath(path, os.fsencode(root)).decode("utf-8", "surrogateescape")
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            content: object = None
            if kind == stat.S_IFREG:
                content = hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest()
            elif kind == stat.S_IFLNK:
                content = os.readlink(path)
            elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                content = status.st_rdev
            group = first.setdefault(status.st_ino, relative) if links and kind != stat.S_IFDIR else relative
            # A directory that no layer names gets the time of its making.
            modified = int(status.st_mtime) if kind != stat.S_IFDIR or relative in named else 0
            mode = 0 if kind == stat.S_IFLNK else stat.S_IMODE(status.st_mode)
            attributes = {name.replace("trusted.capability", "security.capability"):
                          os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
            found[relative] = (kind, mode, status.st_uid, status.st_gid, modified, content, group, attributes)
    return found


class Squashfs(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hpcenv-squashfs-"))
        self.addCleanup(run, "rm", "-rf", self.folder)

    def file_of(self, image: Path, name: str = "image.sqsh", **rest: object) -> Path:
        out = self.folder / name
        done = convert(image, out, **rest)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return out

    def unpacked(self, file: Path, name: str = "unpacked") -> Path:
        run("unsquashfs", "-quiet", "-no-progress", "-dest", self.folder / name, file)
        return self.folder / name

    def check_tree(self, image: Path, tree: Path, *, links: bool = True) -> None:
        """`links`: whether the tree shows hard links as such."""
        run("umoci", "unpack", "--image", f"{image}:x", self.folder / "bundle")
        named = {"etc", "usr", "usr/bin", "gone", "emptied", "was-file", "private", "names"}
        wanted = describe(self.folder / "bundle" / "rootfs", named, links=links)
        self.assertIn("private/far", wanted)
        ours = describe(tree, named, links=links)
        self.assertEqual(ADDED, set(ours) - set(wanted))
        self.assertEqual(set(), set(wanted) - set(ours))
        for path, said in wanted.items():
            self.assertEqual((path, said), (path, ours[path]))

    def require_root(self) -> None:
        if os.geteuid() != 0:
            skip("no root: owners cannot be compared")

    def test_the_tree_is_umocis(self) -> None:
        self.require_root()
        image = odd_image(self.folder / "image")
        self.check_tree(image, self.unpacked(self.file_of(image)))

    def test_the_mounted_tree_is_umocis(self) -> None:
        self.require_root()
        image = odd_image(self.folder / "image")
        file = self.file_of(image, compression="zstd")
        mounted = self.folder / "mounted"
        mounted.mkdir()
        if not os.path.exists("/dev/fuse"):
            skip("no right to mount a file system")
        done = subprocess.run(["squashfuse", str(file), str(mounted)], capture_output=True, text=True, check=False)
        if done.returncode:
            skip("no right to mount a file system")
        self.addCleanup(run, "umount", mounted)
        # squashfuse gives each name an inode of its own, and swaps two classes of attributes.
        self.check_tree(image, mounted, links=False)

    def test_the_kernels_tree_is_umocis(self) -> None:
        self.require_root()
        image = odd_image(self.folder / "image")
        for compression in ("gzip", "zstd"):
            with self.subTest(compression):
                file = self.file_of(image, f"{compression}.sqsh", compression=compression)
                mounted = self.folder / f"mounted-{compression}"
                mounted.mkdir()
                done = subprocess.run(["mount", "-t", "squashfs", "-o", "loop,ro", str(file), str(mounted)], capture_output=True,
                                      text=True, check=False)
                if done.returncode:
                    skip("no right to mount a file system")
                self.addCleanup(run, "umount", mounted)
                self.check_tree(image, mounted)
                shutil.rmtree(self.folder / "bundle")

    def test_the_bytes_do_not_depend_on_threads_place_or_time(self) -> None:
        image = odd_image(self.folder / "image")
        shutil.copytree(image, self.folder / "moved")
        for compression in ("gzip", "zstd"):
            one = self.file_of(image, "1.sqsh", jobs=1, compression=compression).read_bytes()
            time.sleep(1.1)
            four = self.file_of(self.folder / "moved", "4.sqsh", jobs=4, compression=compression).read_bytes()
            self.assertEqual(one, four)
            self.assertLess(len(one), 1_500_000)

    def test_time_of_the_file_system(self) -> None:
        image = odd_image(self.folder / "image")
        self.assertIn("Jan 31 00:00:00 2026", run("unsquashfs", "-s", "-UTC", self.file_of(image)).stdout)
        later = self.file_of(image, "later.sqsh", created="1234567890")
        self.assertIn("Feb 13 23:31:30 2009", run("unsquashfs", "-s", "-UTC", later).stdout)

    def test_devices_are_left_out(self) -> None:
        """Only root could unpack them."""
        layout = Layout(self.folder / "image")
        layout.add([Entry("hidden", b"x"), Entry("null", b"x")])
        layout.add([Entry("dev/null", kind=tarfile.CHRTYPE, device=(1, 3), mode=0o666), Entry("pipe", kind=tarfile.FIFOTYPE),
                    Entry("disk", kind=tarfile.BLKTYPE, device=(259, 17)), Entry("hidden", kind=tarfile.CHRTYPE, device=(1, 5))])
        listing = run("unsquashfs", "-ll", self.file_of(layout.finish())).stdout
        self.assertRegex(listing, r"prw-r--r-- root/root .*/pipe\n")
        self.assertRegex(listing, r"/dev\n")
        for left_out in ("/dev/null", "/disk", "/hidden"):
            self.assertNotIn(left_out, listing)

    def test_a_file_of_5_gib_in_bounded_memory(self) -> None:
        layout = Layout(self.folder / "image")
        size = 5 << 30
        info = tarfile.TarInfo("weights")
        info.size = size
        head = info.tobuf(format=tarfile.PAX_FORMAT)
        piece = gzip.compress(bytes(64 << 20), 1, mtime=0)
        layout.add_packed(gzip.compress(head, mtime=0) + piece * 80 + gzip.compress(bytes(1024), mtime=0), "0" * 64,
                          f"{LAYER}+gzip")
        listing = run("unsquashfs", "-ll", self.file_of(layout.finish())).stdout
        self.assertRegex(listing, rf" {size} .*/weights")
        # With the sanitizers' own memory.
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, 600_000)

    def test_no_file_where_it_fails(self) -> None:
        out = self.folder / "image.sqsh"
        for what, spoil, message in (
                ("changed", lambda blob: blob.write_bytes(blob.read_bytes()[:-9] + b"x" * 9), "digest"),
                ("cut", lambda blob: blob.write_bytes(blob.read_bytes()[:-100]), "440 bytes, not 540"),
                ("gone", lambda blob: blob.unlink(), "lacks the blob")):
            with self.subTest(what):
                layout = Layout(self.folder / what)
                layout.add([Entry("a", b"x" * 100_000)])
                layout.add([Entry("b", b"y" * 100_000)])
                image = layout.finish()
                spoil(layout.blobs / str(layout.layers[0]["digest"]).removeprefix("sha256:"))
                done = convert(image, out)
                self.assertEqual(1, done.returncode)
                self.assertRegex(done.stderr, rf"error: .*{message}")
                self.assertEqual([], list(self.folder.glob("image.sqsh*")))

    def test_layers_that_no_engine_unpacks(self) -> None:
        layout = Layout(self.folder / "image")
        layout.add([Entry("a/../../etc/shadow", b"x")])
        done = convert(layout.finish(), self.folder / "image.sqsh")
        self.assertEqual(1, done.returncode)
        self.assertIn("layer 1 of 1: the path a/../../etc/shadow leaves the image", done.stderr)
        self.assertEqual([], list(self.folder.glob("image.sqsh*")))

    def test_places_that_cannot_be_written(self) -> None:
        image = odd_image(self.folder / "image")
        (self.folder / "there").mkdir()
        done = convert(image, self.folder / "there")
        self.assertIn("there is a directory", done.stderr)
        done = convert(image, self.folder / "no" / "such" / "x.sqsh")
        self.assertEqual(1, done.returncode)
        self.assertIn("No such file or directory", done.stderr)

    def test_what_enroot_cannot_hold_is_said(self) -> None:
        layout = Layout(self.folder / "image")
        layout.add([Entry("a", b"x")])
        done = convert(layout.finish({"Env": ["A=${HOME}", "B=x"]}), self.folder / "image.sqsh")
        self.assertEqual(0, done.returncode)
        self.assertIn("warning: enroot cannot set A:", done.stderr)

    def test_a_full_disk(self) -> None:
        image = odd_image(self.folder / "image")
        place = self.folder / "small"
        place.mkdir()
        script = ('mount -t tmpfs -o size=600k tmpfs "$1" || exit 77; shift; "$@"; code=$?; ls -A "$0"; exit $code')
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, str(place), str(place), PROGRAM, str(image),
                               str(place / "x.sqsh"), "2", "gzip", "-"], capture_output=True, text=True, check=False)
        if done.returncode == 77 or "unshare" in done.stderr:
            skip("no right to mount a file system")
        self.assertEqual((1, ""), (done.returncode, done.stdout), done.stderr)
        self.assertIn("No space left on device", done.stderr)

    def test_killed_anywhere_leaves_no_image_and_the_next_run_makes_it(self) -> None:
        image = odd_image(self.folder / "image")
        whole = self.file_of(image, "whole.sqsh").read_bytes()
        log = self.folder / "points"
        run(PROGRAM, image, self.folder / "logged.sqsh", 1, "gzip", "-", env={**os.environ, "HPCENV_FAULT_LOG": str(log)})
        if not log.exists():
            skip("no fault points in this build")
        points = log.read_text().split()
        self.assertEqual({"image.squashfs.create", "image.squashfs.write", "image.squashfs.truncate",
                          "image.squashfs.rename"}, {point for point in points if "squashfs" in point})
        out = self.folder / "out.sqsh"
        for number in {1, 2, 3, len(points) // 2, len(points) - 1, len(points)}:
            done = convert(image, out, env={**os.environ, "HPCENV_FAULT_KILL": str(number)})
            self.assertEqual((number, -signal.SIGKILL), (number, done.returncode))
            self.assertFalse(out.exists())
        self.assertEqual(0, convert(image, out).returncode)
        self.assertEqual(whole, out.read_bytes())
        self.assertEqual([out], list(self.folder.glob("out.sqsh*")))

    def test_an_earlier_image_stays_until_the_new_one_is_whole(self) -> None:
        image = odd_image(self.folder / "image")
        out = self.folder / "out.sqsh"
        out.write_text("the earlier one")
        done = convert(image, out, env={**os.environ, "HPCENV_FAULT_KILL": "20"})
        if done.returncode == 0:
            skip("no fault points in this build")
        self.assertEqual("the earlier one", out.read_text())
        self.assertEqual(0, convert(image, out).returncode)
        self.assertTrue(out.read_bytes().startswith(b"hsqs"))

    def test_two_at_once(self) -> None:
        image = odd_image(self.folder / "image")
        out = self.folder / "out.sqsh"
        stopped = subprocess.Popen([PROGRAM, str(image), str(out), "1", "gzip", "-"],
                                   env={**os.environ, "HPCENV_FAULT_STOP": "image.squashfs.write:3"})
        try:
            deadline = time.monotonic() + 30
            while Path(f"/proc/{stopped.pid}/stat").read_text().split(") ")[1][0] not in "TZ":
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            if stopped.poll() is not None:
                skip("no fault points in this build")
            done = convert(image, out)
            self.assertEqual(1, done.returncode)
            self.assertIn("another process is making", done.stderr)
        finally:
            stopped.send_signal(signal.SIGCONT)
            stopped.wait()
        self.assertEqual(0, stopped.returncode)
        self.assertTrue(out.exists())

    def test_terminated(self) -> None:
        image = odd_image(self.folder / "image")
        out = self.folder / "out.sqsh"
        process = subprocess.Popen([PROGRAM, str(image), str(out), "1", "gzip", "-"], stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "HPCENV_FAULT_STOP": "image.squashfs.create:1"})
        deadline = time.monotonic() + 30
        while Path(f"/proc/{process.pid}/stat").read_text().split(") ")[1][0] not in "TZ":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        if process.poll() is not None:
            skip("no fault points in this build")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate()
        self.assertEqual(1, process.returncode)
        self.assertIn("error: stopped by signal 15", said)
        self.assertEqual([], list(self.folder.glob("out.sqsh*")))


class Runs(unittest.TestCase):
    """A system with a shell, from this machine's own files."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hpcenv-squashfs-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.addCleanup(run, "rm", "-rf", self.folder)
        layout = Layout(self.folder / "image")
        layout.add([folder("bin"), *self.programs("/bin/sh", "/bin/pwd", "/usr/bin/env")])
        self.file = self.folder / "image.sqsh"
        done = convert(layout.finish(CONFIG), self.file)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.tree = self.folder / "tree"
        run("unsquashfs", "-quiet", "-no-progress", "-dest", self.tree, self.file)

    def programs(self, *paths: str) -> list[Entry]:
        """Programs at their names in /bin, with their libraries."""
        entries = [Entry("bin/" + Path(path).name, Path(path).read_bytes(), mode=0o755) for path in paths]
        libraries = {word for path in paths for word in run("ldd", path).stdout.split() if word.startswith("/")}
        return entries + [Entry(name[1:], Path(name).read_bytes(), mode=0o755) for name in sorted(libraries)]

    def as_nobody(self) -> list[str]:
        """In front of a command: another user than root, in no group of root's."""
        if os.geteuid() != 0:
            return []
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    def test_charliecloud_runs_it(self) -> None:
        somebody = {**os.environ, "USER": "somebody"}
        done = run(*self.as_nobody(), "ch-run", "--set-env=" + str(self.tree / "etc/environment"), self.tree, "--", "/bin/sh",
                   "/etc/rc", cwd="/", env=somebody)
        self.assertEqual("/opt/work\ntwo words\n", done.stdout)
        done = run(*self.as_nobody(), "ch-run", "--set-env=" + str(self.tree / "etc/environment"), self.tree, "--", "/bin/sh",
                   "/etc/rc", "/bin/env", cwd="/", env=somebody)
        self.assertIn("TITLE=two words\n", done.stdout)

    def test_as_apptainer_starts_it(self) -> None:
        """Apptainer's own order: files of /.singularity.d/env by name, then the run script."""
        script = 'for file in /.singularity.d/env/*.sh; do . "$file"; done; exec /.singularity.d/runscript "$@"'
        if os.geteuid() != 0:
            skip("no root: there is no chroot")
        environment = {"CONDA_PREFIX": "/the/hosts/own", "TITLE": "of the host"}
        done = run("/usr/sbin/chroot", self.tree, "/bin/sh", "-c", script, "run", env=environment)
        self.assertEqual("/opt/work\ntwo words\n", done.stdout)
        done = run("/usr/sbin/chroot", self.tree, "/bin/sh", "-c", script, "run", "/bin/sh", "-c", "pwd; echo $PATH:$LD_LIBRARY_PATH",
                   env=environment)
        self.assertEqual("/\n/usr/bin:/bin:/.singularity.d/libs\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
