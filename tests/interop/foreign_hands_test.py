"""An environment in foreign hands: py-rattler reads every record, installs one package more and removes another; hpcenv sees
what changed, lists, updates and verifies it, also where that happens between its plan and its commit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pty
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from rattler import Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName, PrefixRecord, Version, install, solve
from rattler.package.build_string import BuildString

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from ending import leave

SOURCE = Path(os.environ["HPCENV_SOURCE_DIR"])
HPCENV = os.environ["HPCENV_PROGRAM"]
VIRTUAL = {"__glibc": "2.36", "__unix": "0", "__linux": "6.1"}
PATIENCE_S = 60


class ForeignHands(unittest.TestCase):
    channel = Path()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hpcenv-hands-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.prefix = self.folder / "env"
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "HPCENV_ROOT": str(self.folder / "root"), "LC_ALL": "C",
                            "HPCENV_CHANNELS": self.channel.as_uri(), "CONDA_OVERRIDE_CUDA": ""}

    def hpcenv(self, *words: str, code: int = 0) -> dict:
        done = subprocess.run([HPCENV, *words, "--json"], env=self.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def change(self, command: str, *words: str) -> dict:
        return self.hpcenv(command, "-p", str(self.prefix), *words)

    def listed(self) -> dict[str, str]:
        return {package["name"]: package["version"] for package in self.hpcenv("list", "-p", str(self.prefix))["packages"]}

    def records(self) -> list[PrefixRecord]:
        return [PrefixRecord.from_path(path) for path in sorted((self.prefix / "conda-meta").glob("*.json"))]

    async def _solve(self, specs: list[str], locked: list) -> list:
        packages = [GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
                    for name, version in VIRTUAL.items()]
        return await solve([Channel(self.channel.as_uri())], [MatchSpec(spec) for spec in specs], gateway=Gateway(),
                           platforms=["linux-64", "noarch"], virtual_packages=packages, locked_packages=locked)

    def rattler_installs(self, name: str) -> None:
        async def act() -> None:
            records = self.records()
            specs = [record.name.normalized for record in records]
            solution = await self._solve([*specs, name], records)
            await install(solution, str(self.prefix), cache_dir=self.folder / "rattler", show_progress=False)
        asyncio.run(act())

    def rattler_removes(self, name: str) -> None:
        async def act() -> None:
            kept = [record for record in self.records() if record.name.normalized != name]
            await install(kept, str(self.prefix), cache_dir=self.folder / "rattler", show_progress=False)
        asyncio.run(act())

    def files_agree(self) -> None:
        """Every file is there with the digest that its record says."""
        for record in self.records():
            for entry in record.paths_data.paths:
                path = self.prefix / entry.relative_path
                self.assertTrue(os.path.lexists(path), path)
                if entry.sha256_in_prefix is not None and path.is_file() and not path.is_symlink():
                    self.assertEqual(hashlib.sha256(path.read_bytes()).digest(), bytes(entry.sha256_in_prefix), path)

    def verify_agrees(self) -> None:
        """verify calls all well, of all packages and files that the records name; a damaged file of either tool's is found."""
        answer = self.hpcenv("verify", "-p", str(self.prefix))
        self.assertEqual(answer["damage"], [])
        self.assertEqual(answer["packages"], len(self.records()))
        self.assertEqual(answer["files"], sum(len(record.paths_data.paths) for record in self.records()))

    def verify_finds_damage(self, package: str, ending: str) -> None:
        record = next(record for record in self.records() if record.name.normalized == package)
        damaged = next(path for path in (self.prefix / entry.relative_path for entry in record.paths_data.paths)
                       if str(path).endswith(ending))
        content = damaged.read_bytes()
        for kind in ("missing", "changed"):
            damaged.unlink(missing_ok=True)
            if kind == "changed":
                damaged.write_bytes(bytes([content[0] ^ 1]) + content[1:])
            found = self.hpcenv("verify", "-p", str(self.prefix), code=1)["damage"]
            self.assertEqual([(item["kind"], self.prefix / item["path"]) for item in found], [(kind, damaged)])
            self.assertTrue(found[0]["package"].startswith(f"{package}-"), found)
        damaged.write_bytes(content)

    def python_says(self, code: str) -> str:
        done = subprocess.run([HPCENV, "run", "-p", str(self.prefix), "python", "-c", code], env=self.environment,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_another_tool_works_on_our_environment_and_we_on_its(self) -> None:
        self.change("create", "python=3.9", "requests", "packaging")
        before = self.listed()
        self.assertEqual({record.name.normalized for record in self.records()}, set(before))
        self.assertIn(["python=3.9"], [[str(spec) for spec in record.requested_specs] for record in self.records()])

        self.rattler_installs("rich")
        self.rattler_removes("packaging")
        seen = self.listed()
        self.assertLessEqual({"rich", "markdown-it-py", "mdurl", "pygments"}, set(seen) - set(before))
        self.assertEqual(set(before) - set(seen), {"packaging"})
        self.assertEqual(self.python_says("import rich, requests; print(rich.__name__)"), "rich")
        self.files_agree()
        self.verify_agrees()
        self.verify_finds_damage("rich", "rich/console.py")
        self.verify_finds_damage("requests", "requests/api.py")

        # Ours again: what the other installed stays, what it removed is no wish any more.
        answer = self.change("install", "wheel")
        self.assertEqual(answer["plan"]["unlink"], [])
        self.assertLessEqual(set(seen) | {"wheel"}, set(self.listed()))
        self.change("update", "python=3.11")
        self.assertEqual(self.python_says("import sys, rich, requests; print(sys.version_info[:2], rich.__file__)"),
                         f"(3, 11) {self.prefix}/lib/python3.11/site-packages/rich/__init__.py")
        self.files_agree()
        self.verify_agrees()
        answer = self.change("remove", "requests")
        self.assertIn("rich", self.listed())
        answer = self.change("remove", "rich")
        self.assertIn("pygments", [package["name"] for package in answer["plan"]["unlink"]])
        self.assertFalse((self.prefix / "lib/python3.9").exists())
        self.files_agree()
        self.verify_agrees()
        self.assertEqual({record.name.normalized for record in self.records()}, set(self.listed()))

    def test_what_it_changes_between_our_plan_and_our_commit_is_planned_for_again(self) -> None:
        self.change("create", "pygments", "python=3.9")
        screen, terminal = pty.openpty()
        child = subprocess.Popen([HPCENV, "install", "-p", str(self.prefix), "wheel"], env={**self.environment, "TERM": "dumb"},
                                 stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        self.read_until(screen, "[Y/n]")
        self.rattler_installs("idna")
        os.write(screen, b"y\n")
        self.read_until(screen, "changed by another program")
        self.read_until(screen, "[Y/n]")
        os.write(screen, b"y\n")
        self.read_until(screen, "Changed ")
        self.assertEqual(child.wait(PATIENCE_S), 0)
        os.close(screen)
        self.assertLessEqual({"idna", "wheel", "pygments"}, set(self.listed()))
        self.files_agree()

    def read_until(self, screen: int, text: str) -> None:
        seen = b""
        deadline = time.monotonic() + PATIENCE_S
        while text.encode() not in seen:
            self.assertLess(time.monotonic(), deadline, seen.decode(errors="replace"))
            seen += os.read(screen, 1)


if __name__ == "__main__":
    build = [sys.executable, "-B", str(SOURCE / "tests/channel/build_channel.py"), "--profile", "mini"]
    ForeignHands.channel = Path(subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
