"""`hpcenv init`: one block in a start-up file of the user's, read by the real shell, and the file as before without it."""
import os
import pwd
import shutil
import stat
import subprocess
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase, skip
from terminal import Terminal

FILES = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish", "tcsh": ".tcshrc", "csh": ".cshrc", "posix": ".profile"}
SHELLS = {"posix": "dash"}
BEGIN, END = "# >>> hpcenv init >>>", "# <<< hpcenv init <<<"
CONDA = "# >>> conda initialize >>>\n# !! Contents within this block are managed by 'conda init' !!\n: conda\n# <<< conda initialize <<<\n"


class InitCase(CliCase):
    def setUp(self):
        super().setUp()
        self.user = f"{self.home}/user"
        os.mkdir(self.user)
        self.variables.update(HOME=self.user, LC_ALL="C.UTF-8", TERM="dumb")

    def path(self, shell):
        return f"{self.user}/{FILES[shell]}"

    def write(self, path, data):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def init(self, *words, check=0, env=None, program=PROGRAM):
        done = subprocess.run([program, "init", *words], env={**self.variables, **(env or {})}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.assertEqual(done.returncode, check, f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def each(self):
        for shell in FILES:
            if shutil.which(SHELLS.get(shell, shell)):
                with self.subTest(shell=shell):
                    yield shell


class TheFile(InitCase):
    BEFORE = {"empty": b"", "a line": b"# mine\n", "no line end": b"# mine", "carriage returns": b"# a\r\n# b\r\n", "conda": CONDA.encode(),
              "bytes": b"# \xff\xfe mine\n", "nothing": None}

    def test_added_once_and_taken_out_to_the_byte(self):
        for shell in self.each():
            path = self.path(shell)
            for title, before in self.BEFORE.items():
                with self.subTest(before=title):
                    if before is None:
                        if os.path.exists(path):
                            os.remove(path)
                    else:
                        self.write(path, before)
                    self.assertIn("new lines", self.init(shell).stdout)
                    after = self.read(path)
                    self.assertTrue(after.startswith(before or b""))
                    self.assertEqual(after.count(BEGIN.encode()), 1)
                    self.assertIn("nothing was changed", self.init(shell).stdout)
                    self.assertEqual(self.read(path), after)
                    self.init(shell, "--reverse")
                    self.assertEqual(self.read(path) if os.path.exists(path) else None, before)
                    self.assertIn("nothing was changed", self.init(shell, "--reverse").stdout)
            self.assertEqual(os.listdir(os.path.dirname(path)).count(os.path.basename(path)), 0)

    def test_a_dry_run_shows_and_writes_nothing(self):
        for shell in self.each():
            path = self.path(shell)
            self.write(path, b"# mine\n")
            done = self.init(shell, "--dry-run")
            self.assertTrue(done.stdout.startswith(f"--- {path}\n+++ {path}\n@@ -1,0 +2,"), done.stdout)
            self.assertEqual(self.read(path), b"# mine\n")
            shown = done.stdout
            self.init(shell)
            self.assertEqual(self.read(path).decode(), "# mine\n" + "".join(line[1:] + "\n" for line in shown.splitlines()[3:]))
            after = self.read(path)
            self.assertIn(f"-{BEGIN}\n", self.init(shell, "--reverse", "--dry-run").stdout)
            self.assertEqual(self.read(path), after)
            # The diff is one that patch takes.
            done = subprocess.run(["patch", "--quiet", "--output=-", path], input=self.init(shell, "--reverse", "--dry-run").stdout,
                                  text=True, capture_output=True, check=False)
            self.assertEqual(done.stdout, "# mine\n", done.stderr)

    def test_a_program_that_moved_replaces_the_block(self):
        moved = f"{self.home}/it's $HOME `new`"
        os.mkdir(moved)
        shutil.copy(PROGRAM, f"{moved}/hpcenv")
        self.write(self.path("bash"), b"# above\n")
        self.init("bash")
        with open(self.path("bash"), "ab") as file:
            file.write(b"# below\n")
        done = self.init("bash", program=f"{moved}/hpcenv")
        self.assertIn("made anew", done.stdout)
        text = self.read(self.path("bash")).decode()
        self.assertEqual(text.count(BEGIN), 1)
        self.assertTrue(text.startswith("# above\n") and text.endswith("# below\n"))
        self.assertNotIn(f"'{PROGRAM}'", text)
        self.init("bash", "--reverse")
        self.assertEqual(self.read(self.path("bash")), b"# above\n# below\n")

    def test_half_a_block_is_refused(self):
        path = self.path("zsh")
        for text, line in ((f"a\n{BEGIN}\nb\n", 2), (f"a\nb\n{END}\n", 3), (f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n", 3)):
            self.write(path, text.encode())
            for words in ((), ("--reverse",), ("--dry-run",)):
                self.assertIn(f"{path}:{line}:", self.init("zsh", *words, check=1).stderr)
            self.assertEqual(self.read(path), text.encode())

    def test_mode_and_links_stay(self):
        repository = f"{self.home}/dotfiles"
        self.write(f"{repository}/bashrc", b"# mine\n")
        os.chmod(f"{repository}/bashrc", 0o640)
        os.symlink("../dotfiles/bashrc", f"{self.user}/one")
        os.symlink("one", self.path("bash"))
        self.init("bash")
        self.assertEqual(os.readlink(self.path("bash")), "one")
        self.assertEqual(os.readlink(f"{self.user}/one"), "../dotfiles/bashrc")
        self.assertIn(BEGIN.encode(), self.read(f"{repository}/bashrc"))
        self.assertEqual(stat.S_IMODE(os.stat(f"{repository}/bashrc").st_mode), 0o640)
        self.assertEqual(os.listdir(repository), ["bashrc"])
        self.init("bash", "--reverse")
        self.assertEqual(self.read(f"{repository}/bashrc"), b"# mine\n")

    def test_a_link_to_a_file_that_is_not_there_yet(self):
        os.symlink("rc", self.path("bash"))
        self.init("bash")
        self.assertIn(BEGIN.encode(), self.read(f"{self.user}/rc"))
        self.init("bash", "--reverse")
        self.assertFalse(os.path.exists(f"{self.user}/rc"))
        self.assertTrue(os.path.islink(self.path("bash")))
        os.remove(self.path("bash"))
        os.symlink("nowhere/rc", self.path("bash"))
        self.assertIn("nowhere", self.init("bash", check=3).stderr)
        os.remove(self.path("bash"))
        os.symlink(".bashrc", self.path("bash"))
        self.init("bash", check=3)

    def test_files_that_are_left_alone(self):
        path = self.path("bash")
        os.mkdir(path)
        self.assertIn("is no file", self.init("bash", check=1).stderr)
        os.rmdir(path)
        self.write(path, b"# mine\n")
        os.link(path, f"{self.user}/second name")
        self.assertIn("2 names", self.init("bash", check=1).stderr)
        self.assertEqual(self.read(path), b"# mine\n")

    def test_a_file_that_cannot_be_written(self):
        if os.geteuid() != 0:
            skip("no right to act as another user")
        nobody = pwd.getpwnam("nobody")
        os.chmod(self.work, 0o755)
        os.chmod(self.home, 0o755)
        self.write(self.path("bash"), b"# mine\n")
        os.chmod(self.path("bash"), 0o444)
        done = {}
        for title in ("another's", "read-only file", "read-only folder"):
            if title == "read-only file":
                os.chown(self.path("bash"), nobody.pw_uid, nobody.pw_gid)
            if title == "read-only folder":
                os.chmod(self.path("bash"), 0o644)
            done[title] = subprocess.run([PROGRAM, "init", "bash"], env=self.variables, user=nobody.pw_uid, group=nobody.pw_gid,
                                         extra_groups=[], capture_output=True, text=True, check=False)
            self.assertIn("--dry-run", done[title].stderr)
            self.assertEqual(self.read(self.path("bash")), b"# mine\n")
            self.assertEqual(os.listdir(self.user), [".bashrc"])
        self.assertEqual([one.returncode for one in done.values()], [1, 3, 3])
        self.assertIn("belongs to another user", done["another's"].stderr)
        self.assertIn("Permission denied", done["read-only file"].stderr)
        # Root keeps the owner.
        self.init("bash")
        self.assertEqual(os.stat(self.path("bash")).st_uid, nobody.pw_uid)


class Places(InitCase):
    def test_variables_say_where(self):
        self.init("zsh", env={"ZDOTDIR": f"{self.user}/z"})
        self.assertIn(BEGIN.encode(), self.read(f"{self.user}/z/.zshrc"))
        self.init("fish", env={"XDG_CONFIG_HOME": f"{self.user}/c"})
        self.assertIn(BEGIN.encode(), self.read(f"{self.user}/c/fish/config.fish"))
        self.assertIn("HOME", self.init("bash", check=2, env={"HOME": ""}).stderr)
        self.write(f"{self.user}/.zshenv", b"ZDOTDIR=~/z\n")
        self.assertIn("ZDOTDIR=$ZDOTDIR hpcenv init zsh", self.init("zsh").stderr)

    def test_tcsh_reads_one_of_two(self):
        self.write(f"{self.user}/.cshrc", b"# mine\n")
        self.init("tcsh")
        self.assertIn(b"shell-hook tcsh", self.read(f"{self.user}/.cshrc"))
        self.init("tcsh", "--reverse")
        self.write(f"{self.user}/.tcshrc", b"# mine\n")
        self.init("tcsh")
        self.assertEqual(self.read(f"{self.user}/.cshrc"), b"# mine\n")
        self.assertIn(b"shell-hook tcsh", self.read(f"{self.user}/.tcshrc"))
        self.init("tcsh", "--reverse")
        # Where the csh in PATH is a tcsh, it reads what tcsh reads.
        os.mkdir(f"{self.home}/bin")
        os.symlink(shutil.which("tcsh") or "/usr/bin/tcsh", f"{self.home}/bin/csh")
        answer = self.init("csh", "--json", env={"PATH": f"{self.home}/bin:{os.environ['PATH']}"})
        self.assertIn(f"{self.user}/.tcshrc", answer.stdout)

    def test_login_shells_of_bash_read_another_file(self):
        self.assertIn(f"{self.user}/.bash_profile", self.init("bash").stderr)
        self.init("bash", "--reverse")
        self.write(f"{self.user}/.profile", b". ~/.bashrc\n")
        self.assertEqual(self.init("bash").stderr, "")

    def test_json(self):
        answer = self.run_json("init", "bash", "--dry-run")
        self.assertEqual((answer["change"], answer["dry_run"], answer["file"], answer["line"]), ("added", True, self.path("bash"), 1))
        self.assertEqual((answer["added"][0], answer["added"][-1], answer["removed"]), (BEGIN, END, []))
        self.assertFalse(os.path.exists(self.path("bash")))
        self.assertEqual(self.run_json("init", "bash")["change"], "added")
        self.assertEqual(self.run_json("init", "bash")["change"], "none")
        self.assertEqual(self.run_json("init", "bash", "--reverse")["change"], "removed")

    def test_wrong_words(self):
        self.assertIn("hpcenv init bash --dry-run", self.init(check=2).stderr)
        self.init("bash", "zsh", check=2)
        self.assertIn("knows no shell 'nu'", self.init("nu", check=2).stderr)
        self.assertEqual(os.listdir(self.user), [])


class InShells(InitCase):
    """New shells that read the block."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        files = {"bin/which-one": ("#!/bin/sh\necho first\n", 0o755)}
        tiny_channel.write_repodata(cls.channel, [tiny_channel.add_package(cls.channel, "first", "1", files=files)])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "first", "first", "-y", check=0)
        self.odd = f"{self.home}/it's ! $HOME `odd`"
        os.mkdir(self.odd)
        shutil.copy(PROGRAM, f"{self.odd}/hpcenv")

    def terminal(self, shell):
        name = SHELLS.get(shell, shell)
        terminal = Terminal([shutil.which(name), *(["-l"] if shell == "posix" else [])], self.variables, self.user)
        self.addCleanup(terminal.close)
        return terminal

    @staticmethod
    def ask(terminal, command):
        terminal.type(f"echo beg'in'; {command}; echo e'nd'")
        return terminal.wait_for(r"begin\r?\n((?:.*\r?\n)*?)end").group(1).replace("\r", "").strip()

    def test_activate_works_in_a_new_shell(self):
        for shell in self.each():
            for program in (PROGRAM, f"{self.odd}/hpcenv"):
                with self.subTest(program=program):
                    self.init(shell, program=program)
                    terminal = self.terminal(shell)
                    self.assertEqual(self.ask(terminal, "hpcenv activate first"), "")
                    self.assertEqual(self.ask(terminal, "which-one"), "first")
                    terminal.type("exit")
                    terminal.code()

    def test_a_program_that_is_gone_does_no_harm(self):
        for shell in self.each():
            self.init(shell, program=f"{self.odd}/hpcenv")
        os.remove(f"{self.odd}/hpcenv")
        for shell in self.each():
            name = SHELLS.get(shell, shell)
            words = {"posix": ["-l"], "zsh": ["-i"], "bash": ["-i"]}.get(shell, [])
            done = subprocess.run([name, *words], input="echo fine\n", env=self.variables, capture_output=True, text=True, check=False,
                                  start_new_session=True, timeout=60, cwd="/")  # a prompt may show the directory
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "fine"))
            self.assertNotIn("hpcenv", done.stderr)

    def test_a_csh_that_hpcenv_started_enters_last(self):
        for shell in ("tcsh", "csh"):
            if shutil.which(shell) is None:
                continue
            with self.subTest(shell=shell):
                self.write(self.path(shell), b"setenv PATH /usr/local/bin:/usr/bin:/bin\n")
                temporary = f"{self.home}/tmp-{shell}"
                os.mkdir(temporary)
                found = []
                for init in (False, True):
                    if init:
                        self.init(shell)
                    terminal = Terminal([PROGRAM, "shell", "first", "-s", shell], {**self.variables, "TMPDIR": temporary}, self.user)
                    self.addCleanup(terminal.close)
                    terminal.wait_for("leave it with: exit")
                    found.append((self.ask(terminal, "printenv PATH").split(":")[0], "hpcenv init" in terminal.text,
                                  self.ask(terminal, "printenv HPCENV_SUBSHELL"), self.ask(terminal, "printenv CONDA_SHLVL")))
                    self.assertEqual(os.listdir(temporary), [])
                prefix = f"{self.root}/envs/first"
                self.assertEqual(found, [("/usr/local/bin", True, prefix, "1"), (f"{prefix}/bin", False, "", "1")])


if __name__ == "__main__":
    unittest.main()
