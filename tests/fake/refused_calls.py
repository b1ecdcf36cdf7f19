"""Runs a command for which the kernel refuses certain system calls, as file systems do that cannot do them.

refused_calls.py links COMMAND...   link(2) gives EPERM: vfat, AFS, some network file systems
refused_calls.py locks COMMAND...   neither links nor lock files (the only ones made by O_EXCL with mode 0644) can be made
"""
import ctypes
import errno
import os
import platform
import struct
import sys

LINK_CALLS = {"x86_64": (86, 265), "aarch64": (37,)}
OPEN_CALLS = {"x86_64": 257, "aarch64": 56}
LOAD, JUMP_IF, JUMP_IF_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
REFUSE, ALLOW = 0x00050000, 0x7FFF0000
NUMBER, FLAGS, MODE = 0, 32, 40  # where struct seccomp_data holds them
SET_NO_NEW_PRIVS, SET_SECCOMP, MODE_FILTER = 38, 22, 2


def rule(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, then, otherwise, value)


def no_links() -> list[bytes]:
    rules = [rule(LOAD, NUMBER)]
    for number in LINK_CALLS[platform.machine()]:
        rules += [rule(JUMP_IF, number, 0, 1), rule(RETURN, REFUSE | errno.EPERM)]
    return rules


def no_lock_files() -> list[bytes]:
    return [rule(JUMP_IF, OPEN_CALLS[platform.machine()], 0, 5), rule(LOAD, FLAGS), rule(JUMP_IF_BIT, os.O_EXCL, 0, 3),
            rule(LOAD, MODE), rule(JUMP_IF, 0o644, 0, 1), rule(RETURN, REFUSE | errno.EOPNOTSUPP)]


KINDS = {"links": no_links, "locks": lambda: no_links() + no_lock_files()}


def main() -> None:
    rules = [*KINDS[sys.argv[1]](), rule(RETURN, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0):
        sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
