"""A replicate's directory read back as a small fleet of one hub, on this machine: so that it can be tried at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deployer.errors import DeployerError, FleetError, Place
from deployer.fleet.helm_yaml import load
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, load_fleet
from deployer.fleet.settings import FILE as SETTINGS
from deployer.fleet.tree import DictTree
from deployer.replicate.bundle import INDEX, VERSION
from deployer.replicate.chart import FOLDER as CHART
from deployer.replicate.layers import FOLDER as VALUES
from deployer.replicate.plain import plain_yaml
from deployer.secrets.sops import is_encrypted

CLUSTER = "replicate"
_AGAIN = "Take the file from git, or make the replicate again: deployer replicate CLUSTER HUB DIR"
_CHART_FILES = ("Chart.yaml", "requirements.yaml")


class Staged(NamedTuple):
    """The fleet, its one hub, and the replicate's files that are encrypted, so not looked at."""

    fleet: Fleet
    release: ReleaseId
    sealed: tuple[str, ...]


def is_replicate(folder: Path) -> bool:
    return (folder / INDEX).is_file()


def read(folder: Path) -> Staged:
    """The hub of a replicate.

    :raises DeployerError: the directory is none, or not whole.
    """
    index = _index(folder)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
    listed = [str(one["path"]) for one in index["values"]]
    sealed = tuple(path for path in listed if is_encrypted(files.get(path, b"")))
    hub = {
        "name": index["name"],
        "display_name": index.get("title", ""),
        "helm_chart": CHART,
        "helm_chart_values_files": [f"../../../{path}" for path in listed if path not in sealed],
    }
    cluster = {"name": CLUSTER, "provider": "local", "hubs": [hub]}
    made = {path: _with_paths(content, path, files) for path, content in files.items()}
    made |= {f"config/clusters/{CLUSTER}/cluster.yaml": plain_yaml(cluster), SETTINGS: b"charts: .\n"}
    return Staged(load_fleet(DictTree(made)), ReleaseId(CLUSTER, str(index["name"])), sealed)


def _files(folder: Path) -> list[Path]:
    return [path for part in (CHART, VALUES) for path in sorted((folder / part).rglob("*")) if path.is_file()]


def _index(folder: Path) -> Mapping[str, Any]:
    place = Place(str(folder / INDEX))
    try:
        data = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise DeployerError(f"version {data['version']!r} of a replicate is not known", place)
        _ = data["name"], [one["path"] for one in data["values"]]
    except KeyError as error:
        raise DeployerError(f"not that of a replicate: no key {error}", place, _AGAIN) from None
    except (OSError, ValueError, TypeError) as error:
        raise DeployerError(f"not that of a replicate: {error}", place, _AGAIN) from None
    return dict(data)


def _with_paths(content: bytes, path: str, files: Mapping[str, bytes]) -> bytes:
    """A chart's file in which dependencies that stand in ``charts/`` are named by path, as a fleet has them."""
    folder, _, name = path.rpartition("/")
    if name not in _CHART_FILES:
        return content
    try:
        data = load(content, path).data
    except FleetError:
        return content
    for entry in data.get("dependencies") or () if isinstance(data, dict) else ():
        below = f"charts/{entry.get('name')}" if isinstance(entry, dict) else ""
        if below and f"{folder}/{below}/Chart.yaml" in files:
            entry["repository"] = f"file://{below}"
    return plain_yaml(data) if isinstance(data, dict) else content
