"""A program on a terminal of its own, typed at and read as a person does."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

PATIENCE = 60


class Terminal:
    """Starts it; `wait_for` and `close` raise AssertionError with what was seen."""

    def __init__(self, argv, variables, cwd=None):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            if cwd:
                os.chdir(cwd)
            # Python ignores it; what a terminal starts does not.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.execve(argv[0], argv, variables)
        # Wide enough for no line to wrap.
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))
        self.text = ""
        self.seen = 0
        self.status = None

    def read(self, seconds):
        """Whether there was something to read."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.terminal, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def type(self, line):
        os.write(self.terminal, (line + "\n").encode())

    def press(self, key):
        os.write(self.terminal, key)

    def wait_for(self, pattern):
        """Reads until the pattern stands behind what was found before; gives the match."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = re.compile(pattern).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            if not self.read(0.1) and self.ended():
                break
        raise AssertionError(f"{pattern!r} did not come:\n{self.text[self.seen:]}\n--- all:\n{self.text}")

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def code(self):
        """What it ended with, as subprocess counts: a signal is negative."""
        end = time.monotonic() + PATIENCE
        while not self.ended():
            if time.monotonic() > end:
                raise AssertionError(f"it did not end:\n{self.text}")
            self.read(0.1)
        while self.read(0):
            pass
        return os.waitstatus_to_exitcode(self.status)

    def hang_up(self):
        os.close(self.terminal)
        self.terminal = None

    def close(self):
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.terminal is not None:
            os.close(self.terminal)
