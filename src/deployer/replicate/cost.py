"""What a hub takes while it runs: always, and for each user at work. From requests, limits and the profile list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from deployer.fleet.values import Values, at

GIB = 2**30
NODES = (16, 64)  # GiB of the nodes for which the table says how many users fit
LEFT = 0.9  # of a node's memory, after what Kubernetes and the system take
_QUANTITY = re.compile(r"\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([KMGTPE]i?|[km])?B?\s*")
_POWERS = {"": 1.0, "m": 1e-3, "k": 1e3, "K": 1e3} | {sign: 1000.0**n for n, sign in enumerate("MGTPE", 2)}
_BINARY = {f"{sign}i": 1024.0**n for n, sign in enumerate("KMGTPE", 1)}
_SPECIFIED = {sign: 1024.0**n for n, sign in enumerate("KMGT", 1)}  # what JupyterHub means by them
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


class Always(NamedTuple):
    """A workload of the hub itself; memory in bytes."""

    name: str
    pods: str
    cpu: float
    memory: float


class User(NamedTuple):
    """What one user's server is given and may take; 0 where nothing is said. Memory in bytes."""

    name: str
    memory: float
    memory_limit: float
    cpu: float
    cpu_limit: float

    def per_node(self, gib: int) -> str:
        """How many fit on a node of so much memory."""
        return str(int(gib * GIB * LEFT // self.memory)) if self.memory else "?"


def quantity(value: Any) -> float:
    """A number as Kubernetes writes it, where ``1G`` is 10^9; 0 for what is none."""
    return _number(value, {**_POWERS, **_BINARY})


def specified(value: Any) -> float:
    """Bytes as JupyterHub reads a server's memory: ``1G`` is 1 GiB there; 0 for what is none."""
    return _number(value, {**_POWERS, **_BINARY, **_SPECIFIED})


def _number(value: Any, units: Mapping[str, float]) -> float:
    found = _QUANTITY.fullmatch(str(value)) if value is not None and not isinstance(value, bool) else None
    try:
        return float(found[1]) * units[found[2] or ""] if found else 0.0
    except ValueError:
        return 0.0


def always(manifests: Iterable[Any]) -> list[Always]:
    """The workloads that run whether anybody works or not."""
    found = [one for one in manifests if isinstance(one, dict) and one.get("kind") in _WORKLOADS]
    return sorted(_workload(one) for one in found)


def _workload(one: Mapping[str, Any]) -> Always:
    spec = one.get("spec") or {}
    containers = at(spec, ["template", "spec"]).get("containers") or []
    replicas = spec.get("replicas", 1) if one["kind"] != "DaemonSet" else 1
    asked = [at(container, ["resources", "requests"]) for container in containers if isinstance(container, dict)]
    cpu, memory = (sum(quantity(each.get(what)) for each in asked) * (replicas or 0) for what in ("cpu", "memory"))
    pods = "one on each node" if one["kind"] == "DaemonSet" else str(replicas)
    return Always(str(at(one, ["metadata"]).get("name")), pods, cpu, memory)


def users(hub_values: Values) -> list[User]:
    """One row for all users, or one for each profile and each choice within one."""
    single = at(hub_values, ["singleuser"])
    base = {
        "mem_guarantee": at(single, ["memory"]).get("guarantee"),
        "mem_limit": at(single, ["memory"]).get("limit"),
        "cpu_guarantee": at(single, ["cpu"]).get("guarantee"),
        "cpu_limit": at(single, ["cpu"]).get("limit"),
    }
    profiles = list(_maps(single.get("profileList")))
    return [row for profile in profiles for row in _profile(profile, base)] or [_user("each user", base)]


def _profile(profile: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[User]:
    name = str(profile.get("display_name") or "a profile")
    own = {**base, **at(profile, ["kubespawner_override"])}
    yield _user(name, own)
    for option in _maps(profile.get("profile_options")):
        for choice in _maps(option.get("choices")):
            changed = at(choice, ["kubespawner_override"])
            if changed.keys() & base.keys():
                yield _user(f"{name}: {choice.get('display_name') or 'a choice'}", {**own, **changed})


def _user(name: str, given: Mapping[str, Any]) -> User:
    memory_, most = (specified(given.get(key)) for key in ("mem_guarantee", "mem_limit"))
    cpu, most_cpu = (quantity(given.get(key)) for key in ("cpu_guarantee", "cpu_limit"))
    return User(name, memory_ or most, most, cpu or most_cpu, most_cpu)  # as Kubernetes fills in what is not asked for


def _maps(items: Any) -> Iterator[Mapping[str, Any]]:
    found = items.values() if isinstance(items, Mapping) else items if isinstance(items, list) else ()
    return (item for item in found if isinstance(item, Mapping))


def memory(amount: float) -> str:
    """``1.5 GiB``, or ``-`` for nothing."""
    return f"{amount / GIB:.2f}".rstrip("0").rstrip(".") + " GiB" if amount else "-"


def cores(amount: float) -> str:
    return f"{amount:.3f}".rstrip("0").rstrip(".") if amount else "-"
