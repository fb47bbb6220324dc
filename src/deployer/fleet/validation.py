"""All that is wrong with a fleet, at once: what ``deployer validate`` says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from deployer.errors import DeployerError, FleetError, Place, flattened
from deployer.fleet import jsonnet
from deployer.fleet.cluster import Cluster, Hub, Provider
from deployer.fleet.helm_yaml import Path
from deployer.fleet.ids import ReleaseId, Stage
from deployer.fleet.repository import Fleet, Release, canaries_of, is_encrypted
from deployer.fleet.schema import dotted
from deployer.fleet.values import read_values

# A hub's name is its namespace and its release: a DNS label (RFC 1123), of which Helm takes 53 characters.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")


def validate(fleet: Fleet, wanted: Iterable[ReleaseId] = ()) -> list[DeployerError]:
    """Every finding, sorted by file and line.

    :param wanted: only what concerns these releases and their clusters' own keys.
    """
    chosen = frozenset(wanted)
    clusters = {release.cluster for release in chosen}
    found = [finding.error() for finding in fleet.findings if _concerns(finding.document.path, clusters)]
    for folder, cluster in fleet.clusters.items():
        if not clusters or folder in clusters:
            found += _Checks(fleet, folder, cluster).findings()
    for release in fleet.releases.values():
        if not chosen or release.id in chosen:
            found += _release(fleet, release)
    if not chosen:
        found += _settings(fleet)
    unique = {str(error): error for error in found}
    return sorted(unique.values(), key=lambda error: (error.place or Place(""), error.message))


def _concerns(path: str, clusters: set[str]) -> bool:
    return not clusters or any(f"/{cluster}/" in path for cluster in clusters)


class _Checks:
    """The checks of one cluster.yaml."""

    def __init__(self, fleet: Fleet, folder: str, cluster: Cluster) -> None:
        self.fleet, self.folder, self.cluster = fleet, folder, cluster

    def findings(self) -> Iterator[DeployerError]:
        cluster = self.cluster
        if cluster.name != self.folder:
            yield self._error(("name",), f"{cluster.name!r} is not the folder's name, {self.folder!r}")
        if cluster.connection is None:
            yield self._error(
                ("provider",), f"the block {cluster.provider}: is missing", "It says how to reach the cluster."
            )
        for hub in cluster.hubs:
            yield from self._hub(hub)

    def _hub(self, hub: Hub) -> Iterator[DeployerError]:
        if not _LABEL.fullmatch(hub.name):
            yield self._error(
                (*hub.at, "name"),
                f"{hub.name!r} cannot name a namespace",
                "Lower-case letters, digits and '-', at most 53 of them, the first and the last a letter or a digit.",
            )
        if not hub.domain and self.cluster.provider is not Provider.LOCAL:
            yield self._error(hub.at, f"hub {hub.name} has no domain")
        yield from self._canaries(hub)
        yield from self._domain(hub)

    def _canaries(self, hub: Hub) -> Iterator[DeployerError]:
        others = {other.name: other for other in self.cluster.hubs}
        for name in canaries_of(self.cluster, hub):
            at = (*hub.at, "canary")
            if name not in others:
                yield self._error(at, f"no hub {name!r} on this cluster", f"It has: {', '.join(sorted(others))}")
        if hub.canary and hub.effective_stage is Stage.STAGING:
            yield self._error((*hub.at, "canary"), "a staging hub stands behind no canary")

    def _domain(self, hub: Hub) -> Iterator[DeployerError]:
        for folder, cluster in self.fleet.clusters.items():
            for other in cluster.hubs:
                same = hub.domain and hub.domain == other.domain
                if same and (folder, other.name) < (self.folder, hub.name):
                    yield self._error((*hub.at, "domain"), f"{hub.domain} is also the domain of {folder}/{other.name}")

    def _error(self, at: Path, message: str, hint: str = "") -> FleetError:
        document = self.fleet.documents[self.folder]
        return FleetError(f"{dotted(at)}: {message}", document.place(at), hint)


def _release(fleet: Fleet, release: Release) -> Iterator[DeployerError]:
    """Files that a release names exist and can be read; its chart is there, with all it depends on by path."""
    document = fleet.documents[release.id.cluster]
    at: Path = (*release.hub.at,) if release.hub else ("support",)
    for index, path in enumerate(release.values_files):
        key = (*at, "helm_chart_values_files", index)
        if not fleet.tree.is_file(path):
            yield FleetError(f"{dotted(key)}: no such file: {path}", document.place(key))
        elif path.endswith((".yaml", ".yml")) and not is_encrypted(path):
            yield from _caught(lambda path=path: read_values(fleet.tree, path))  # type: ignore[misc]
        elif path.endswith(".jsonnet") and not is_encrypted(path):
            yield from _caught(lambda path=path: jsonnet.evaluate(fleet.tree, path, fleet.ext_vars(release)))  # type: ignore[misc]
    for name, path in (("chart_override", release.chart_override), ("domain_override_file", release.domain_override)):
        if path and not fleet.tree.is_file(path):
            yield FleetError(f"{dotted((*at, name))}: no such file: {path}", document.place((*at, name)))
    yield from _caught(lambda: fleet.charts.closure(release.chart, release.chart_override))


def _settings(fleet: Fleet) -> Iterator[DeployerError]:
    for release in fleet.releases.values():
        yield from _caught(lambda release=release: fleet.ext_vars(release))  # type: ignore[misc]


def _caught(act: Callable[[], object]) -> list[DeployerError]:
    try:
        act()
    except DeployerError as error:
        return flattened(error)
    return []
