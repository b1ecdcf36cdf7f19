#!/usr/bin/env python3
"""The layer check on trees made for it: it is silent on a good one and names each kind of violation."""

import tempfile
import unittest
from pathlib import Path

import check_layers

LAYERS = """
module base
module conda base
module net base conda
header zstd base
"""


class LayerCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("src/layers.txt", LAYERS)
        self.write("src/base/text.hpp", "#include <string>\n#include <sys/stat.h>\n#include <fmt/core.h>\n")
        self.write("src/base/zstd.cpp", '#include "base/text.hpp"\n#include <zstd.h>\n')
        self.write("src/conda/version.hpp", '#include "base/text.hpp"\n')
        self.write("tests/unit/base/text_test.cpp", "// nothing\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_violation(self, *parts):
        violations = check_layers.check(self.root)
        self.assertEqual(len(violations), 1, violations)
        for part in parts:
            self.assertIn(part, violations[0])

    def test_good_tree(self):
        self.assertEqual(check_layers.check(self.root), [])

    def test_include_of_a_module_that_is_not_named(self):
        self.write("src/base/hash.cpp", '\n#include "conda/version.hpp"\n')
        self.assert_violation("src/base/hash.cpp:2", "base must not include conda")

    def test_third_party_header_outside_its_owner(self):
        self.write("src/conda/version.cpp", "#  include <zstd.h>\n")
        self.assert_violation("src/conda/version.cpp:1", "belongs to base alone")

    def test_third_party_header_without_an_owner(self):
        self.write("src/conda/version.cpp", "#include <boost/any.hpp>\n")
        self.assert_violation("<boost/any.hpp>", "no owner")

    def test_include_relative_to_the_file(self):
        self.write("src/conda/version.cpp", '#include "version.hpp"\n')
        self.assert_violation('"version.hpp" is not a file of src/')

    def test_cycle(self):
        self.write("src/conda/a.hpp", '#include "conda/b.hpp"\n')
        self.write("src/conda/b.hpp", '#include "conda/c.hpp"\n')
        self.write("src/conda/c.hpp", '#include "conda/a.hpp"\n')
        self.assert_violation("include cycle", "conda/a.hpp -> conda/b.hpp -> conda/c.hpp -> conda/a.hpp")

    def test_two_ways_to_one_header_are_no_cycle(self):
        self.write("src/conda/a.hpp", '#include "conda/b.hpp"\n#include "conda/c.hpp"\n')
        self.write("src/conda/b.hpp", '#include "conda/c.hpp"\n')
        self.write("src/conda/c.hpp", "")
        self.assertEqual(check_layers.check(self.root), [])

    def test_folder_that_is_no_module(self):
        self.write("src/util/strings.hpp", "")
        self.assert_violation("src/util/strings.hpp", "no module")

    def test_module_that_uses_a_later_one(self):
        self.write("src/layers.txt", "module base conda\nmodule conda base\nheader zstd base\n")
        self.assert_violation("layers.txt:1", "base may use only modules on lines above it, not conda")

    def test_line_that_says_nothing(self):
        self.write("src/layers.txt", LAYERS + "folder ops\n")
        self.assert_violation("layers.txt:6", "neither")

    def test_owner_that_does_not_exist(self):
        self.write("src/layers.txt", LAYERS + "header solv/ solve\n")
        self.assert_violation("layers.txt:6", "no module solve")

    def test_long_source(self):
        self.write("src/base/long.cpp", "\n" * 601)
        self.assert_violation("src/base/long.cpp: 601 lines")

    def test_long_test(self):
        self.write("tests/unit/base/long_test.cpp", "\n" * 1000)
        self.write("tests/cli/longer_test.py", "\n" * 1001)
        self.assert_violation("tests/cli/longer_test.py: 1001 lines")


if __name__ == "__main__":
    unittest.main()
