#!/usr/bin/env python3
"""Checks the tree against src/layers.txt: who includes whom, owners of third-party headers, cycles, file lengths.

Usage: check_layers.py [ROOT]. Prints one line a violation and exits with 1 if there is any.
"""

import re
import sys
from pathlib import Path

SOURCE_LINES_MAX = 600
TEST_LINES_MAX = 1000
SOURCE_SUFFIXES = {".cpp", ".hpp", ".c", ".h", ".S"}
TEST_SUFFIXES = SOURCE_SUFFIXES | {".py", ".sh"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
# C++ headers have no suffix, those of C and POSIX no folder; beside them the kernel's and fmt, which anything may use.
SYSTEM_HEADER = re.compile(r"^([a-z_0-9]+(\.h)?|(sys|linux|net|netinet|arpa|asm|fmt)/[a-z_0-9/-]+\.h)$")


class Layers:
    """What layers.txt says."""

    def __init__(self):
        self.uses = {}  # module -> the modules whose headers it may include, itself among them
        self.owners = []  # (header prefix, module)
        self.violations = []

    @staticmethod
    def read(path):
        layers = Layers()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            where = f"{path.name}:{number}"
            if words[0] == "module" and len(words) >= 2:
                layers.add_module(words[1], words[2:], where)
            elif words[0] == "header" and len(words) == 3:
                layers.owners.append((words[1], words[2]))
                if words[2] not in layers.uses:
                    layers.violations.append(f"{where}: no module {words[2]}")
            else:
                layers.violations.append(f"{where}: neither 'module NAME USES...' nor 'header PREFIX OWNER'")
        return layers

    def add_module(self, name, uses, where):
        for use in uses:
            if use not in self.uses:
                self.violations.append(f"{where}: {name} may use only modules on lines above it, not {use}")
        if name in self.uses:
            self.violations.append(f"{where}: {name} is there twice")
        self.uses[name] = {name, *uses}

    def owner_of(self, header):
        for prefix, owner in self.owners:
            if header.startswith(prefix):
                return owner
        return None


def includes_of(path):
    """The includes of a file as (line number, quoted name or None, name in angle brackets or None)."""
    found = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found


def check_quoted(layers, source, module, header):
    """The violation that `#include "header"` in a file of `module` is, or None."""
    if not (source / header).is_file():
        return f'"{header}" is not a file of src/; includes are "module/file.hpp"'
    other = header.split("/")[0]
    if other in layers.uses and other not in layers.uses[module]:
        return f"{module} must not include {other}"
    return None


def check_angled(layers, module, header):
    """The violation that `#include <header>` in a file of `module` is, or None."""
    owner = layers.owner_of(header)
    if owner is not None and owner != module:
        return f"<{header}> belongs to {owner} alone"
    if owner is None and not SYSTEM_HEADER.match(header):
        return f"<{header}> is no system header and has no owner in layers.txt"
    return None


def check_includes(layers, source):
    """Violations of all files below `source`, and the graph of includes among them."""
    violations = list(layers.violations)
    graph = {}
    for path in sorted(p for p in source.rglob("*") if p.suffix in SOURCE_SUFFIXES):
        name = path.relative_to(source).as_posix()
        module = name.split("/")[0]
        if module not in layers.uses:
            violations.append(f"src/{name}: its folder is no module of layers.txt")
            continue
        graph[name] = []
        for number, quoted, angled in includes_of(path):
            if quoted is not None:
                problem = check_quoted(layers, source, module, quoted)
                graph[name].append(quoted)
            else:
                problem = check_angled(layers, module, angled)
            if problem:
                violations.append(f"src/{name}:{number}: {problem}")
    return violations, graph


def find_cycle(graph):
    """One include cycle as a list of files, first and last the same, or None."""
    done = set()
    for root in graph:
        trail = []
        todo = [(root, False)]
        while todo:
            name, leaving = todo.pop()
            if leaving:
                trail.pop()
                done.add(name)
            elif name in trail:
                return trail[trail.index(name) :] + [name]
            elif name in graph and name not in done:
                trail.append(name)
                todo.append((name, True))
                todo.extend((other, False) for other in graph[name])
    return None


def check_lengths(root):
    violations = []
    for folder, suffixes, limit in (
        ("src", SOURCE_SUFFIXES, SOURCE_LINES_MAX),
        ("tests", TEST_SUFFIXES, TEST_LINES_MAX),
    ):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in suffixes or not path.is_file():
                continue
            lines = path.read_bytes().count(b"\n")
            if lines > limit:
                name = path.relative_to(root).as_posix()
                violations.append(f"{name}: {lines} lines; more than {limit} are too many for one file")
    return violations


def check(root):
    layers = Layers.read(root / "src" / "layers.txt")
    violations, graph = check_includes(layers, root / "src")
    cycle = find_cycle(graph)
    if cycle:
        violations.append("include cycle: " + " -> ".join(cycle))
    return violations + check_lengths(root)


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    violations = check(root)
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
