"""Charts as folders that Helm can use: written once for each content, their dependencies fetched."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deployer.errors import CommandError, DeployerError, Place
from deployer.fleet.helm_yaml import load
from deployer.helm.command import Helm
from deployer.helm.logins import OCI, ChartLogins, registry_host
from deployer.helm.sources import ChartSource

_REMOTE = re.compile(r"https?://.+")
_OUT_OF_DATE = "is out of sync"  # what helm says of a Chart.lock that was made from another Chart.yaml
# Calls within a template, or within a value that is one, whose result differs from one render to the next.
_RANDOM = re.compile(
    rb"\{\{[^}]*\b(rand\w+|gen(CA|PrivateKey|SelfSigned|Signed)\w*|uuidv4|bcrypt|htpasswd|encryptAES|shuffle|now)\b"
)
_PACKED = b"\x1f\x8b"
_EXACT = re.compile(r"v?\d+\.\d+\.\d+[-+.\w]*")


class Prepared(NamedTuple):
    """A chart's folder, and whether two renders of it may differ.

    ``root`` is to the folder what the fleet's is: there the chart has the path that it has in the fleet.
    """

    folder: Path
    random: bool
    root: Path


class ChartFolders:
    """Charts below one private folder; safe to use from several threads."""

    def __init__(self, root: Path, helm: Helm, logins: ChartLogins | None = None) -> None:
        self.root, self.helm, self.logins = root, helm, logins or ChartLogins()
        self._lock = threading.Lock()
        self._prepared: dict[str, Prepared | DeployerError] = {}
        self._repositories: set[str] = set()

    def prepared(self, chart: ChartSource) -> Prepared:
        """The chart, ready to be used.

        :raises DeployerError: a dependency cannot be fetched; the same error each time it is asked for.
        """
        # One after another: charts share downloaded indexes, and there are few charts.
        with self._lock:
            if chart.digest not in self._prepared:
                try:
                    self._prepared[chart.digest] = self._prepare(chart)
                except DeployerError as error:
                    self._prepared[chart.digest] = error
            found = self._prepared[chart.digest]
        if isinstance(found, DeployerError):
            raise found
        return found

    def _prepare(self, chart: ChartSource) -> Prepared:
        root = self.root / chart.digest[:16]
        for path, content in chart.files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        for folder in chart.folders:
            if not is_complete(chart.files, folder):
                self._fetch_dependencies(root, folder)
        files = (path for path in (root / chart.folder).rglob("*") if path.is_file())
        return Prepared(root / chart.folder, any(may_differ(path.read_bytes()) for path in files), root)

    def _fetch_dependencies(self, root: Path, name: str) -> None:
        """``helm dependency build`` where versions are locked, else ``update``."""
        folder = root / name
        lock = folder / "Chart.lock"
        wanted, locked = dependencies(folder / "Chart.yaml"), dependencies(lock) if lock.is_file() else []
        try:
            for url in repositories([*wanted, *locked]):
                self._once(url, self._add_repository)
            for url in registries([*wanted, *locked]):
                self._once(url, self._log_in)
            self.helm.run("dependency", "build" if lock.is_file() else "update", str(folder))
        except CommandError as error:
            raise _mended(error, name) from None

    def _once(self, url: str, act: Callable[[str], None]) -> None:
        if url not in self._repositories:
            act(url)
            self._repositories.add(url)

    def _add_repository(self, url: str) -> None:
        """`helm dependency build` knows only repositories that have a name."""
        account = self.logins.account(url)
        as_whom = ["--username", account.username, "--password-stdin"] if account else []
        self.helm.run("repo", "add", repository_name(url), url, *as_whom, password=account.password if account else "")

    def _log_in(self, url: str) -> None:
        """Where nothing is said of a registry, whoever is logged in to it already, or nobody, fetches."""
        if account := self.logins.account(url):
            as_whom = ["--username", account.username, "--password-stdin"]
            self.helm.run("registry", "login", registry_host(url), *as_whom, password=account.password)


def _mended(error: CommandError, folder: str) -> DeployerError:
    said = error.hint.strip().splitlines()
    if any(_OUT_OF_DATE in line for line in said):
        return DeployerError(
            "the lock does not fit the dependencies of Chart.yaml",
            Place(f"{folder}/Chart.lock"),
            f"Run `helm dependency update {folder}` and commit what it writes.",
        )
    return CommandError(f"{folder}: its dependencies cannot be fetched", hint="\n".join(said[-3:]))


def repositories(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The addresses of the chart repositories that dependencies name, each once. OCI registries need no name."""
    urls = (str(one.get("repository") or "") for one in entries)
    return list(dict.fromkeys(url for url in urls if _REMOTE.fullmatch(url)))


def registries(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The addresses in OCI registries that dependencies name, each once."""
    urls = (str(one.get("repository") or "") for one in entries)
    return list(dict.fromkeys(url for url in urls if url.startswith(OCI)))


def repository_name(url: str) -> str:
    """What a repository is called in our own list of them."""
    return f"repository-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def dependencies(file: Path) -> list[Mapping[str, Any]]:
    """The entries under ``dependencies:`` of a Chart.yaml or Chart.lock."""
    return dependency_entries(file.read_bytes(), file.name)


def dependency_entries(raw: bytes, name: str) -> list[Mapping[str, Any]]:
    data = load(raw, name).data
    entries = data.get("dependencies") if isinstance(data, dict) else None
    return [one for one in entries or () if isinstance(one, dict)]


def is_complete(files: Mapping[str, bytes], folder: str) -> bool:
    """Whether a chart holds all that it depends on, so that nothing has to be fetched.

    :raises FleetError: its Chart.yaml or Chart.lock cannot be read.
    """
    wanted, locked = (
        dependency_entries(files[path], path) if (path := f"{folder}/{name}") in files else []
        for name in ("Chart.yaml", "Chart.lock")
    )
    versions = {one.get("name"): str(one.get("version") or "") for one in [*wanted, *locked]}
    return all(_is_vendored(files, folder, one, versions[one.get("name")]) for one in wanted)


def _is_vendored(files: Mapping[str, bytes], folder: str, dependency: Mapping[str, Any], version: str) -> bool:
    """Whether ``charts/`` holds the dependency: unpacked, or packed in the version that is asked for."""
    if not dependency.get("repository"):
        return True  # Helm itself looks for it in charts/ only
    start = f"{folder}/charts/{dependency.get('name')}"
    if f"{start}/Chart.yaml" in files:
        return True
    if _EXACT.fullmatch(version):
        return f"{start}-{version}.tgz" in files
    packed = re.compile(rf"{re.escape(start)}-[0-9][^/]*\.tgz")
    return any(map(packed.fullmatch, files))


def may_differ(content: bytes) -> bool:
    """Whether a template, a value or a packed chart calls what differs from one render to the next."""
    if content.startswith(_PACKED):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return True
    return _RANDOM.search(content) is not None
