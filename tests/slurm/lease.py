"""lease.py FD|- COMMAND...: runs the command until it ends, SIGTERM comes, or the other end of the pipe FD is closed.

The command is started so that it dies with this process. Ends by itself when whoever holds the lease is gone.
"""
import ctypes
import os
import select
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    lease, command = sys.argv[1], sys.argv[2:]
    stop, wake = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(wake, b"x"))
    signal.signal(signal.SIGCHLD, lambda *_: os.write(wake, b"x"))
    child = subprocess.Popen(command, preexec_fn=die_with_parent)
    watched = [stop] if lease == "-" else [stop, int(lease)]
    select.select(watched, [], [])
    child.kill()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
