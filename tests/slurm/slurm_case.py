"""What every test on the cluster stands on: a cluster of its own, the program, a channel, an environment with Python."""
import os
import pathlib
import shutil
import subprocess
import sys
import typing
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "tools")]
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

import cluster as virtual  # noqa: E402
from skipping import skip  # noqa: E402
from terminal import Terminal  # noqa: E402

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
TESTS = pathlib.Path(__file__).resolve().parents[1]
LOGIN = virtual.config.LOGIN
HPCENV = "/scratch/bin/hpcenv"
# What is linked here finds its libraries on this machine's hosts only.
PROGRAM = os.environ["HPCENV_RELEASE_PROGRAM" if os.environ.get("HPCENV_CLUSTER_ROOT") else "HPCENV_PROGRAM"]
CHANNEL = "file:///scratch/channel"
PREFIX = "/scratch/envs/py"


def skip_unless_possible() -> None:
    reason = virtual.why_not()
    if reason:
        print(f"SKIP: {reason}")
        sys.exit(77)


def skip_without_modules() -> None:
    if not os.path.exists(os.environ.get("HPCENV_SHELL_TOOLS", "") + "/versions"):
        skip("no module systems")


def skip_without_database() -> None:
    if reason := virtual.why_no_database():
        skip(reason)


def run_tests() -> None:
    """For `if __name__ == "__main__"` of a test file."""
    skip_unless_possible()
    unittest.main(verbosity=2)


class SlurmCase(unittest.TestCase):
    """One cluster for the whole class; files of a test lie in its own directory below alice's home."""
    cluster: virtual.Cluster
    needs_environment = True
    drivers: dict[str, str] = {}
    submit_plugin = ""
    site: dict[str, typing.Any] = {}  # more of cluster_config.Site

    @classmethod
    def setUpClass(cls):
        cls.cluster = virtual.temporary(**{"drivers": cls.drivers, "submit_plugin": cls.submit_plugin, **cls.site})
        cls.addClassCleanup(cls.cluster.down)
        cls.cluster.up(lease=True)
        binaries = cls.cluster.scratch / "bin"
        binaries.mkdir()
        shutil.copy(PROGRAM, binaries / "hpcenv")
        # Environments are made by the static one, which no sanitizer slows down.
        shutil.copy(os.environ["HPCENV_RELEASE_PROGRAM"], cls.cluster.scratch / "hpcenv-static")
        if cls.needs_environment:
            cls.make_environment()

    @classmethod
    def make_channel(cls, profile: str = "mini"):
        subprocess.run([os.environ["HPCENV_TEST_PYTHON"], "-B", str(TESTS / "channel" / "build_channel.py"), "--profile",
                        profile, "--out", str(cls.cluster.scratch / "channel")], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def make_environment(cls, prefix: str = PREFIX):
        if prefix == PREFIX:
            cls.make_channel()
            cls.cluster.on(LOGIN, "alice", "mkdir", "/scratch/envs")
        done = cls.cluster.on(LOGIN, "alice", "/scratch/hpcenv-static", "create", "-p", prefix, "--override-channels", "-c", CHANNEL,
                              "-y", "python", timeout=300)
        if done.code != 0:
            raise RuntimeError(f"cannot create the environment: {done.err}")

    def setUp(self):
        self.directory = f"/home/alice/{self.id().rsplit('.', 1)[-1]}"
        self.on("alice", "mkdir", self.directory)

    def on(self, user: str, *words: str, check: int | None = 0, env: dict | None = None, host: str = LOGIN, **options):
        """A command on the login host, with more variables; the exit code has to be `check`."""
        variables = [f"{name}={value}" for name, value in (env or {}).items()]
        done = self.cluster.on(host, user, *(["env", *variables] if variables else []), *words, **options)
        if check is not None:
            self.assertEqual(done.code, check, f"{words}\nstdout: {done.out}\nstderr: {done.err}")
        return done

    def submit(self, *command: str, options=(), wait=True, user: str = "alice", prefix: str = PREFIX, output=None,
               check: int | None = 0, **more):
        """hpcenv slurm submit; the answer and what the job wrote."""
        output = output or f"{self.directory}/out"
        words = [HPCENV, "slurm", "submit", "-p", prefix, "--output", output, *options]
        done = self.on(user, *words, *(["--wait"] if wait else []), "--", *command, check=None, **more)
        file = self.on_this_machine(output)
        text = file.read_text(errors="surrogateescape") if file.exists() else ""
        if check is not None:
            self.assertEqual(done.code, check, f"{words}\nstdout: {done.out}\nstderr: {done.err}\nthe job: {text}")
        return done, text

    def compile(self, source: str, target: str, *options: str):
        """Into alice's home or /scratch, on this machine: the hosts see it there."""
        path = self.on_this_machine(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-x", "c", "-", "-x", "none", "-o", str(path), *options], input=source, text=True, check=True)

    def library(self, target: str, function: str, answer: str):
        name = target.rsplit("/", 1)[-1]
        self.compile(f'const char* {function}(void) {{ return "{answer}"; }}', target, "-shared", "-fPIC", f"-Wl,-soname,{name}")

    def make_cuda_programs(self, prefix: str, modules: str):
        """bin/runpath and bin/rpath in the prefix: each says whose libcudart and whether a driver's libcuda its loader gave it.
        A module for CUDA 11.8 has another libcudart, and one a driver."""
        self.library(f"{prefix}/lib/libcudart.so.12", "runtime", "ours")
        self.library(f"{modules}/cuda/11.8/libcudart.so.12", "runtime", "the module's")
        self.library(f"{modules}/driver/libcuda.so.1", "driver", "driver found")
        main = ('#include <stdio.h>\nconst char* runtime(void); const char* driver(void);\n'
                'int main(void) { printf("%s, %s\\n", runtime(), driver()); return 0; }')
        for kind, tags in (("runpath", "--enable-new-dtags"), ("rpath", "--disable-new-dtags")):
            self.compile(main, f"{prefix}/bin/{kind}", str(self.on_this_machine(f"{prefix}/lib/libcudart.so.12")),
                         str(self.on_this_machine(f"{modules}/driver/libcuda.so.1")), f"-Wl,{tags},-rpath,$ORIGIN/../lib")

    def install_torchrun(self, version: str):
        """The one of programs/ in the environment, with the record that pip leaves of a torch."""
        prefix = self.on_this_machine(PREFIX)
        program = prefix / "bin/torchrun"
        program.write_text(f"#!{PREFIX}/bin/python\n" + (PROGRAMS / "torchrun.py").read_text().replace("TORCH_VERSION", version))
        program.chmod(0o755)
        site_packages = next(prefix.glob("lib/python3*/site-packages"))
        for old in site_packages.glob("torch-*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        record = site_packages / f"torch-{version}.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
        (record / "RECORD").write_text("")
        (record / "INSTALLER").write_text("pip\n")

    def on_this_machine(self, path: str) -> pathlib.Path:
        """Where a file below the hosts' /home or /scratch lies for this process; others are not to be seen."""
        shared = {"/home": self.cluster.home, "/scratch": self.cluster.scratch}
        return next((folder / path[len(name) + 1:] for name, folder in shared.items() if path.startswith(name + "/")),
                    pathlib.Path("/nonexistent"))

    def session(self, user: str, *options: str, prefix: str = PREFIX, within: tuple[str, ...] = ()) -> Terminal:
        """hpcenv slurm shell at a terminal, `within` another program."""
        words = [*within, HPCENV, "slurm", "shell", "-p", prefix, *options]
        command = self.cluster.command(LOGIN, user, ["env", "TERM=dumb", *words])
        terminal = Terminal(["/usr/bin/" + command[0], *command[1:]], {"PATH": "/usr/bin:/bin"})
        self.addCleanup(terminal.close)
        return terminal

    def queue(self) -> str:
        return self.on("root", "squeue", "-h", "-o", "%i %j %T").out
