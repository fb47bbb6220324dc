"""The effective values of one hub, with where each was set and what an encrypted file could still change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deployer.errors import DeployerError, Place
from deployer.fleet.helm_yaml import Path, load
from deployer.fleet.repository import Fleet, Release, is_encrypted
from deployer.fleet.schema import dotted
from deployer.fleet.values import Values, at, coalesce, merge, read_values

NOT_THERE: Any = object()


def look(values: Any, path: Path) -> Any:
    """The value at a path, or :data:`NOT_THERE`."""
    here = values
    for part in path:
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return NOT_THERE
    return here


@dataclass(frozen=True)
class Effective:
    """What one release's charts get, as far as it can be read here."""

    fleet: Fleet
    release: Release
    parsed: dict[str, Values]  # plain values files by path: hubs of a cluster share most of theirs

    @cached_property
    def values(self) -> Values:
        """All values, over the fleet's own charts' defaults. Not to be changed: parts are shared.

        :raises FleetError: a file is missing or wrong.
        """
        layers = [self.layer(path) for path in self.release.values_files if not is_encrypted(path)]
        return coalesce(merge(layers), self.fleet.chart_defaults(self.release))

    def layer(self, path: str) -> Values:
        """One plain values file, parsed once.

        :raises FleetError: it is missing or wrong.
        """
        if path.endswith(".jsonnet"):
            return self._computed(path)
        if path not in self.parsed:
            self.parsed[path] = self.fleet.layer(self.release, path)
        return self.parsed[path]

    def _computed(self, path: str) -> Values:
        key = f"{path} of {self.release.id}"
        if key not in self.parsed:
            self.parsed[key] = self.fleet.layer(self.release, path)
        return self.parsed[key]

    @cached_property
    def hub_path(self) -> tuple[str, ...] | None:
        """Below which keys those of the community's chart stand; None for a chart that has no JupyterHub in it.

        :raises FleetError: a chart is missing or wrong.
        """
        return self.fleet.charts.hub_values_path(self.release.chart, self.release.chart_override)

    @cached_property
    def hub_values(self) -> Values:
        return at(self.values, self.hub_path or ())

    @property
    def sealed(self) -> tuple[str, ...]:
        """The encrypted files that the release lists: what they set is not known here."""
        return tuple(path for path in self.release.values_files if is_encrypted(path))

    def decided(self, path: Path) -> bool:
        """Whether no encrypted file can change what stands at this path: none is above the plain one that sets it."""
        files = self.release.values_files
        last = max((index for index, file in enumerate(files) if is_encrypted(file)), default=-1)
        return last < 0 or any(self._sets(file, path) for file in files[last + 1 :])

    def place(self, path: Path) -> Place:
        """Where the value at this path is set: the last values file that does, the chart, or else the hub's entry."""
        for file in reversed(self.release.values_files):
            if not is_encrypted(file) and self._sets(file, path):
                return self._line(file, path)
        return self._in_chart(path) or self.entry()

    def entry(self, *key: str) -> Place:
        """Where the release's entry in cluster.yaml stands, or a key of it."""
        document = self.fleet.documents[self.release.id.cluster]
        start: Path = self.release.hub.at if self.release.hub else ("support",)
        return document.place((*start, *key))

    def _sets(self, file: str, path: Path) -> bool:
        try:
            return look(self.layer(file), path) is not NOT_THERE
        except DeployerError:
            return False

    def _line(self, file: str, path: Path) -> Place:
        if not file.endswith((".yaml", ".yml")):
            return Place(file)
        return load(self.fleet.tree.read(file), file).place(path)

    def _in_chart(self, path: Path) -> Place | None:
        for folder, inner in self._charts(path):
            file = f"{folder}/values.yaml"
            if self.fleet.tree.is_file(file) and look(read_values(self.fleet.tree, file), inner) is not NOT_THERE:
                return self._line(file, inner)
        return None

    def _charts(self, path: Path) -> Iterator[tuple[str, Path]]:
        """The fleet's charts that could set a default at this path, the outermost first."""
        folder, override = self.release.chart, self.release.chart_override
        while folder:
            yield folder, path
            chart, folder, override = self.fleet.charts.get(folder, override), "", ""
            for dependency in chart.dependencies:
                if dependency.folder and path and path[0] == dependency.key:
                    folder, path = dependency.folder, path[1:]
                    break


def key_of(path: Path) -> str:
    """A path of values as people write it."""
    return dotted(path)
