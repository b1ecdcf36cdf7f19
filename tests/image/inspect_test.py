#!/usr/bin/env python3
"""`hpcenv image inspect`: what an image says of itself, as text, on a terminal and as JSON."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "image")]

from small_images import Entry, Layout  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]


def noise(size: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in range(0x9e3779b9, 0x9e3779b9 + size // 4))


class Inspect(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="hpcenv-inspect-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C", "TERM": "xterm",
                            "HPCENV_ROOT": str(self.folder / "root")}

    def image(self) -> Path:
        layout = Layout(self.folder / "image")
        layout.add([Entry("a", noise(70_000))], "none", org_hpcenv_content="base")
        layout.add([Entry("b", noise(700_000))], "none", org_hpcenv_content="package",
                   org_hpcenv_packages="pytorch-2.5.1-cuda128_0")
        layout.add([Entry("c", noise(7_000))], "none", org_hpcenv_content="packages",
                   org_hpcenv_packages=" ".join(f"package{number}-1.{number}-h0_0" for number in range(30)))
        layout.add([Entry("d", noise(300_000))], "none", org_hpcenv_content="files", org_hpcenv_path="/opt/weights/model.pt")
        layout.add([Entry("e", b"x")], "gzip", org_hpcenv_content="metadata")
        return layout.finish(
            {"Env": ["A=b"], "Cmd": ["/opt/envs/app/bin/python"], "WorkingDir": "/work", "User": "1000",
             "Labels": {"org.hpcenv.prefix": "/opt/envs/app", "org.hpcenv.cuda": "12.8"}},
            **{"io.containerd.image.name": "registry.example/lab/app:1"})

    def run_program(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PROGRAM, "image", "inspect", *(str(word) for word in words)], capture_output=True, text=True,
                              check=False, env={**self.environment, **environment}, cwd=self.folder)

    def shown(self, *words: object) -> str:
        done = self.run_program(*words)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def on_terminal(self, *words: object, **environment: str) -> str:
        """What a terminal of 80 columns gets."""
        process, terminal = pty.fork()
        if process == 0:
            os.execve(PROGRAM, [PROGRAM, "image", "inspect", *(str(word) for word in words)],
                      {**self.environment, "COLUMNS": "80", **environment})
        said = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            said += piece
        os.close(terminal)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        return said.decode().replace("\r\n", "\n")

    def test_text(self) -> None:
        text = self.shown(self.image())
        self.assertEqual("registry.example/lab/app:1", text.splitlines()[0])
        for fact in (r"platform +linux/amd64", r"created +2026-01-31T00:00:00Z", r"environment +/opt/envs/app", r"CUDA +12\.8",
                     r"command +/opt/envs/app/bin/python", r"directory +/work", r"user +1000", r"5 layers, 1\.\d MiB",
                     r"\n  base +7\d\.\d KiB\n", r"\n  pytorch-2\.5\.1-cuda128_0 +69\d\.\d KiB\n",
                     r"\n  30 packages +\d+\.\d KiB\n    package0-1\.0-h0_0, .* and 26 more\n",
                     r"\n  /opt/weights/model\.pt +30\d\.\d KiB\n", r"\n  conda-meta and generated files +\d+ B\n"):
            self.assertRegex(text, fact)
        self.assertNotIn("\x1b", text)
        self.assertNotIn("#", text)

    def test_all_packages(self) -> None:
        text = self.shown(self.image(), "--packages")
        for number in range(30):
            self.assertIn(f"\n    package{number}-1.{number}-h0_0\n", text)

    def test_a_terminal_shows_sizes_as_bars(self) -> None:
        image = self.image()
        for language, block in (("C.UTF-8", "█"), ("C", "#")):
            text = re.sub(r"\x1b\[[0-9;]*m", "", self.on_terminal(image, LC_ALL=language))
            bars = {line.split()[0]: line.count(block) for line in text.splitlines() if block in line}
            self.assertEqual({"base", "pytorch-2.5.1-cuda128_0", "30", "/opt/weights/model.pt", "conda-meta"}, set(bars))
            self.assertEqual(1, bars["conda-meta"])
            self.assertAlmostEqual(0.43, bars["/opt/weights/model.pt"] / bars["pytorch-2.5.1-cuda128_0"], delta=0.05)
            for line in text.splitlines():
                self.assertTrue(len(line) <= 80 or "sha256:" in line, line)

    def test_json(self) -> None:
        answer = json.loads(self.shown(self.image(), "--json"))
        index = json.loads((self.folder / "image" / "index.json").read_text())["manifests"][0]
        self.assertEqual((1, True, "registry.example/lab/app:1", index["digest"], index["digest"], "linux/amd64"),
                         tuple(answer[key] for key in ("schema", "success", "reference", "digest", "named_digest", "platform")))
        self.assertEqual((["A=b"], [], ["/opt/envs/app/bin/python"], "/work", "1000"), tuple(
            answer[key] for key in ("environment", "entrypoint", "command", "working_directory", "user")))
        self.assertEqual(["base", "package", "packages", "files", "metadata"], [layer["content"] for layer in answer["layers"]])
        self.assertEqual(answer["size"], sum(layer["size"] for layer in answer["layers"]))
        self.assertEqual(["pytorch-2.5.1-cuda128_0"], answer["layers"][1]["packages"])
        self.assertEqual(30, len(answer["layers"][2]["packages"]))
        self.assertEqual("/opt/weights/model.pt", answer["layers"][3]["path"])
        self.assertTrue(all(layer["diff_id"].startswith("sha256:") for layer in answer["layers"]))

    def test_an_image_of_others(self) -> None:
        """Layers are called as its history says; control characters reach no terminal."""
        layout = Layout(self.folder / "foreign")
        layout.add([Entry("a", b"x")])
        layout.add([Entry("b", b"x")])
        made = layout.finish()
        index = json.loads((made / "index.json").read_text())["manifests"][0]
        manifest = json.loads((made / "blobs/sha256" / index["digest"][7:]).read_text())
        config = json.loads((made / "blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
        config["history"] = [{"created_by": "ADD file:123 in /"}, {"created_by": "ENV A=b", "empty_layer": True},
                             {"created_by": "RUN \x1b[2Japt-get update &&\n   apt-get install -y a-long-list-of-packages"}]
        manifest["config"] = layout.put(json.dumps(config).encode(), manifest["config"]["mediaType"])
        index.update(layout.put(json.dumps(manifest).encode(), manifest["mediaType"]))
        (made / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [index]}))
        text = self.shown(made)
        self.assertRegex(text, r"\n  ADD file:123 in / +\d+ B\n  RUN \\x1b\[2Japt-get update && apt-get ins.*\.\.\. +\d+ B\n")
        self.assertNotIn("\x1b", text)

    def test_what_is_no_image(self) -> None:
        done = self.run_program()
        self.assertEqual(2, done.returncode)
        self.assertIn("one image is needed", done.stderr)
        done = self.run_program("no-such.tar")
        self.assertEqual(1, done.returncode)
        self.assertIn("no-such.tar", done.stderr)
        done = self.run_program(self.image(), "--platform", "linux-aarch64")
        self.assertEqual(1, done.returncode)
        self.assertIn("linux/arm64", done.stderr)


if __name__ == "__main__":
    unittest.main()
