"""Charts as folders that Helm can render: written once for each content, their dependencies fetched."""

from __future__ import annotations

import gzip
import hashlib
import re
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deployer.errors import DeployerError
from deployer.fleet.helm_yaml import load
from deployer.render.helm import Helm
from deployer.render.sources import ChartSource

_REMOTE = re.compile(r"https?://.+")
# Calls within a template, or within a value that is one, whose result differs from one render to the next.
_RANDOM = re.compile(
    rb"\{\{[^}]*\b(rand\w+|gen(CA|PrivateKey|SelfSigned|Signed)\w*|uuidv4|bcrypt|htpasswd|encryptAES|shuffle|now)\b"
)
_EXACT = re.compile(r"v?\d+\.\d+\.\d+[-+.\w]*")
_PACKED = b"\x1f\x8b"


class Prepared(NamedTuple):
    """A chart's folder, and whether two renders of it may differ."""

    folder: Path
    random: bool


class ChartFolders:
    """Charts below one private folder; safe to use from several threads."""

    def __init__(self, root: Path, helm: Helm) -> None:
        self.root, self.helm = root, helm
        self._lock = threading.Lock()
        self._prepared: dict[str, Prepared | DeployerError] = {}
        self._repositories: set[str] = set()

    def prepared(self, chart: ChartSource) -> Prepared:
        """The chart, ready to be rendered.

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
            self._fetch_dependencies(root / folder)
        files = (path for path in (root / chart.folder).rglob("*") if path.is_file())
        return Prepared(root / chart.folder, any(may_differ(path.read_bytes()) for path in files))

    def _fetch_dependencies(self, folder: Path) -> None:
        """``helm dependency build`` where versions are locked, else ``update``; nothing where all are there."""
        lock = folder / "Chart.lock"
        wanted, locked = _dependencies(folder / "Chart.yaml"), _dependencies(lock) if lock.is_file() else []
        versions = {one.get("name"): str(one.get("version") or "") for one in [*wanted, *locked]}
        if all(_is_vendored(folder, one, versions[one.get("name")]) for one in wanted):
            return
        self._add_repositories([*wanted, *locked])
        self.helm.run("dependency", "build" if lock.is_file() else "update", str(folder))

    def _add_repositories(self, dependencies: list[Mapping[str, Any]]) -> None:
        """``build`` knows only repositories that have a name."""
        for one in dependencies:
            url = str(one.get("repository") or "")
            if _REMOTE.fullmatch(url) and url not in self._repositories:
                self.helm.run("repo", "add", f"repository-{hashlib.sha256(url.encode()).hexdigest()[:12]}", url)
                self._repositories.add(url)


def _dependencies(file: Path) -> list[Mapping[str, Any]]:
    data = load(file.read_bytes(), file.name).data
    entries = data.get("dependencies") if isinstance(data, dict) else None
    return [one for one in entries or () if isinstance(one, dict)]


def _is_vendored(folder: Path, dependency: Mapping[str, Any], version: str) -> bool:
    """Whether ``charts/`` holds the dependency: unpacked, or packed in the version that is asked for."""
    if not dependency.get("repository"):
        return True  # Helm itself looks for it in charts/ only
    name, charts = str(dependency.get("name")), folder / "charts"
    if (charts / name / "Chart.yaml").is_file():
        return True
    packed = f"{name}-{version if _EXACT.fullmatch(version) else '[0-9]*'}.tgz"
    return any(charts.glob(packed))


def may_differ(content: bytes) -> bool:
    """Whether a template, a value or a packed chart calls what differs from one render to the next."""
    if content.startswith(_PACKED):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return True
    return _RANDOM.search(content) is not None
