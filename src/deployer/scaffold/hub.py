"""A new hub: what was chosen for it, as a record, and the files that are made of that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deployer.errors import DeployerError, FleetError
from deployer.fleet.charts import HUB_CHART
from deployer.fleet.cluster import LABEL, Cluster, Provider
from deployer.fleet.effective import NOT_THERE, look
from deployer.fleet.ids import SUPPORT, ReleaseId, Stage
from deployer.fleet.logins import read_login
from deployer.fleet.repository import Fleet, cluster_file, cluster_path
from deployer.fleet.values import merge, read_values
from deployer.scaffold.cluster import COMMON, DOMAIN_KEY
from deployer.scaffold.data import DATA_KEY, Bucket, check_bucket, data_settings, identity
from deployer.scaffold.edit import Edit
from deployer.scaffold.insert import Entry, insert_hubs
from deployer.scaffold.kinds import USES, Kind, settings_of, shared_folder
from deployer.scaffold.login import CONFIG, OPEN, Login, LoginKind, check_login, check_provider, login_settings
from deployer.scaffold.yaml_text import Setting, values_text

BASEHUB, STAGING = "basehub", "staging"
STAGING_PEOPLE = 5  # who try out a staging hub


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHub:
    """What was chosen for a hub. ``who`` is what its users are to the cloud where that is not to be made up.

    ``sealed`` is the encrypted file of its log-in's id and secret, ``None`` where that is still to be made; ``built``
    are settings for what Terraform built for it.
    """

    name: str
    chart: str
    kind: Kind
    login: Login
    domain: str = ""
    display_name: str = ""
    people: int = 0
    buckets: tuple[Bucket, ...] = ()
    who: str = ""
    sealed: bytes | None = None
    built: tuple[Setting, ...] = ()

    @property
    def secret_file(self) -> str:
        return f"enc-{self.name}.secret.values.yaml"

    @property
    def needs_secret(self) -> bool:
        return self.login.choice.oauth


def staging_domain(domain: str, base: str) -> str:
    """Where a staging hub is found: below the cluster's domain, or beside the hub that it is the canary of."""
    above = base or domain.split(".", 1)[-1]
    return f"{STAGING}.{above if '.' in above else domain}" if domain else ""


def staging_of(hub: NewHub, cluster: str, domain: str, sealed: bytes | None = None) -> NewHub:
    """The canary of a cluster's first hub: the same, for a few people, and its data to be read only."""
    buckets = tuple(replace(bucket, write=False) for bucket in hub.buckets)
    return replace(
        hub,
        name=STAGING,
        display_name=f"Staging of {cluster}",
        domain=domain,
        people=STAGING_PEOPLE,
        buckets=buckets,
        who="",
        sealed=sealed,
    )


def new_hubs(fleet: Fleet, cluster: str, hubs: Sequence[NewHub]) -> Edit:
    """The files of new hubs of one cluster, and its cluster.yaml with their entries behind all others.

    :raises DeployerError: a name is taken or none, a rule is not known, nobody could log in, …
    """
    found = fleet.cluster(cluster)
    for hub in hubs:
        check_hub_name(hub.name, found)
        check_provider(hub.login.kind, found.provider)
        check_login(hub.login)
    if found.provider is not Provider.LOCAL and (bare := [hub.name for hub in hubs if not hub.domain]):
        raise DeployerError(f"{cluster}/{bare[0]} has no domain", hint="Add --domain.")
    path = cluster_file(cluster)
    before = fleet.tree.read(path)
    after = insert_hubs(before, path, [_entry(fleet, found, hub) for hub in hubs])
    made: dict[str, bytes] = {}
    for hub in hubs:
        made[cluster_path(cluster, values_file(hub.name))] = _values(fleet, found, hub).encode()
        if hub.sealed is not None:
            made[cluster_path(cluster, hub.secret_file)] = hub.sealed
    return Edit(made, {path: (before, after)})


def values_file(hub: str) -> str:
    return f"{hub}.values.yaml"


def check_hub_name(name: str, cluster: Cluster) -> None:
    """
    :raises DeployerError: no hub can be called so, or one of the cluster is.
    """
    if not re.fullmatch(LABEL, name):
        raise DeployerError(
            f"{name!r} cannot name a hub: it is also its namespace and its release",
            hint="Lower-case letters, digits and '-', at most 53; the first and the last a letter or a digit.",
        )
    if name == SUPPORT:
        raise DeployerError(f"{SUPPORT!r} is the name of the cluster's support release", hint="Choose another.")
    if name == "default" or name.startswith("kube-"):
        raise DeployerError(f"{name!r} is a namespace of Kubernetes' own", hint="Choose another name.")
    if name in {hub.name for hub in cluster.hubs}:
        raise DeployerError(f"there is a hub {cluster.name}/{name} already", hint="Choose another name.")


def default_chart(fleet: Fleet, cluster: Cluster) -> str:
    """The chart that most hubs of the cluster have; else basehub, or what other clusters use."""
    used = Counter(hub.helm_chart for hub in cluster.hubs)
    if not used and fleet.tree.is_file(f"{fleet.chart_folder(BASEHUB)}/Chart.yaml"):
        return BASEHUB
    used = used or Counter(hub.helm_chart for other in fleet.clusters.values() for hub in other.hubs)
    return used.most_common(1)[0][0] if used else BASEHUB


def base_domain(fleet: Fleet, cluster: Cluster) -> str:
    """Below which the cluster's hubs stand: what it says itself, or what most of them have in common."""
    said = look(fleet.documents[cluster.name].data, (DOMAIN_KEY,))
    if isinstance(said, str):
        return said
    known = Counter(hub.domain.split(".", 1)[1] for hub in cluster.hubs if hub.domain.count(".") > 1)
    return known.most_common(1)[0][0] if known else ""


def has_canary(cluster: Cluster) -> bool:
    return any(hub.effective_stage is Stage.STAGING and not hub.retire for hub in cluster.hubs)


# The entry


def _entry(fleet: Fleet, cluster: Cluster, hub: NewHub) -> Entry:
    about = ""
    if hub.needs_secret and hub.sealed is None:
        about = f"The id and the secret of its log-in belong into {hub.secret_file}, encrypted, and that file below."
    return Entry(dict(_entry_keys(fleet, cluster, hub)), about)


def _entry_keys(fleet: Fleet, cluster: Cluster, hub: NewHub) -> Iterator[tuple[str, Any]]:
    yield "name", hub.name
    yield "display_name", hub.display_name or hub.name
    if hub.domain:
        yield "domain", hub.domain
    yield "helm_chart", hub.chart
    shared = [COMMON] if _common(fleet, cluster) is not None else []
    sealed = [hub.secret_file] if hub.sealed is not None else []
    yield "helm_chart_values_files", [*shared, values_file(hub.name), *sealed]
    if hub.buckets:
        yield DATA_KEY, [bucket.entry() for bucket in hub.buckets]
    if cluster.provider is not Provider.LOCAL and _lets_strangers_in(hub):
        yield "silence", {"everybody-can-log-in": OPEN}


def _lets_strangers_in(hub: NewHub) -> bool:
    """Whether ``validate`` would warn of what was chosen on purpose."""
    chosen = hub.login.everybody or hub.login.kind is LoginKind.TMP
    return chosen and bool(read_login(look(_tree(login_settings(hub.login, hub.domain)), CONFIG)).strangers)


def _tree(settings: Iterable[Setting]) -> Mapping[str, Any]:
    layers = []
    for one in settings:
        layer: Any = one.value
        for part in reversed(one.key):
            layer = {part: layer}
        layers.append(layer)
    return merge(layers)


def _common(fleet: Fleet, cluster: Cluster) -> Mapping[str, Any] | None:
    """The values that the cluster's hubs have in common, where it has such a file."""
    path = cluster_path(cluster.name, COMMON)
    return read_values(fleet.tree, path) if fleet.tree.is_file(path) else None


# The values


def _values(fleet: Fleet, cluster: Cluster, hub: NewHub) -> str:
    keys = ChartKeys.of(fleet, hub.chart)
    who = identity(cluster, hub.name, hub.who) if hub.buckets else ""
    for bucket in hub.buckets:
        check_bucket(bucket.url, cluster.provider)
    settings = [
        *login_settings(hub.login, hub.domain),
        *settings_of(hub.kind, hub.people),
        *(_BESIDE_NFS.get(hub.kind, list)() if _homes_on_nfs(fleet, cluster, keys) else ()),
        *_ingress(fleet, cluster, hub, keys),
        *data_settings(cluster, hub.name, hub.buckets, who),
        *hub.built,
    ]
    about = USES[hub.kind].about if hub.kind is not Kind.PLAIN else ""  # no name: these files may go to others
    return values_text([one._replace(key=keys.place(one.key)) for one in settings], about)


def _no_homes() -> list[Setting]:
    return [Setting(("nfs", "enabled"), value=False, why="Nothing is kept, so no homes on the cluster's share.")]


# What kinds need where the cluster has homes on a share.
_BESIDE_NFS: Mapping[Kind, Callable[[], list[Setting]]] = {Kind.CLASS: shared_folder, Kind.EVENT: _no_homes}


def _homes_on_nfs(fleet: Fleet, cluster: Cluster, keys: ChartKeys) -> bool:
    common = _common(fleet, cluster) or {}
    return look(common, (*keys.hub[:-1], "nfs", "enabled")) is True


def _ingress(fleet: Fleet, cluster: Cluster, hub: NewHub, keys: ChartKeys) -> Iterator[Setting]:
    """The hub's own part, where the cluster says what its ingress is."""
    given = look(_common(fleet, cluster) or {}, (*keys.hub, "ingress", "ingressClassName"))
    if given is NOT_THERE or not hub.domain:
        return
    at = ("jupyterhub", "ingress")
    yield Setting((*at, "enabled"), value=True, why="Where the cluster's ingress finds the hub.")
    yield Setting((*at, "hosts"), [hub.domain])
    yield Setting((*at, "tls"), [{"hosts": [hub.domain], "secretName": "https-auto-tls"}])


@dataclass(frozen=True, slots=True)
class ChartKeys:
    """Where settings stand in a chart's values: ``hub`` are the keys above those of the community's chart."""

    chart: str
    hub: tuple[str, ...]
    defaults: Mapping[str, Any]
    dependencies: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, fleet: Fleet, chart: str) -> ChartKeys:
        """
        :raises FleetError: there is no such chart, or it has no JupyterHub in it.
        """
        folder = fleet.chart_folder(chart)
        if not fleet.tree.is_file(f"{folder}/Chart.yaml"):
            known = [name for name in fleet.tree.children(fleet.settings.charts) if not name.startswith(".")]
            raise FleetError(f"no chart {chart!r} in {fleet.settings.charts}/", hint=f"There are: {', '.join(known)}")
        hub = fleet.charts.hub_values_path(folder)
        if hub is None:
            raise FleetError(f"the chart {chart} does not depend on the chart {HUB_CHART!r}")
        file = f"{folder}/values.yaml"
        defaults = read_values(fleet.tree, file) if fleet.tree.is_file(file) else {}
        return cls(chart, hub, defaults, dict(_dependencies(fleet, folder, ())))

    def place(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """The key as the chart has it.

        :raises FleetError: the chart has nothing of that name.
        """
        if key[0] == HUB_CHART:
            return (*self.hub, *key[1:])
        if key[0] in self.dependencies:
            return (*self.dependencies[key[0]], *key[1:])
        if self.hub and key[0] in self.defaults:
            return key
        raise FleetError(
            f"the chart {self.chart} has no {key[0]}",
            hint="The chart basehub of a fleet that `deployer init` makes has.",
        )


def _dependencies(fleet: Fleet, folder: str, above: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for one in fleet.charts.get(folder).dependencies:
        yield one.name, (*above, one.key)
        if one.folder:
            yield from _dependencies(fleet, one.folder, (*above, one.key))


def release_ids(cluster: str, hubs: Iterable[NewHub]) -> list[ReleaseId]:
    return [ReleaseId(cluster, hub.name) for hub in hubs]
