"""What Helm holds on a cluster, whoever installed it: asked for a hub that is to become one of the fleet's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.errors import TargetError
from deployer.fleet.helm_yaml import load
from deployer.fleet.values import Values
from deployer.targets.credentials.session import Session
from deployer.targets.helm.helm import look

_CHART = re.compile(r"(.+?)-(v?\d+\.\d+\.\d+\S*)")


@dataclass(frozen=True, slots=True)
class Running:
    """A release as `helm list` tells of it."""

    name: str
    namespace: str
    chart: str
    version: str
    status: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Running:
        whole = str(data.get("chart", ""))
        found = _CHART.fullmatch(whole)
        chart, version = (found[1], found[2]) if found else (whole, "")
        return cls(str(data["name"]), str(data["namespace"]), chart, version, str(data.get("status", "")))


def running(session: Session, env: Mapping[str, str]) -> list[Running]:
    """Every release of the cluster, by namespace and name.

    :raises TargetError: the cluster cannot be asked.
    """
    argv = ("helm", "list", "--all-namespaces", "--max", "0", "--output", "json")
    raw = look(session, argv, env=env, cancelled=None)
    try:
        found = [Running.parse(one) for one in json.loads(raw or b"[]")]
    except (ValueError, KeyError, TypeError):
        raise TargetError("helm did not list releases as this version of it should") from None
    return sorted(found, key=lambda one: (one.namespace, one.name))


def given_values(session: Session, release: Running, env: Mapping[str, str]) -> Values:
    """The values that whoever deployed the release gave, without the chart's defaults.

    :raises TargetError: they cannot be read.
    """
    argv = ("helm", "get", "values", release.name, "--namespace", release.namespace, "--output", "json")
    data = load(look(session, argv, env=env, cancelled=None) or b"{}", "values").data
    return data if isinstance(data, dict) else {}
