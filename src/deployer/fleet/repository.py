"""The fleet: the infrastructure repository, as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from posixpath import join, normpath
from typing import Any, Literal

from deployer.errors import CombinedError, DeployerError, FleetError, Place
from deployer.fleet import jsonnet
from deployer.fleet.charts import Charts
from deployer.fleet.cluster import Cluster, Hub, Provider, Support
from deployer.fleet.helm_yaml import Document, Path, load
from deployer.fleet.ids import SUPPORT, ReleaseId, Stage
from deployer.fleet.inside import Inside, OutsideError, leaves
from deployer.fleet.schema import Misfit, Model, Reader, SchemaError, dotted, keys_of, nearest
from deployer.fleet.settings import FILE as SETTINGS_FILE
from deployer.fleet.settings import Settings
from deployer.fleet.tree import Tree
from deployer.fleet.values import Values, at, coalesce, merge, read_values

CLUSTERS = "config/clusters"
TEMPLATES = "templates"  # a folder below CLUSTERS that is no cluster


@dataclass(frozen=True)
class Release:
    """What Helm installs: a hub, or a cluster's support, with all that it is made of as paths of the fleet."""

    id: ReleaseId
    stage: Stage
    cluster: Cluster
    hub: Hub | None
    chart: str  # the chart's folder
    values_files: tuple[str, ...]
    chart_override: str = ""
    domain_override: str = ""
    canaries: tuple[ReleaseId, ...] = ()

    @property
    def provider(self) -> Provider:
        return self.cluster.provider

    @property
    def retire(self) -> bool:
        return self.hub is not None and self.hub.retire

    @property
    def display_name(self) -> str:
        return (self.hub.display_name or self.hub.name) if self.hub else f"support of {self.cluster.name}"


@dataclass(frozen=True)
class Fleet:
    """All clusters, hubs and charts of one tree.

    The key of ``clusters`` and ``documents`` is the cluster's folder: its name, or ``validate`` says so.
    """

    tree: Tree
    settings: Settings
    clusters: Mapping[str, Cluster]
    documents: Mapping[str, Document]
    findings: tuple[Misfit, ...] = ()
    charts: Charts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "charts", Charts(self.tree, self._missing_chart))

    @cached_property
    def releases(self) -> Mapping[ReleaseId, Release]:
        """Every release that is in service: cluster by cluster, support first, then its hubs by name."""
        return {release.id: release for release in self._releases() if not release.retire}

    @cached_property
    def retiring(self) -> tuple[ReleaseId, ...]:
        """Hubs that are still in the fleet and marked to be taken out of service."""
        return tuple(release.id for release in self._releases() if release.retire)

    def _releases(self) -> Iterator[Release]:
        for name in sorted(self.clusters):
            cluster = self.clusters[name]
            if cluster.support is not None:
                yield self._support(name, cluster, cluster.support)
            for hub in sorted(cluster.hubs, key=lambda hub: hub.name):
                yield self._hub(name, cluster, hub)

    def _support(self, folder: str, cluster: Cluster, support: Support) -> Release:
        files = tuple(cluster_path(folder, file) for file in support.helm_chart_values_files)
        chart = self.chart_folder(support.helm_chart)
        return Release(ReleaseId(folder, SUPPORT), Stage.SUPPORT, cluster, None, chart, files)

    def _hub(self, folder: str, cluster: Cluster, hub: Hub) -> Release:
        return Release(
            ReleaseId(folder, hub.name),
            hub.effective_stage,
            cluster,
            hub,
            self.chart_folder(hub.helm_chart),
            tuple(cluster_path(folder, file) for file in hub.helm_chart_values_files),
            cluster_path(folder, hub.chart_override) if hub.chart_override else "",
            cluster_path(folder, hub.domain_override_file) if hub.domain_override_file else "",
            tuple(ReleaseId(folder, name) for name in canaries_of(cluster, hub)),
        )

    def chart_folder(self, chart: str) -> str:
        return normpath(join(self.settings.charts, chart))

    def missing_chart(self, release: Release) -> SchemaError:
        """What to say where a release's chart is not there: at the line that names it, with the nearest there is."""
        entry = release.hub or release.cluster.support
        at: Path = (*entry.at, "helm_chart") if entry else ()
        folder = normpath(self.settings.charts)
        known = [name for name in self.tree.children(folder) if self.tree.is_file(f"{folder}/{name}/Chart.yaml")]
        near = nearest(release.chart.removeprefix(f"{folder}/"), known)
        message = f"{dotted(at)}: no such chart: {release.chart}/Chart.yaml is missing{near}"
        hint = "" if near else f"There are: {', '.join(sorted(known)) or 'none'}"
        place = self.documents[release.id.cluster].place(at)
        return SchemaError(message, place, hint, key=dotted(at), rule="chart")

    def _missing_chart(self, folder: str) -> FleetError | None:
        """That for the first release whose chart was to stand in this folder, if one's was."""
        return next((self.missing_chart(one) for one in self._releases() if one.chart == folder), None)

    def release(self, wanted: ReleaseId) -> Release:
        """One release.

        :raises FleetError: no such cluster or hub; the message names those there are.
        """
        if wanted not in self.releases:
            self.cluster(wanted.cluster)
            here = [release.name for release in self.releases if release.cluster == wanted.cluster]
            raise FleetError(f"cluster {wanted.cluster} has no hub {wanted.name!r}", hint=f"It has: {', '.join(here)}")
        return self.releases[wanted]

    def cluster(self, name: str) -> Cluster:
        """One cluster.

        :raises FleetError: there is none of that name.
        """
        if name not in self.clusters:
            raise FleetError(
                f"no cluster {name!r} in this fleet", hint=f"There are: {', '.join(sorted(self.clusters))}"
            )
        return self.clusters[name]

    def values(self, release: Release, *, encrypted: Literal["refuse", "skip"] = "refuse") -> Values:
        """The effective values that the fleet itself gives: its files over its charts' own defaults.

        Defaults of charts from outside are not here; Helm adds those.

        :param encrypted: whether a file that sops has encrypted is an error, or left out.

        :raises FleetError: a file is missing, encrypted, or wrong.
        """
        files = [path for path in release.values_files if encrypted == "refuse" or not is_encrypted(path)]
        return coalesce(merge([self.layer(release, path) for path in files]), self.chart_defaults(release))

    def chart_defaults(self, release: Release) -> Values:
        """The defaults of a release's chart and of those that it depends on by path.

        :raises FleetError: a chart is missing, or wrong.
        """
        return self._chart_defaults(release, release.chart, release.chart_override)

    def hub_values(self, release: Release, *, encrypted: Literal["refuse", "skip"] = "refuse") -> Values:
        """Of those, what the community's JupyterHub chart gets.

        :raises FleetError: as :meth:`values`, or the release's chart has no JupyterHub in it.
        """
        path = self.charts.hub_values_path(release.chart, release.chart_override)
        if path is None:
            raise FleetError(
                f"the chart of {release.id} does not depend on the chart 'jupyterhub'", Place(release.chart)
            )
        return at(self.values(release, encrypted=encrypted), path)

    def layer(self, release: Release, path: str) -> Values:
        """One values file of a release, as it stands in the merge.

        :raises FleetError: it is missing, encrypted, or wrong.
        """
        if is_encrypted(path):
            raise FleetError(
                "encrypted values cannot be used on a local cluster", Place(path), f"{release.id} lists it."
            )
        if path.endswith(".jsonnet"):
            return jsonnet.evaluate(self.tree, path, self.ext_vars(release))
        return read_values(self.tree, path)

    def _chart_defaults(self, release: Release, folder: str, override: str, above: tuple[str, ...] = ()) -> Values:
        if folder in above:
            raise FleetError(f"the chart depends on itself, through {' and '.join(above)}", Place(folder))
        chart = self.charts.get(folder, override)
        file = f"{folder}/values.yaml"
        own = read_values(self.tree, file) if self.tree.is_file(file) else {}
        computed = self.settings.jsonnet.chart_values
        if computed and self.tree.is_file(f"{folder}/{computed}"):
            rendered = jsonnet.evaluate(self.tree, f"{folder}/{computed}", self.ext_vars(release))
            own = merge([own, rendered])
        for dependency in chart.dependencies:
            if dependency.folder:
                below = self._chart_defaults(release, dependency.folder, "", (*above, folder))
                own[dependency.key] = coalesce(at(own, [dependency.key]), below)
        return own

    def crds(self, release: Release) -> tuple[str, ...]:
        """The files of custom resource definitions that the release's charts need: ``crds:`` of deployer.yaml.

        :raises FleetError: a chart is missing.
        """
        if not self.settings.crds:
            return ()
        charts = self.charts.closure(release.chart, release.chart_override)
        wanted = [self.settings.crds.get(chart.folder.rsplit("/", 1)[-1], ()) for chart in charts]
        return tuple(dict.fromkeys(normpath(path) for paths in wanted for path in paths))

    def ext_vars(self, release: Release) -> dict[str, str]:
        """The external variables of a release's jsonnet; those of the hub are unset for support."""
        bound = {name: self._bound(name, field_, release) for name, field_ in self.settings.jsonnet.ext_vars.items()}
        return {name: value for name, value in bound.items() if value is not None}

    def _bound(self, name: str, path: str, release: Release) -> str | None:
        head, *rest = path.split(".")
        here: Any = {"cluster": release.cluster, "hub": release.hub}.get(head)
        known = head in ("cluster", "hub") and bool(rest)
        for part in rest:
            known = known and (not isinstance(here, Model) or part in keys_of(type(here)))
            here = here.get(part) if isinstance(here, dict) else getattr(here, part, None)
        if not known:
            raise FleetError(
                f"jsonnet.ext_vars.{name}: {path!r} is no key of the cluster or hub",
                Place(SETTINGS_FILE),
                "Write for example cluster.name, cluster.aws.account or hub.domain.",
            )
        return None if here is None or here == "" else str(here)


def is_encrypted(path: str) -> bool:
    """Whether a file's name says that sops has encrypted it."""
    name = path.rsplit("/", 1)[-1]
    return name.startswith("enc-") and ".secret." in name


def canaries_of(cluster: Cluster, hub: Hub) -> tuple[str, ...]:
    """The staging hubs that a production hub stands behind: those it names, or all of its cluster."""
    if hub.effective_stage is not Stage.PRODUCTION:
        return ()
    if hub.canary is not None:
        return tuple(sorted(set(hub.canary)))
    return tuple(
        sorted(other.name for other in cluster.hubs if other.effective_stage is Stage.STAGING and not other.retire)
    )


def cluster_path(folder: str, file: str) -> str:
    """A file named in cluster.yaml, as a path of the fleet."""
    return normpath(join(CLUSTERS, folder, file))


def cluster_file(folder: str) -> str:
    return f"{CLUSTERS}/{folder}/cluster.yaml"


def load_fleet(tree: Tree) -> Fleet:
    """Read the whole fleet.

    Keys that we do not know do not stand in the way: they are the fleet's ``findings``.

    :raises FleetError: no fleet here, or a file cannot be used; :class:`CombinedError` with all of them at once.
    """
    fleet, errors = load_what_can_be(tree)
    raise_all(errors)
    return fleet


def load_what_can_be(tree: Tree) -> tuple[Fleet, list[DeployerError]]:
    """The fleet without the files that cannot be used, and what is wrong with those.

    :raises FleetError: no fleet here.
    """
    tree = Inside(tree)
    errors: list[DeployerError] = []
    settings, findings = Settings(), list[Misfit]()
    try:
        settings, findings = load_settings(tree)
    except DeployerError as error:
        errors.append(error)
    folders = cluster_folders(tree)
    if not folders and not tree.is_file(SETTINGS_FILE):
        raise FleetError(
            f"no fleet here: there is no {CLUSTERS}/<cluster>/cluster.yaml",
            hint="Go to its folder, name it with --fleet DIR, or make one with: deployer init DIR",
        )
    clusters, documents = {}, {}
    for folder in folders:
        try:
            clusters[folder], documents[folder], found = load_cluster(tree, folder, settings)
            findings += found
        except DeployerError as error:
            errors.append(error)
    return Fleet(tree, settings, clusters, documents, tuple(findings)), errors


def cluster_folders(tree: Tree) -> list[str]:
    """The folders that hold a cluster, sorted."""
    return [name for name in tree.children(CLUSTERS) if name != TEMPLATES and tree.is_file(cluster_file(name))]


def load_settings(tree: Tree) -> tuple[Settings, list[Misfit]]:
    """deployer.yaml, or the defaults where there is none.

    :raises FleetError: it cannot be used.
    """
    if not tree.is_file(SETTINGS_FILE):
        return Settings(), []
    document = load(tree.read(SETTINGS_FILE), SETTINGS_FILE)
    reader = Reader(document)
    settings = reader.require(reader.read(Settings, {} if document.data is None else document.data))
    if leaves(normpath(settings.charts)):
        raise _leaves(document, ("charts",), settings.charts)
    return settings, reader.findings


def load_cluster(tree: Tree, folder: str, settings: Settings) -> tuple[Cluster, Document, list[Misfit]]:
    """One cluster.yaml.

    :raises FleetError: it cannot be used.
    """
    path = cluster_file(folder)
    document = load(tree.read(path), path)
    reader = Reader(document, settings.extra_keys)
    cluster = reader.require(reader.read(Cluster, document.data))
    checks = (_check_names(document, cluster), _check_canaries(document, cluster))
    if errors := [*chain(*checks, _check_paths(document, folder, cluster, settings))]:
        raise_all([*errors, *(misfit.error() for misfit in reader.findings)])
    return cluster, document, reader.findings


def _check_names(document: Document, cluster: Cluster) -> Iterator[FleetError]:
    """What would make two releases one: without these no plan has a meaning."""
    seen: dict[str, int] = {}
    for index, hub in enumerate(cluster.hubs):
        wrong = ""
        if hub.name == SUPPORT:
            wrong = f"{SUPPORT!r} is the name of the cluster's support release"
        elif "/" in hub.name or not hub.name:
            wrong = f"{hub.name!r} must not be empty or hold a '/'"
        elif hub.name in seen:
            wrong = f"{hub.name!r} is also the name of hubs[{seen[hub.name]}]"
        if wrong:
            at = (*hub.at, "name")
            yield SchemaError(f"{dotted(at)}: {wrong}", document.place(at), key=dotted(at))
        seen[hub.name] = index


def _check_canaries(document: Document, cluster: Cluster) -> Iterator[FleetError]:
    """Production hubs that stand behind each other could never start, and one behind no hub would not be guarded."""
    staging = {hub.name: hub.effective_stage is Stage.STAGING for hub in cluster.hubs}
    for hub in cluster.hubs:
        for name in canaries_of(cluster, hub):
            if staging.get(name):
                continue
            at = (*hub.at, "canary")
            what, hint = f"{name!r} is no staging hub", "Give that hub `stage: staging`, or name another."
            if name not in staging:
                what, hint = f"no hub {name!r} on this cluster", f"It has: {', '.join(sorted(staging))}"
            yield SchemaError(f"{dotted(at)}: {what}", document.place(at), hint, key=dotted(at), rule="canary")


def _check_paths(document: Document, folder: str, cluster: Cluster, settings: Settings) -> Iterator[FleetError]:
    """No file outside the fleet is ever read: what it says would be in nobody's review."""
    for key, name in _named_files(cluster):
        if leaves(cluster_path(folder, name)):
            yield _leaves(document, key, name)
    charts = [(hub.at, hub.helm_chart) for hub in cluster.hubs]
    if cluster.support:
        charts.append((cluster.support.at, cluster.support.helm_chart))
    for entry, name in charts:
        if leaves(normpath(join(settings.charts, name))):
            yield _leaves(document, (*entry, "helm_chart"), name)


def _named_files(cluster: Cluster) -> Iterator[tuple[Path, str]]:
    """Every file that cluster.yaml names, with the key that does."""
    for entry in (cluster.support, *cluster.hubs):
        for index, name in enumerate(entry.helm_chart_values_files if entry else ()):
            yield (*entry.at, "helm_chart_values_files", index), name  # type: ignore[union-attr]
    for hub in cluster.hubs:
        yield (*hub.at, "chart_override"), hub.chart_override
        yield (*hub.at, "domain_override_file"), hub.domain_override_file
    for key in ("key", "file"):
        yield (cluster.provider, key), getattr(cluster.connection, key, "")


def _leaves(document: Document, key: Path, name: str) -> FleetError:
    return OutsideError(
        f"{dotted(key)}: {name} leads out of the fleet",
        document.place(key),
        "Name a file below the fleet's folder: what stands elsewhere is in no commit of it.",
        key=dotted(key),
    )


def raise_all(errors: Iterable[DeployerError]) -> None:
    """Raise one error, or several as one.

    :raises DeployerError: there is at least one.
    """
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise CombinedError("the fleet cannot be read", errors=tuple(found))
