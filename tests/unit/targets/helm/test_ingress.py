"""What is said of a cluster's ingress, for who makes DNS records."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.targets.helm.ingress import told


def service(kind: str = "LoadBalancer", *given: dict[str, str]) -> dict[str, Any]:
    balancer = {"ingress": list(given)} if given else {}
    return {
        "metadata": {"name": "support-traefik", "namespace": "support"},
        "spec": {"type": kind},
        "status": {"loadBalancer": balancer},
    }


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (service("LoadBalancer", {"ip": "203.0.113.7"}), "support-traefik answers at 203.0.113.7: "),
        (service("LoadBalancer", {"hostname": "a.elb.example.org"}), "support-traefik answers at a.elb.example.org: "),
        (service("LoadBalancer", {"ip": "203.0.113.7"}, {"ip": "2001:db8::7"}), "at 203.0.113.7, 2001:db8::7: "),
        # A cloud takes its time.
        (service(), "look again with: deployer shell reef -- kubectl --namespace support get service support-traefik"),
    ],
)
def test_where_names_have_to_lead(found: dict[str, Any], line: str) -> None:
    (said,) = told([service("ClusterIP"), found], "reef")
    assert line in said
