#!/usr/bin/env python3
"""no_hard_links.py COMMAND...: runs a command for which link(2) gives EPERM, as on vfat, AFS and some network file systems."""
import ctypes
import errno
import os
import platform
import struct
import sys

LINK_CALLS = {"x86_64": (86, 265), "aarch64": (37,)}
LOAD, JUMP_IF, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000 | errno.EPERM, 0x7FFF0000
SET_NO_NEW_PRIVS, SET_SECCOMP, MODE_FILTER = 38, 22, 2


def main() -> None:
    rules = [struct.pack("HBBI", LOAD, 0, 0, 0)]
    for number in LINK_CALLS[platform.machine()]:
        rules += [struct.pack("HBBI", JUMP_IF, 0, 1, number), struct.pack("HBBI", RETURN, 0, 0, REFUSE)]
    rules.append(struct.pack("HBBI", RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(rules))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rules), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0):
        sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
