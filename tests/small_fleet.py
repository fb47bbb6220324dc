"""Small fleets in memory, for tests of what is pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, load_fleet
from deployer.fleet.tree import DictTree

CONNECTIONS: dict[str, dict[str, str]] = {
    "gcp": {"project": "p", "cluster": "c", "zone": "z"},
    "aws": {"clusterName": "c", "region": "r"},
    "azure": {"cluster": "c", "resource_group": "g"},
    "kubeconfig": {"file": "enc-kubeconfig.secret.yaml"},
    "local": {},
}
CHARTS = {
    "helm-charts/basehub/Chart.yaml": "name: basehub\ndependencies: [{name: jupyterhub, version: 4.3.3}]\n",
    "helm-charts/basehub/values.yaml": "jupyterhub: {cull: {enabled: true}}\n",
    "helm-charts/daskhub/Chart.yaml": "name: daskhub\ndependencies: [{name: basehub, repository: file://../basehub}]\n",
    "helm-charts/support/Chart.yaml": "name: support\n",
}

Files = dict[str, str]


def hub(name: str, **keys: Any) -> dict[str, Any]:
    """An entry under ``hubs:`` that reads ``<name>.values.yaml``."""
    return {
        "name": name,
        "domain": f"{name}.example.org",
        "helm_chart": "basehub",
        "helm_chart_values_files": [f"{name}.values.yaml"],
        **keys,
    }


def cluster(name: str, hubs: Sequence[Mapping[str, Any]], provider: str = "gcp", **keys: Any) -> dict[str, Any]:
    """A cluster.yaml as data; ``support=None`` leaves support out."""
    whole = {
        "name": name,
        "provider": provider,
        provider: CONNECTIONS[provider],
        "support": {"helm_chart_values_files": ["support.values.yaml"]},
        "hubs": list(hubs),
        **keys,
    }
    return {key: value for key, value in whole.items() if value is not None}


def files(*clusters: Mapping[str, Any], **others: str) -> Files:
    """All files of a fleet; domains are made unique. ``others`` have ``__`` for ``/`` and are seldom needed."""
    made: Files = dict(CHARTS)
    for one in clusters:
        folder = f"config/clusters/{one['name']}"
        hubs = [{**h, "domain": f"{h['name']}.{one['name']}.example.org"} for h in one["hubs"]]
        made[f"{folder}/cluster.yaml"] = json.dumps({**one, "hubs": hubs})
        for entry in [*hubs, one.get("support") or {}]:
            for name in entry.get("helm_chart_values_files", ()):
                made.setdefault(f"{folder}/{name}", "{}\n")
    return made | {name.replace("__", "/"): text for name, text in others.items()}


def fleet_of(contents: Mapping[str, str]) -> Fleet:
    return load_fleet(DictTree({path: text.encode() for path, text in contents.items()}))


def ids(*names: str) -> set[ReleaseId]:
    """``ids("reef/ocean")``."""
    return {ReleaseId.parse(name) for name in names}
