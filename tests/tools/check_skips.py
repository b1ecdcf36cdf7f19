#!/usr/bin/env python3
"""Lists what a ctest run skipped and why; fails if a reason is not one of skips.txt.

Usage: check_skips.py JUNIT_FILE [SKIPS_FILE]. The file is what `ctest --output-junit` wrote, with whole outputs. A program
skips (a part of) itself with a line `SKIP: reason`, and with exit code 77 when nothing is left; Catch2 prints the reason of
its SKIP() by itself. A line of skips.txt is a regular expression that has to match the beginning of the reason.
"""

import re
import sys
import xml.etree.ElementTree
from pathlib import Path

PROGRAM_SKIP = re.compile(r"^SKIP: (.*)$")
CATCH_SKIP = re.compile(r"^\S.*:\d+: SKIPPED:$")
UNITTEST_SKIP = re.compile(r"^OK \(.*skipped=\d+")
NO_REASON = "no reason given"


def catch_reason(lines):
    """The text that Catch2 prints below `SKIPPED:`."""
    line = next(lines, "").strip()
    if line.startswith("explicitly with message"):
        line = next(lines, "").strip()
    return line or NO_REASON


def reasons_in(output):
    """Why parts of one test were skipped, as its output tells."""
    reasons = []
    hidden = False
    lines = iter(output.splitlines())
    for line in lines:
        program = PROGRAM_SKIP.match(line)
        if program:
            reasons.append(program.group(1).strip() or NO_REASON)
        elif CATCH_SKIP.match(line):
            reasons.append(catch_reason(lines))
        elif UNITTEST_SKIP.match(line):
            hidden = True
    return reasons if reasons or not hidden else [NO_REASON]


def skips_of(junit):
    """All skips of a run as (test, reason)."""
    found = []
    for case in junit.iter("testcase"):
        reasons = reasons_in(case.findtext("system-out", ""))
        if case.find("skipped") is not None and not reasons:
            reasons = [NO_REASON]
        found.extend((case.get("name"), reason) for reason in reasons)
    return found


def known_reasons(text):
    rows = (line.split("#")[0].strip() for line in text.splitlines())
    return [re.compile(row) for row in rows if row]


def main(arguments):
    junit = xml.etree.ElementTree.parse(arguments[0])
    skips_file = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parents[1] / "skips.txt"
    known = known_reasons(skips_file.read_text())
    failed = False
    for test, reason in skips_of(junit):
        listed = any(pattern.match(reason) for pattern in known)
        failed = failed or not listed
        print(f"skipped: {test}: {reason}" + ("" if listed else f"  [not a reason of {skips_file.name}]"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
