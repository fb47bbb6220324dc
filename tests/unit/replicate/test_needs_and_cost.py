"""What a hub needs of a cluster and what it takes while it runs, as a replicate tells of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deployer.replicate import cost
from deployer.replicate.needs import Need, needs
from deployer.replicate.script import check

GIB = cost.GIB
STORED = {"jupyterhub": {"hub": {"db": {"type": "postgres"}}, "singleuser": {"storage": {"type": "static"}}}}
PATH = ("jupyterhub",)
DEFAULT = Need("a default storage class", ("default_storage_class",))


def found(values: Any, *manifests: Any, domain: str = "") -> list[Need]:
    return needs({**STORED, **values}, manifests, PATH, domain)


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"ingress": {"ingressClassName": "nginx"}}, ("object", "ingressclass", "nginx")),
        ({"ingress": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}}, ("object", "ingressclass", "nginx")),
        ({"nfs": {"pv": {"storageClassName": "fast"}}}, ("object", "storageclass", "fast")),
        ({"x": {"dynamic": {"storageClass": "fast"}}}, ("object", "storageclass", "fast")),
        ({"x": {"node_selector": {"pool": "a"}}}, ("nodes", "pool=a")),
        ({"x": [{"kubespawner_override": {"node_selector": {"pool": "b"}}}]}, ("nodes", "pool=b")),
        ({"x": {"extra_resource_limits": {"nvidia.com/gpu": "1"}}}, ("resource", "nvidia.com/gpu")),
        ({"x": {"priorityClassName": "high"}}, ("object", "priorityclass", "high")),
        ({"x": {"imagePullSecrets": [{"name": "pull"}]}}, ("secret", "pull")),
        ({"x": {"annotations": {"cert-manager.io/cluster-issuer": "le"}}}, ("cluster_issuer", "le")),
        ({"x": {"annotations": {"cert-manager.io/issuer": "le"}}}, ("issuer", "le")),
    ],
)
def test_what_can_be_looked_for(values: Any, check: tuple[str, ...]) -> None:
    assert [need.check for need in found(values)] == [check]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nfs": {"enabled": True, "serverIP": "10.0.0.2", "baseShareName": "/homes/"}}, "10.0.0.2 with /homes/"),
        ({"sa": {"annotations": {"eks.amazonaws.com/role-arn": "arn:x"}}}, "AWS role arn:x"),
        ({"sa": {"annotations": {"iam.gke.io/gcp-service-account": "a@b"}}}, "Google service account a@b"),
    ],
)
def test_what_no_cluster_tells_of(values: Any, told: str) -> None:
    (need,) = found(values)
    assert told in need.what
    assert need.check == ("ask",)


@pytest.mark.parametrize(
    "values",
    [
        {"ingress": {"enabled": False, "ingressClassName": "nginx"}},
        {"x": {"storageClassName": ""}},
        {"x": {"storageClass": None}},
        {"x": {"nodeSelector": {}}},
        {"x": {"nodeSelector": {"kubernetes.io/os": "linux"}}},
        {"x": {"annotations": {"eks.amazonaws.com/role-arn": None}}},
        {"x": {"limits": {"memory": "1G"}}},
    ],
)
def test_what_is_no_need(values: Any) -> None:
    assert found(values) == []


def test_each_once_and_what_can_be_checked_first() -> None:
    twice = {"a": {"storageClass": "fast"}, "b": {"storageClass": "fast"}, "nfs": {"server": "10.0.0.2"}}
    whats = [need.what for need in found(twice, domain="ocean.example.org")]
    assert whats[0] == "the storage class fast"
    assert len(whats) == 3
    assert whats[-1].startswith("DNS: ocean.example.org")


def test_a_default_storage_class_is_needed_by_homes_and_the_database() -> None:
    assert found({"jupyterhub": {"hub": {}}}) == [DEFAULT]
    assert DEFAULT not in found({})
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}, "spec": {}}
    assert DEFAULT in found({}, claim)
    assert DEFAULT not in found({}, {**claim, "spec": {"storageClassName": "fast"}})


def test_kinds_that_are_not_built_in_unless_the_chart_defines_them() -> None:
    one = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "le"}}
    plain = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "x"}}
    assert [need.check for need in found({}, one, plain)] == [("kind", "cert-manager.io", "Issuer")]
    defined = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "i"}}
    assert found({}, one, {**defined, "spec": {"names": {"kind": "Issuer"}}}) == []


def test_what_the_chart_makes_itself_is_not_asked_for() -> None:
    made = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}}
    assert found({"x": {"priorityClassName": "high"}}, made) == []


KUBECTL = """\
#!/bin/sh
case "$*" in
  *api-resources*) echo "${KINDS:-}" ;;
  *clusterissuers*) echo "${FOUND:-}" ;;
esac
"""


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        ({}, "MISSING"),
        ({"KINDS": "certificates cert cert-manager.io/v1 true Certificate"}, "MISSING"),
        ({"KINDS": "clusterissuers cert-manager.io/v1 false ClusterIssuer"}, "MISSING"),
        ({"KINDS": "clusterissuers cert-manager.io/v1 false ClusterIssuer", "FOUND": "clusterissuer/le"}, "ok"),
    ],
)
def test_an_issuer_is_asked_for_by_its_name(tmp_path: Path, cluster: dict[str, str], told: str) -> None:
    """A cluster may have cert-manager, and no issuer of that name."""
    wanted = found({"x": {"annotations": {"cert-manager.io/cluster-issuer": "le"}}})
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **cluster}
    done = subprocess.run(
        ["/bin/sh", "-c", check("ocean", wanted)], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(f"{told:<9}the ClusterIssuer le of cert-manager\n"), done
    assert bool(done.returncode) == (told == "MISSING")


# What it costs


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1G", 1e9),
        ("1Gi", GIB),
        ("512M", 5.12e8),
        ("500m", 0.5),
        (0.25, 0.25),
        ("2", 2),
        ("1e3", 1000),
        (None, 0),
        (True, 0),
        ("much", 0),
        ("1.2.3", 0),
        ("2K", 2000),
    ],
)
def test_quantities(written: Any, number: float) -> None:
    assert cost.quantity(written) == number


@pytest.mark.parametrize(
    ("written", "number"),
    [("1G", GIB), ("1.5G", 1.5 * GIB), ("512M", GIB / 2), ("1T", 1024 * GIB), ("2Gi", 2 * GIB), (7, 7)],
)
def test_a_servers_memory_is_counted_as_jupyterhub_does(written: Any, number: float) -> None:
    """Its ``ByteSpecification`` takes K, M, G and T as powers of 1024."""
    assert cost.specified(written) == number


def workload(kind: str, name: str, replicas: Any, *requests: dict[str, Any]) -> dict[str, Any]:
    containers = [{"resources": {"requests": asked}} for asked in requests]
    spec = {"replicas": replicas, "template": {"spec": {"containers": containers}}}
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def test_what_runs_always() -> None:
    found_ = cost.always([
        workload("Deployment", "proxy", 2, {"cpu": "200m", "memory": "512Mi"}, {"cpu": 0.1}),
        workload("StatefulSet", "placeholder", 0, {"cpu": 4}),
        workload("DaemonSet", "puller", None, {"memory": "1Gi"}),
        {"kind": "Service"},
        "not parsed",
    ])  # fmt: skip
    shown = [(one.name, one.pods, round(one.cpu, 3), one.memory) for one in found_]
    assert shown == [
        ("placeholder", "0", 0, 0),
        ("proxy", "2", 0.6, GIB),
        ("puller", "one on each node", 0, GIB),
    ]


def test_users_by_profile_and_choice() -> None:
    override = {"mem_guarantee": "4G", "mem_limit": "8G"}
    choices = {
        "a": {"display_name": "Big", "kubespawner_override": {"mem_guarantee": "16Gi"}},
        "b": {"display_name": "R"},
    }
    profiles = [
        {"display_name": "Small"},
        {"display_name": "Large", "kubespawner_override": override, "profile_options": {"size": {"choices": choices}}},
    ]
    single = {"memory": {"guarantee": "1G"}, "cpu": {"limit": 2}, "profileList": profiles}
    rows = cost.users({"singleuser": single})
    assert [(row.name, row.memory, row.memory_limit, row.cpu) for row in rows] == [
        ("Small", GIB, 0, 2),  # what is not asked for is what may be used at most
        ("Large", 4 * GIB, 8 * GIB, 2),
        ("Large: Big", 16 * GIB, 8 * GIB, 2),
    ]
    assert rows[0].per_node(16) == "14"
    assert rows[2].per_node(64) == "3"
    assert cost.users({})[0].per_node(64) == "?"


@pytest.mark.parametrize(("amount", "shown"), [(GIB, "1 GiB"), (1.5 * GIB, "1.5 GiB"), (10 * GIB, "10 GiB"), (0, "-")])
def test_memory_is_read_by_people(amount: float, shown: str) -> None:
    assert cost.memory(amount) == shown
