"""lease.py FD|- DIRECTORY COMMAND...: runs the command until it ends, SIGTERM comes, or the pipe FD is closed elsewhere.

The command is started so that it dies with this process. When whoever held the lease is gone, DIRECTORY is removed.
"""
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    lease, directory, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    stop, wake = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(wake, b"x"))
    signal.signal(signal.SIGCHLD, lambda *_: os.write(wake, b"x"))
    child = subprocess.Popen(command, preexec_fn=die_with_parent)
    watched = [stop] if lease == "-" else [stop, int(lease)]
    ready = select.select(watched, [], [])[0]
    child.kill()
    code = child.wait()
    if stop not in ready:
        shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
