"""What long work shows: bars that are drawn in place on a terminal, plain lines elsewhere."""
import fcntl
import os
import pty
import random
import re
import select
import signal
import struct
import sys
import termios
import threading
import time
import unittest
from pathlib import Path

import tiny_channel
from cli_case import PROGRAM, CliCase

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fake"))

from http_server import FileServer  # noqa: E402

ESCAPE = re.compile(r"\x1b\[(\d*)([A-Za-z])")
STEP = re.compile(r"^[A-Z][^(]* \((\d+\.\d) s(, .*)?\)$")


class Screen:
    """As much of a terminal as the program uses; refuses what it does not know."""

    def __init__(self):
        self.rows = [[]]
        self.row = self.column = 0

    def put(self, text):
        at = 0
        while at < len(text):
            escape = ESCAPE.match(text, at)
            if escape:
                self.control(int(escape[1] or 0), escape[2])
                at = escape.end()
                continue
            self.letter(text[at])
            at += 1

    def control(self, number, letter):
        if letter == "A":
            assert self.row >= number, "it would draw over what stood there before"
            self.row -= number
        elif letter == "K":
            del self.rows[self.row][self.column:]
        elif letter == "J":
            del self.rows[self.row][self.column:], self.rows[self.row + 1:]
        else:
            assert letter == "m", letter

    def letter(self, letter):
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row += 1
            if self.row == len(self.rows):
                self.rows.append([])
        else:
            row = self.rows[self.row]
            row[self.column:self.column + 1] = [letter]
            self.column += 1

    def lines(self):
        return ["".join(row) for row in self.rows]


class OnTerminal:
    """hpcenv on a terminal of a size; `frames` are the texts that it wrote at once."""

    def __init__(self, words, variables, columns=80, rows=24):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            time.sleep(0.05)  # until the terminal has its size
            os.execve(PROGRAM, [PROGRAM, *words], variables)
        self.resize(columns, rows)
        self.frames = []

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        """The next text; empty at the end."""
        if not select.select([self.terminal], [], [], 60)[0]:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError("it does not end: " + "".join(self.frames))
        try:
            text = os.read(self.terminal, 65536).decode()
        except OSError:
            return ""
        self.frames.append(text)
        return text

    def read_until(self, pattern):
        while not re.search(pattern, "".join(self.frames)):
            if not self.read():
                raise AssertionError(f"never seen: {pattern} in " + "".join(self.frames))

    def end(self):
        while self.read():
            pass
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def text(self):
        return "".join(self.frames)

    def screen(self):
        screen = Screen()
        screen.put(self.text())
        return screen.lines()


class Progress(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.channel = f"{cls.work}/channels/files"
        noise = random.Random(7)
        text = ["".join(noise.choices("0123456789abcdef", k=90_000)) for _ in range(7)]
        tiny_channel.write_repodata(cls.channel, [
            tiny_channel.add_package(cls.channel, f"package{i}", "1.0", files={f"share/{i}": (text[i], 0o644)}) for i in range(7)])
        cls.server = FileServer(Path(cls.work) / "channels")
        threading.Thread(target=cls.server.serve_forever, args=(0.05,), daemon=True).start()
        cls.addClassCleanup(cls.server.shutdown)
        cls.address = getattr(cls.server, "address", None) or f"http://127.0.0.1:{cls.server.server_port}"

    def setUp(self):
        super().setUp()
        self.variables.update(TERM="xterm", HPCENV_CHANNELS=f"{self.address}/~slow=25000/files")
        self.words = ["create", "-y", "-n", "work", *(f"package{i}" for i in range(7))]

    def lines_drawn(self, text):
        """Each line of each frame, as wide as it was drawn."""
        return [line for line in re.split(r"[\r\n]|\x1b\[\d*[A-Za-z]", text) if line.strip()]

    def check_steps(self, lines):
        """What is left of steps: one line for each that took long enough to be worth it."""
        steps = [match for line in lines if (match := STEP.match(line))]
        self.assertTrue(any(match[0].startswith("Fetching packages") for match in steps), lines)
        for match in steps:
            self.assertGreaterEqual(float(match[1]), 0.3, match[0])

    def test_bars_are_drawn_in_place_and_leave_one_line(self):
        running = OnTerminal(self.words, {**self.variables, "LC_ALL": "C.UTF-8"})
        self.assertEqual(running.end(), 0, running.text())
        text = running.text()
        self.assertRegex(text, r"Fetching packages  \u2501+\u2500+  \d/7, [\d.]+/[\d.]+ KiB, [\d.]+ KiB/s, \d+ s left")
        self.assertRegex(text, r"  package\d-1\.0-0  [\d.]+/[\d.]+ KiB")
        self.assertRegex(text, "  and 3 more")
        self.assertGreater(text.count("\x1b[5A"), 3)
        lines = running.screen()
        self.check_steps(lines)
        self.assertNotRegex("".join(lines), "[\u2501\u2500]|more|left")
        self.assertEqual([line for line in lines if re.search(r"\d/\d", line)], [])
        self.assertLess(max(len(line) for line in self.lines_drawn(text) if re.search(r"\d/\d", line)), 80)

    def test_a_plain_locale_gets_plain_bars(self):
        running = OnTerminal(self.words, self.variables)
        self.assertEqual(running.end(), 0, running.text())
        self.assertRegex(running.text(), r"Fetching packages  #*\.+  \d/7")
        self.assertTrue(running.text().isascii())

    def test_a_window_may_change_its_size(self):
        self.variables["HPCENV_CHANNELS"] = f"{self.address}/~slow=12000/files"
        running = OnTerminal(self.words, self.variables, columns=100)
        running.read_until("KiB/s")
        self.assertRegex(running.text(), "Fetching packages  #")
        running.resize(30, 8)
        running.read_until("Fetching packages: ")
        self.assertEqual(running.end(), 0, running.text())
        narrow = running.text()
        narrow = narrow[narrow.index("Fetching packages: "):]
        drawn = [line for line in self.lines_drawn(narrow) if re.search(r"\d/\d", line)]
        self.assertGreater(len(drawn), 6)
        self.assertLess(max(map(len, drawn)), 30, drawn)
        self.assertIn("  and 5 more", narrow)
        self.check_steps(running.screen())

    def test_ctrl_c_leaves_a_clean_screen(self):
        running = OnTerminal(self.words, self.variables)
        running.read_until("KiB/s")
        os.write(running.terminal, b"\x03")
        self.assertEqual(running.end(), 130, running.text())
        lines = running.screen()
        self.assertTrue(any(line.startswith("error: ") for line in lines), lines)
        self.assertNotRegex("\n".join(lines), "left|more$")

    def test_elsewhere_lines_are_plain(self):
        self.variables["HPCENV_CHANNELS"] = f"file://{self.channel}"
        for words, more in (([], {"TERM": "dumb"}), (["--json"], {}), (["--quiet"], {}), ([], {"TERM": ""})):
            with self.subTest(words=words, more=more):
                self.setUp()
                self.variables["HPCENV_CHANNELS"] = f"{self.address}/~slow=60000/files"
                running = OnTerminal([*self.words, *words], {**self.variables, **more})
                self.assertEqual(running.end(), 0, running.text())
                self.assertNotRegex(running.text(), r"\x1b\[\d*[AJK]|\r(?!\n)")
                self.assertEqual("Fetching packages (" in running.text(), words != ["--quiet"], running.text())

    def test_a_log_gets_a_line_a_step(self):
        done = self.run_program(*self.words, check=0, env={"HPCENV_CHANNELS": f"file://{self.channel}"})
        steps = [line.split(" (")[0] for line in done.stderr.splitlines() if STEP.match(line)]
        self.assertEqual(steps, ["Looking at this machine", "Reading channels", "Solving", "Fetching packages", "Linking"])
        self.assertNotIn("\x1b", done.stderr)
        self.assertNotIn("\r", done.stderr)


if __name__ == "__main__":
    unittest.main()
