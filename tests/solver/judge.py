"""A judge that shares nothing with the solver: each solution in FOLDER/solutions.txt by py-rattler's own matching.

Every depends has one chosen package that it accepts, every constrains accepts what is there of its name, every spec of
the case is met, no name is there twice, and each record is one of the case's channels and not younger than the case.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from corpus_records import Line, peer_record, peer_spec, read_lines
from rattler import MatchSpec, PackageRecord

PARTIAL = "partial/"
HOLES_EVERY = 20


class Judge:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines = {line.place: line for line in read_lines(folder)}
        self._records: dict[str, PackageRecord] = {}
        self._met: dict[tuple[str, str], bool] = {}

    def faults(self, case_file: str, places: Iterable[str]) -> list[str]:
        """What is wrong with these packages as an answer to a case."""
        case = json.loads((self._folder / "cases" / case_file).read_text(encoding="utf-8"))
        lines = [self._lines.get(place) or self._lines[PARTIAL + place] for place in places]
        chosen = {line.name: line for line in lines}
        found = [] if len(chosen) == len(lines) else ["a name is there twice"]
        found += [f"{line.place} is of no channel of the case" for line in lines if self._channel(line) not in case["channels"]]
        machine = {}
        for text in case["virtual_packages"]:
            name, version, build = [*text.split("="), "0", "0"][:3]
            machine[name] = Line(f"{name}={version}={build}", name, version, build, 0, "noarch", [], [])
        present = machine | chosen
        for spec in case["specs"]:
            found += self._fault(spec, "the request", present, is_needed=True)
        for line in lines:
            for spec in line.depends:
                found += self._fault(spec, line.place, present, is_needed=True)
            for spec in line.constrains:
                found += self._fault(spec, line.place, present, is_needed=False)
        return found

    @staticmethod
    def _channel(line: Line) -> str:
        return line.place.removeprefix(PARTIAL).rsplit("/", 2)[0]

    def _fault(self, text: str, who: str, present: dict[str, Line], *, is_needed: bool) -> list[str]:
        spec = peer_spec(text)
        if spec is None or spec.name is None:
            return [f"{who}: py-rattler cannot read '{text}'"] if is_needed else []
        line = present.get(spec.name.normalized)
        if line is None:
            return [f"{who}: '{text}' is missing"] if is_needed else []
        wanted = spec.channel
        if wanted is not None and line in present.values() and not line.name.startswith("__") and wanted.name != self._channel(line):
            return [f"{who}: '{text}' is met by {line.place}, of another channel"]
        return [] if self._is_met(text, spec, line) else [f"{who}: '{text}' is not met by {line.place}"]

    def _is_met(self, text: str, spec: MatchSpec, line: Line) -> bool:
        key = (text, line.place)
        if key not in self._met:
            record = self._records.get(line.place)
            if record is None:
                record = peer_record(line.name, line.version, line.build, line.number, line.subdir)
                self._records[line.place] = record
            self._met[key] = spec.matches(record)
        return self._met[key]


def sees_holes(judge_of: Judge, case: str, places: list[str]) -> bool:
    """Whether the judge objects to a solution with one package taken out: it does for all that something needs."""
    return any(judge_of.faults(case, places[:i] + places[i + 1 :]) for i in range(len(places)))


def judge(folder: Path) -> bool:
    """Judges all of FOLDER/solutions.txt; False where one has a fault. Says what it found."""
    judge_of = Judge(folder)
    count = bad = blind = 0
    for line in (folder / "solutions.txt").read_text(encoding="utf-8").splitlines():
        case, way, *places = line.split("\t")
        count += 1
        faults = judge_of.faults(case, places)
        bad += bool(faults)
        blind += count % HOLES_EVERY == 1 and not sees_holes(judge_of, case, places)
        for fault in faults[:5]:
            print(f"BAD: {case} by {way}: {fault}")
    print(f"{count} solutions judged by py-rattler's matching, {bad} bad; blind to holes: {blind}")
    return count > 0 and bad == 0 and blind == 0
