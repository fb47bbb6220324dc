"""The files of a fleet themselves: secrets that are not encrypted, values files of no use, charts without a lock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import basename

from deployer.errors import DeployerError, Place
from deployer.fleet.charts import Chart
from deployer.fleet.findings import Finding, finding
from deployer.fleet.helm_yaml import later_at, load
from deployer.fleet.repository import CLUSTERS, TEMPLATES, Fleet, cluster_folders, cluster_path
from deployer.fleet.tree import Tree, files_below

# `enc-…`, `ocean.secret.values.yaml`, `my-secrets.yaml`; not the values of the operator called External Secrets.
_SAYS_SECRET = re.compile(r"enc-|(^|(?<!external)[-_.])secrets?([-_.]|$)", re.IGNORECASE)
_NO_SECRETS = (".md", ".rst", ".jsonnet", ".libsonnet", ".py", ".sh")
_VALUES = re.compile(r".*\.values\.(ya?ml|jsonnet)")
_SEALED_TEXT = re.compile(rb"^(\[sops\]|sops_version=|sops__version=)", re.MULTILINE)  # ini and dotenv
_EXACT = re.compile(r"[=v]?\d+\.\d+\.\d+([-+][-+.0-9A-Za-z]*)?")


def secrets(fleet: Fleet, folder: str) -> Iterator[Finding]:
    """Files of a cluster whose name says secret, and that sops has not encrypted. What is in them is never shown."""
    for path in sorted({*_files(fleet, folder), *_credentials(fleet, folder)}):
        if says_secret(path) and fleet.tree.is_file(path):
            problem = why_open(fleet.tree, path)
            if problem:
                yield finding("secret-not-encrypted", Place(path, 1), "", problem)


def says_secret(path: str) -> bool:
    """Whether a file's name says that a secret is in it, and its ending not that it only is about one."""
    name = basename(path)
    return bool(_SAYS_SECRET.search(name) or ".secret." in name) and not name.endswith(_NO_SECRETS)


def _files(fleet: Fleet, folder: str) -> list[str]:
    listed = [
        path for release in fleet.releases.values() if release.id.cluster == folder for path in release.values_files
    ]
    return [*files_below(fleet.tree, f"{CLUSTERS}/{folder}"), *listed]


def _credentials(fleet: Fleet, folder: str) -> Iterator[str]:
    cluster = fleet.clusters[folder]
    for name in ("key", "file"):
        if path := getattr(cluster.connection, name, ""):
            yield cluster_path(folder, path)
    yield from (cluster_path(folder, hub.domain_override_file) for hub in cluster.hubs if hub.domain_override_file)


def why_open(tree: Tree, path: str) -> str:
    """What shows that a file is not encrypted; "" where it is."""
    try:
        raw = tree.read(path)
        if _SEALED_TEXT.search(raw):
            return ""
        data = load(raw, path).data
    except (DeployerError, OSError):
        return "not encrypted: neither YAML nor JSON with sops's own block"
    if isinstance(data, dict) and isinstance(data.get("sops"), dict):
        return ""
    return "not encrypted: there is no block of sops in it"


def documents(fleet: Fleet, paths: Iterable[str]) -> Iterator[Finding]:
    """Files of more than one document: what a later one says is not looked at, and may count all the same."""
    for path in sorted(set(paths)):
        if path.endswith((".yaml", ".yml")) and fleet.tree.is_file(path) and (line := _later(fleet, path)):
            yield finding("several-documents", Place(path, line), "", "a second document: only the first is looked at")


def _later(fleet: Fleet, path: str) -> int:
    try:
        return later_at(fleet.tree.read(path), path)
    except DeployerError:
        return 0  # said elsewhere


def unused(fleet: Fleet, folder: str) -> Iterator[Finding]:
    """Values files in a cluster's folder that nothing reads; those of a cluster that has no hub yet wait for one."""
    if not fleet.clusters[folder].hubs:
        return
    used = _used(fleet)
    for path in files_below(fleet.tree, f"{CLUSTERS}/{folder}"):
        if _VALUES.fullmatch(path) and path not in used and not _imported(fleet, folder, basename(path)):
            yield finding("unused-values-file", Place(path), "", "no release lists this values file")


def no_clusters(fleet: Fleet) -> Iterator[Finding]:
    """Folders beside the clusters that hold values files, none of which is read by anything."""
    used: set[str] | None = None
    for folder in sorted({*fleet.tree.children(CLUSTERS)} - {*cluster_folders(fleet.tree), TEMPLATES}):
        path = f"{CLUSTERS}/{folder}"
        values = [one for one in files_below(fleet.tree, path) if _VALUES.fullmatch(one)]
        used = _used(fleet) if used is None else used
        if values and used.isdisjoint(values):
            yield finding("no-cluster-yaml", Place(path), "", f"{len(values)} values files, and no cluster.yaml")


def _used(fleet: Fleet) -> set[str]:
    """Every values file that a release lists, also one that is retired, and what links lead to."""
    used: set[str] = set()
    for folder, cluster in fleet.clusters.items():
        for entry in (cluster.support, *cluster.hubs):
            for name in entry.helm_chart_values_files if entry else ():
                used.update(fleet.tree.trail(cluster_path(folder, name)))
    return used


def _imported(fleet: Fleet, folder: str, name: str) -> bool:
    """Whether a jsonnet file of the cluster names it: what it imports is not followed here."""
    for path in files_below(fleet.tree, f"{CLUSTERS}/{folder}"):
        if path.endswith((".jsonnet", ".libsonnet")) and name.encode() in fleet.tree.read(path):
            return True
    return False


def locks(fleet: Fleet, charts: set[tuple[str, str]]) -> Iterator[Finding]:
    """Charts of which it is open what they consist of."""
    for folder, override in sorted(charts):
        try:
            chart = fleet.charts.get(folder, override)
        except DeployerError:
            continue  # said elsewhere
        if not fleet.tree.is_file(f"{folder}/Chart.lock"):
            yield from _open_versions(fleet, chart)


def _open_versions(fleet: Fleet, chart: Chart) -> Iterator[Finding]:
    for index, dependency in enumerate(chart.dependencies):
        vendored = not dependency.repository or dependency.folder
        if not vendored and not _EXACT.fullmatch(dependency.version):
            place = load(fleet.tree.read(chart.file), chart.file).place(("dependencies", index, "version"))
            wide = dependency.version or "*"
            yield finding(
                "no-chart-lock", place, f"dependencies[{index}].version", f"{dependency.name} {wide}, no lock"
            )
