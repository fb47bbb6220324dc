"""Where the ingress of a cluster is found from outside: what the DNS records of its hubs have to name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.errors import TargetError
from deployer.fleet.ids import ReleaseId
from deployer.targets.helm.kubectl import Kubectl, core


def where_names_go(kubectl: Kubectl, support: ReleaseId) -> list[str]:
    """What there is to say of the addresses of a support release, one line for each service that has one of its own.

    Nothing where the cluster does not say: an upgrade that went well does not fail for it.
    """
    try:
        found = kubectl.get(core(support.name, "services")) or {}
    except TargetError:
        return []
    return list(told(found.get("items") or (), support.cluster))


def told(services: Iterable[Mapping[str, Any]], cluster: str) -> Iterator[str]:
    """A line for each service of type LoadBalancer."""
    for service in services:
        if service.get("spec", {}).get("type") != "LoadBalancer":
            continue
        name, given = service["metadata"]["name"], list(_addresses(service))
        if given:
            yield f"{name} answers at {', '.join(given)}: the DNS records of the cluster's hubs must lead there"
        else:
            look = (
                f"deployer shell {cluster} -- kubectl --namespace {service['metadata']['namespace']} get service {name}"
            )
            yield f"{name} has no address yet, which the DNS records of hubs need; look again with: {look}"


def _addresses(service: Mapping[str, Any]) -> Iterator[str]:
    for one in service.get("status", {}).get("loadBalancer", {}).get("ingress") or ():
        if address := one.get("ip") or one.get("hostname"):
            yield address
