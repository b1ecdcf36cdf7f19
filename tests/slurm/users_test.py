#!/usr/bin/env python3
"""Whose login shell is tcsh, zsh or fish, and who has modules loaded, gets the same job as everybody."""
import re
import shlex

from slurm_case import HPCENV, PREFIX, SlurmCase, run_tests, skip_without_modules

USERS = ("alice", "tina", "zoe", "finn")
SHOW = ("import os, shutil, sys; print(sys.prefix, shutil.which('python'), os.environ['PATH'].split(':')[0], os.environ.get('LD_LIBRARY_PATH')); "
        "print(sorted(n for n in os.environ if n.startswith(('CONDA', '_CE', 'PYTHON', 'SLURM_EXPORT'))))")
EXPECTED = f"{PREFIX} {PREFIX}/bin/python {PREFIX}/bin None\n['CONDA_DEFAULT_ENV', 'CONDA_PREFIX', 'CONDA_SHLVL', 'PYTHONNOUSERSITE']\n"
# What people have in the files of their login shells: something printed, a conda half active, another Python in front, options, aliases.
START = {"alice": (".bash_profile", "echo noise\nexport CONDA_SHLVL=1 CONDA_PREFIX=/gone PYTHONPATH=/wrong\nexport PATH=$HOME/other:$PATH\nset -u\n"),
         "tina": (".login", "echo noise\nsetenv CONDA_SHLVL 1\nsetenv CONDA_PREFIX /gone\nsetenv PYTHONPATH /wrong\nsetenv PATH $HOME/other:$PATH\n"
                            "alias python false\nset noglob\n"),
         "zoe": (".zprofile", "echo noise\nexport CONDA_SHLVL=1 CONDA_PREFIX=/gone PYTHONPATH=/wrong PATH=$HOME/other:$PATH\n"
                              "setopt no_nomatch ksh_arrays sh_word_split\nalias python=false\n"),
         "finn": (".config/fish/config.fish", "echo noise\nset -gx CONDA_SHLVL 1\nset -gx CONDA_PREFIX /gone\nset -gx PYTHONPATH /wrong\n"
                                              "set -gx PATH $HOME/other $PATH\nalias python=false\n")}


class LoginShells(SlurmCase):
    def setUp(self):
        super().setUp()
        for user, (name, text) in START.items():
            self.write(user, name, text)
            self.write(user, "other/python", "#!/bin/sh\necho the wrong one\n", mode=0o755)

    def write(self, user: str, name: str, text: str, mode: int = 0o644):
        path = self.cluster.home / user / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        self.addCleanup(path.unlink)

    def run_job(self, user: str, *words: str, options=()) -> tuple[str, str, str]:
        """From the user's login shell: what submit printed, what the job wrote, and the job's script."""
        output = f"/home/{user}/out"
        (self.cluster.home / user / "out").unlink(missing_ok=True)
        command = [HPCENV, "slurm", "submit", "--wait", "-p", PREFIX, "--output", output, *options, "--", *words]
        done = self.on("root", "su", "-", user, "-c", shlex.join(command))
        job = done.out.splitlines()[1]
        script = (self.cluster.home / user / f".local/state/hpcenv/jobs/{job}/job.sh").read_text()
        return done.out, (self.cluster.home / user / "out").read_text(), script.replace(f"/home/{user}/", "/home/USER/")

    def test_the_same_job_from_every_login_shell(self):
        scripts = {}
        for user in USERS:
            for export in ("ALL", "NONE"):
                with self.subTest(user=user, export=export):
                    told, wrote, script = self.run_job(user, "python", "-c", SHOW, options=[f"--sbatch=--export={export}"])
                    self.assertEqual(wrote, EXPECTED)
                    self.assertRegex(told, r"\Anoise\n\d+\n" + re.escape(wrote) + r"\Z")
                    scripts[user, export] = script
        for export in ("ALL", "NONE"):
            self.assertEqual(len({scripts[user, export] for user in USERS}), 1, "the scripts differ")


class Modules:
    """A CUDA module is loaded where the job is submitted."""
    system = ""

    @classmethod
    def setUpClass(cls):
        skip_without_modules()
        cls.site = {"modules": cls.system}
        super().setUpClass()
        folder = "/scratch/apps/cuda/11.8"
        cls.cluster.write_module("cuda/11.8", f"prepend-path LD_LIBRARY_PATH {folder}\nprepend-path LD_LIBRARY_PATH /scratch/apps/driver\n"
                                              f"prepend-path PATH {folder}\nprepend-path PYTHONPATH {folder}/python\nsetenv CUDA_HOME {folder}")

    def setUp(self):
        super().setUp()
        self.make_cuda_programs(PREFIX, "/scratch/apps")
        python = self.cluster.scratch / "apps/cuda/11.8/python"
        python.write_text("#!/bin/sh\necho another python\n")
        python.chmod(0o755)

    def test_the_environments_python_and_libcudart(self):
        programs = "python -c 'import sys; print(sys.executable, [p for p in sys.path if \"apps\" in p])'\nrunpath\nrpath\n"
        (self.cluster.scratch / "programs.sh").write_text(programs)
        for user in USERS:
            with self.subTest(user):
                # What a job without hpcenv has; it shows that the module is a danger.
                plain = self.from_login_shell(user, f"srun sh -c 'python; {PREFIX}/bin/runpath; {PREFIX}/bin/rpath'")
                self.assertEqual(plain, "another python\nthe module's, driver found\nours, driver found\n")
                output = f"/scratch/of-{user}"
                self.from_login_shell(user, shlex.join([HPCENV, "slurm", "submit", "--wait", "-p", PREFIX, "--output", output, "--", "sh",
                                                        "/scratch/programs.sh"]))
                wrote = self.on_this_machine(output).read_text()
                self.assertTrue(wrote.endswith(f"\n{PREFIX}/bin/python []\n" + 2 * "ours, driver found\n"), wrote)
                self.assertRegex(wrote, r"hpcenv: not in LD_LIBRARY_PATH: /scratch/apps/cuda/11\.8 \(its libcudart\.so\.12 hides")

    def from_login_shell(self, user: str, command: str) -> str:
        return self.on("root", "su", "-", user, "-c", "module load cuda/11.8\n" + command).out


class Lmod(Modules, SlurmCase):
    system = "lmod"


class EnvironmentModules(Modules, SlurmCase):
    system = "tcl"


if __name__ == "__main__":
    run_tests()
