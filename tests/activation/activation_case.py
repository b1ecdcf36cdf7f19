"""What tests of activation stand on: environments of the collection or of scripts of their own, a user, ways to enter."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import collection

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from skipping import skip  # noqa: E402, F401 (for the tests)

PROGRAM = os.environ["HPCENV_PROGRAM"]
STRANGER = 64_323
SHELLS = {"bash": ["bash", "--noprofile", "--norc"], "zsh": ["zsh", "-f"], "posix": ["dash"], "fish": ["fish", "--no-config"],
          "tcsh": ["tcsh", "-f"], "csh": ["bsd-csh", "-f"]}
AS_STRANGER = ["/usr/bin/setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]


class ActivationCase(unittest.TestCase):
    maxDiff = None
    work: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.work = tempfile.mkdtemp(prefix="hpcenv-active-")
        os.chmod(cls.work, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)

    def setUp(self) -> None:
        self.home = tempfile.mkdtemp(dir=self.work)
        os.chmod(self.home, 0o755)
        self.root = f"{self.home}/root"
        # Nobody else's folders for trials are in there.
        self.temporary = f"{self.home}/tmp"
        os.mkdir(self.temporary)
        self.variables = {**collection.clean_state(self.home), "TMPDIR": self.temporary, "HPCENV_ROOT": self.root}

    # ---- environments ----

    def build(self, *names: str, scripts: Mapping[str, str | bytes] | None = None) -> str:
        """Of classes of the collection, and scripts of activate.d beside them, in the user's root."""
        prefix = f"{self.root}/envs/{'-'.join(names) or 'own'}"
        collection.build_prefix(prefix, names)
        for name, text in (scripts or {}).items():
            self.write(f"{prefix}/etc/conda/activate.d/{name}", text)
        return prefix

    @staticmethod
    def write(path: str, text: str | bytes, mode: int = 0o644) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)

    def records(self, prefix: str) -> list[dict[str, Any]]:
        with open(f"{prefix}/.hpcenv/activation.json", encoding="utf-8") as file:
            return json.load(file)["records"]

    def classes(self, prefix: str) -> dict[str, str]:
        """Script -> class, of the last record."""
        return {os.path.basename(one["path"]): one["class"] for one in self.records(prefix)[0]["scripts"]}

    # ---- entering ----

    def program(self, *words: str, env: Mapping[str, str] | None = None, check: int | None = 0, before: Iterable[str] = (),
                cwd: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*before, PROGRAM, *words], env={**self.variables, **(env or {})}, cwd=cwd or self.home, capture_output=True,
                              text=True, errors="surrogateescape", stdin=subprocess.DEVNULL, timeout=300, check=False)
        if check is not None:
            self.assertEqual(done.returncode, check, f"hpcenv {' '.join(words)}\n{done.stdout}\n{done.stderr}")
        return done

    def run_in(self, prefix: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.program("run", "-p", prefix, "--", *command, **options)

    def entered(self, prefix: str, **options: Any) -> dict[str, str]:
        """The variables of a program that `run` starts."""
        return self.parsed(self.run_in(prefix, "/usr/bin/env", "-0", **options).stdout)

    @staticmethod
    def parsed(text: str) -> dict[str, str]:
        return {os.fsdecode(name): os.fsdecode(value) for name, value in collection.parse_environment(os.fsencode(text)).items()}

    def shell(self, name: str, lines: str, *, env: Mapping[str, str] | None = None, check: int | None = 0, hook: bool = True,
              cwd: str | None = None) -> subprocess.CompletedProcess[str]:
        """Lines in a shell that has the hook."""
        hooks = {"fish": f"'{PROGRAM}' shell-hook fish | source\n", "tcsh": f"eval \"`'{PROGRAM}' shell-hook tcsh`\"\n",
                 "csh": f"eval \"`'{PROGRAM}' shell-hook csh`\"\n"}
        start = hooks.get(name, f"eval \"$('{PROGRAM}' shell-hook {name})\"\n") if hook else ""
        script = f"{self.home}/script.{name}"
        self.write(script, start + lines + "\n")
        done = subprocess.run([*SHELLS[name], script], env={**self.variables, **(env or {})}, cwd=cwd or self.home, capture_output=True,
                              text=True, errors="surrogateescape", stdin=subprocess.DEVNULL, timeout=300, check=False)
        if check is not None:
            self.assertEqual(done.returncode, check, f"{name}: {lines}\n{done.stdout}\n{done.stderr}")
        return done

    def wrapped(self, prefix: str, program: str = "show") -> str:
        """A wrapper of a program that prints its variables, made if need be."""
        if not os.path.exists(f"{prefix}/bin/{program}"):
            self.write(f"{prefix}/bin/{program}", "#!/bin/sh\nexec /usr/bin/env -0\n", 0o755)
        folder = f"{self.home}/wrappers"
        self.program("wrap", "-p", prefix, "--bin", folder, program)
        return f"{folder}/{program}"

    def job(self, prefix: str, *command: str) -> str:
        """A job script, as a file."""
        path = f"{self.home}/job.sh"
        self.write(path, self.program("slurm", "script", "-p", prefix, "--", *command).stdout, 0o755)
        return path

    def start(self, *words: str, env: Mapping[str, str] | None = None, check: int | None = 0, cwd: str | None = None
              ) -> subprocess.CompletedProcess[str]:
        """Any program with these variables and no others."""
        done = subprocess.run(words, env=dict(env or {}), cwd=cwd or self.home, capture_output=True, text=True, errors="surrogateescape",
                              stdin=subprocess.DEVNULL, timeout=300, check=False)
        if check is not None:
            self.assertEqual(done.returncode, check, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}")
        return done

    # ---- what must not be there afterwards ----

    @staticmethod
    def processes_of(path: str) -> list[str]:
        """Those that have the path in a word or a variable: command lines."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                text = Path(f"/proc/{entry}/environ").read_bytes() + Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(path) in text:
                found.append(f"{entry}: " + text.replace(b"\0", b" ")[-200:].decode(errors="replace"))
        return found

    def assert_nothing_left(self, prefix: str) -> None:
        """No process of the environment and no folder of trials."""
        deadline = time.monotonic() + 10
        while (left := self.processes_of(prefix)) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(left, [])
        self.assertEqual([name for name in os.listdir(self.temporary) if name.startswith("hpcenv")], [])
