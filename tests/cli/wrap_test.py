"""wrap: small files that become a program of an environment, wherever and by whomever they are started."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import tiny_channel
from cli_case import CliCase, skip

STRANGER = 64_322
SHOW = "#!/bin/sh\nfor word in \"$@\"; do printf '<%s>' \"$word\"; done; echo \"$0\"; exec /usr/bin/env\n"
ENDS = "#!/bin/sh\ncase $1 in code) exit \"$2\" ;; signal) kill -\"$2\" $$ ;; esac\ntrap 'exit 42' TERM\necho $$\nwhile :; do /bin/sleep 0.02; done\n"
FILES = {"bin/show": (SHOW, 0o755), "bin/ends": (ENDS, 0o755), "bin/data": ("no program\n", 0o644),
         "etc/conda/env_vars.d/plain.json": (json.dumps({"COLOUR": "it's `id` $red\n\\", "GONE": "***unset***"}), 0o644)}
LIVE = {"etc/conda/activate.d/10_live.sh": ("echo noise\ncase ${FLAVOUR-} in '') export FLAVOUR=$(basename live) ;; esac\nexport WHERE=$PWD\n", 0o644),
        "bin/live": ("#!/bin/sh\necho $FLAVOUR $COLOUR\n", 0o755)}


class Wrap(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "plain", "1", files=FILES),
            tiny_channel.add_package(cls.channel, "live", "1", files=LIVE),
        ])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "plain", "-y", check=0)
        self.bin = f"{self.home}/my bin"

    def wrap(self, *words, check=0):
        """wrap of the environment `work`."""
        return self.run_program("wrap", "-n", "work", "--bin", self.bin, *words, check=check)

    def start(self, program, *words, variables=None, check=0, **options):
        """Starts a wrapper by `env -i`, with these variables alone."""
        given = [f"{name}={value}" for name, value in (variables or {}).items()]
        done = subprocess.run(["/usr/bin/env", "-i", *given, program, *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False, **options)
        self.assertEqual(done.returncode, check, f"{done.stdout}\n{done.stderr}")
        return done

    @staticmethod
    def variables_of(text):
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


class Starting(Wrap):
    def test_with_no_variable_at_all(self):
        self.wrap("show")
        done = self.start(f"{self.bin}/show", "a b", "", "$HOME", "-n")
        self.assertEqual(done.stderr, "")
        self.assertTrue(done.stdout.startswith(f"<a b><><$HOME><-n>{self.prefix}/bin/show\n"), done.stdout)
        seen = self.variables_of(done.stdout)
        self.assertEqual(seen["CONDA_PREFIX"], self.prefix)
        self.assertEqual(seen["CONDA_DEFAULT_ENV"], "work")
        self.assertEqual(seen["PATH"], f"{self.prefix}/bin:/usr/local/bin:/usr/bin:/bin")
        self.assertIn("COLOUR=it's `id` $red\n\\", done.stdout)
        self.assertEqual([name for name in seen if name.startswith("hpcenv")], [])

    def test_the_variables_are_those_of_run(self):
        self.wrap("show")
        variables = {"PATH": f"/opt/conda/bin:/usr/bin:{self.prefix}/bin:/bin", "CONDA_PREFIX": "/opt/conda", "CONDA_SHLVL": "3",
                     "CONDA_OVERRIDE_CUDA": "12", "GONE": "here", "PYTHONPATH": "/p", "LD_LIBRARY_PATH": "/none:", "HOME": self.home,
                     "TMPDIR": "/missing", "NASTY": "a\tb ''\"$(id)*"}
        wrapped = self.start(f"{self.bin}/show", variables=variables).stdout
        ran = self.run_program("run", "-n", "work", "env", check=0, env={**dict.fromkeys(self.variables, ""), **variables,
                                                                         "HPCENV_ROOT": self.root}).stdout
        # `run` was told where things lie.
        others = [line for line in ran.splitlines() if line.split("=")[0] not in ("HPCENV_ROOT", "HPCENV_CHANNELS", "LC_ALL")]
        self.assertEqual(sorted(line for line in wrapped.splitlines()[1:] if not line.startswith(("PWD=", "_="))), sorted(others))

    def test_from_a_folder_that_is_gone_through_a_link_and_without_home(self):
        self.wrap("show")
        os.symlink(f"{self.bin}/show", f"{self.home}/other-name")
        gone = tempfile.mkdtemp(dir=self.home)
        done = self.start("/bin/sh", "-c", f"cd '{gone}' && rmdir '{gone}' && exec '{self.home}/other-name' x",
                          variables={"TMPDIR": "/missing/folder"})
        self.assertIn(f"<x>{self.prefix}/bin/show\n", done.stdout)
        self.assertEqual(self.variables_of(done.stdout)["CONDA_PREFIX"], self.prefix)

    def test_by_another_user(self):
        if os.geteuid() != 0:
            skip("no right to act as another user")
        self.wrap("show")
        folder = self.bin
        while folder != "/tmp" and folder != "/":
            os.chmod(folder, 0o755)
            folder = os.path.dirname(folder)
        for name in (self.root, f"{self.root}/envs"):
            os.chmod(name, 0o755)
        done = self.start("/usr/bin/setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", f"{self.bin}/show")
        self.assertEqual(self.variables_of(done.stdout)["CONDA_PREFIX"], self.prefix)

    def test_strict_and_odd_environments_of_a_caller(self):
        self.wrap("show")
        self.start(f"{self.bin}/show", variables={"SHELLOPTS": "errexit:nounset:noglob", "IFS": ":", "ENV": "/missing", "POSIXLY_CORRECT": "1"})

    def test_code_and_signals_are_the_programs(self):
        self.wrap("ends")
        self.start(f"{self.bin}/ends", "code", "7", check=7)
        self.start(f"{self.bin}/ends", "code", "255", check=255)
        child = subprocess.run([f"{self.bin}/ends", "signal", "SEGV"], env={}, check=False, capture_output=True)
        self.assertEqual(child.returncode, -signal.SIGSEGV)
        with subprocess.Popen([f"{self.bin}/ends"], env={}, stdout=subprocess.PIPE, text=True) as running:
            self.assertEqual(int(running.stdout.readline()), running.pid)
            running.send_signal(signal.SIGTERM)
            self.assertEqual(running.wait(timeout=30), 42)

    def test_an_environment_of_conda(self):
        """A prefix that hpcenv did not make: conda-meta is all that it has."""
        prefix = f"{self.home}/conda's env"
        os.makedirs(f"{prefix}/bin")
        os.makedirs(f"{prefix}/conda-meta")
        for name, text in (("conda-meta/history", ""), ("conda-meta/state", '{"env_vars": {"MINE": "a b"}}'), ("bin/show", SHOW)):
            with open(f"{prefix}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(f"{prefix}/bin/show", 0o755)
        self.run_program("wrap", "-p", prefix, "--bin", self.bin, "show", check=0)
        seen = self.variables_of(self.start(f"{self.bin}/show").stdout)
        self.assertEqual((seen["CONDA_PREFIX"], seen["CONDA_DEFAULT_ENV"], seen["MINE"]), (prefix, prefix, "a b"))


class Files(Wrap):
    def test_scripts_that_stay_live_make_it_bash_and_are_named(self):
        self.run_program("install", "-n", "work", "live", "-y", check=0)
        shutil.rmtree(f"{self.prefix}/etc/conda/env_vars.d")
        done = self.wrap("live")
        with open(f"{self.bin}/live", encoding="utf-8") as file:
            first = file.readline()
        if "10_live.sh" in done.stderr:
            self.assertEqual(first, "#!/bin/bash\n")
        else:
            self.assertEqual(first, "#!/bin/sh\n")
        done = self.start(f"{self.bin}/live")
        self.assertEqual(done.stdout, "live\n")

    def test_mode_and_second_writing(self):
        self.run_program("wrap", "-n", "work", "--bin", self.bin, "show", "ends", check=0, umask=0o022)
        self.assertEqual(os.stat(f"{self.bin}/show").st_mode & 0o777, 0o755)
        before = self.tree(self.bin)
        self.wrap("show", "ends")
        self.assertEqual(self.tree(self.bin), before)
        self.assertEqual(sorted(before), ["ends", "show"])

    def test_json(self):
        answer = self.run_json("wrap", "-n", "work", "--bin", self.bin, "show")
        self.assertEqual(answer["wrappers"], [{"file": f"{self.bin}/show", "program": "show", "prefix": self.prefix}])
        self.assertEqual((answer["shell"], answer["live_scripts"]), ("/bin/sh", []))

    def test_files_of_others_are_kept(self):
        os.makedirs(f"{self.bin}/ends")
        for name in ("show", "target"):
            with open(f"{self.bin}/{name}", "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n# mine\n")
        before = self.tree(self.bin)
        done = self.wrap("show", check=1)
        self.assertIn(f"{self.bin}/show is there already, and hpcenv did not write it", done.stderr)
        self.assertIn("--force", done.stderr)
        done = self.wrap("ends", "--force", check=1)
        self.assertIn("is a directory", done.stderr)
        os.rmdir(f"{self.bin}/ends")
        os.symlink("target", f"{self.bin}/ends")
        self.assertIn("ends is there already", self.wrap("ends", check=1).stderr)
        # Nothing is written where one of several is refused.
        os.unlink(f"{self.bin}/ends")
        self.wrap("ends", "show", check=1)
        del before["ends"]
        self.assertEqual(self.tree(self.bin), before)
        self.wrap("show", "--force")
        self.assertIn("<1>", self.start(f"{self.bin}/show", "1").stdout)

    def test_programs_that_are_none(self):
        done = self.wrap("shows", check=1)
        self.assertIn(f"there is no program 'shows' in {self.prefix}/bin", done.stderr)
        self.assertIn("did you mean: show", done.stderr)
        self.assertIn("cannot be executed", self.wrap("data", check=1).stderr)
        for name in ("../show", "", "a/b", "a\nb"):
            self.assertIn("is not the name of a program", self.wrap(name, check=2).stderr)
        self.assertFalse(os.path.exists(self.bin))

    def test_words_that_are_missing(self):
        self.assertIn("--bin DIR", self.run_program("wrap", "-n", "work", "show", check=2).stderr)
        self.assertIn("no environment is named", self.run_program("wrap", "--bin", self.bin, "show", check=2).stderr)
        self.assertIn("did you mean: work", self.run_program("wrap", "-n", "works", "--bin", self.bin, "show", check=1).stderr)

    def test_not_over_the_programs_themselves(self):
        os.symlink(f"{self.prefix}/bin", f"{self.home}/link")
        for folder in (f"{self.prefix}/bin", f"{self.home}/link"):
            done = self.run_program("wrap", "-n", "work", "--bin", folder, "show", "--force", check=1)
            self.assertIn("where the programs themselves are", done.stderr)
        with open(f"{self.prefix}/bin/show", encoding="utf-8") as file:
            self.assertEqual(file.read(), SHOW)

    def test_a_folder_that_cannot_be_written(self):
        with open(self.bin, "w", encoding="utf-8"):
            pass
        self.assertIn(self.bin, self.wrap("show", check=3).stderr)


class LaterOn(Wrap):
    def states(self):
        answer = self.run_json("wrap", "--bin", self.bin)
        return {os.path.basename(one["file"]): one["state"] for one in answer["wrappers"]}

    def test_what_is_no_longer_there_is_said(self):
        self.wrap("show", "ends")
        os.unlink(f"{self.prefix}/bin/show")
        done = self.start(f"{self.bin}/show", check=127)
        self.assertEqual(done.stdout, "")
        self.assertIn(f"hpcenv: there is no {self.prefix}/bin/show any more; install its package again, or remove {self.bin}/show", done.stderr)
        self.assertEqual(self.states(), {"ends": "current", "show": "program gone"})
        self.run_program("env", "remove", "-n", "work", "-y", check=0)
        done = self.start(f"{self.bin}/show", check=127)
        self.assertIn(f"hpcenv: the environment {self.prefix} is gone; make it again (hpcenv create -p {self.prefix} ...)", done.stderr)
        self.assertEqual(self.states(), {"ends": "environment gone", "show": "environment gone"})

    def test_a_change_of_the_environment_is_seen(self):
        self.wrap("show")
        with open(f"{self.bin}/mine", "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n")
        self.assertEqual(self.states(), {"show": "current"})
        with open(f"{self.prefix}/conda-meta/state", "w", encoding="utf-8") as file:
            file.write('{"env_vars": {"NEW": "1"}}')
        self.assertEqual(self.states(), {"show": "changed"})
        text = self.run_program("wrap", "--bin", self.bin, check=0).stdout
        self.assertRegex(text, rf"{self.bin}/show +changed +{self.prefix}/bin/show")
        self.wrap("show")
        self.assertEqual(self.states(), {"show": "current"})

    def test_an_unfinished_change_is_not_used(self):
        self.wrap("show")
        os.makedirs(f"{self.prefix}/.hpcenv/token")
        with open(f"{self.prefix}/.hpcenv/token/record", "w", encoding="utf-8"):
            pass
        # Without a `sleep` it waits for nothing.
        done = self.start(f"{self.bin}/show", variables={"PATH": "/missing"}, check=125)
        self.assertIn(f"a change of {self.prefix} is unfinished; this completes it: hpcenv install -p {self.prefix}", done.stderr)
        with subprocess.Popen([f"{self.bin}/show"], env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, text=True) as waiting:
            with self.assertRaises(subprocess.TimeoutExpired):
                waiting.wait(timeout=0.5)
            os.unlink(f"{self.prefix}/.hpcenv/token/record")
            self.assertIn("CONDA_PREFIX=", waiting.communicate(timeout=30)[0])
            self.assertEqual(waiting.returncode, 0)

    def test_an_empty_folder(self):
        self.assertIn("No such file", self.run_program("wrap", "--bin", f"{self.home}/none", check=1).stderr)
        self.assertIn("No wrappers in", self.run_program("wrap", "--bin", self.home, check=0).stderr)

    def test_they_are_clean_shell(self):
        self.wrap("show")
        done = subprocess.run(["shellcheck", "--norc", "-e", "SC1003,SC2016", f"{self.bin}/show"], text=True, capture_output=True,
                              check=False)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
