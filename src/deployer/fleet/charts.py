"""Charts of the fleet: what each is made of, and where the community's JupyterHub chart stands within it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deployer.errors import FleetError, Place
from deployer.fleet.helm_yaml import Document, load
from deployer.fleet.tree import Tree

HUB_CHART = "jupyterhub"  # the name of the community's chart, zero-to-jupyterhub
_PATH_REPOSITORY = "file://"


@dataclass(frozen=True, slots=True)
class Dependency:
    """An entry under ``dependencies:`` of a Chart.yaml. ``folder`` is set where it is a path of this repository."""

    name: str
    key: str  # below which values the chart hands it its own: the alias, or the name
    version: str
    repository: str
    folder: str
    condition: str = ""  # values that switch it, of which the first that is set decides: "a.enabled,global.a"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its folder, and its Chart.yaml (which may stand elsewhere: ``chart_override``)."""

    folder: str
    file: str
    name: str
    dependencies: tuple[Dependency, ...]


def read_chart(tree: Tree, folder: str, file: str = "") -> Chart:
    """Read a chart's Chart.yaml, or ``file`` in its stead.

    :raises FleetError: it is missing, or no Chart.yaml.
    """
    file = file or f"{folder}/Chart.yaml"
    try:
        document = load(tree.read(file), file)
    except FileNotFoundError:
        raise FleetError("no such chart: the file is missing", Place(file)) from None
    data = document.data
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise FleetError("not a Chart.yaml: it must be a map with a name", Place(file))
    document = _requirements(tree, folder) or document
    entries = document.data.get("dependencies") or []
    if not isinstance(entries, list):
        raise FleetError("dependencies: must be a list", document.place(("dependencies",)))
    dependencies = tuple(_dependency(document, i, entry, folder) for i, entry in enumerate(entries))
    return Chart(folder, file, data["name"], dependencies)


def _requirements(tree: Tree, folder: str) -> Document | None:
    """Where charts of ``apiVersion: v1`` name their dependencies; Helm reads it whatever the version, and it wins."""
    file = f"{folder}/requirements.yaml"
    if not tree.is_file(file):
        return None
    document = load(tree.read(file), file)
    return document if isinstance(document.data, dict) and "dependencies" in document.data else None


def _dependency(document: Document, index: int, entry: Any, folder: str) -> Dependency:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise FleetError(f"dependencies[{index}]: must be a map with a name", document.place(("dependencies", index)))
    repository = str(entry.get("repository") or "")
    name = entry["name"]
    return Dependency(
        name,
        str(entry.get("alias") or name),
        str(entry.get("version") or ""),
        repository,
        _folder(repository, folder),
        str(entry.get("condition") or ""),
    )


def _folder(repository: str, chart_folder: str) -> str:
    if not repository.startswith(_PATH_REPOSITORY):
        return ""
    return posixpath.normpath(posixpath.join(chart_folder, repository.removeprefix(_PATH_REPOSITORY)))


class Charts:
    """The charts of one tree, each read once."""

    def __init__(self, tree: Tree, missing: Callable[[str], FleetError | None] = lambda _folder: None) -> None:
        """``missing`` may say more of a folder that holds no chart: who names it."""
        self.tree = tree
        self._missing = missing
        self._read: dict[tuple[str, str], Chart] = {}

    def get(self, folder: str, file: str = "") -> Chart:
        """The chart in this folder.

        :raises FleetError: see :func:`read_chart`.
        """
        if (folder, file) not in self._read:
            if not file and not self.tree.is_file(f"{folder}/Chart.yaml") and (error := self._missing(folder)):
                raise error
            self._read[folder, file] = read_chart(self.tree, folder, file)
        return self._read[folder, file]

    def closure(self, folder: str, file: str = "") -> tuple[Chart, ...]:
        """The chart and all that it depends on by path, each once, itself first.

        :raises FleetError: one of them is missing.
        """
        found: dict[str, Chart] = {}
        for chart in self._walk(folder, file, found):
            found.setdefault(chart.folder, chart)
        return tuple(found.values())

    def _walk(self, folder: str, file: str, found: dict[str, Chart]) -> Iterator[Chart]:
        if folder in found:
            return
        chart = self.get(folder, file)
        yield chart
        for dependency in chart.dependencies:
            if dependency.folder:
                yield from self._walk(dependency.folder, "", found)

    def hub_values_path(self, folder: str, file: str = "") -> tuple[str, ...] | None:
        """Below which keys of a chart's values those of the community's hub chart stand; None where it has none.

        ``("jupyterhub",)`` for a chart that depends on it, ``("basehub", "jupyterhub")`` one level up.
        """
        return self._hub_path(folder, file, ())

    def _hub_path(self, folder: str, file: str, seen: tuple[str, ...]) -> tuple[str, ...] | None:
        chart = self.get(folder, file)
        if chart.name == HUB_CHART:
            return ()
        for dependency in chart.dependencies:
            if dependency.name == HUB_CHART:
                return (dependency.key,)
            if dependency.folder and dependency.folder not in seen:
                below = self._hub_path(dependency.folder, "", (*seen, folder))
                if below is not None:
                    return (dependency.key, *below)
        return None
