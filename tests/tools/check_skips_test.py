#!/usr/bin/env python3
"""The skip check on results made for it."""

import contextlib
import io
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import check_skips

CATCH_OUTPUT = """
version_test.cpp:12: SKIPPED:
explicitly with message:
  no GPU on this machine

test cases: 2 | 1 passed | 1 skipped
"""


class SkipCheck(unittest.TestCase):
    def check(self, *cases):
        """The exit code and the output for test cases given as XML."""
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.xml"
            results.write_text("<testsuite>" + "".join(cases) + "</testsuite>")
            skips = Path(folder) / "skips.txt"
            skips.write_text("# a comment\nno GPU\n")
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = check_skips.main([str(results), str(skips)])
        return code, output.getvalue()

    @staticmethod
    def case(output, skipped=False):
        mark = '<skipped message="x"/>' if skipped else ""
        return f'<testcase name="some.test">{mark}<system-out>{output}</system-out></testcase>'

    def test_nothing_skipped(self):
        self.assertEqual(self.check(self.case("all fine\n")), (0, ""))

    def test_listed_reason(self):
        code, output = self.check(self.case("SKIP: no GPU here\n", skipped=True))
        self.assertEqual(code, 0)
        self.assertIn("some.test: no GPU here", output)

    def test_reason_that_is_not_listed(self):
        code, output = self.check(self.case("SKIP: too tired\n", skipped=True))
        self.assertEqual(code, 1)
        self.assertIn("too tired  [not a reason", output)

    def test_part_of_a_catch_binary(self):
        self.assertEqual(self.check(self.case(CATCH_OUTPUT))[0], 0)
        self.assertEqual(self.check(self.case(CATCH_OUTPUT.replace("no GPU", "no time")))[0], 1)

    def test_part_of_a_unittest_behind_others(self):
        program = ("import unittest\nfrom skipping import skip\nclass Case(unittest.TestCase):\n"
                   "    def test_a(self): pass\n    def test_b(self): skip('no GPU here')\nunittest.main()\n")
        done = subprocess.run([sys.executable, "-B", "-c", program], cwd=Path(__file__).parent, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(check_skips.reasons_in(done.stdout), ["no GPU here"])

    def test_skip_without_a_reason(self):
        self.assertEqual(self.check(self.case("", skipped=True))[0], 1)
        self.assertEqual(self.check(self.case("OK (skipped=1)\n"))[0], 1)


if __name__ == "__main__":
    unittest.main()
