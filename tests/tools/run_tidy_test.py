#!/usr/bin/env python3
"""run_tidy.py remembers a clean file exactly as long as nothing that it depends on has changed."""

import tempfile
import unittest
from pathlib import Path

import run_tidy


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "src").mkdir()
        self.source = self.root / "src" / "a.cpp"
        self.header = self.root / "src" / "a.hpp"
        self.source.write_text('#include "a.hpp"\n')
        self.header.write_text("int a();\n")
        self.memory = run_tidy.Memory(self.root / "memory")

    def unit(self, option="-O2", root=None):
        root = root or self.root
        command = f"/usr/bin/ccache /usr/bin/g++-12 {option} -I{root}/src -o a.o -c {root}/src/a.cpp"
        entry = {"directory": str(root), "file": str(root / "src" / "a.cpp"), "command": command}
        unit = run_tidy.Unit(entry, root / "build", root)
        unit.included = lambda: [str(root / "src" / name) for name in ("a.cpp", "a.hpp")]
        run_tidy.digest_of.cache_clear()
        return unit

    def known(self, configuration="1", **how):
        unit = self.unit(**how)
        return self.memory.knows(unit, unit.key(configuration))

    def remember(self):
        unit = self.unit()
        self.memory.remember(unit, unit.key("1"))

    def test_arguments_are_the_options_alone(self):
        self.assertEqual(self.unit().arguments, ["-O2", f"-I{self.root}/src"])

    def test_nothing_is_known_at_first(self):
        self.assertFalse(self.known())

    def test_a_clean_file_is_known(self):
        self.remember()
        self.assertTrue(self.known())

    def test_what_makes_a_file_unknown(self):
        self.remember()
        self.assertFalse(self.known(configuration="2"))
        self.assertFalse(self.known(option="-O3"))
        self.header.write_text("int a();  // NOLINT\n")
        self.assertFalse(self.known())
        self.header.write_text("int a();\n")
        self.assertTrue(self.known())
        self.source.write_text('#include "a.hpp"\n\n')
        self.assertFalse(self.known())

    def test_colours_change_nothing(self):
        self.remember()
        for option in ("-O2 -fno-diagnostics-color", "-fdiagnostics-color=always -O2"):
            self.assertTrue(self.known(option=option))

    def test_another_checkout_shares_the_memory(self):
        self.remember()
        with tempfile.TemporaryDirectory() as folder:
            other = Path(folder)
            (other / "src").mkdir()
            for path in (self.source, self.header):
                (other / "src" / path.name).write_text(path.read_text())
            self.assertTrue(self.known(root=other))

    def test_old_states_are_forgotten(self):
        for number in range(run_tidy.REMEMBERED_STATES + 3):
            self.header.write_text(f"int a{number}();\n")
            self.remember()
        self.assertTrue(self.known())
        self.assertEqual(len(list(self.root.glob("memory/*/*/*.json"))), run_tidy.REMEMBERED_STATES)

    def test_a_finding_in_a_header_is_told_once(self):
        output = "a.hpp:1:1: error: bad [x]\n  1 | bad\na.cpp:2:1: error: worse [y]\n"
        seen = set()
        self.assertEqual(len(run_tidy.new_diagnostics(output, seen)), 3)
        self.assertEqual(run_tidy.new_diagnostics(output, seen), [])


if __name__ == "__main__":
    unittest.main()
