"""activate and deactivate in real shells: bash, zsh, a posix sh, fish, tcsh and csh."""
import json
import os
import shutil
import subprocess
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase

SHELLS = {"bash": ["bash", "--noprofile", "--norc"], "zsh": ["zsh", "-f"], "posix": ["dash"]}
# What a shell sets by itself.
OWN = {"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES"}

FIRST = {
    "etc/conda/activate.d/10_first.sh": ("export ORDER=\"${ORDER}a1\"\n: \"$NOBODY_SET_THIS\"\nfalse\n", 0o644),
    "etc/conda/activate.d/20_second.sh": ("export ORDER=\"${ORDER}a2\"\necho noise\nexport FLAGS=\"-O2 ${FLAGS}\"\n", 0o644),
    "etc/conda/deactivate.d/10_first.sh": ("export ORDER=\"${ORDER}d1\"\n", 0o644),
    "etc/conda/deactivate.d/20_second.sh": ("export ORDER=\"${ORDER}d2\"\nfalse\n", 0o644),
    "etc/conda/env_vars.d/first.json": ("{\"COLOUR\": \"it's $red `date` \\\\\", \"GONE\": \"***unset***\"}\n", 0o644),
    "bin/which-one": ("#!/bin/sh\necho first\n", 0o755),
}
SECOND = {
    "etc/conda/env_vars.d/second.json": ("{\"COLOUR\": \"blue\", \"ONLY_SECOND\": \"2\"}\n", 0o644),
    "bin/which-one": ("#!/bin/sh\necho second\n", 0o755),
    "bin/only-second": ("#!/bin/sh\necho here\n", 0o755),
}


class ShellCase(CliCase):
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

    def shell(self, name, lines, *, env=None, hook=True, check=0):
        """Runs lines in a shell; gives its stdout."""
        start = f"eval \"$('{PROGRAM}' shell-hook {name})\"\n" if hook else ""
        done = subprocess.run([*SHELLS[name], "-c", start + lines], env={**self.variables, **(env or {})},
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.assertEqual(done.returncode, check, f"{name}: {lines}\n{done.stdout}\n{done.stderr}")
        self.errors = done.stderr
        return done.stdout

    def each_shell(self):
        for name in SHELLS:
            with self.subTest(shell=name):
                yield name

    @staticmethod
    def variables_of(text):
        """Of `env -0` output: names and values, without what a shell sets by itself."""
        pairs = (entry.split("=", 1) for entry in text.split("\0") if "=" in entry)
        return {name: value for name, value in pairs if name not in OWN}


class Activation(ShellCase):
    def test_sets_what_conda_sets(self):
        for name in self.each_shell():
            seen = self.variables_of(self.shell(name, "hpcenv activate first\nenv -0"))
            self.assertEqual(seen["CONDA_PREFIX"], self.first)
            self.assertEqual(seen["CONDA_SHLVL"], "1")
            self.assertEqual(seen["CONDA_DEFAULT_ENV"], "first")
            self.assertEqual(seen["CONDA_PROMPT_MODIFIER"], "(first) ")
            self.assertEqual(seen["PYTHONNOUSERSITE"], "1")
            self.assertEqual(seen["PATH"], f"{self.first}/bin:{self.variables['PATH']}")
            self.assertEqual(seen["COLOUR"], "it's $red `date` \\")
            self.assertEqual(seen["ORDER"], "a1a2")
            self.assertNotIn("GONE", seen)
            self.assertNotIn("PS1", seen)

    def test_korn_shells_enter_and_leave_as_any_other_posix_shell(self):
        for name in ("mksh", "ksh93"):
            if shutil.which(name) is None:
                continue
            with self.subTest(shell=name):
                lines = (f"set -eu\neval \"$('{PROGRAM}' shell-hook {name})\"\nhpcenv activate first\nwhich-one\nhpcenv activate second\n"
                         "which-one\nprintf '%s\\n' \"$COLOUR\"\nhpcenv deactivate\nwhich-one\nhpcenv deactivate\necho $PATH\n")
                done = subprocess.run([name, "-c", lines], env=self.variables, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                      timeout=120, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, f"first\nsecond\nblue\nfirst\n{self.variables['PATH']}\n"), done.stderr)

    def test_leaving_restores_everything(self):
        mine = {"COLOUR": "mine", "GONE": "was here", "PYTHONNOUSERSITE": "", "CONDA_OVERRIDE_CUDA": "12.0"}
        for name in self.each_shell():
            before = self.variables_of(self.shell(name, "env -0", env=mine))
            after = self.variables_of(self.shell(name, "hpcenv activate first\nhpcenv deactivate\nenv -0", env=mine))
            if name != "posix":
                self.assertEqual(after.pop("ORDER"), "a1a2d2d1")
                self.assertEqual(after.pop("FLAGS"), "-O2 ")
            self.assertEqual(after, before)

    def test_what_the_user_changed_meanwhile_stays(self):
        for name in self.each_shell():
            out = self.shell(name, "hpcenv activate first\nexport COLOUR=later\nhpcenv deactivate\necho $COLOUR",
                             env={"COLOUR": "before"})
            self.assertEqual(out, "later\n")

    def test_one_environment_after_another(self):
        lines = ("hpcenv activate first\nhpcenv activate second\nwhich-one\n"
                 "echo $CONDA_SHLVL $COLOUR $CONDA_PREFIX_1 ${CONDA_STACKED_2:-replaced} $ORDER\n"
                 "case :$PATH: in *:$CONDA_PREFIX_1/bin:*) echo both;; esac\n"
                 "hpcenv deactivate\nwhich-one\necho $CONDA_SHLVL $CONDA_DEFAULT_ENV ${ONLY_SECOND:-none} ${CONDA_PREFIX_1:-no}\n"
                 "printf '%s\\n' \"$COLOUR\"\nhpcenv deactivate\necho $COLOUR ${CONDA_PREFIX:-out}\n")
        for name in self.each_shell():
            out = self.shell(name, lines, env={"COLOUR": "mine"}).splitlines()
            # What a shell cannot source is undone from saved state: no script needs to put it back.
            order = "" if name == "posix" else " a1a2d2d1"
            self.assertEqual(out, ["second", f"2 blue {self.first} replaced{order}", "first", "1 first none no",
                                   "it's $red `date` \\", "mine out"])

    def test_stacking_keeps_both_in_reach(self):
        lines = ("hpcenv activate second\nhpcenv activate --stack first\nwhich-one\nonly-second\n"
                 "echo $CONDA_SHLVL $CONDA_STACKED_2\nhpcenv deactivate\nwhich-one\n"
                 "echo $CONDA_SHLVL $CONDA_DEFAULT_ENV ${CONDA_STACKED_2:-gone} $COLOUR\n")
        for name in self.each_shell():
            out = self.shell(name, lines).splitlines()
            self.assertEqual(out, ["first", "here", "2 true", "second", "1 second gone blue"])

    def test_entering_again_puts_the_programs_first(self):
        lines = ("hpcenv activate first\nPATH=/usr/bin:$PATH\nhpcenv activate first\necho $CONDA_SHLVL $PATH\n"
                 "PATH=/usr/bin:$PATH\nhpcenv activate\necho $PATH\n")
        for name in self.each_shell():
            out = self.shell(name, lines, env={"PATH": "/usr/bin:/bin"}).splitlines()
            self.assertEqual(out, [f"1 {self.first}/bin:/usr/bin:/usr/bin:/bin",
                                   f"{self.first}/bin:/usr/bin:/usr/bin:/usr/bin:/bin"])

    def test_survives_strict_options_and_keeps_them(self):
        strict = {"bash": "set -euo pipefail\n", "zsh": "set -euo pipefail\n", "posix": "set -eu\n"}
        for name in self.each_shell():
            out = self.shell(name, strict[name] + "hpcenv activate first\nhpcenv activate second\nhpcenv deactivate\n"
                             "hpcenv deactivate\necho done\n")
            self.assertEqual(out, "done\n")
            self.shell(name, strict[name] + "hpcenv activate first\nfalse\necho not reached", check=1)
            self.shell(name, strict[name] + "hpcenv activate first\necho $NOBODY_SETS_THIS\necho not reached",
                       check={"bash": 1, "zsh": 1, "posix": 2}[name])
            self.shell(name, strict[name] + "hpcenv activate nothing\necho not reached", check=1)

    def test_leaves_the_shell_as_it_was(self):
        look = {"bash": "set +o; shopt; trap; umask; alias", "zsh": "setopt; trap; umask; alias",
                "posix": "echo $-; trap; umask; alias"}
        for name in self.each_shell():
            before = self.shell(name, look[name])
            after = self.shell(name, f"hpcenv activate second\nhpcenv deactivate\n{look[name]}")
            self.assertEqual(after, before)
            names = self.shell(name, "hpcenv activate first\nhpcenv deactivate\nset")
            self.assertNotIn("hpcenv_lines", names.split("__hpcenv_change")[0])
            self.assertNotRegex(names, r"(?m)^hpcenv_(options?|lines|word)=")

    def test_prompt(self):
        lines = ("PS1='> '\nhpcenv activate first\nprintf '%s|' \"$PS1\"\nhpcenv activate second\nprintf '%s|' \"$PS1\"\n"
                 "hpcenv deactivate\nprintf '%s|' \"$PS1\"\nhpcenv deactivate\nprintf '%s|' \"$PS1\"\n")
        for name in self.each_shell():
            self.assertEqual(self.shell(name, lines), "(first) > |(second) > |(first) > |> |")
            self.assertEqual(self.shell(name, lines, env={"HPCENV_CHANGEPS1": "no"}), "> |> |> |> |")
            out = self.shell(name, lines, env={"HPCENV_ENV_PROMPT": "[{name}]"})
            self.assertEqual(out, "[first]> |[second]> |[first]> |> |")

    def test_aliases_do_not_get_in_the_way(self):
        out = self.shell("bash", "shopt -s expand_aliases\nalias export='echo no'\nalias unset='echo no'\nalias .='echo no'\n"
                         "alias eval='echo no' set='echo no' hash='echo no'\nhpcenv activate second\nhpcenv deactivate\nhpcenv activate second\n"
                         "echo $COLOUR $CONDA_SHLVL\n")
        self.assertEqual(out, "blue 1\n")

    def test_a_path_and_a_path_with_a_blank(self):
        prefix = f"{self.home}/my env"
        self.run_program("create", "-p", prefix, "first", "-y", check=0)
        for name in self.each_shell():
            out = self.shell(name, f"PS1='> '\nhpcenv activate '{prefix}'\nwhich-one\nprintf '%s|' \"$CONDA_DEFAULT_ENV\" \"$PS1\"")
            self.assertEqual(out, f"first\n{prefix}|({prefix}) > |")

    def test_other_commands_go_through_with_their_codes(self):
        for name in self.each_shell():
            out = self.shell(name, "hpcenv run -n first sh -c 'exit 7' || echo $?\nhpcenv activate nothing || echo $?\n"
                             "hpcenv activate --help | head -n 1\n")
            self.assertEqual(out.splitlines(), ["7", "1", "hpcenv activate: enter an environment in this shell"])

    def test_leaving_when_nothing_is_active_does_nothing(self):
        for name in self.each_shell():
            before = self.variables_of(self.shell(name, "env -0"))
            self.assertEqual(self.variables_of(self.shell(name, "hpcenv deactivate\nenv -0")), before)

    def test_an_environment_that_is_gone_can_be_left(self):
        for name in self.each_shell():
            prefix = f"{self.home}/short-{name}"
            self.run_program("create", "-p", prefix, "second", "-y", check=0)
            out = self.shell(name, f"hpcenv activate {prefix}\nrm -r {prefix}\nhpcenv deactivate\necho ${{CONDA_PREFIX:-out}} $PATH")
            self.assertEqual(out, f"out {self.variables['PATH']}\n")

    def test_conda_of_the_shell_can_go_on(self):
        # conda's own variables, as its hook leaves them: it counts from zero again afterwards.
        for name in self.each_shell():
            out = self.shell(name, "hpcenv activate first\nhpcenv deactivate\necho $CONDA_SHLVL",
                             env={"CONDA_EXE": "/opt/conda/bin/conda", "CONDA_SHLVL": "0"})
            self.assertEqual(out, "0\n")


RECORDED = {
    "etc/conda/activate.d/10_tools.sh": (
        "export TOOL=\"$CONDA_PREFIX/it's\"\nexport FLAGS=\"$FLAGS -O2\"\nexport LISTED=/x${LISTED:+:$LISTED}\n"
        "export PATH=$CONDA_PREFIX/more:$PATH\nexport CACHE=${CACHE:-$HOME/cache}\n", 0o644),
    "etc/conda/activate.d/10_tools.fish": ("echo never\n", 0o644),
    "etc/conda/activate.d/10_tools.csh": ("echo never\n", 0o644),
    "etc/conda/activate.d/20_word.sh": ("word() { echo a word; }\nexport FLAGS=\"$FLAGS -Wall\"\n", 0o644),
    "etc/conda/deactivate.d/10_tools.sh": ("echo never\nexport TOOL=wrong\n", 0o644),
}


class Recorded(ShellCase):
    """What scripts set is set without them, in every shell, and undone from what hpcenv kept."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "first", "1", files=FIRST),
            tiny_channel.add_package(cls.channel, "second", "1", files=SECOND),
            tiny_channel.add_package(cls.channel, "tools", "1", files=RECORDED)])

    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "tools", "tools", "-y", check=0)
        self.tools = f"{self.root}/envs/tools"

    def in_each(self, lines, **env):
        """stdout of each shell that is here, by name; `lines` are the same in all of them."""
        env = {**self.variables, "LC_ALL": "C.UTF-8", **env}
        for name, argv in {**SHELLS, "fish": ["fish", "--no-config"], "tcsh": ["tcsh", "-f"], "csh": ["csh", "-f"]}.items():
            if shutil.which(argv[0]) is None:
                continue
            with self.subTest(shell=name):
                start = {"fish": f"'{PROGRAM}' shell-hook fish | source\n",
                         "tcsh": f"eval \"`'{PROGRAM}' shell-hook tcsh`\"\n",
                         "csh": f"eval \"`'{PROGRAM}' shell-hook csh`\"\n"}.get(name, f"eval \"$('{PROGRAM}' shell-hook {name})\"\n")
                done = subprocess.run(argv, input=start + lines, env=env, capture_output=True, text=True, timeout=120, check=False)
                self.assertNotIn("never", done.stdout + done.stderr)
                yield name, done.stdout

    def seen(self, text):
        return {name: value for name, value in self.variables_of(text).items()
                if name not in ("LC_ALL", "HPCENV_SHELL_LINES", "HOST", "HOSTTYPE", "MACHTYPE", "OSTYPE", "VENDOR", "GROUP", "LOGNAME")}

    def test_every_shell_gets_the_same(self):
        for _, out in self.in_each("hpcenv activate tools\nenv -0\n", FLAGS="-g $ORIGIN `id`!", LISTED="/a:/b"):
            seen = self.seen(out)
            self.assertEqual(seen["TOOL"], f"{self.tools}/it's")
            self.assertEqual(seen["FLAGS"], "-g $ORIGIN `id`! -O2 -Wall")
            self.assertEqual(seen["LISTED"], "/x:/a:/b")
            self.assertEqual(seen["PATH"], f"{self.tools}/more:{self.tools}/bin:{self.variables['PATH']}")
            self.assertEqual(seen["CACHE"], f"{self.home}/cache")

    def test_twice_is_once_and_leaving_gives_all_back(self):
        mine = {"FLAGS": "", "LISTED": "/a:/b", "TOOL": "mi ne!", "CACHE": "/c"}
        before = dict(self.in_each("env -0\n", **mine))
        once = dict(self.in_each("hpcenv activate tools\nenv -0\n", **mine))
        for name, out in self.in_each("hpcenv activate tools\nhpcenv activate tools\nenv -0\n", **mine):
            self.assertEqual(self.seen(out), self.seen(once[name]))
        for name, out in self.in_each("hpcenv activate tools\nhpcenv activate tools\nhpcenv deactivate\nenv -0\n", **mine):
            self.assertEqual(self.seen(out), self.seen(before[name]))
        for name, out in self.in_each("hpcenv activate tools\nhpcenv activate second\nhpcenv deactivate\nhpcenv deactivate\nenv -0\n", **mine):
            self.assertEqual(self.seen(out), self.seen(before[name]))

    def test_functions_are_there_where_shells_have_them(self):
        for name in ("bash", "zsh"):
            self.assertEqual(self.shell(name, "hpcenv activate tools\nword\nprintf '%s\\n' \"$FLAGS\""), "a word\n -O2 -Wall\n")

    def test_a_job_that_starts_from_an_active_shell_doubles_nothing(self):
        for _, out in self.in_each(f"hpcenv activate tools\n'{PROGRAM}' run -n tools env -0\n", FLAGS="-g"):
            seen = self.seen(out)
            self.assertEqual(seen["FLAGS"], "-g -O2 -Wall")
            self.assertEqual(seen["PATH"], f"{self.tools}/more:{self.tools}/bin:{self.variables['PATH']}")
            self.assertFalse([name for name in seen if name.startswith("__HPCENV")])
        for _, out in self.in_each(f"hpcenv activate tools\n'{PROGRAM}' run -n second env -0\n", FLAGS="-g", TOOL="mine"):
            seen = self.seen(out)
            self.assertEqual((seen["FLAGS"], seen["TOOL"]), ("-g", "mine"))
            self.assertNotIn("LISTED", seen)


    def test_a_job_script_undoes_the_shell_that_it_was_submitted_from(self):
        for wanted, flags, tool in (("tools", "-g -O2 -Wall", f"{self.tools}/it's"), ("second", "-g", "mine")):
            script = self.run_program("slurm", "script", "-n", wanted, "--", "env", "-0", check=0).stdout
            with open(f"{self.home}/job.sh", "w", encoding="utf-8") as file:
                file.write(script)
            out = self.shell("bash", f"hpcenv activate tools\nbash '{self.home}/job.sh'", env={"FLAGS": "-g", "TOOL": "mine"})
            seen = self.variables_of(out)
            self.assertEqual((seen["FLAGS"], seen["TOOL"]), (flags, tool))
            self.assertEqual(seen["PATH"].count(f"{self.tools}/more"), 1 if wanted == "tools" else 0)
            self.assertEqual("LISTED" in seen, wanted == "tools")
            self.assertFalse([name for name in seen if name.startswith("__HPCENV")])


class Fish(ShellCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        both = {"etc/conda/activate.d/10_both.sh": ("export BOTH=sh\nfalse\n", 0o644),
                "etc/conda/activate.d/10_both.fish": ("echo noise\nset -gx BOTH fish\nset -gx LISTPATH /one $LISTPATH\n", 0o644),
                "etc/conda/deactivate.d/10_both.fish": ("set -e BOTH\n", 0o644)}
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "first", "1", files=FIRST),
            tiny_channel.add_package(cls.channel, "second", "1", files=SECOND),
            tiny_channel.add_package(cls.channel, "both", "1", files=both),
        ])

    def setUp(self):
        if shutil.which("fish") is None:
            self.skipTest("no fish")
        super().setUp()

    def fish(self, lines, *, env=None, check=0, options=()):
        done = subprocess.run(["fish", "--no-config", *options, "-c", f"'{PROGRAM}' shell-hook fish | source\n{lines}"],
                              env={**self.variables, "LC_ALL": "C.UTF-8", **(env or {})}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.assertEqual(done.returncode, check, f"{lines}\n{done.stdout}\n{done.stderr}")
        self.errors = done.stderr
        return done.stdout

    def test_sets_what_conda_sets(self):
        seen = self.variables_of(self.fish("hpcenv activate second\nenv -0"))
        wanted = {"CONDA_PREFIX": self.second, "CONDA_SHLVL": "1", "CONDA_DEFAULT_ENV": "second", "CONDA_PROMPT_MODIFIER": "(second) ",
                  "PYTHONNOUSERSITE": "1", "PATH": f"{self.second}/bin:{self.variables['PATH']}", "COLOUR": "blue", "ONLY_SECOND": "2"}
        self.assertEqual({name: seen.get(name) for name in wanted}, wanted)

    def test_values_of_any_kind(self):
        out = self.fish("hpcenv activate first\nprintf '%s' $COLOUR\nset -q GONE; or echo ' gone'", env={"GONE": "x"})
        self.assertEqual(out, "it's $red `date` \\ gone\n")

    def test_leaving_restores_everything(self):
        mine = {"COLOUR": "mi ne", "GONE": "was here", "PYTHONNOUSERSITE": "", "CONDA_OVERRIDE_CUDA": "12.0", "LISTPATH": "/a:/b"}
        before = self.variables_of(self.fish("env -0", env=mine))
        after = self.variables_of(self.fish("hpcenv activate first\nhpcenv activate second\nhpcenv deactivate\nhpcenv deactivate\nenv -0",
                                            env=mine))
        self.assertEqual(after, before)

    def test_one_after_another_and_stacked(self):
        lines = ("hpcenv activate first\nhpcenv activate second\nwhich-one\necho $CONDA_SHLVL $COLOUR\nhpcenv deactivate\nwhich-one\n"
                 "set COLOUR later\nhpcenv activate --stack second\nonly-second\necho $CONDA_STACKED_2\nhpcenv deactivate\n"
                 "hpcenv deactivate\necho $COLOUR\nset -q CONDA_PREFIX; or echo out\n")
        self.assertEqual(self.fish(lines, env={"COLOUR": "mine"}).splitlines(),
                         ["second", "2 blue", "first", "here", "true", "later", "out"])

    def test_scripts_written_for_fish_run_and_others_in_bash(self):
        self.run_program("create", "-n", "both", "both", "-y", check=0)
        out = self.fish("hpcenv activate both\necho $BOTH\nenv | string match 'LISTPATH=*'\nhpcenv deactivate\nset -q BOTH; or echo gone",
                        env={"LISTPATH": "/a:/b"})
        self.assertEqual(out, "fish\nLISTPATH=/one:/a:/b\ngone\n")
        self.assertEqual(self.errors.strip(), "noise")
        out = self.fish("hpcenv activate first\necho \"$ORDER,$FLAGS\"\nhpcenv deactivate\necho \"$ORDER,$FLAGS\"", env={"FLAGS": "-g it\'s"})
        self.assertEqual(out, "a1a2,-O2 -g it's\n,-g it's\n")

    def test_codes_and_other_commands(self):
        out = self.fish("hpcenv run -n first sh -c 'exit 7'; echo $status\nhpcenv activate nothing; echo $status\n"
                        "hpcenv activate --help | head -n 1\nhpcenv deactivate; echo $status\n")
        self.assertEqual(out.splitlines(), ["7", "1", "hpcenv activate: enter an environment in this shell", "0"])

    def test_the_prompt_is_the_users_with_the_name_before_it(self):
        lines = ("function fish_prompt; echo \"$status> \"; end\n" f"'{PROGRAM}' shell-hook fish | source\n"
                 "hpcenv activate first 2>/dev/null\nfalse\nfish_prompt\nhpcenv deactivate\nfish_prompt\n")
        self.assertEqual(self.fish(lines, options=("-i",)).splitlines(), ["(first) 1> ", "0> "])


class Csh(ShellCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        both = {"etc/conda/activate.d/10_both.sh": ("export BOTH=sh\nfalse\n", 0o644),
                "etc/conda/activate.d/10_both.csh": ("setenv BOTH csh\n", 0o644),
                "etc/conda/deactivate.d/10_both.csh": ("unsetenv BOTH\n", 0o644)}
        long = {"etc/conda/env_vars.d/long.json": (json.dumps({"CMAKE_ARGS": "-D" * 4600}), 0o644)}
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, "first", "1", files=FIRST),
            tiny_channel.add_package(cls.channel, "second", "1", files=SECOND),
            tiny_channel.add_package(cls.channel, "both", "1", files=both),
            tiny_channel.add_package(cls.channel, "long", "1", files=long),
        ])

    def each_csh(self):
        found = [name for name in ("tcsh", "bsd-csh") if shutil.which(name)]
        if not found:
            self.skipTest("no csh")
        for name in found:
            with self.subTest(shell=name):
                yield name

    def csh(self, name, lines, *, env=None, check=0):
        script = f"{self.home}/script.csh"
        with open(script, "w", encoding="utf-8") as file:
            file.write(f"eval \"`'{PROGRAM}' shell-hook {name.removeprefix('bsd-')}`\"\n{lines}\n")
        done = subprocess.run([name, "-f", script], env={**self.variables, "LC_ALL": "C.UTF-8", **(env or {})}, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        self.assertEqual(done.returncode, check, f"{name}: {lines}\n{done.stdout}\n{done.stderr}")
        self.errors = done.stderr
        return done.stdout

    def csh_variables(self, text):
        own = {"GROUP", "HOST", "HOSTTYPE", "LOGNAME", "MACHTYPE", "OSTYPE", "REMOTEHOST", "SHLVL", "TERM", "USER", "VENDOR"}
        return {name: value for name, value in self.variables_of(text).items() if name not in own}

    def test_sets_what_conda_sets(self):
        for name in self.each_csh():
            seen = self.csh_variables(self.csh(name, "hpcenv activate second\nenv -0"))
            wanted = {"CONDA_PREFIX": self.second, "CONDA_SHLVL": "1", "CONDA_DEFAULT_ENV": "second",
                      "PYTHONNOUSERSITE": "1", "PATH": f"{self.second}/bin:{self.variables['PATH']}", "COLOUR": "blue", "ONLY_SECOND": "2"}
            self.assertEqual({name: seen.get(name) for name in wanted}, wanted)
            self.assertNotIn("HPCENV_SHELL_LINES", seen)

    def test_values_of_any_kind(self):
        for name in self.each_csh():
            out = self.csh(name, "hpcenv activate first\nprintenv COLOUR\nif (! $?GONE) echo gone", env={"GONE": "x"})
            self.assertEqual(out, "it's $red `date` \\\ngone\n")

    def test_leaving_restores_everything(self):
        mine = {"COLOUR": "mi ne!", "GONE": "was here", "PYTHONNOUSERSITE": "", "CONDA_OVERRIDE_CUDA": "12.0"}
        for name in self.each_csh():
            before = self.csh_variables(self.csh(name, "env -0", env=mine))
            after = self.csh_variables(self.csh(name, "hpcenv activate first\nhpcenv activate second\nhpcenv deactivate\n"
                                                "hpcenv deactivate\nenv -0", env=mine))
            self.assertEqual(after, before)

    def test_one_after_another_and_stacked(self):
        lines = ("hpcenv activate first\nhpcenv activate second\nwhich-one\necho $CONDA_SHLVL $COLOUR\nhpcenv deactivate\nwhich-one\n"
                 "setenv COLOUR later\nhpcenv activate --stack second\nonly-second\necho $CONDA_STACKED_2\nhpcenv deactivate\n"
                 "hpcenv deactivate\necho $COLOUR\nif (! $?CONDA_PREFIX) echo out\n")
        for name in self.each_csh():
            self.assertEqual(self.csh(name, lines, env={"COLOUR": "mine"}).splitlines(),
                             ["second", "2 blue", "first", "here", "true", "later", "out"])

    def test_scripts_written_for_csh_run_and_others_in_bash(self):
        self.run_program("create", "-n", "both", "both", "-y", check=0)
        for name in self.each_csh():
            out = self.csh(name, "hpcenv activate both\necho $BOTH\nhpcenv deactivate\nif (! $?BOTH) echo gone")
            self.assertEqual(out, "csh\ngone\n")
            out = self.csh(name, "hpcenv activate first\nprintenv ORDER\nprintenv FLAGS\nhpcenv deactivate\nprintenv FLAGS\nif (! $?ORDER) echo gone",
                           env={"FLAGS": "-g it's!"})
            self.assertEqual(out, "a1a2\n-O2 -g it's!\n-g it's!\ngone\n")

    def test_codes_other_commands_and_no_file_left(self):
        temporary = f"{self.home}/tmp"
        os.mkdir(temporary)
        for name in self.each_csh():
            out = self.csh(name, "hpcenv run -n first sh -c 'exit 7'\necho $status\nhpcenv activate nothing\necho $status\n"
                           "hpcenv deactivate\necho $status\nhpcenv run -n second printenv HPCENV_SHELL_LINES\necho $status\n"
                           "hpcenv --version\n", env={"TMPDIR": temporary})
            self.assertEqual(out.splitlines()[:4], ["7", "1", "0", "1"])
            self.assertIn("Usage", self.csh(name, "hpcenv\n", check=2))
            self.assertEqual(os.listdir(temporary), [])

    def test_programs_do_not_see_where_the_lines_go(self):
        done = self.run_program("run", "-n", "second", "printenv", "HPCENV_SHELL_LINES", check=1,
                                env={"HPCENV_SHELL_LINES": f"tcsh:{self.home}/lines"})
        self.assertEqual(done.stdout, "")

    def test_in_tcsh_its_commands_can_be_piped(self):
        if shutil.which("tcsh") is None:
            self.skipTest("no tcsh")
        out = self.csh("tcsh", "hpcenv run -n second env | grep -c ONLY_SECOND\nhpcenv activate --help | head -n 1\n"
                       "echo word | hpcenv run -n second cat\n")
        self.assertEqual(out.splitlines(), ["1", "hpcenv activate: enter an environment in this shell", "word"])

    def test_what_an_install_brings_is_there_at_once(self):
        for name in self.each_csh():
            self.run_program("create", "-n", name, "first", "-y", check=0)
            out = self.csh(name, f"hpcenv activate {name}\nhpcenv install -y second\necho $ONLY_SECOND\nonly-second\n")
            self.assertEqual(out.splitlines()[-2:], ["2", "here"])

    def test_the_prompt_is_the_users_with_the_name_before_it(self):
        for name in self.each_csh():
            out = self.csh(name, "set prompt = '% '\nhpcenv activate first\necho \"${prompt}|\"\nhpcenv activate second\n"
                           "echo \"${prompt}|\"\nhpcenv deactivate\nhpcenv deactivate\necho \"${prompt}|\"\n")
            self.assertEqual(out.splitlines(), ["(first) % |", "(second) % |", "% |"])

    def test_a_value_that_is_too_long_for_the_old_csh_is_refused(self):
        self.run_program("create", "-n", "long", "long", "-y", check=0)
        for name in self.each_csh():
            out = self.csh(name, "hpcenv activate long\necho $status\nprintenv CMAKE_ARGS | wc -c\ntrue\n")
            self.assertEqual(out.split(), ["0", "9201"] if name == "tcsh" else ["1", "0"])
            if name == "bsd-csh":
                self.assertIn("CMAKE_ARGS has 9200 bytes", self.errors)


class Words(ShellCase):
    def test_without_the_hook_it_says_what_to_type(self):
        done = self.run_program("activate", "first", check=2, env={"SHELL": "/bin/zsh"})
        self.assertIn("eval \"$(hpcenv shell-hook zsh)\"", done.stderr)
        done = self.run_program("activate", "first", check=2, env={"SHELL": "/usr/bin/fish"})
        self.assertIn("hpcenv shell-hook fish | source", done.stderr)
        self.run_program("deactivate", check=2)

    def test_unknown_names_and_shells(self):
        done = self.run_program("activate", "firs", "--shell", "bash", check=1)
        self.assertIn("did you mean: first", done.stderr)
        self.assertEqual(done.stdout, "")
        done = self.run_program("shell-hook", "nu", check=2)
        self.assertIn("hpcenv run", done.stderr)
        done = self.run_program("activate", "--shell", "bash", check=2)
        self.assertIn("none is active", done.stderr)

    def test_json_holds_the_lines(self):
        self.assertIn("CONDA_PREFIX", self.run_json("activate", "first", "--shell", "bash")["lines"])
        self.assertIn("hpcenv()", self.run_json("shell-hook", "zsh")["lines"])

    def test_the_hook_is_clean_shell(self):
        for shell, dialect in (("bash", "bash"), ("posix", "dash")):
            text = self.run_program("shell-hook", shell, check=0).stdout
            lines = self.run_program("activate", "first", "--shell", shell, check=0,
                                     env={"CONDA_SHLVL": "1", "CONDA_PREFIX": self.second, "PS1": "> "}).stdout
            for code in (text, lines):
                done = subprocess.run(["shellcheck", "--norc", "-s", dialect, "-e", "SC1001,SC1003,SC1090,SC1091,SC2016", "-"], input=code,
                                      text=True, capture_output=True, check=False)
                self.assertEqual(done.stdout, "")

    def test_list_and_env_list_know_the_active_one(self):
        active = {"CONDA_PREFIX": self.first, "CONDA_SHLVL": "1"}
        self.assertEqual(self.run_json("list", env=active)["prefix"], self.first)
        marks = {e["name"]: e["active"] for e in self.run_json("env", "list", env=active)["environments"]}
        self.assertEqual(marks, {"first": True, "second": False})
        done = self.run_program("env", "remove", "-n", "first", "-y", check=1, env=active)
        self.assertIn("hpcenv deactivate", done.stderr)
        self.assertTrue(os.path.exists(self.first))
        self.run_program("env", "remove", "-y", check=2, env=active)


if __name__ == "__main__":
    unittest.main()
