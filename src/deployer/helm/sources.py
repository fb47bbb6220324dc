"""All that Helm reads for one release, as bytes: its chart with those it depends on by path, and its values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from deployer.errors import FleetError, Place
from deployer.fleet import jsonnet
from deployer.fleet.cluster import Provider
from deployer.fleet.helm_yaml import load
from deployer.fleet.repository import Fleet, Release, is_encrypted
from deployer.fleet.tree import files_below
from deployer.fleet.values import Values, at, merge, read_values

COMPUTED = "computed.yaml"  # the chart's own computed values, lowest of all
DOMAIN = "hub.domain"  # the key that a jsonnet variable may be bound to, and a secret file may override

_UNUSUAL = re.compile(r"[^\w.-]")

Decrypt = Callable[[str], bytes]  # a file of the fleet, by its path


@dataclass(frozen=True)
class ChartSource:
    """A chart and all that it depends on by path. ``folders`` are those of the charts, dependencies first."""

    folders: tuple[str, ...]
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def folder(self) -> str:
        return self.folders[-1]

    @cached_property
    def digest(self) -> str:
        return _digest([*self.folders, "", *(part for path in sorted(self.files) for part in (path, self.files[path]))])


class How(StrEnum):
    """How a values file comes from the fleet's own one."""

    PLAIN = "plain"
    DECRYPTED = "decrypted"
    COMPUTED = "computed"


class Layer(NamedTuple):
    """One values file as Helm gets it; ``path`` is the file of the fleet that it is, or is made from."""

    name: str
    content: bytes
    path: str = ""
    how: How = How.PLAIN


@dataclass(frozen=True)
class Source:
    """What one release is made from. ``values`` stand in order: later ones win."""

    name: str  # of Helm's release, and of its namespace
    chart: ChartSource
    values: tuple[Layer, ...] = field(repr=False)

    def key(self, *how: str) -> str:
        """A digest of all inputs; ``how`` is what else the manifests depend on."""
        return _digest([*how, "", self.name, self.chart.digest, *(layer.content for layer in self.values)])


def _digest(parts: Iterable[str | bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        total.update(b"%d:" % len(raw))
        total.update(raw)
    return total.hexdigest()


class SourceReader:
    """Reads the sources of a fleet's releases; charts that releases share are read once."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._charts: dict[tuple[str, str], ChartSource] = {}

    def source(
        self,
        release: Release,
        *,
        skip_encrypted: bool = False,
        decrypt: Decrypt | None = None,
        even_local: bool = False,
    ) -> Source:
        """What the release is made from.

        :param skip_encrypted: leave encrypted values out.
        :param decrypt: how encrypted values are read; without it, and unless they are left out, they are an error.
        :param even_local: also of a release on a local cluster: what Helm would make of it elsewhere.
        :raises FleetError: it is not deployed with Helm, or a file is missing, encrypted or wrong.
        """
        if release.provider is Provider.LOCAL and not even_local:
            raise FleetError("a local cluster runs processes, not manifests")
        if decrypt is not None:
            release = with_domain(release, decrypt)
            return Source(
                release.id.name, self.chart(release), tuple(self._values(release, release.values_files, decrypt))
            )
        encrypted = self.encrypted(release)
        if encrypted and not skip_encrypted:
            # Which files is not said: so that many releases have one reason, which is told once.
            raise FleetError("it has encrypted values, which cannot be decrypted here")
        if release.domain_override and not is_encrypted(release.domain_override):
            release = with_domain(release, self._read)
        files = [path for path in release.values_files if path not in encrypted]
        return Source(release.id.name, self.chart(release), tuple(self._values(release, files, self._read)))

    def encrypted(self, release: Release) -> dict[str, bytes]:
        """The encrypted files that the release's manifests depend on, with their bytes.

        :raises FleetError: one of them is missing.
        """
        listed = [path for path in release.values_files if is_encrypted(path)]
        bound = DOMAIN in self.fleet.settings.jsonnet.ext_vars.values()
        if bound and release.domain_override and is_encrypted(release.domain_override):
            listed.append(release.domain_override)
        return {path: self._read(path) for path in listed}

    def _read(self, path: str) -> bytes:
        try:
            return self.fleet.tree.read(path)
        except FileNotFoundError:
            raise FleetError("no such file", Place(path)) from None

    # Values

    def _values(self, release: Release, files: Iterable[str], decrypt: Decrypt) -> Iterator[Layer]:
        if computed := self.computed(release):
            file = f"{release.chart}/{self.fleet.settings.jsonnet.chart_values}"
            yield Layer(COMPUTED, as_yaml(computed), file, How.COMPUTED)
        for path in files:
            name = path.rsplit("/", 1)[-1]
            if path.endswith(".jsonnet"):
                ext_vars = self.fleet.ext_vars(release)
                made = as_yaml(jsonnet.evaluate(self.fleet.tree, path, ext_vars))
                yield Layer(f"{name}.yaml", made, path, How.COMPUTED)
            elif is_encrypted(path):
                yield Layer(name, decrypt(path), path, How.DECRYPTED)
            else:
                yield Layer(name, self._read(path), path)

    def computed(self, release: Release) -> Values:
        """What a chart computes for itself with jsonnet; lowest of all values.

        :raises FleetError: a jsonnet file is wrong.
        """
        return self._computed(release, release.chart, release.chart_override)

    def _computed(self, release: Release, folder: str, override: str = "") -> Values:
        """Computed values of a chart and, below their keys, of those it depends on by path, under its own defaults."""
        tree, file = self.fleet.tree, self.fleet.settings.jsonnet.chart_values
        if not file:
            return {}
        values = self._own_values(folder)
        below: Values = {}
        for dependency in self.fleet.charts.get(folder, override).dependencies:
            if dependency.folder and (inner := self._computed(release, dependency.folder)):
                below[dependency.key] = merge([inner, at(values, [dependency.key])])
        path = f"{folder}/{file}"
        own = jsonnet.evaluate(tree, path, self.fleet.ext_vars(release)) if tree.is_file(path) else {}
        return merge([below, own])

    def _own_values(self, folder: str) -> Values:
        path = f"{folder}/values.yaml"
        return read_values(self.fleet.tree, path) if self.fleet.tree.is_file(path) else {}

    # Charts

    def chart(self, release: Release) -> ChartSource:
        """The release's chart with those it depends on by path.

        :raises FleetError: one is missing, or they depend on each other in a ring.
        """
        key = (release.chart, release.chart_override)
        if key not in self._charts:
            self._charts[key] = self._read_chart(*key)
        return self._charts[key]

    def _read_chart(self, folder: str, override: str) -> ChartSource:
        # The closure must be read first: it says which chart is missing.
        self.fleet.charts.closure(folder, override)
        folders = tuple(dict.fromkeys(self._bottom_up(folder, override, ())))
        files = {path: self._read(path) for one in folders for path in files_below(self.fleet.tree, one)}
        if override:
            # A lock file belongs to the Chart.yaml that is replaced.
            files.pop(f"{folder}/Chart.lock", None)
            files[f"{folder}/Chart.yaml"] = self._read(override)
        return ChartSource(folders, files)

    def _bottom_up(self, folder: str, override: str, above: tuple[str, ...]) -> Iterator[str]:
        if folder.startswith(("..", "/")):
            raise FleetError(f"the chart {folder} is outside the fleet")
        if folder in above:
            raise FleetError(f"charts depend on each other in a ring: {' → '.join((*above, folder))}")
        for dependency in self.fleet.charts.get(folder, override).dependencies:
            if dependency.folder:
                yield from self._bottom_up(dependency.folder, "", (*above, folder))
        yield folder


def with_domain(release: Release, decrypt: Decrypt) -> Release:
    """The release with the domain that its secret file gives, where it has one.

    :raises FleetError: the file holds no domain.
    """
    path = release.domain_override
    if release.hub is None or not path:
        return release
    data = load(decrypt(path), path).data
    domain = data.get("domain") if isinstance(data, dict) else None
    if not isinstance(domain, str) or not domain:
        raise FleetError("it must hold `domain:` and the hub's domain", Place(path))
    return replace(release, hub=replace(release.hub, domain=domain))


def private_name(number: int, name: str) -> str:
    """What a values file is called in a private folder. Helm takes a comma for the end of a file's name."""
    return f"{number:02}-{_UNUSUAL.sub('_', name)[-80:]}"


def as_yaml(values: Values) -> bytes:
    """JSON, which is YAML too."""
    return json.dumps(values, indent=1, ensure_ascii=False).encode()
