"""A hub that runs already, as an entry of the fleet: its chart, its values and its secrets as files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.errors import DeployerError, FleetError, Place
from deployer.fleet.charts import HUB_CHART
from deployer.fleet.effective import NOT_THERE, look
from deployer.fleet.helm_yaml import load
from deployer.fleet.repository import Fleet, cluster_file, cluster_path
from deployer.fleet.values import Values, merge
from deployer.scaffold.edit import Edit
from deployer.scaffold.hub import ChartKeys, check_hub_name
from deployer.scaffold.insert import Entry, insert_hubs
from deployer.scaffold.split import Split

CHART_FILES = 20_000  # of one chart; more is no chart


@dataclass(frozen=True, slots=True)
class ValuesFile:
    """A values file by the name that it gets in the cluster's folder, in two."""

    name: str
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What is known of a running hub. ``new_chart`` are the files of a chart that the fleet does not have yet.

    ``sealed`` is the encrypted file of all secrets, where there are any.
    """

    name: str
    chart: str
    files: tuple[ValuesFile, ...]
    domain: str = ""
    display_name: str = ""
    new_chart: Mapping[str, bytes] = field(default_factory=dict)
    sealed: bytes | None = None

    @property
    def secret_file(self) -> str:
        return f"enc-{self.name}.secret.values.yaml"

    def secrets(self) -> Values:
        """The secrets of all files together: they stand above all of them."""
        return merge([one.split.secret for one in self.files])


def adopt(fleet: Fleet, cluster: str, hub: Adopted, *, service: str) -> Edit:
    """The files that make the hub one of the fleet's.

    :param service: the health check's; without it in the hub's values, the hub is not checked yet.
    :raises DeployerError: a name is taken, or a file cannot be edited.
    """
    check_hub_name(hub.name, fleet.cluster(cluster))
    _check_order(hub.files)
    made = {f"{fleet.chart_folder(hub.chart)}/{path}": content for path, content in hub.new_chart.items()}
    for one in hub.files:
        made[cluster_path(cluster, one.name)] = one.split.plain
    if hub.sealed is not None:
        made[cluster_path(cluster, hub.secret_file)] = hub.sealed
    path = cluster_file(cluster)
    before = fleet.tree.read(path)
    keys = ChartKeys.of(Edit(made).fleet(fleet), hub.chart)
    values = merge([*(load(one.split.plain, one.name).data or {} for one in hub.files), hub.secrets()])
    checked = look(values, (*keys.hub, "hub", "services", service)) is not NOT_THERE
    checked = checked or look(keys.defaults, (*keys.hub, "hub", "services", service)) is not NOT_THERE
    about = "" if checked else f"Not checked after upgrades until its values have the service {service}."
    entry = Entry(dict(_entry(hub, checked=checked)), about)
    return Edit(made, {path: (before, insert_hubs(before, path, [entry]))})


def _entry(hub: Adopted, *, checked: bool) -> Iterator[tuple[str, Any]]:
    yield "name", hub.name
    yield "display_name", hub.display_name or hub.name
    if hub.domain:
        yield "domain", hub.domain
    yield "helm_chart", hub.chart
    sealed = [hub.secret_file] if hub.sealed is not None else []
    yield "helm_chart_values_files", [*(one.name for one in hub.files), *sealed]
    if not checked:
        yield "health", "none"


def _check_order(files: Iterable[ValuesFile]) -> None:
    """Secrets come last: what a later plain file sets must not be what an earlier one's secret was.

    :raises FleetError: it is.
    """
    taken: dict[tuple[str, ...], str] = {}
    for one in files:
        plain = load(one.split.plain, one.name).data or {}
        for key, name in taken.items():
            if _is_set(plain, key):
                raise FleetError(
                    f"{'.'.join(key)}: set here, and as a secret in {name}", Place(one.name), "Keep one of the two."
                )
        taken |= dict.fromkeys(one.split.keys, one.name)


def _is_set(values: Values, key: tuple[str, ...]) -> bool:
    """Whether the values say anything at the key, or above it other than a map."""
    here: Any = values
    for part in key:
        if not isinstance(here, dict):
            return True
        if part not in here:
            return False
        here = here[part]
    return True


def domain_of(values: Values) -> str:
    """Where the hub is found, as its ingress or its certificate has it; "" where they do not say."""
    for path in (("ingress", "hosts"), ("proxy", "https", "hosts")):
        for above in ((), (HUB_CHART,), ("basehub", HUB_CHART)):
            hosts = look(values, (*above, *path))
            if isinstance(hosts, list) and hosts and isinstance(hosts[0], str):
                return hosts[0]
    return ""


def read_chart_folder(folder: Path) -> dict[str, bytes]:
    """All files of a chart, by their paths below it.

    :raises DeployerError: it is no chart, or leads out of itself.
    """
    if not (folder / "Chart.yaml").is_file():
        raise DeployerError(f"{folder} is no chart: it has no Chart.yaml")
    found: dict[str, bytes] = {}
    root = folder.resolve()
    for file in sorted(folder.rglob("*")):
        if ".git" in file.relative_to(folder).parts or not file.is_file():
            continue
        if not file.resolve().is_relative_to(root):
            raise DeployerError(f"{file}: a link that leads out of the chart", hint="Put the file itself there.")
        found[file.relative_to(folder).as_posix()] = file.read_bytes()
        if len(found) > CHART_FILES:
            raise DeployerError(f"{folder} holds more than {CHART_FILES} files: no chart")
    return found


def chart_name(files: Mapping[str, bytes]) -> str:
    """
    :raises FleetError: its Chart.yaml has no name.
    """
    data = load(files["Chart.yaml"], "Chart.yaml").data
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(name, str) or "/" in name or not name.strip("."):
        raise FleetError("not a Chart.yaml: it has no name")
    return name
