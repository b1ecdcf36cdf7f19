"""Compares our versions and match specs with py-rattler's: conformance.py PROGRAM FOLDER.

PROGRAM is conda_answers; FOLDER holds the corpus as lines (tests/solver/corpus_records.py). Of every name: all pairs of
its versions are ordered alike, and every spec about it that a record or a case holds is matched against each of its
records; the same with the examples of CEP 29 and 33 in tests/data. What differs has to stand in disagreements.txt, with the sentence of the standard that makes ours right.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tools"), str(HERE.parent / "solver")]

import corpus_records  # noqa: E402
from corpus_records import peer_record, peer_spec  # noqa: E402
from ending import leave  # noqa: E402
from rattler import Version  # noqa: E402

Key = tuple[str, str, int, str]  # version, build, build number, subdir


@dataclass
class Name:
    """All that the corpus holds of one name."""

    records: set[Key] = field(default_factory=set)
    specs: set[str] = field(default_factory=set)


@dataclass
class Totals:
    names: int = 0
    version_pairs: int = 0
    specs: int = 0
    matches: int = 0
    pairs: int = 0
    differences: list[str] = field(default_factory=list)


def name_of(spec: str) -> str:
    """The name in a spec as records and cases write it."""
    found = re.match(r"\s*(?:[^\s=<>!~\[]*::)?([A-Za-z0-9_.+*-]+)", spec)
    return found.group(1).lower() if found else ""


def collect(folder: Path) -> defaultdict[str, Name]:
    names: defaultdict[str, Name] = defaultdict(Name)
    for line in corpus_records.read_lines(folder):
        names[line.name].records.add((line.version, line.build, line.number, line.subdir))
        for spec in line.depends + line.constrains:
            names[name_of(spec)].specs.add(spec)
    for file in (folder / "cases").glob("*-*.json"):
        case = json.loads(file.read_text(encoding="utf-8"))
        for spec in [one for key in ("specs", "constraints", "solve_group_specs") for one in case.get(key) or []]:
            names[name_of(spec)].specs.add(spec)
        for text in case["virtual_packages"]:
            name, version, build = [*text.split("="), "0", "0"][:3]
            names[name].records.add((version, build, 0, "noarch"))
    return names


def collect_standards(names: defaultdict[str, Name]) -> None:
    """The versions and specs of the CEPs' own examples (tests/data), about records without rarer fields."""
    lines = (HERE.parent / "data/cep33_versions.txt").read_text(encoding="utf-8").splitlines()
    texts = {line.removeprefix("== ").removeprefix("< ") for line in lines if line and line[0] not in "#!"}
    names["cep33"].records = {(text, "0", 0, "noarch") for text in texts}
    for line in (HERE.parent / "data/cep29_match_specs.txt").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        words = rest.split()
        if kind == "spec" and not re.search(r"md5|sha256|url=|https?:|fn=|license|track_features|subdir|build_number|^@", rest):
            names[f"cep29 {name_of(rest)}"].specs.add(rest)
        elif kind in ("yes", "no") and len(words) == 3 and "[" not in rest:
            names[f"cep29 {words[0]}"].records.add((words[1], words[2], 0, "noarch"))


def questions(name: str, what: Name) -> list[str]:
    asked = ["\t".join(["V", *sorted({record[0] for record in what.records})]), "G"]
    package = name.removeprefix("cep29 ")
    asked += [f"R\t{package}\t{version}\t{build}\t{number}\t{subdir}" for version, build, number, subdir in sorted(what.records)]
    return asked + [f"S\t{spec}" for spec in sorted(what.specs)]


def peer_version(text: str) -> Version | None:
    try:
        return Version(text)
    except Exception:  # noqa: BLE001 (its exceptions have no common base)
        return None


def compare_versions(name: str, texts: list[str], answer: str, totals: Totals) -> None:
    versions = [peer_version(text) for text in texts]
    for text, one, row in zip(texts, versions, answer.split(" "), strict=True):
        if (one is None) != (row == "!"):
            totals.differences.append(f"version {text} is {'un' if row == '!' else ''}readable only for us")
        if one is None or row == "!":
            continue
        for other_text, other, sign in zip(texts, versions, row, strict=True):
            if other is None or sign == "!":
                continue
            totals.version_pairs += 1
            theirs = "<" if one < other else "=" if one == other else ">"
            if theirs != sign:
                totals.differences.append(f"order {name} {text} {sign} {other_text}, not {theirs}")


def compare_matches(spec: str, records: list[Key], peers: list, answer: str, totals: Totals) -> None:
    parsed = peer_spec(spec)
    if (parsed is None) != answer.startswith("!"):
        totals.differences.append(f"spec {spec}: {answer if answer.startswith('!') else 'py-rattler cannot read it'}")
    if parsed is None or answer.startswith("!"):
        return
    totals.specs += 1
    for key, record, bit in zip(records, peers, answer, strict=True):
        totals.pairs += 1
        totals.matches += bit == "1"
        if parsed.matches(record) != (bit == "1"):
            totals.differences.append(f"match {spec}: {'taken' if bit == '1' else 'refused'} {key[0]} {key[1]} {key[2]} {key[3]}")


def compare(program: str, names: dict[str, Name]) -> Totals:
    asked = [line for name, what in names.items() for line in questions(name, what)]
    done = subprocess.run([program], input="\n".join(asked) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    answers = iter(done.stdout.splitlines())
    totals = Totals(names=len(names))
    for name, what in names.items():
        compare_versions(name, sorted({record[0] for record in what.records}), next(answers), totals)
        records = sorted(what.records)
        # A version that only we can read has no record of theirs; it matters only where there are specs.
        peers = [] if not what.specs else [peer_record(name.removeprefix("cep29 "), *record) for record in records]
        for spec in sorted(what.specs):
            compare_matches(spec, records, peers, next(answers), totals)
    return totals


def listed() -> dict[re.Pattern[str], str]:
    """Lines `PATTERN # reason` of disagreements.txt; a pattern is a regular expression for a whole difference."""
    found = {}
    for line in (HERE / "disagreements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern, reason = line.split(" # ", 1)
            found[re.compile(pattern)] = reason
    return found


def main() -> int:
    program, folder = sys.argv[1], Path(sys.argv[2])
    if not corpus_records.corpus_folder().is_dir():
        print("SKIP: there is no ../shared")
        return 77
    corpus_records.prepare(folder)
    names = collect(folder)
    collect_standards(names)
    totals = compare(program, {name: what for name, what in sorted(names.items()) if what.records})
    print(f"{totals.names} names, {totals.version_pairs} pairs of versions, {totals.specs} specs, {totals.pairs} pairs of spec and "
          f"record ({totals.matches} match), {len(totals.differences)} differences")
    allowed, used = listed(), set()
    bad = 0
    for difference in totals.differences:
        reason = next((pattern for pattern in allowed if pattern.fullmatch(difference)), None)
        used.add(reason)
        bad += reason is None
        if reason is None and bad <= 50:
            print(f"BAD: {difference}")
    stale = [pattern.pattern for pattern in allowed if pattern not in used]
    print(f"{bad} differences are not listed; listed and not found: {stale}")
    return 0 if bad == 0 and not stale and totals.pairs > 0 and 0 < totals.matches < totals.pairs else 1


if __name__ == "__main__":
    leave(main())
