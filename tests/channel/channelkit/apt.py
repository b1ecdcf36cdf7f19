"""Debian packages through apt with a private configuration, derived from the machine's own; that one stays untouched."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .cache import locked
from .errors import Unavailable

RELEASE = "bookworm"
OLDER_RELEASE = "bullseye"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Repository:
    """A place that the machine gets packages from, as apt names it."""

    uri: str
    release: str
    signed_by: str


def _machine_codename() -> str:
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\S+)", text, re.MULTILINE)
    return found.group(1) if found else RELEASE


def machine_repositories() -> list[Repository]:
    """The configured repositories of the machine's own Debian release, its updates and security suites."""
    fields = "$(REPO_URI) $(RELEASE) $(SIGNED_BY)"
    try:
        done = subprocess.run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"],
                              capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"apt-get tells no repositories: {error}") from error
    suites = re.compile(rf"^(?:{_machine_codename()}|stable)(?:-updates|-security)?$")
    found = {}
    for line in done.stdout.splitlines():
        uri, release, *signed_by = line.split(maxsplit=2)
        if suites.match(release):
            found[(uri, release)] = Repository(uri, release, signed_by[0] if signed_by else "")
    if not found:
        raise Unavailable("apt is not set up for a Debian release here")
    return list(found.values())


def sources_text(repositories: list[Repository], components: str, release: str = RELEASE) -> str:
    """A sources.list for `release` with `components`, at the places where the machine gets its own release from."""
    codename = _machine_codename()
    lines = []
    for repository in repositories:
        suite = re.sub(rf"^(?:{codename}|stable)", release, repository.release)
        keyring = repository.signed_by if repository.signed_by.startswith("/") else str(KEYRING)
        option = f"[signed-by={keyring}] " if Path(keyring).exists() else ""
        lines += [f"{kind} {option}{repository.uri} {suite} {components}" for kind in ("deb", "deb-src")]
    return "\n".join(lines) + "\n"


class Apt:
    """Downloads packages of a Debian release into `root`; a package that is there already is not asked for again."""

    _unreachable: dict[Path, Unavailable] = {}

    def __init__(self, root: Path, components: str = "main", release: str = RELEASE) -> None:
        self._home = root / "-".join(["apt", *([] if release == RELEASE else [release]), *components.split()])
        self._debs = root / "debs"
        self._components = components
        self._release = release
        self._updated = False

    def fetch(self, names: list[str]) -> dict[str, Path]:
        """The .deb of each name, downloaded. Raises Unavailable when one cannot be had."""
        self._debs.mkdir(parents=True, exist_ok=True)
        with locked(self._home.with_suffix(".lock")):
            self._update()
            self._run(["download", *names], cwd=self._debs)
            versions = self._candidates(names)
        return {name: self._deb(name, versions[name]) for name in names}

    def fetch_source(self, name: str) -> Path:
        """The upstream tarball of a source package. Raises Unavailable when it cannot be had."""
        folder = self._debs / "source" / name
        folder.mkdir(parents=True, exist_ok=True)
        with locked(self._home.with_suffix(".lock")):
            self._update()
            self._run(["source", "--download-only", "--only-source", name], cwd=folder)
        tarballs = sorted(folder.glob("*.orig.tar.*[!c]"))
        if not tarballs:
            raise Unavailable(f"Debian's source package {name} has no upstream tarball")
        return tarballs[-1]

    def _deb(self, name: str, version: str) -> Path:
        pattern = f"{name}_{version.replace(':', '%3a')}_*.deb"
        found = list(self._debs.glob(pattern))
        if not found:
            raise Unavailable(f"apt left no {pattern}")
        return found[0]

    def _candidates(self, names: list[str]) -> dict[str, str]:
        text = self._run(["show", "--no-all-versions", *names], program="apt-cache")
        blocks = (dict(re.findall(r"^(Package|Version): (.+)$", block, re.MULTILINE)) for block in text.split("\n\n"))
        return {block["Package"]: block["Version"] for block in blocks if block}

    def _update(self) -> None:
        if self._updated:
            return
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        (self._home / "status").touch()
        (self._home / "apt.conf").write_text("".join([
            "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n",
            f'Dir::State "{self._home}/state";\nDir::State::status "{self._home}/status";\n',
            f'Dir::Cache "{self._home}/cache";\nDir::Etc::SourceList "{self._home}/sources.list";\n',
            'Dir::Etc::SourceParts "/dev/null";\nAPT::Sandbox::User "root";\nAcquire::Languages "none";\n',
            'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";\nAPT::Update::Error-Mode "any";\n']))
        if earlier := Apt._unreachable.get(self._home):
            raise earlier
        try:
            self._read_indexes()
        except Unavailable as reason:
            Apt._unreachable[self._home] = reason
            raise
        self._updated = True

    def _read_indexes(self) -> None:
        """Reads the indexes of all suites; of an older release, whose updates may have been moved away, of those there are."""
        repositories = machine_repositories()
        attempts = [repositories]
        if self._release != RELEASE:
            attempts += [[one for one in repositories if "-" not in one.release]]
        for attempt in attempts:
            (self._home / "sources.list").write_text(sources_text(attempt, self._components, self._release))
            try:
                self._run(["update", "--quiet"])
                return
            except Unavailable as error:
                reason = error
        raise reason

    def _run(self, arguments: list[str], program: str = "apt-get", cwd: Path | None = None) -> str:
        command = [program, "-c", str(self._home / "apt.conf"), *arguments]
        environment = dict(os.environ, LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive")
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unavailable(f"{program} {' '.join(arguments[:4])}: {done.stderr.strip()[-400:]}")
        return done.stdout


def unpack(deb: Path, target: Path) -> None:
    """Unpacks the files of a .deb below `target`."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "-x", str(deb), str(target)], check=True)


def upstream_version(deb: Path) -> str:
    """The upstream part of a .deb's version: no epoch, no Debian revision, no repacking suffix."""
    text = subprocess.run(["dpkg-deb", "-f", str(deb), "Version"], capture_output=True, text=True, check=True).stdout
    bare = re.sub(r"^\d+:", "", text.strip()).rsplit("-", 1)[0]
    return re.split(r"[+~]|\.dfsg", bare)[0]
