"""The end of a process that used py-rattler."""

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Ends the process with `code`: what was registered for the end is run, but the interpreter is not taken down.

    Threads of py-rattler may still hold objects of Python then, and the interpreter aborts the process where one lets go of
    them too late ("PyGILState_Release: thread state ... must be current when releasing"), about once in forty runs.
    """
    atexit._run_exitfuncs()  # there is no public name for it
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
