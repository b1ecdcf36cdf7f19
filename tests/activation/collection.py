"""Activation scripts after the classes of real packages, written anew, and what bash makes of them.

scripts/CLASS/ is one package: `activate.d` and `deactivate.d` as it has them, `files` what they look at below the prefix, and
`class.toml` what the class is:

    about     one sentence
    package   the package's name
    recorded  what can be expected of a recorder: "exact" (holds for any incoming state), "guards" (for the recorded state of
              some names), "node" (of this kind of node), "action" (writes or starts something), "interactive" (functions,
              completion, options), "live" (depends on what no record can hold), "refused" (hangs or ends the shell)
    needs     classes that are to be there too; state: variables before it; directory, home: files of the working directory
              before, of the home folder after; path: a folder of the prefix that is in PATH before
    sets      variables after entering; matches: the same as regular expressions; unset: names that are not there, and why;
              with_gxx: sets where the class gxx is there too; functions: exported ones, and a word of each
    makes     links (to where) and folders (no text) that entering makes; writes: files and a text in them afterwards
    returns, exits, hangs, prints, leaves_process    what it does beside that

@PREFIX@, @HOME@, @NAME@ (of the environment) and @PATH@ (what was there) stand for what they say, in class.toml, scripts and
files alike.
"""
from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent / "scripts"
# What a shell sets by itself.
OWN_NAMES = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})
PATH = "/usr/local/bin:/usr/bin:/bin"

# $1 where the variables go, $2 where each script's status goes, $3 prefix, $4 name, then scripts. The variables are written
# however the shell ends, but not where a script sets a trap of its own for that.
SOURCING = r"""
__out=$1 __status=$2; shift 2
export CONDA_PREFIX=$1 CONDA_DEFAULT_ENV=$2 CONDA_SHLVL=1 CONDA_PROMPT_MODIFIER="($2) " PATH=$1/bin:$PATH
shift 2
__scripts=("$@")
set --
__dump() {
  command -p env -0 >|"$__out" 2>/dev/null && return
  # No program can be started with a variable of more than 128 KiB.
  for __script in $(compgen -e); do printf '%s=%s\0' "$__script" "${!__script}"; done >|"$__out"
}
trap __dump EXIT
for __script in "${__scripts[@]}"; do
  . "$__script" </dev/null
  printf '%s %s\n' "$?" "$__script" >>"$__status"
done
trap - EXIT
unset __script
__dump
exit 0
"""


@dataclass(frozen=True)
class ScriptClass:
    """One folder of the collection."""

    name: str
    facts: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        return SCRIPTS / self.name

    @property
    def package(self) -> str:
        return str(self.facts["package"])

    @property
    def recorded(self) -> str:
        return str(self.facts["recorded"])

    @property
    def needs(self) -> list[str]:
        return list(self.facts.get("needs", []))

    def scripts(self, folder: str = "activate.d", ending: str = ".sh") -> list[str]:
        """Names, in conda's order."""
        place = self.folder / folder
        return sorted(entry.name for entry in place.iterdir() if entry.name.endswith(ending)) if place.is_dir() else []


def class_names() -> list[str]:
    return sorted(entry.name for entry in SCRIPTS.iterdir() if (entry / "class.toml").is_file())


def load(name: str) -> ScriptClass:
    with open(SCRIPTS / name / "class.toml", "rb") as file:
        return ScriptClass(name, tomllib.load(file))


def well_behaved() -> list[str]:
    """Those that can be in one environment together: nothing hangs or ends the shell."""
    return [name for name in class_names() if load(name).recorded != "refused"]


def filled(text: str, prefix: str, *, home: str = "", name: str = "", path: str = "") -> str:
    for word, value in (("@PREFIX@", prefix), ("@HOME@", home), ("@NAME@", name), ("@PATH@", path)):
        text = text.replace(word, value)
    return text


def _place(source: Path, target: Path, prefix: str) -> dict[str, Any]:
    """One file, and what paths.json says of it."""
    data = source.read_bytes()
    made = data.replace(b"@PREFIX@", os.fsencode(prefix))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(made)
    os.chmod(target, 0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)
    entry = {"_path": "", "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(made),
             "sha256_in_prefix": hashlib.sha256(made).hexdigest()}
    if made != data:
        entry.update(prefix_placeholder="@PREFIX@", file_mode="text")
    return entry


def _record(one: ScriptClass, entries: list[dict[str, Any]]) -> dict[str, Any]:
    file_name = f"{one.package}-1.0-0.conda"
    return {"name": one.package, "version": "1.0", "build": "0", "build_number": 0, "channel": "https://conda.anaconda.org/conda-forge",
            "subdir": "linux-64", "fn": file_name, "url": f"https://conda.anaconda.org/conda-forge/linux-64/{file_name}",
            "depends": [], "constrains": [], "license": "MIT", "timestamp": 1700000000000, "size": 1000,
            "sha256": hashlib.sha256(one.name.encode()).hexdigest(), "md5": hashlib.md5(one.name.encode()).hexdigest(),
            "files": [entry["_path"] for entry in entries], "paths_data": {"paths": entries, "paths_version": 1},
            "extracted_package_dir": "", "package_tarball_full_path": "", "link": {"source": "", "type": 1},
            "requested_spec": one.package, "requested_specs": [one.package]}


def build_prefix(prefix: str | os.PathLike[str], names: Iterable[str]) -> Path:
    """Makes an environment of these classes and what they need, as an installer would: scripts, files, conda-meta."""
    root = Path(prefix)
    wanted: list[str] = []
    queue = list(names)
    while queue:
        name = queue.pop(0)
        if name not in wanted:
            wanted.append(name)
            queue.extend(load(name).needs)
    (root / "conda-meta").mkdir(parents=True)
    for name in sorted(wanted):
        one = load(name)
        entries = []
        for top, below in (("activate.d", "etc/conda/activate.d"), ("deactivate.d", "etc/conda/deactivate.d"), ("files", "")):
            for source in sorted((one.folder / top).rglob("*")):
                if source.is_file():
                    path = str(Path(below) / source.relative_to(one.folder / top))
                    entries.append({**_place(source, root / path, str(root)), "_path": path})
        (root / "conda-meta" / f"{one.package}-1.0-0.json").write_text(json.dumps(_record(one, entries), indent=2) + "\n", encoding="utf-8")
    (root / "bin").mkdir(exist_ok=True)
    lines = ["==> 2026-01-01 00:00:00 <==", f"# cmd: hpcenv create -p {root}",
             f"# update specs: {[load(name).package for name in sorted(wanted)]!r}"]
    (root / "conda-meta" / "history").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@dataclass
class Sourced:
    """What bash was left with."""

    environment: dict[bytes, bytes]
    returned: dict[str, int]  # of each script that came back: "activate.d/NAME" and its status
    code: int  # of the shell
    output: str
    errors: str
    timed_out: bool = False
    processes: list[int] = field(default_factory=list)  # of its group, alive at the end

    def get(self, name: str) -> str | None:
        value = self.environment.get(name.encode())
        return None if value is None else os.fsdecode(value)


def scripts_of(prefix: str | os.PathLike[str], folder: str) -> list[str]:
    """Absolute paths, in the order in which conda sources them; the other way round for leaving."""
    place = Path(prefix) / "etc" / "conda" / folder
    names = sorted((entry.name for entry in place.iterdir() if entry.name.endswith(".sh")), key=os.fsencode) if place.is_dir() else []
    return [str(place / name) for name in (reversed(names) if folder == "deactivate.d" else names)]


def parse_environment(data: bytes) -> dict[bytes, bytes]:
    """Of `env -0`, without what a shell sets by itself."""
    pairs = (entry.split(b"=", 1) for entry in data.split(b"\0") if b"=" in entry)
    return {name: value for name, value in pairs if os.fsdecode(name) not in OWN_NAMES}


def _group(leader: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == leader and fields[0] != "Z":
                found.append(int(entry))
    return found


def source(prefix: str | os.PathLike[str], incoming: Mapping[str, str], *, name: str | None = None, leave: bool = False,
           cwd: str | None = None, deadline: float = 20, scripts: list[str] | None = None) -> Sourced:
    """Sources the scripts of an environment in conda's order in a plain bash that has `incoming` and nothing else, after setting
    what conda sets; with `leave` those of deactivation too, while conda's variables still stand.

    `scripts` are sourced instead of those in the prefix. Its whole process group is ended afterwards.
    """
    order = scripts_of(prefix, "activate.d") if scripts is None else list(scripts)
    if leave:
        order += scripts_of(prefix, "deactivate.d")
    with tempfile.TemporaryDirectory(prefix="hpcenv-sourced-") as work:
        out, status = f"{work}/environment", f"{work}/status"
        with open(f"{work}/stdout", "wb") as stdout, open(f"{work}/stderr", "wb") as stderr:
            process = subprocess.Popen(
                ["/bin/bash", "--noprofile", "--norc", "-c", SOURCING, "bash", out, status, str(prefix), name or Path(prefix).name, *order],
                env=dict(incoming), cwd=cwd or work, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True)
            timed_out = False
            try:
                code = process.wait(timeout=deadline)
            except subprocess.TimeoutExpired:
                timed_out = True
                os.killpg(process.pid, signal.SIGKILL)
                code = process.wait()
        left = _group(process.pid)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        returned = {}
        if os.path.exists(status):
            for line in Path(status).read_text(encoding="utf-8").splitlines():
                value, path = line.split(" ", 1)
                returned["/".join(path.split("/")[-2:])] = int(value)
        environment = parse_environment(Path(out).read_bytes()) if os.path.exists(out) else {}
        return Sourced(environment, returned, code, Path(f"{work}/stdout").read_text(encoding="utf-8", errors="replace"),
                       Path(f"{work}/stderr").read_text(encoding="utf-8", errors="replace"), timed_out, left)


def clean_state(home: str) -> dict[str, str]:
    """Variables of a user who has nothing set."""
    return {"PATH": PATH, "HOME": home, "LC_ALL": "C"}


def incoming_state(one: ScriptClass, prefix: str, home: str) -> dict[str, str]:
    """The clean state, with what the class wants there."""
    state = clean_state(home)
    state.update({name: filled(value, prefix, home=home) for name, value in one.facts.get("state", {}).items()})
    if folder := one.facts.get("path"):
        state["PATH"] = f"{prefix}/{folder}:{PATH}"
    return state

