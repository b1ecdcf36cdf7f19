#!/usr/bin/env python3
"""The captured machines of this folder through the program: `hpcenv probe` and `hpcenv doctor` over each of them.

A machine is a folder with `host.json` and `root/` (what a HostReader answers) and `expected.json`:

  profile            what `probe --json` has to say, as far as it is given: members of objects that are not named may be anything
  environment_name,  an environment that is made for the test, with these records in its conda-meta and these files in it
  packages           (`files`: path -> text), and examined with the machine
  findings           {group: {id: severity}}; where a group is there, each of its checks that is not named has to pass, and
                     where it is not, none may warn or fail. In place of a severity may stand
                     {"severity": ..., "says": [words of the text], "evidence": [words of it], "command": its first command}
  probe_says         words of what `probe` prints, wherever it breaks lines
  virtual_packages   what a solver is given for it (tests/unit/host/captured_hosts_test.cpp)

Run with names of machines it tries only these: machines_test.py login-node
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("HPCENV_SOURCE_DIR", Path(__file__).parents[2])) / "tests/host"
PROGRAM = os.environ["HPCENV_PROGRAM"]
# Home of the captured user: environments and the package cache are looked for where the capture knows the file system.
ROOT = "/home/ada/hpcenv"
BAD = ("warning", "failure")
LEAST_MACHINES = 30
LEAST_BAD_CHECKS = 34


def machines() -> list[Path]:
    return sorted(file.parent for file in FOLDER.glob("*/host.json"))


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "HPCENV_ROOT": ROOT, "LC_ALL": "C"}
    return subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def make_environment(prefix: Path, packages: list[dict[str, Any]]) -> None:
    meta = prefix / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "history").write_text("")
    for package in packages:
        stem = f"{package['name']}-{package['version']}-{package['build']}"
        base = "https://conda.anaconda.org/conda-forge/linux-64"
        files = package.get("files", {})
        names = [*package.get("paths", []), *files]
        record = {"build_number": 0, "subdir": "linux-64", "channel": base, "fn": f"{stem}.conda", "url": f"{base}/{stem}.conda",
                  "depends": [], "constrains": [], **package, "files": names,
                  "paths_data": {"paths": [{"_path": name, "path_type": "hardlink"} for name in names], "paths_version": 1}}
        for key in ("paths", "requested_specs"):
            record.pop(key, None)
        if package.get("requested_specs"):
            record["requested_specs"] = package["requested_specs"]
        (meta / f"{stem}.json").write_text(json.dumps(record))
        for name, text in files.items():
            (prefix / name).parent.mkdir(parents=True, exist_ok=True)
            (prefix / name).write_text(text)


def differences(expected: Any, found: Any, place: str) -> list[str]:
    """Where `found` is not what is expected; members of an object that are not expected are let be."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [line for key, value in expected.items()
                for line in differences(value, found.get(key, "not there"), f"{place}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [line for index, value in enumerate(expected)
                for line in differences(value, found[index], f"{place}[{index}]")]
    return [] if expected == found else [f"{place}: {json.dumps(found)}, expected {json.dumps(expected)}"]


def finding_differences(expected: str | dict[str, Any], finding: dict[str, Any]) -> list[str]:
    if isinstance(expected, str):
        expected = {"severity": expected}
    place = f"{finding['id']} ({finding['text']})"
    lines = differences(expected["severity"], finding["severity"], place)
    lines += [f"{place}: does not say '{words}'" for words in expected.get("says", []) if words not in finding["text"]]
    evidence = "\n".join(finding["evidence"])
    lines += [f"{place}: evidence lacks '{words}':\n{evidence}" for words in expected.get("evidence", []) if words not in evidence]
    if "command" in expected:
        commands = finding.get("remedy", {}).get("commands", [])
        lines += differences(expected["command"], commands[0] if commands else None, place)
    return lines


class Machines(unittest.TestCase):
    chosen: list[Path] = []
    groups: dict[str, str] = {}

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)

    def json_of(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        done = run([*arguments, "--json"])
        self.assertIn(done.returncode, codes, f"{arguments}: {done.stderr}{done.stdout[:2000]}")
        answer = json.loads(done.stdout)
        self.assertEqual(answer["schema"], 1)
        self.assertEqual(answer["success"], done.returncode == 0)
        return answer

    def examined(self, machine: Path, expected: dict[str, Any]) -> dict[str, dict[str, Any]]:
        arguments = ["doctor", "--captured", str(machine)]
        if name := expected.get("environment_name"):
            prefix = self.folder / machine.name / name
            make_environment(prefix, expected.get("packages", []))
            arguments += ["-p", str(prefix)]
        answer = self.json_of(*arguments, codes=(0, 1))
        findings = {finding["id"]: finding for finding in answer["findings"]}
        failed = any(finding["severity"] == "failure" for finding in findings.values())
        self.assertEqual(answer["success"], not failed)
        for finding in findings.values():
            if finding["severity"] in BAD:
                self.assertTrue(finding.get("remedy", {}).get("text"), finding)
        return findings

    def compare(self, findings: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> list[str]:
        wanted = {id: value for group in expected.values() for id, value in group.items()}
        lines = [f"{id}: no such finding" for id in wanted if id not in findings]
        for id, finding in findings.items():
            group = self.groups[id]
            if id in wanted:
                self.assertIn(id, expected.get(group, {}), f"{id} is of the group {group}")
                lines += finding_differences(wanted[id], finding)
            elif group in expected:
                lines += finding_differences("pass", finding)
            elif finding["severity"] in BAD:
                lines.append(f"{id}: {finding['severity']}, not expected: {finding['text']}")
        return lines

    def test_profiles(self) -> None:
        for machine in self.chosen:
            with self.subTest(machine.name):
                expected = json.loads((machine / "expected.json").read_text())
                answer = self.json_of("probe", "--captured", str(machine))
                lines = differences(expected.get("profile", {}), answer["profile"], "profile")
                self.assertEqual(lines, [], "\n".join(lines))
                text = run(["probe", "--captured", str(machine)])
                self.assertEqual((text.returncode, text.stderr), (0, ""))
                said = " ".join(text.stdout.split())
                missing = [words for words in expected.get("probe_says", []) if words not in said]
                self.assertEqual(missing, [], text.stdout)

    def test_findings(self) -> None:
        bad: dict[str, set[str]] = {}
        for machine in self.chosen:
            with self.subTest(machine.name):
                expected = json.loads((machine / "expected.json").read_text())
                findings = self.examined(machine, expected)
                for id, finding in findings.items():
                    if finding["severity"] in BAD:
                        bad.setdefault(id, set()).add(machine.name)
                lines = self.compare(findings, expected["findings"])
                self.assertEqual(lines, [], "\n" + "\n".join(lines))
        print(f"{len(bad)} checks warn or fail over {len(self.chosen)} machines: {' '.join(sorted(bad))}")
        if len(self.chosen) == len(machines()):
            self.assertGreaterEqual(len(bad), LEAST_BAD_CHECKS)
            self.assertGreaterEqual(len(self.chosen), LEAST_MACHINES)


def groups() -> dict[str, str]:
    """Group of each check, asked of the program: a group's name selects its checks."""
    known: dict[str, str] = {}
    for check in json.loads(run(["doctor", "--list", "--json"]).stdout)["checks"]:
        known[check["id"]] = check["group"]
    return known


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    Machines.chosen = [machine for machine in machines() if not names or machine.name in names]
    Machines.groups = groups()
    unittest.main(argv=[sys.argv[0], *(argument for argument in sys.argv[1:] if argument.startswith("-"))])
