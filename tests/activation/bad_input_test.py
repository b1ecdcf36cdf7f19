"""Scripts, names, values and records that are bad: what is said, with which code, and that nobody loses anything."""
from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import collection
from activation_case import AS_STRANGER, PROGRAM, ActivationCase, skip

SHOW = "/usr/bin/env -0"
# Waits where a test can catch it; given up after a while all the same.
SLOW = 'export SLOW=1\nfor _try in 1 2 3 4 5 6 7 8; do [ -e "$CONDA_PREFIX/go-on" ] || sleep 0.5; done\n'


class Scripts(ActivationCase):
    def assert_entered(self, prefix: str, script: str, kind: str, reason: str, *, live: bool = False) -> None:
        """`run`, a job, a wrapper and activate work beside that script, which is told from the others, with a reason."""
        # One after the other: the first records.
        done = self.run_in(prefix, "/usr/bin/env", "-0")
        self.assertEqual(self.parsed(done.stdout)["PROJ_DATA"], f"{prefix}/share/proj")
        verdict = next(one for one in self.records(prefix)[0]["scripts"] if one["path"].endswith("/" + script))
        self.assertEqual(verdict["class"], kind, verdict)
        self.assertIn(reason, verdict.get("reason", ""))
        if kind == "refused":
            self.assertIn(f"activate.d/{script} is never run: it {verdict['reason']}", done.stderr)
        self.assert_nothing_left(prefix)
        again = self.run_in(prefix, "/usr/bin/env", "-0")
        self.assertEqual(again.stdout, done.stdout)
        if not live:
            self.assertEqual(again.stderr, "")
        job = self.start("/bin/bash", "-euo", "pipefail", self.job(prefix, "echo", "mine"), env=self.variables)
        self.assertEqual(job.stdout, "mine\n")
        self.assertIn("PROJ_DATA", self.parsed(self.start(self.wrapped(prefix), env=self.variables).stdout))
        mine = {"PROJ_DATA": "/mine", "SLOW": "it's $mine"}
        before = self.parsed(self.shell("bash", SHOW, env=mine).stdout)
        shell = self.shell("bash", f"set -eu; hpcenv activate {prefix}; printf '%s\\n' \"$PROJ_DATA\"; hpcenv deactivate; {SHOW}", env=mine)
        first, rest = shell.stdout.split("\n", 1)
        self.assertEqual(first, f"{prefix}/share/proj")
        after = self.parsed(rest)
        self.assertEqual({name: after.get(name) for name in before}, before)
        self.assert_nothing_left(prefix)

    def test_that_hang(self) -> None:
        self.assert_entered(self.build("bad-hang", "proj"), "hang.sh", "refused", "does not come back")

    def test_that_exit(self) -> None:
        self.assert_entered(self.build("bad-exit", "proj"), "exit.sh", "refused", "ends the shell")

    def test_that_exec_or_kill_the_shell(self) -> None:
        for number, text in enumerate(("exec /bin/true\n", "kill -9 $$\n", "set -e\nfalse\n", "trap 'exit 3' EXIT; return 1 2>/dev/null; exit 0\n")):
            with self.subTest(text):
                prefix = f"{self.root}/envs/ends-{number}"
                collection.build_prefix(prefix, ["proj"])
                self.write(f"{prefix}/etc/conda/activate.d/ends.sh", "export GONE_ON=1\n" + text)
                self.assertEqual(self.run_in(prefix, "sh", "-c", "echo $PROJ_DATA").stdout, f"{prefix}/share/proj\n")
                self.assertEqual(self.run_in(prefix, "sh", "-c", "echo $PROJ_DATA").stdout, f"{prefix}/share/proj\n")
                self.assert_nothing_left(prefix)

    def test_that_print(self) -> None:
        prefix = self.build("bad-print", "proj")
        self.assert_entered(prefix, "print.sh", "live", "complains", live=True)
        self.assertEqual(self.run_in(prefix, "echo", "mine").stdout, "mine\n")

    def test_that_fail(self) -> None:
        prefix = self.build("bad-fail", "proj")
        self.assert_entered(prefix, "fail.sh", "live", "", live=True)

    def test_that_fork(self) -> None:
        self.assert_entered(self.build("bad-fork", "proj"), "fork.sh", "refused", "leaves a process in the background")

    def test_that_leave_a_daemon(self) -> None:
        self.assert_entered(self.build("bad-background", "proj"), "background.sh", "refused", "leaves a process in the background")

    def test_that_delete(self) -> None:
        """Trials take nothing of the user's; once, after the change and by who may change the prefix, the script has its way."""
        mine = f"{self.home}/cache-of-mine/file"
        self.write(mine, "mine")
        prefix = self.build("bad-delete", "proj")
        if os.geteuid() == 0:
            for folder in (self.root, f"{self.root}/envs"):
                os.chmod(folder, 0o755)
            theirs = f"{self.home}/theirs"
            self.write(f"{theirs}/cache-of-mine/file", "theirs", 0o666)
            os.makedirs(f"{theirs}/tmp")
            for folder in (theirs, f"{theirs}/tmp", f"{theirs}/cache-of-mine"):
                os.chmod(folder, 0o777)
            env = {"HOME": theirs, "TMPDIR": f"{theirs}/tmp", "HPCENV_ROOT": f"{theirs}/root"}
            done = self.run_in(prefix, "sh", "-c", "echo $SWEPT", before=AS_STRANGER, env=env, cwd=theirs)
            self.assertEqual(done.stdout, "1\n")
            self.assertTrue(os.path.exists(f"{theirs}/cache-of-mine/file"))
            self.assertTrue(os.path.exists(f"{prefix}/share/bad-delete/stale/file"))
        done = self.run_in(prefix, "true")
        self.assertIn("Running once, as they do more than set variables: delete.sh", done.stderr)
        self.assertFalse(os.path.exists(f"{prefix}/share/bad-delete/stale"))
        self.assertEqual(self.records(prefix)[0]["acted"], ["delete.sh"])
        self.write(mine, "mine")
        self.assert_entered(prefix, "delete.sh", "acts", "starts rm")
        self.assertTrue(os.path.exists(mine))

    def test_that_delete_what_trials_stand_on(self) -> None:
        sweep = 'case ${HOME-} in */hpcenv-trial*) rm -rf "${HOME%/*}"/t* "${HOME%/*}"/here ;; esac\nexport SWEPT=1\n'
        prefix = self.build("proj", scripts={"sweep.sh": sweep})
        for _ in range(2):
            seen = self.entered(prefix)
            self.assertEqual((seen["SWEPT"], seen["PROJ_DATA"]), ("1", f"{prefix}/share/proj"))
            self.assert_nothing_left(prefix)

    def test_that_look_at_the_terminal(self) -> None:
        prefix = self.build("bad-terminal", "proj")
        self.assert_entered(prefix, "terminal.sh", "live", "looks at the terminal", live=True)
        self.assertEqual(self.entered(prefix)["ON_TERMINAL"], "no")

    def test_that_ask_on_a_terminal_get_no_answer_from_it(self) -> None:
        prefix = self.build(scripts={"ask.sh": 'read -r -p "Send statistics? " -t 5 ANSWER\nexport ANSWER="got:$ANSWER"\n'})
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM, "run", "-p", prefix, "--", "sh", "-c", "echo ANSWER=$ANSWER; read line; echo LINE=$line"], self.variables)
        os.write(terminal, b"typed\n")
        text = b""
        try:
            while chunk := os.read(terminal, 4096):
                text += chunk
        except OSError:
            pass
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertIn(b"ANSWER=got:\r\n", text)
        self.assertIn(b"LINE=typed\r\n", text)

    def test_that_leave_options_and_traps_behind(self) -> None:
        prefix = self.build("bad-leak", "proj")
        self.assert_entered(prefix, "leak.sh", "live", "changes the umask", live=True)
        ran = self.run_in(prefix, "sh", "-c", "pwd; umask", cwd=self.home)
        self.assertEqual(ran.stdout.splitlines()[0], self.home)

    def test_that_cannot_be_read(self) -> None:
        if os.geteuid() != 0:
            skip("no right to act as another user")
        prefix = self.build("proj", scripts={"secret.sh": "export SECRET=1\n"})
        os.chmod(f"{prefix}/etc/conda/activate.d/secret.sh", 0o600)
        for folder in (self.root, f"{self.root}/envs"):
            os.chmod(folder, 0o755)
        theirs = f"{self.home}/theirs"
        os.makedirs(f"{theirs}/tmp")
        for folder in (theirs, f"{theirs}/tmp"):
            os.chmod(folder, 0o777)
        env = {"HOME": theirs, "TMPDIR": f"{theirs}/tmp", "HPCENV_ROOT": f"{theirs}/root"}
        done = self.run_in(prefix, "sh", "-c", "echo $PROJ_DATA${SECRET-}", before=AS_STRANGER, env=env, cwd=theirs)
        self.assertEqual(done.stdout, f"{prefix}/share/proj\n")
        self.assertIn("secret.sh is never run: it cannot be read", done.stderr)
        done = self.start(*AS_STRANGER, "bash", "--norc", "-euc", f"eval \"$('{PROGRAM}' shell-hook bash)\"; hpcenv activate {prefix}; echo $PROJ_DATA",
                          env={**self.variables, **env}, cwd=theirs)
        self.assertEqual(done.stdout, f"{prefix}/share/proj\n")
        # Who may read it is not told what others may not.
        self.assertEqual(self.entered(prefix)["SECRET"], "1")

    def test_that_are_no_scripts(self) -> None:
        prefix = self.build("proj", scripts={"binary.sh": bytes(range(256)) * 40, "broken.sh": "if [ x\nexport NEVER=1\n", "empty.sh": ""})
        os.mkdir(f"{prefix}/etc/conda/activate.d/folder.sh")
        os.symlink("/nowhere", f"{prefix}/etc/conda/activate.d/dangling.sh")
        os.mkfifo(f"{prefix}/etc/conda/activate.d/pipe.sh")
        for _ in range(2):
            seen = self.entered(prefix)
            self.assertEqual(seen["PROJ_DATA"], f"{prefix}/share/proj")
            self.assertNotIn("NEVER", seen)
            self.assert_nothing_left(prefix)
        self.assertEqual(self.start("/bin/bash", "-euo", "pipefail", self.job(prefix, "echo", "mine"), env=self.variables).stdout, "mine\n")

    def test_many_of_them(self) -> None:
        scripts = {f"{number:03}.sh": f"export V{number}=\"{number}${{V{number}:+:$V{number}}}\"\n" for number in range(150)}
        prefix = self.build(scripts=scripts)
        seen = self.entered(prefix)
        self.assertEqual([seen[f"V{number}"] for number in range(150)], [str(number) for number in range(150)])
        self.assertEqual(self.entered(prefix, env={"V7": "x"})["V7"], "7:x")


class NamesAndValues(ActivationCase):
    def test_names_that_no_shell_can_hold(self) -> None:
        prefix = self.build("proj")
        odd = {"A.B": "dots", "with-dash": "1", "BASH_FUNC_x%%": "() { echo x; }", "1ST": "digit", "A B": "blank", "X;touch pwned": "1",
               "$(touch pwned)": "1"}
        self.write(f"{prefix}/conda-meta/state", json.dumps({"env_vars": {**odd, "FINE": "1"}}))
        seen = self.entered(prefix)
        self.assertEqual(seen["FINE"], "1")
        # A program is started with all of them: no shell is in between.
        self.assertEqual({name: seen.get(name) for name in odd}, odd)
        job = self.parsed(self.start("/bin/bash", self.job(prefix, "/usr/bin/env", "-0"), env=self.variables).stdout)
        self.assertEqual((job["FINE"], job.get("A.B")), ("1", None))
        for name in ("bash", "zsh", "posix", "fish", "tcsh", "csh"):
            with self.subTest(shell=name):
                inside = self.parsed(self.shell(name, f"hpcenv activate {prefix}; {SHOW}").stdout)
                self.assertEqual((inside["FINE"], inside.get("A.B")), ("1", None))
        self.assertFalse(os.path.exists(f"{self.home}/pwned"))

    def test_values_of_200_kb(self) -> None:
        """No program can be started with one: the script that sets it is left out, and said."""
        prefix = self.build("bad-long", "proj")
        done = self.run_in(prefix, "/usr/bin/env", "-0")
        self.assertEqual(self.parsed(done.stdout)["PROJ_DATA"], f"{prefix}/share/proj")
        self.assertIn("sets a value that is too long", done.stderr)
        self.assertEqual(self.run_in(prefix, "/usr/bin/env", "-0").stdout, done.stdout)
        self.assertEqual(self.start("/bin/bash", self.job(prefix, "echo", "mine"), env=self.variables).stdout, "mine\n")
        for name in ("bash", "zsh", "posix", "fish", "tcsh"):
            with self.subTest(shell=name):
                lines = f"hpcenv activate {prefix}; /bin/echo inside; hpcenv deactivate; /bin/echo outside"
                self.assertEqual(self.shell(name, lines).stdout, "inside\noutside\n")

    def test_values_of_100_kb_that_a_program_can_have(self) -> None:
        prefix = self.build(scripts={"big.sh": "printf -v BIG '%100000s' ''\nexport BIG=\"${BIG// /a}\" FINE=1\n"})
        for _ in range(2):
            self.assertEqual(self.run_in(prefix, "sh", "-c", "echo ${#BIG} $FINE").stdout, "100000 1\n")
        for name in ("bash", "zsh", "posix"):
            with self.subTest(shell=name):
                self.assertEqual(self.shell(name, f"hpcenv activate {prefix}; echo ${{#BIG}}; hpcenv deactivate; echo ${{#BIG}}").stdout, "100000\n0\n")

    def test_bytes_that_are_no_text(self) -> None:
        prefix = self.build(scripts={"bytes.sh": b"export BYTES=$'\\xff\\xfe it\\'s'\nexport LATIN='caf\xe9'\"$LATIN\"\n"})
        for _ in range(2):
            done = self.run_in(prefix, "/usr/bin/env", "-0", env={"LATIN": "\udcff"})
            seen = collection.parse_environment(os.fsencode(done.stdout))
            self.assertEqual((seen[b"BYTES"], seen[b"LATIN"]), (b"\xff\xfe it's", b"caf\xe9\xff"))


class Records(ActivationCase):
    def test_that_are_useless_are_made_anew_with_a_word(self) -> None:
        prefix = self.build("proj", "gcc")
        self.entered(prefix)
        file = Path(prefix) / ".hpcenv" / "activation.json"
        good = json.loads(file.read_text(encoding="utf-8"))
        wanted = self.entered(prefix, env={"CFLAGS": "-g"})
        cases = {
            "newer": ({**good, "schema": 2}, "was written by a newer hpcenv (schema 2, this one knows 1)"),
            "of another prefix": ({**good, "prefix": "/elsewhere"}, "is of another prefix: /elsewhere"),
            "no object": ([], "is of another prefix"),
            "no records": ({**good, "records": 7}, "is damaged"),
            "odd records": ({**good, "records": [{}]}, "is damaged"),
        }
        texts = {how: (json.dumps(value), said) for how, (value, said) in cases.items()}
        whole = json.dumps(good)
        texts["cut"] = (whole[:len(whole) // 2], str(file))
        texts["empty"] = ("", str(file))
        for how, (text, said) in texts.items():
            with self.subTest(how):
                file.write_text(text, encoding="utf-8")
                done = self.run_in(prefix, "/usr/bin/env", "-0", env={"CFLAGS": "-g"})
                self.assertIn(said, done.stderr)
                self.assertIn("recorded anew", done.stderr)
                self.assertEqual(self.parsed(done.stdout), wanted)
                self.assertEqual(self.run_in(prefix, "true").stderr, "")
                self.assertEqual(json.loads(file.read_text(encoding="utf-8"))["schema"], 1)

    def test_nobody_leaves_worse_than_before_when_the_record_goes_meanwhile(self) -> None:
        prefix = self.build("gcc", "proj", "xtb")
        mine = {"CFLAGS": "-g $x", "PROJ_DATA": "/mine", "XTBPATH": ""}
        before = self.parsed(self.shell("bash", SHOW, env=mine).stdout)
        record = f"{prefix}/.hpcenv/activation.json"
        for how, act in (("gone", f"rm {record}"), ("damaged", f"echo x > {record}"), ("newer", f"echo '{{\"schema\": 9}}' > {record}"),
                         ("no scripts any more", f"rm -r {prefix}/etc"), ("no prefix any more", f"rm -r {prefix}")):
            with self.subTest(how):
                if not os.path.exists(f"{prefix}/etc"):
                    shutil.rmtree(prefix, ignore_errors=True)
                    prefix = self.build("gcc", "proj", "xtb")
                after = self.parsed(self.shell("bash", f"set -eu; hpcenv activate {prefix}; {act}; hpcenv deactivate; {SHOW}", env=mine).stdout)
                self.assertEqual(after, before)

    def test_a_record_that_cannot_be_written_keeps_nobody_out(self) -> None:
        prefix = self.build("proj")
        os.makedirs(f"{prefix}/.hpcenv/activation.json/folder")
        self.assertEqual(self.entered(prefix)["PROJ_DATA"], f"{prefix}/share/proj")
        self.assertEqual(self.entered(prefix)["PROJ_DATA"], f"{prefix}/share/proj")


class Interrupted(ActivationCase):
    def recording(self, prefix: str, *command: str) -> subprocess.Popen[str]:
        """The program, caught while a trial of a slow script runs."""
        running = subprocess.Popen([PROGRAM, *(command or ("run", "-p", prefix, "--", "echo", "mine"))], env=self.variables, cwd=self.home,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.stderr.close)
        deadline = time.monotonic() + 60
        # A child of the trial: the script sleeps.
        while not any(b"sleep" in Path(f"/proc/{one.split(':')[0]}/cmdline").read_bytes()
                      for one in self.processes_of(prefix) if os.path.exists(f"/proc/{one.split(':')[0]}")):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(running.poll())
            time.sleep(0.02)
        return running

    def test_by_signals(self) -> None:
        prefix = self.build("proj", scripts={"slow.sh": SLOW})
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number):
                running = self.recording(prefix)
                os.kill(running.pid, number)
                self.assertEqual(running.wait(timeout=60), code, running.stderr.read())
                self.assertEqual(running.stdout.read(), "")
                self.assert_nothing_left(prefix)
                self.assertFalse(os.path.exists(f"{prefix}/.hpcenv/activation.json"))
        self.write(f"{prefix}/go-on", "")
        seen = self.entered(prefix)
        self.assertEqual((seen["SLOW"], seen["PROJ_DATA"]), ("1", f"{prefix}/share/proj"))
        self.assertEqual(self.classes(prefix)["slow.sh"], "recorded")

    def test_by_kill_9(self) -> None:
        prefix = self.build("proj", scripts={"slow.sh": SLOW})
        running = self.recording(prefix)
        os.kill(running.pid, signal.SIGKILL)
        self.assertEqual(running.wait(timeout=60), -signal.SIGKILL)
        self.write(f"{prefix}/go-on", "")
        done = self.run_in(prefix, "sh", "-c", "echo $SLOW $PROJ_DATA")
        self.assertEqual(done.stdout, f"1 {prefix}/share/proj\n", done.stderr)
        self.assertEqual(self.classes(prefix)["slow.sh"], "recorded")

    def test_activate_that_is_interrupted_changes_nothing(self) -> None:
        prefix = self.build("proj", scripts={"slow.sh": SLOW})
        running = self.recording(prefix, "activate", prefix, "--shell", "bash")
        os.kill(running.pid, signal.SIGINT)
        self.assertEqual(running.wait(timeout=60), 130, running.stderr.read())
        self.assertEqual(running.stdout.read(), "")
        self.assert_nothing_left(prefix)


if __name__ == "__main__":
    unittest.main()
