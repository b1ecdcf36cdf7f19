"""`hpcenv shell`: real shells on real terminals, with start-up files of the user's that set PATH."""
import os
import shutil
import signal
import subprocess
import time
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase
from terminal import Terminal

FIRST = {
    "etc/conda/activate.d/first.sh": ("export ORDER=\"${ORDER}a1\"\necho noise\nexport SEEN_PATH=$PATH\n", 0o644),
    "etc/conda/activate.d/first.csh": ("setenv ORDER a1\n", 0o644),
    "etc/conda/activate.d/first.fish": ("set -gx ORDER \"$ORDER\"a1\n", 0o644),
    "etc/conda/deactivate.d/first.sh": ("export ORDER=\"${ORDER}d1\"\n", 0o644),
    "etc/conda/env_vars.d/first.json": ("{\"COLOUR\": \"it's $red `date` \\\\\"}\n", 0o644),
    "bin/which-one": ("#!/bin/sh\necho first\n", 0o755),
}
SECOND = {
    "etc/conda/env_vars.d/second.json": ("{\"COLOUR\": \"blue\"}\n", 0o644),
    "bin/which-one": ("#!/bin/sh\necho second\n", 0o755),
    "bin/only-second": ("#!/bin/sh\necho here\n", 0o755),
}
PATH = "/opt/mine:/usr/local/bin:/usr/bin:/bin"
SH_RC = f"export PATH={PATH}\nexport RC_RAN=yes${{RC_RAN-}}\nalias mine='echo my alias'\nalias hpcenv=/nowhere/hpcenv\nPS1='> '\n"
CSH_RC = "setenv RC_RAN yes\nalias mine 'echo my alias'\nif ($?prompt) set prompt = '> '\n"
FISH_RC = (f"set -gx PATH {PATH.replace(':', ' ')}\nset -gx RC_RAN yes\nfunction mine; echo my alias; end\n"
           "function fish_prompt; echo '> '; end\nfunction fish_greeting; end\n")
# Of each shell: its start-up file, and what it holds.
FILES = {"bash": (".bashrc", SH_RC), "zsh": (".zshrc", SH_RC), "dash": (".shrc", SH_RC), "mksh": (".shrc", SH_RC), "ksh93": (".shrc", SH_RC),
         "tcsh": (".tcshrc", CSH_RC), "csh": (".cshrc", CSH_RC), "fish": (".config/fish/config.fish", FISH_RC)}
LATE = ("bash", "zsh", "dash", "mksh", "ksh93", "fish")  # they enter after the user's files
SHELLS = tuple(FILES)


class SubshellCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "first", "1", files=FIRST),
            tiny_channel.add_package(cls.channel, "second", "1", files=SECOND),
        ])

    def setUp(self):
        super().setUp()
        for name in ("first", "second"):
            self.run_program("create", "-n", name, name, "-y", check=0)
        self.first, self.second = (f"{self.root}/envs/{name}" for name in ("first", "second"))
        self.temporary = f"{self.home}/tmp"
        os.mkdir(self.temporary)
        self.user = f"{self.home}/user"
        for file, text in FILES.values():
            self.write(file, text)
        self.variables.update(HOME=self.user, TMPDIR=self.temporary, TERM="dumb", ENV="$HOME/.shrc", LC_ALL="C.UTF-8",
                              CONDA_SHLVL="", ORDER="")
        for name in ("CONDA_SHLVL", "ORDER"):
            del self.variables[name]
        self.files = self.tree_of_user()

    def write(self, file, text):
        path = f"{self.user}/{file}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def tree_of_user(self):
        """The start-up files: their bytes and when they were changed."""
        found = {}
        for file in (".bashrc", ".zshrc", ".zshenv", ".shrc", ".tcshrc", ".cshrc", ".config/fish/config.fish"):
            path = f"{self.user}/{file}"
            if os.path.exists(path):
                with open(path, "rb") as text:
                    found[file] = (text.read(), os.stat(path).st_mtime_ns)
        return found

    def nothing_left(self):
        self.assertEqual(self.tree_of_user(), self.files)
        self.assertEqual([name for name in os.listdir(self.temporary) if name.startswith("hpcenv")], [])

    def each(self, names=SHELLS):
        for name in names:
            if shutil.which(name) is None:
                continue
            with self.subTest(shell=name):
                yield name

    def stream(self, name, lines, *words, env=None, check=0, environment="first"):
        """Runs lines that the shell reads from stdin; gives its stdout."""
        done = subprocess.run([PROGRAM, "shell", "-n", environment, "-s", name, *words], env={**self.variables, **(env or {})},
                              input=lines, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, check, f"{name}: {lines}\n{done.stdout}\n{done.stderr}")
        self.errors = done.stderr
        return done.stdout

    def terminal(self, name, *words, env=None, environment="first"):
        terminal = Terminal([PROGRAM, "shell", "-n", environment, "-s", name, *words], {**self.variables, **(env or {})}, self.user)
        self.addCleanup(terminal.close)
        terminal.wait_for("leave it with: exit")
        return terminal

    @staticmethod
    def ask(terminal, command):
        """What one command prints, between marks that its echo on the terminal does not hold."""
        terminal.type(f"echo beg'in'; {command}; echo e'nd'")
        return terminal.wait_for(r"begin\r?\n((?:.*\r?\n)*?)end").group(1).replace("\r", "").strip()


class OnATerminal(SubshellCase):
    def test_active_after_the_users_own_files(self):
        for name in self.each():
            terminal = self.terminal(name)
            self.assertEqual(self.ask(terminal, "which-one"), "first")
            self.assertEqual(self.ask(terminal, "printenv CONDA_PREFIX"), self.first)
            self.assertEqual(self.ask(terminal, "printenv CONDA_SHLVL"), "1")
            self.assertEqual(self.ask(terminal, "printenv ORDER"), "a1")
            self.assertEqual(self.ask(terminal, "printenv RC_RAN"), "yes")
            self.assertEqual(self.ask(terminal, "mine"), "my alias")
            self.assertEqual(self.ask(terminal, "printenv COLOUR"), "it's $red `date` \\")
            if name in LATE:
                self.assertEqual(self.ask(terminal, "printenv PATH"), f"{self.first}/bin:{PATH}")
            self.nothing_left()
            terminal.type("exit 7")
            self.assertEqual(terminal.code(), 7)
            self.nothing_left()

    def test_the_prompt_says_where_one_is(self):
        for name in self.each(LATE):
            terminal = self.terminal(name)
            terminal.wait_for(r"\(first\) > ")

    def test_the_environment_can_be_changed_and_left_in_there(self):
        for name in self.each(LATE):
            terminal = self.terminal(name)
            self.assertEqual(self.ask(terminal, "hpcenv activate second"), "")
            self.assertEqual(self.ask(terminal, "which-one"), "second")
            self.assertEqual(self.ask(terminal, "printenv CONDA_SHLVL"), "2")
            self.ask(terminal, "hpcenv deactivate; hpcenv deactivate")
            self.assertEqual(self.ask(terminal, "printenv PATH"), PATH)

    def test_one_within_another_is_counted_as_conda_does(self):
        for name in self.each(LATE):
            terminal = self.terminal(name)
            terminal.type(f"'{PROGRAM}' shell -n second -s {name}")
            terminal.wait_for("leave it with: exit")
            self.assertEqual(self.ask(terminal, "which-one"), "second")
            self.assertEqual(self.ask(terminal, "env printenv CONDA_SHLVL CONDA_PREFIX_1"), f"2\n{self.first}")
            terminal.type("exit 3")
            terminal.wait_for(r"\(first\) > ")  # what is typed before is the inner shell's in ksh93
            self.assertEqual(self.ask(terminal, "which-one"), "first")
            terminal.type("exit")
            self.assertEqual(terminal.code(), 0)

    def test_ctrl_c_ends_the_command_and_not_the_shell(self):
        for name in self.each():
            terminal = self.terminal(name)
            self.ask(terminal, "which-one")
            terminal.type("echo now; sleep 100")
            terminal.wait_for(r"now\r?\n")
            time.sleep(0.3)
            terminal.press(b"\x03")
            self.assertEqual(self.ask(terminal, "which-one"), "first")
            terminal.type("exit 5")
            self.assertEqual(terminal.code(), 5)

    def test_signals_are_as_in_a_shell_that_was_started_directly(self):
        """An interactive shell ignores SIGTERM (bash, zsh, tcsh) or not (dash, fish); SIGHUP ends it."""
        for name in self.each():
            terminals = {}
            for number in (signal.SIGTERM, signal.SIGHUP):
                terminals["hpcenv", number] = self.terminal(name)
                terminals["direct", number] = Terminal([shutil.which(name)], self.variables, self.user)
                self.addCleanup(terminals["direct", number].close)
            for terminal in terminals.values():
                self.ask(terminal, "echo ready")
                terminal.wait_for("[>#] ")  # mksh has a prompt of its own for root
            time.sleep(0.3)  # all are at their prompts: ksh93 loses what comes before
            for (_, number), terminal in terminals.items():
                os.kill(terminal.pid, number)
            time.sleep(0.3)
            for terminal in terminals.values():
                if not terminal.ended():
                    terminal.type("exit 9")
            ends = {key: terminal.code() for key, terminal in terminals.items()}
            self.assertEqual(ends["hpcenv", signal.SIGTERM], ends["direct", signal.SIGTERM])
            self.assertEqual(ends["hpcenv", signal.SIGHUP], ends["direct", signal.SIGHUP])
            self.assertNotEqual(ends["hpcenv", signal.SIGHUP], 9)

    def test_a_closed_terminal_leaves_nothing(self):
        for name in self.each():
            terminal = self.terminal(name)
            self.ask(terminal, "echo ready")
            terminal.hang_up()
            end = time.monotonic() + 30
            while not terminal.ended() and time.monotonic() < end:
                time.sleep(0.05)
            self.assertTrue(terminal.ended())
            self.nothing_left()

    def test_jobs_are_controlled_by_the_shell(self):
        for name in self.each(("bash", "zsh", "tcsh", "fish")):
            terminal = self.terminal(name)
            self.ask(terminal, "echo ready")
            terminal.type("echo now; sleep 100")
            terminal.wait_for(r"now\r?\n")
            time.sleep(0.3)
            terminal.press(b"\x1a")
            self.assertIn("sleep 100", self.ask(terminal, "jobs"))
            terminal.type("kill %1")

    def test_the_users_shell_is_taken(self):
        terminal = Terminal([PROGRAM, "shell", "first"], {**self.variables, "SHELL": shutil.which("zsh")}, self.user)
        self.addCleanup(terminal.close)
        terminal.wait_for("This is a zsh in the environment first")
        self.assertRegex(self.ask(terminal, "echo $ZSH_VERSION"), r"^\d")

    def test_quiet_says_nothing(self):
        terminal = Terminal([PROGRAM, "shell", "-n", "first", "-q", "-s", "bash"], self.variables, self.user)
        self.addCleanup(terminal.close)
        self.assertEqual(self.ask(terminal, "which-one"), "first")
        self.assertNotIn("leave it", terminal.text)


class StartUpFiles(SubshellCase):
    def test_zdotdir_is_as_the_user_has_it(self):
        self.write("zsh/.zshrc", "export RC_RAN=zdotdir\nPS1='> '\n")
        for title, env, zshenv in (("from the environment", {"ZDOTDIR": f"{self.user}/zsh"}, None),
                                   ("by .zshenv", {}, f"ZDOTDIR={self.user}/zsh\n")):
            with self.subTest(title):
                if zshenv:
                    self.write(".zshenv", zshenv)
                self.files = self.tree_of_user()
                terminal = self.terminal("zsh", env=env)
                self.assertEqual(self.ask(terminal, "printenv RC_RAN; echo $ZDOTDIR; which-one"), f"zdotdir\n{self.user}/zsh\nfirst")
                self.assertEqual(self.ask(terminal, "printenv ZDOTDIR"), env.get("ZDOTDIR", ""))
                self.nothing_left()
        os.remove(f"{self.user}/.zshenv")
        self.files = self.tree_of_user()
        terminal = self.terminal("zsh")
        self.assertEqual(self.ask(terminal, "echo ${ZDOTDIR-none} ${__hpcenv_folder-none}"), "none none")

    def test_env_and_bash_env_are_as_the_user_has_them(self):
        terminal = self.terminal("dash")
        self.assertEqual(self.ask(terminal, "printenv ENV"), "$HOME/.shrc")
        terminal = self.terminal("dash", env={"ENV": ""})
        self.assertEqual(self.ask(terminal, "printenv ENV; echo ${RC_RAN-none}"), "none")
        self.write("bashenv", f"export FROM_BASH_ENV=yes PATH={PATH}\n")
        out = self.stream("bash", "echo $BASH_ENV $FROM_BASH_ENV; which-one", env={"BASH_ENV": f"{self.user}/bashenv"})
        self.assertEqual(out, f"{self.user}/bashenv yes\nfirst\n")
        self.assertEqual(self.stream("bash", "echo ${BASH_ENV-none}"), "none\n")

    def test_korn_shells_have_a_file_of_their_own(self):
        """Where ENV names none; an empty ENV is that in mksh, and no file at all in others."""
        del self.variables["ENV"]
        for name, file in (("ksh93", ".kshrc"), ("mksh", ".mkshrc")):
            if shutil.which(name) is None:
                continue
            with self.subTest(shell=name):
                self.write(file, SH_RC.replace("yes", file))
                terminal = self.terminal(name)
                self.assertEqual(self.ask(terminal, "printenv RC_RAN; which-one; echo ${ENV-none}"), f"{file}\nfirst\nnone")

    def test_without_files_of_the_users(self):
        for file in {file for file, _ in FILES.values()}:
            os.remove(f"{self.user}/{file}")
        self.files = self.tree_of_user()
        for name in self.each():
            terminal = self.terminal(name)
            self.assertEqual(self.ask(terminal, "which-one"), "first")
            if name != "fish":  # it writes one itself
                self.nothing_left()

    def test_what_they_activate_lies_below(self):
        """conda's own block in ~/.bashrc activates base; the sub-shell's environment is entered on top of it."""
        line = "hpcenv activate second"
        for name, start in (("bash", f"eval \"$('{PROGRAM}' shell-hook bash)\""), ("zsh", f"eval \"$('{PROGRAM}' shell-hook zsh)\""),
                            ("fish", f"'{PROGRAM}' shell-hook fish | source")):
            with self.subTest(shell=name):
                file, text = FILES[name]
                self.write(file, text.replace("alias hpcenv=/nowhere/hpcenv\n", "") + f"{start}\n{line}\n")
                terminal = self.terminal(name)
                self.assertEqual(self.ask(terminal, "which-one"), "first")
                self.assertEqual(self.ask(terminal, "env printenv CONDA_SHLVL CONDA_PREFIX_1"), f"2\n{self.second}")

    def test_strict_options_of_theirs(self):
        self.write(".bashrc", "set -u\n" + SH_RC)
        self.write(".zshrc", "setopt no_unset\n" + SH_RC)
        self.write(".shrc", "set -u\n" + SH_RC)
        for name in self.each(("bash", "zsh", "dash", "mksh", "ksh93")):
            terminal = self.terminal(name)
            self.assertEqual(self.ask(terminal, "which-one"), "first")

    def test_files_that_leave_the_shell(self):
        """exit in a start-up file ends it as it ends a shell that was started directly."""
        self.write(".bashrc", "exit 4\n")
        self.files = self.tree_of_user()
        terminal = self.terminal("bash")
        self.assertEqual(terminal.code(), 4)
        self.nothing_left()


class FromAStream(SubshellCase):
    def test_commands_from_stdin(self):
        for name in self.each():
            out = self.stream(name, "which-one\nenv printenv CONDA_PREFIX COLOUR ORDER\nexit 7\n", check=7)
            self.assertEqual(out, f"first\n{self.first}\nit's $red `date` \\\na1\n")
            self.assertNotIn("leave it", self.errors)
            self.nothing_left()

    def test_files_that_are_read_then_do_not_undo_it(self):
        """fish, tcsh and csh read their files then too, and zsh its .zshenv."""
        self.write(".zshenv", f"export PATH={PATH} RC_RAN=yes\n")
        self.write(".tcshrc", f"setenv PATH {PATH}\nsetenv RC_RAN yes\n")
        self.write(".cshrc", f"setenv PATH {PATH}\nsetenv RC_RAN yes\n")
        self.files = self.tree_of_user()
        for name in self.each(("zsh", "fish", "tcsh", "csh")):
            self.assertEqual(self.stream(name, "which-one\nprintenv RC_RAN\n"), "first\nyes\n")
            self.nothing_left()

    def test_programs_share_stdin_with_the_shell(self):
        for name in self.each(("bash", "zsh")):
            out = self.stream(name, "sh -c 'read line; echo got $line'\nfor the program\necho after\n")
            self.assertEqual(out, "got for the program\nafter\n")

    def test_a_signal_ends_it_and_is_its_end(self):
        for name in self.each():
            self.write("lines", f"touch {self.user}/ready\nsleep 2\n")
            ends = []
            for words in ([shutil.which(name)], [PROGRAM, "shell", "-n", "first", "-s", name]):
                with open(f"{self.user}/lines", encoding="utf-8") as lines:
                    process = subprocess.Popen(words, env=self.variables, stdin=lines, stderr=subprocess.DEVNULL)
                end = time.monotonic() + 60
                while not os.path.exists(f"{self.user}/ready") and time.monotonic() < end:
                    time.sleep(0.02)
                os.remove(f"{self.user}/ready")
                process.send_signal(signal.SIGTERM)
                ends.append(process.wait(timeout=60))
            self.assertEqual(ends[1], ends[0])
            self.assertIn(ends[1], (-signal.SIGTERM, 128 + signal.SIGTERM))  # ksh93 makes a number of it

    def test_stacked(self):
        self.write(".config/fish/config.fish", "")  # PATH as its own files say is PATH as it is to be
        for name in self.each():
            out = self.stream(name, f"'{PROGRAM}' shell -n first -s {name} --stack < {self.user}/lines\n", environment="second",
                              env=self.lines_file("which-one\nonly-second\nenv printenv CONDA_SHLVL CONDA_STACKED_2\n"))
            self.assertEqual(out, "first\nhere\n2\ntrue\n")

    def lines_file(self, text):
        self.write("lines", text)
        return {}

    def test_a_path_with_blanks_and_quotes(self):
        prefix = f"{self.home}/it's my env"
        self.run_program("create", "-p", prefix, "first", "-y", check=0)
        temporary = f"{self.home}/tmp o'f mine"
        os.mkdir(temporary)
        for name in self.each():
            done = subprocess.run([PROGRAM, "shell", "-p", prefix, "-s", name], env={**self.variables, "TMPDIR": temporary}, text=True,
                                  input="which-one\nprintenv CONDA_DEFAULT_ENV\n", capture_output=True, timeout=120, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, f"first\n{prefix}\n"), done.stderr)
            self.assertEqual(os.listdir(temporary), [])

    def test_root_prefix_and_settings_hold_in_there(self):
        variables = {**self.variables, "HPCENV_ROOT": f"{self.home}/other"}
        for name in self.each():
            done = subprocess.run([PROGRAM, "shell", "-n", "first", "-s", name, "-r", self.root, "--no-rc"], env=variables, text=True,
                                  input="printenv CONDA_DEFAULT_ENV\n", capture_output=True, timeout=120, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, "first\n"), done.stderr)


class Failures(SubshellCase):
    def fails(self, *words, code, env=None):
        done = self.run_program("shell", *words, check=code, env=env)
        self.assertEqual(done.stdout, "")
        self.nothing_left()
        return done.stderr

    def test_environments_and_shells_that_are_not_there(self):
        self.assertIn("did you mean: first", self.fails("-n", "firs", code=125))
        self.assertIn("hpcenv run", self.fails("first", "which-one", code=2))
        self.assertIn("type instead", self.fails("hook", code=2))
        self.fails("first", "-n", "second", code=2)
        self.assertIn("none is active", self.fails(code=2, env={"SHELL": "/bin/bash"}))
        text = self.fails("-n", "first", code=2, env={"SHELL": "/usr/bin/nu"})
        self.assertIn("knows no shell 'nu'", text)
        self.assertIn("--shell bash", text)
        self.assertIn("there is no shell /nowhere/zsh here", self.fails("-n", "first", "-s", "/nowhere/zsh", code=125))
        self.assertIn("there is no shell fish here", self.fails("-n", "first", "-s", "fish", code=125, env={"PATH": "/nowhere"}))

    def test_a_shell_that_cannot_be_executed(self):
        broken = f"{self.home}/bash"
        with open(broken, "w", encoding="utf-8") as file:
            file.write("#!/nowhere/interpreter\n")
        os.chmod(broken, 0o755)
        self.fails("-n", "first", "-s", broken, code=126)

    def test_an_environment_that_is_half_changed(self):
        with open(f"{self.first}/conda-meta/state", "w", encoding="utf-8") as file:
            file.write("{")
        self.assertIn("state", self.fails("-n", "first", "-s", "bash", code=125))

    def test_no_folder_for_temporary_files_of_the_users(self):
        for value in (f"{self.home}/missing", "relative", ""):
            self.assertEqual(self.stream("bash", "which-one\n", env={"TMPDIR": value}), "first\n")

    def test_the_files_are_the_users_alone(self):
        """Seen from the first line that the shell reads of the user's own."""
        look = f"ls -ld {self.temporary}/hpcenv-shell-* > {self.user}/seen; ls -l {self.temporary}/hpcenv-shell-*/.zshrc >> {self.user}/seen\n"
        self.write(".zshenv", look)
        self.files = self.tree_of_user()
        terminal = self.terminal("zsh")
        self.ask(terminal, "echo ready")
        with open(f"{self.user}/seen", encoding="utf-8") as file:
            self.assertEqual([line.split()[0] for line in file], ["drwx------", "-rw-------"])
        self.nothing_left()

    def test_what_happens_between_is_told(self):
        """The environment is gone when the shell wants to enter it."""
        self.write(".bashrc", f"mv {self.first} {self.first}.away\n")
        terminal = self.terminal("bash")
        self.assertEqual(terminal.code(), 1)
        self.assertIn("error:", terminal.text)


if __name__ == "__main__":
    unittest.main()
