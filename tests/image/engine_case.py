"""What long tests of images before engines stand on: the static program, whose memory is looked at, and root."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from image_case import ImageCase, skip

MOST_MEMORY = 150 << 10  # KiB, of a build


def need_root() -> None:
    if os.geteuid() != 0:
        skip("no root: engines need it")


class EngineCase(ImageCase):
    program = os.environ.get("HPCENV_RELEASE_PROGRAM", "")

    @classmethod
    def need_static_program(cls) -> None:
        if not Path(cls.program).is_file():
            skip("no static program")

    def ours(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """The static program; in a build, neither it nor any process that it starts needs more than MOST_MEMORY."""
        command = [self.program, *map(str, words)]
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, env={**self.variables, **env}, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            done = subprocess.CompletedProcess(command, process.returncode, output.read(), errors.read())
        self.succeeds(done)
        if words[:2] == ("image", "build"):
            self.assertLess(used.ru_maxrss, MOST_MEMORY, done.args)
        return done

    def succeeds(self, done: subprocess.CompletedProcess[str]) -> str:
        self.assertEqual(done.returncode, 0, f"{done.args}\n{done.stdout}\n{done.stderr}")
        return done.stdout
