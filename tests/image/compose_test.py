#!/usr/bin/env python3
"""`hpcenv image compose` before its judges: docker compose's own program, the schema of the specification, podman-compose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "image")]

from small_images import Entry, Layout  # noqa: E402

PROGRAM = os.environ["HPCENV_PROGRAM"]
# The judges lie beside the Python of the tests.
JUDGES = Path(sys.executable).parent
PREFIX = "/opt/envs/app"
REFERENCE = "registry.example:5000/lab/app:1"


class Compose(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="hpcenv-compose-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        (self.folder / "home").mkdir()
        # podman-compose asks for podman's version before it reads a file.
        (self.folder / "bin").mkdir()
        podman = self.folder / "bin" / "podman"
        podman.write_text("#!/bin/sh\necho podman version 4.3.1\n")
        podman.chmod(0o755)
        self.environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "HOME": str(self.folder / "home"), "LC_ALL": "C",
                            "HPCENV_ROOT": str(self.folder / "root")}

    def image(self, name: str = "image", *, gpu: bool = True, python: bool = True, reference: str = REFERENCE) -> Path:
        layout = Layout(self.folder / name)
        packages = "python-3.12.1-h1_0 numpy-2.0-py312_0" if python else "zlib-1.3-h0_0 libzlib-1.3-h0_0"
        layout.add([Entry("a", b"x")], org_hpcenv_content="packages", org_hpcenv_packages=packages)
        environment = [f"PATH={PREFIX}/bin:/usr/bin"] + (["NVIDIA_VISIBLE_DEVICES=all"] if gpu else [])
        names = {"io.containerd.image.name": reference} if reference else {}
        return layout.finish({"Env": environment, "Labels": {"org.hpcenv.prefix": PREFIX}}, **names)

    def run_program(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PROGRAM, "image", "compose", *(str(word) for word in words)], capture_output=True, text=True,
                              check=False, env=self.environment, cwd=self.folder)

    def written(self, *words: object) -> str:
        done = self.run_program(*words)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def refused(self, code: int, message: str, *words: object) -> None:
        done = self.run_program(*words)
        self.assertEqual((code, ""), (done.returncode, done.stdout))
        self.assertIn(message, done.stderr)

    def judge(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(JUDGES / str(words[0])), *(str(word) for word in words[1:])], capture_output=True, text=True,
                              check=False, env=self.environment, cwd=self.folder)

    def docker_view(self, file: Path, *profiles: str) -> dict[str, dict]:
        """The services as docker compose understands them."""
        chosen = [word for profile in profiles for word in ("--profile", profile)]
        done = self.judge("docker-compose", "-f", file, *chosen, "config", "--format", "json")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return json.loads(done.stdout)["services"]

    def check_by_all(self, text: str, *profiles: str) -> Path:
        file = self.folder / "compose.yaml"
        file.write_text(text)
        for profile in profiles or [""]:
            chosen = ["--profile", profile] if profile else []
            for judge in (["docker-compose", "-f", file, *chosen, "config", "--quiet"],
                          ["podman-compose", "-f", file, *chosen, "config"]):
                done = self.judge(*judge)
                self.assertEqual(0, done.returncode, f"{judge}: {done.stdout}{done.stderr}")
        done = self.judge("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return file

    def test_trap_24_a_file_for_processors_and_gpus(self) -> None:
        """Trap 24: each profile passes; no device request for processors; `count` and `device_ids` never together."""
        (self.folder / "token.txt").write_text("secret")
        text = self.written(
            self.image(), "--service", "api=uvicorn app:main --port 8000", "--port", "api=8080:8000", "--health", "api=/health",
            "--service", "worker=python -c 'print(\"$HOME\")'", "--port", "worker=9000", "--service", "on",
            "--volume", "data:/data", "--volume", "./conf:/etc/app:ro", "--secret", "token.txt", "--shm-size", "2gb")
        file = self.check_by_all(text, "cpu", "gpu")
        self.assertNotIn("device_ids", text)
        processors, gpus = self.docker_view(file, "cpu"), self.docker_view(file, "gpu")
        self.assertEqual({"api", "worker", "on"}, set(processors))
        self.assertEqual({"api-gpu", "worker-gpu", "on-gpu"}, set(gpus))
        digest = json.loads((self.folder / "image" / "index.json").read_text())["manifests"][0]["digest"]
        for name, service in processors.items():
            self.assertNotIn("deploy", service)
            self.assertEqual(f"registry.example:5000/lab/app@{digest}", service["image"])
            self.assertEqual((True, "unless-stopped"), (service["init"], service["restart"]))
            self.assertEqual(str(2 << 30), service["shm_size"])
            self.assertEqual(["/data", "/etc/app"], [volume["target"] for volume in service["volumes"]])
            self.assertEqual("token", service["secrets"][0]["source"])
            twin = gpus[f"{name}-gpu"]
            self.assertEqual([{"capabilities": ["gpu"], "driver": "nvidia", "count": -1}],
                             twin["deploy"]["resources"]["reservations"]["devices"])
            self.assertEqual([name], twin["networks"]["default"]["aliases"])
            apart = {"profiles", "deploy", "networks"}
            self.assertEqual({key: value for key, value in service.items() if key not in apart},
                             {key: value for key, value in twin.items() if key not in apart})
        self.assertEqual(["python", "-c", 'print("$$HOME")'], processors["worker"]["command"])
        self.assertEqual([("127.0.0.1", "8080", 8000)],
                         [(port["host_ip"], port["published"], port["target"]) for port in processors["api"]["ports"]])
        self.assertNotIn("ports", processors["on"])

    def test_health_checks_run(self) -> None:
        """With the Python that is here in place of the image's."""
        text = self.written(self.image(gpu=False), "--service", "api", "--port", "api=8000", "--health", "api=/health",
                            "--service", "bare", "--port", "bare=8001")
        services = self.docker_view(self.check_by_all(text))
        for name in ("api", "bare"):
            check = services[name]["healthcheck"]
            self.assertEqual(["CMD", f"{PREFIX}/bin/python", "-c"], check["test"][:3])
            done = subprocess.run([sys.executable, "-c", check["test"][3]], capture_output=True, text=True, check=False)
            self.assertEqual(1, done.returncode)
            self.assertIn("ConnectionRefusedError", done.stderr)
        program = ("import http.server, sys, threading\n"
                   "class Handler(http.server.BaseHTTPRequestHandler):\n"
                   "    def do_GET(self): self.send_response(200 if self.path == '/health' else 404); self.end_headers()\n"
                   "    def log_message(self, *words): pass\n"
                   "server = http.server.HTTPServer(('127.0.0.1', 0), Handler)\n"
                   "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
                   "check = sys.argv[1].replace(sys.argv[2], str(server.server_port))\n"
                   "exec(check)\n")
        for name, port in (("api", "8000"), ("bare", "8001")):
            subprocess.run([sys.executable, "-c", program, services[name]["healthcheck"]["test"][3], port], check=True)

    def test_without_a_gpu_there_are_no_profiles(self) -> None:
        text = self.written(self.image(gpu=False), "--service", "api=python -m app", "--service", "worker")
        services = self.docker_view(self.check_by_all(text))
        self.assertEqual({"api", "worker"}, set(services))
        self.assertNotIn("nvidia", text)
        self.assertEqual(text, self.written(self.image("other"), "--no-gpu", "--service", "api=python -m app", "--service",
                                            "worker").replace(self.digest("other"), self.digest("image")))
        self.assertEqual({"api-gpu"}, set(self.docker_view(
            self.check_by_all(self.written(self.folder / "image", "--gpus", "2", "--service", "api"), "gpu"), "gpu")))

    def digest(self, name: str) -> str:
        return json.loads((self.folder / name / "index.json").read_text())["manifests"][0]["digest"]

    def test_an_image_that_was_only_loaded(self) -> None:
        """By its name, which every engine knows; its digest stands beside. Without a name by its id."""
        for words, name in (((self.image(), "--local"), REFERENCE),
                            ((self.image("mine", reference="localhost/app:1"),), "localhost/app:1")):
            text = self.written(*words, "--service", "api")
            self.assertIn(f"# Services of {name}, {self.digest(words[0].name)}\n", text)
            self.assertIn(f"  image: {name}\n", text.replace('"', ""))
            self.check_by_all(text, "cpu")
        manifest = json.loads((self.image("nameless", reference="") / "blobs/sha256" /
                               self.digest("nameless").removeprefix("sha256:")).read_text())
        text = self.written(self.folder / "nameless", "--service", "api")
        self.assertIn(f"# Services of nameless, {self.digest('nameless')}\n", text)
        self.assertIn("\nname: nameless\n", text)
        self.assertIn(f"  image: {manifest['config']['digest']}\n", text)
        self.check_by_all(text, "cpu")

    def test_without_python_nothing_is_asked(self) -> None:
        done = self.run_program(self.image(python=False), "--service", "api", "--port", "api=8000")
        self.assertEqual(0, done.returncode)
        self.assertNotIn("healthcheck", done.stdout)
        self.assertIn("services have no health check", done.stderr)

    def test_the_file(self) -> None:
        """Paths are written from where the file lies; what is there is not lost."""
        (self.folder / "deploy").mkdir()
        words = (self.image(), "--service", "api", "--secret", "keys/token.txt", "--volume", "./data:/data", "-o",
                 "deploy/compose.yaml")
        done = self.run_program(*words)
        self.assertEqual((0, ""), (done.returncode, done.stdout))
        self.assertIn("docker compose -f deploy/compose.yaml --profile cpu up -d", done.stderr)
        file = self.folder / "deploy" / "compose.yaml"
        text = file.read_text()
        self.assertIn('file: "../keys/token.txt"', text)
        self.assertIn("- \"../data:/data\"\n", text)
        self.assertEqual(0, self.run_program(*words).returncode)
        file.write_text(text + "# mine\n")
        self.refused(1, "is there already and says something else", *words)
        self.assertTrue(file.read_text().endswith("# mine\n"))
        self.assertEqual(0, self.run_program(*words, "--force").returncode)
        self.assertEqual(text, file.read_text())

    def test_json(self) -> None:
        answer = json.loads(self.written(self.image(), "--service", "api=python -m app", "--port", "api=8080:8000", "--json"))
        self.assertEqual((1, True, "app", ["cpu", "gpu"], None),
                         tuple(answer[key] for key in ("schema", "success", "project", "profiles", "file")))
        self.assertEqual([{"name": "api", "command": "python -m app", "port": 8000, "host_port": 8080, "health_check": True}],
                         answer["services"])
        self.assertTrue(answer["image"].startswith("registry.example:5000/lab/app@sha256:"))
        self.assertIn("services:\n  api: &service-api\n", answer["text"])

    def test_what_cannot_be_written(self) -> None:
        image = self.image()
        self.refused(2, "the image of the services is needed", "--service", "api")
        self.refused(2, "no service is named", image)
        self.refused(2, "'a b' cannot be the name of a service", image, "--service", "a b=x")
        self.refused(2, "two services are called 'a'", image, "--service", "a", "--service", "a")
        self.refused(2, "--port names no service: 'b'", image, "--service", "a", "--port", "b=80")
        self.refused(2, "--port 'a=http' is no port of a service", image, "--service", "a", "--port", "a=http")
        self.refused(2, "is for a service without a port", image, "--service", "a", "--health", "a=/")
        self.refused(2, "'My App' cannot be a project's name", image, "--service", "a", "--project", "My App")
        self.refused(2, "--gpus 'none' is no number", image, "--service", "a", "--gpus", "none")
        self.refused(1, "no-such.tar", "no-such.tar", "--service", "a")
        (self.folder / "text.tar").write_text("no image")
        self.refused(1, "text.tar", "text.tar", "--service", "a")


if __name__ == "__main__":
    unittest.main()
