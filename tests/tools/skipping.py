"""How a test written in Python leaves itself out."""

from __future__ import annotations

import unittest
from typing import NoReturn


def skip(reason: str) -> NoReturn:
    """Leaves a test, or all of a class or module, out; check_skips.py finds the reason, which unittest's own report lacks."""
    # unittest's dots stand on the line that is begun.
    print(f"\nSKIP: {reason}", flush=True)
    raise unittest.SkipTest(reason)
