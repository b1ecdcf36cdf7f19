"""py-rattler at the same work, in a process of its own: peer.py WORK OPTIONS-AS-JSON. Prints one JSON object.

Times are taken inside, so that Python's start does not count.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import time
from pathlib import Path

from rattler import Channel, ChannelPriority, Gateway, GenericVirtualPackage, MatchSpec, PackageName, Version, install, solve
from rattler.package.build_string import BuildString

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from ending import leave

PLATFORMS = ["linux-64", "noarch"]
VIRTUAL = [("__glibc", "2.36", "0"), ("__unix", "0", "0"), ("__linux", "6.1", "0")]


def virtual_packages(packages: list[tuple[str, str, str]]) -> list[GenericVirtualPackage]:
    return [GenericVirtualPackage(PackageName(name), Version(version), BuildString(build)) for name, version, build in packages]


class Stopwatch:
    """Wall and processor time of its block."""

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *ignored: object) -> None:
        self.seconds, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu


async def solved(url: str, specs: list[str], cache: str) -> list:
    return await solve([Channel(url)], [MatchSpec(spec, strict=False) for spec in specs], platforms=PLATFORMS,
                       gateway=Gateway(cache_dir=cache), virtual_packages=virtual_packages(VIRTUAL))


async def do_solve(url: str, specs: list[str], cache: str) -> dict[str, float]:
    with Stopwatch() as watch:
        records = await solved(url, specs, cache)
    return {"seconds": watch.seconds, "cpu": watch.cpu, "packages": len(records)}


async def do_install(url: str, specs: list[str], cache: str, prefix: str) -> dict[str, float]:
    """Solves and installs; `link` is the install alone."""
    with Stopwatch() as whole:
        records = await solved(url, specs, f"{cache}/repodata")
        with Stopwatch() as link:
            await install(records, prefix, cache_dir=f"{cache}/pkgs", show_progress=False)
    return {"seconds": whole.seconds, "cpu": whole.cpu, "link": link.seconds, "link_cpu": link.cpu, "packages": len(records)}


def _case_channels(case: dict, corpus: Path) -> list[Channel]:
    channels = []
    for name in case["channels"]:
        folder = corpus / name
        for subdir in (case["subdir"], "noarch"):
            (folder / subdir).mkdir(parents=True, exist_ok=True)
            if not (folder / subdir / "repodata.json").exists():
                (folder / subdir / "repodata.json").write_text('{"info": {}, "packages": {}, "packages.conda": {}}')
        channels.append(Channel(folder.as_uri()))
    return channels


def _with_address(spec: str, corpus: Path) -> str:
    """`channel::` compares names of channels, and that of a folder is its address."""
    channel, colons, rest = spec.rpartition("::")
    return f"{(corpus / channel).as_uri()}::{rest}" if colons else spec


def _case_virtual(case: dict) -> list[tuple[str, str, str]]:
    rows = []
    for text in case["virtual_packages"]:
        words = str(text).replace("=", " ").split()
        rows.append((words[0], words[1] if len(words) > 1 else "0", words[2] if len(words) > 2 else "0"))
    return rows


async def do_oracles(cases: str) -> dict[str, object]:
    """Solves what the file `cases` lists (folders of channels, and cases) with the records in memory: a gateway keeps them, and
    each case is solved twice."""
    gateways: dict[str, Gateway] = {}
    times, failed = [], []
    for corpus, name in json.loads(Path(cases).read_text()):
        gateway = gateways.setdefault(corpus, Gateway(cache_dir=f"{corpus}/gateway"))
        case = json.loads(Path(name).read_text())
        newest = max(case["date_ts"] * 1000, case.get("max_timestamp") or 0) / 1000
        options = {
            "platforms": [case["subdir"], "noarch"], "gateway": gateway,
            "virtual_packages": virtual_packages(_case_virtual(case)), "timestamp_policy": "allow-missing",
            "exclude_newer": datetime.datetime.fromtimestamp(newest + 1, datetime.timezone.utc),
            "channel_priority": ChannelPriority.Strict if case["channel_priority"] == "strict" else ChannelPriority.Disabled}
        specs = [MatchSpec(_with_address(spec, Path(corpus)), strict=False) for spec in case["specs"]]
        try:
            for _ in range(2):
                with Stopwatch() as watch:
                    await solve(_case_channels(case, Path(corpus)), specs, **options)
            times.append(watch.cpu)
        except Exception as error:  # noqa: BLE001 (the peer's failure is a result here)
            failed.append(f"{case['id']}: {str(error)[:200]}")
    return {"times": times, "failed": failed}


async def do_activate(prefix: str, runs: int) -> dict[str, float]:
    """Makes the script that enters and has bash run it; the median of `runs`."""
    from rattler.shell import ActivationVariables, Shell, activate

    script = Path(prefix).parent / "rattler-activation.sh"
    times = []
    for _ in range(runs):
        with Stopwatch() as watch:
            script.write_text(activate(Path(prefix), ActivationVariables(), Shell.bash).script + "\n")
            subprocess.run(["/bin/bash", "--noprofile", "--norc", str(script)], check=False, capture_output=True)
        times.append(watch.seconds)
    return {"seconds": sorted(times)[runs // 2]}


def main() -> int:
    work = {"solve": do_solve, "install": do_install, "oracles": do_oracles, "activate": do_activate}[sys.argv[1]]
    print(json.dumps(asyncio.run(work(**json.loads(sys.argv[2])))))
    return 0


if __name__ == "__main__":
    leave(main())
