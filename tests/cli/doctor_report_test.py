#!/usr/bin/env python3
"""How `hpcenv doctor` shows itself, over the captured machines and real prefixes: as text and as JSON."""
import json
import os
import pty
import subprocess
import unittest

from cli_case import HOSTS, PROGRAM, CliCase, captured_machines

BAD = ("warning", "failure")


def on_a_terminal(words, variables, columns):
    """What the program writes to a terminal of that width."""
    screen, terminal = pty.openpty()
    subprocess.run(["stty", "-F", os.ttyname(terminal), "cols", str(columns), "rows", "50"], check=True)
    done = subprocess.Popen([PROGRAM, *words], env=variables, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.DEVNULL)
    os.close(terminal)
    text = b""
    while True:
        try:
            piece = os.read(screen, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(screen)
    done.wait(timeout=60)
    return text.decode().replace("\r\n", "\n")


def commands_of(findings):
    return {line for finding in findings for command in finding.get("remedy", {}).get("commands", [])
            for line in command.split("\n")}


class Report(CliCase):
    def judged(self, machine, *more):
        answer = json.loads(self.run_program("doctor", "--captured", str(machine), "--json", *more).stdout)
        return answer, self.run_program("doctor", "--captured", str(machine), *more)

    def test_machines_fit_80_columns_and_says_what_is_not_well(self):
        for machine in captured_machines():
            with self.subTest(machine.name):
                answer, done = self.judged(machine)
                lines = done.stdout.splitlines()
                commands = commands_of(answer["findings"])
                self.assertTrue(all(ord(letter) < 128 for letter in done.stdout), "ASCII off a terminal")
                for line in lines:
                    whole = line.strip()
                    is_command = whole in commands or whole.startswith("hpcenv doctor --captured") or line.startswith("To see")
                    is_one_word = len(whole.removeprefix("- ").split()) == 1
                    self.assertTrue(len(line) <= 80 or is_command or is_one_word, line)
                for finding in answer["findings"]:
                    mark = {"warning": "!  ", "failure": "x  "}.get(finding["severity"], "ok ")
                    shown = any(line.startswith(f"     {mark}{finding['id']}  ") for line in lines)
                    self.assertEqual(shown, finding["severity"] in BAD, finding)
                    if finding["severity"] in BAD:
                        for command in finding.get("remedy", {}).get("commands", []):
                            self.assertIn(command, done.stdout)
                marks = [line[:5].strip() for line in lines if line.startswith("[")]
                self.assertGreaterEqual(len(marks), 5)
                self.assertEqual("[x]" in marks, answer["failures"] > 0)
                self.assertTrue(any(line.startswith(f"{len(answer['findings'])} checks on {answer['machine']}: ") for line in lines))
                self.assertEqual(done.returncode, 1 if answer["failures"] else 0)

    def test_verbose_and_named_checks_show_every_finding(self):
        for machine, more in ((HOSTS / "v100-node", ("-v",)), (HOSTS / "login-node", ("storage", "H01"))):
            with self.subTest(more):
                answer, done = self.judged(machine, *more)
                for finding in answer["findings"]:
                    self.assertRegex(done.stdout, rf"(?m)^     (ok|! |x |i |\? ) {finding['id']}  ")
                self.assertNotIn("To see all", done.stdout)

    def test_a_terminal_gets_colours_marks_and_its_own_width(self):
        machine = str(HOSTS / "sick-node")
        variables = {**self.variables, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        text = on_a_terminal(["doctor", "--captured", machine], variables, 60)
        self.assertIn("\x1b[31m[\u2717]\x1b[0m GPUs: ", text)
        self.assertIn("\x1b[32m[\u2713]\x1b[0m ", text)
        self.assertTrue(any(50 < len(line) <= 60 for line in text.splitlines()))
        plain = on_a_terminal(["doctor", "--captured", machine], {**variables, "NO_COLOR": "1", "LC_ALL": "C"}, 60)
        self.assertNotIn("\x1b", plain)
        self.assertIn("[x]  GPUs: ", plain)

    def test_an_environment_here_and_on_a_target(self):
        self.run_program("create", "-n", "work", "hello", "-y", check=0)
        done = self.run_program("doctor", "-n", "work")
        self.assertRegex(done.stdout, r"\AEnvironment work on machine ")
        self.assertRegex(done.stdout, r"(?m)^\[(\?|ok|i|!)\] +Environment and GPU: ")
        self.assertIn("To see all findings: hpcenv doctor -n work -v\n", done.stdout)
        profile = f"{self.home}/node.json"
        with open(profile, "w", encoding="utf-8") as out:
            out.write(self.run_program("probe", "--json", "--captured", str(HOSTS / "a100-job"), check=0).stdout)
        done = self.run_program("doctor", "-n", "work", "--on", profile)
        self.assertRegex(done.stdout, rf"\AEnvironment work on target {profile}, profiled ")
        self.assertIn(f"hpcenv doctor -n work --on {profile} ", done.stdout)

    def test_what_it_says_to_ask_again_asks_that_again(self):
        machine = HOSTS / "sick-node"
        done = self.run_program("doctor", "--captured", str(machine))
        command = next(line.strip() for line in done.stdout.splitlines() if line.startswith("  hpcenv doctor"))
        answer = json.loads(self.run_program(*command.split()[1:], "--json").stdout)
        self.assertGreaterEqual(len(answer["findings"]), 3)
        self.assertEqual({finding["severity"] for finding in answer["findings"]}, {"failure"})


class Table(CliCase):
    def test_the_list_in_groups(self):
        checks = self.run_json("doctor", "--list")["checks"]
        for check in checks:
            self.assertEqual(list(check), ["id", "name", "title", "group", "looks", "cost", "needs_environment", "in_job"])
            self.assertIn(check["looks"], ("profile", "shell", "here"))
            self.assertIn(check["cost"], ("quick", "slow", "deep"))
        by_id = {check["id"]: check for check in checks}
        self.assertEqual((by_id["P13"]["cost"], by_id["P13"]["needs_environment"]), ("deep", True))
        self.assertEqual((by_id["E01"]["looks"], by_id["S03"]["in_job"]), ("shell", True))
        listed = self.run_program("doctor", "--list", check=0).stdout
        for check in checks:
            self.assertRegex(listed, rf"(?m)^  {check['id']}  {check['name']} +")
        self.assertEqual(listed.count("("), sum(check["title"].count("(") for check in checks) + len({c["group"] for c in checks}))
        self.assertTrue(all(len(line) <= 80 for line in listed.splitlines()))

    def test_columns_of_the_table_are_what_the_doctor_does(self):
        checks = self.run_json("doctor", "--list")["checks"]
        machine = str(HOSTS / "a100-job")
        asked = {finding["id"] for finding in json.loads(
            self.run_program("doctor", "--job", "--captured", machine, "--json").stdout)["findings"]}
        self.assertEqual(asked, {check["id"] for check in checks if check["in_job"] and not check["needs_environment"]})
        profile = f"{self.home}/node.json"
        with open(profile, "w", encoding="utf-8") as out:
            out.write(self.run_program("probe", "--json", "--captured", machine, check=0).stdout)
        asked = {finding["id"] for finding in json.loads(self.run_program("doctor", "--on", profile, "--json").stdout)["findings"]}
        self.assertEqual(asked, {check["id"] for check in checks
                                 if check["looks"] != "here" and not check["needs_environment"] and check["cost"] != "deep"})

    def test_the_page_of_the_reference_is_current(self):
        written = (HOSTS.parents[1] / "docs/reference/doctor-checks.md").read_text(encoding="utf-8")
        self.assertEqual(self.run_program("doctor", "--list", "--markdown", check=0).stdout, written,
                         "make it again: hpcenv doctor --list --markdown > docs/reference/doctor-checks.md")


if __name__ == "__main__":
    unittest.main()
