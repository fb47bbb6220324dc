"""A new cluster: what is known of it, as a record, and the files that are made of that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.errors import DeployerError, FleetError
from deployer.fleet.cluster import LABEL, Aws, Azure, Gcp, Kubeconfig, Local, Provider
from deployer.fleet.ids import SUPPORT
from deployer.fleet.json_schema import modeline, path_of
from deployer.fleet.repository import CLUSTERS, TEMPLATES, Fleet, cluster_file, cluster_path
from deployer.fleet.schema import COUNT, FLAG, Key, keys_of, nearest
from deployer.scaffold.data import what_identity_needs
from deployer.scaffold.edit import Edit
from deployer.scaffold.yaml_text import Setting, lines, scalar, values_text

BLOCKS: Mapping[Provider, type] = {
    Provider.GCP: Gcp,
    Provider.AWS: Aws,
    Provider.AZURE: Azure,
    Provider.KUBECONFIG: Kubeconfig,
    Provider.LOCAL: Local,
}
COMMON = "common.values.yaml"  # what all hubs of a cluster list first
SUPPORT_VALUES = "support.values.yaml"
INGRESS_CLASS, ISSUER = "traefik", "letsencrypt-prod"  # as the chart support has them
DOMAIN_KEY = "x-domain"  # below which the names of a cluster's hubs stand
SHARE = "/export/homes"  # of an NFS server, where nothing else is said
KUBECONFIG_FILE = "enc-kubeconfig.secret.yaml"
DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Homes:
    """Where users' home directories are: a share of an NFS server."""

    server: str
    share: str = SHARE
    mount_options: tuple[str, ...] = ()  # those that its cloud asks for, beside the chart's own


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """All that is known of a cluster when its files are made.

    ``connection`` are keys of the block that is named after the provider, as in cluster.yaml; ``annotations`` go to the
    service account that users' servers of all hubs run as; ``ingress`` is HOST:PORT, as in cluster.yaml;
    ``node_purposes`` says that there are nodes for users and nodes for hubs, labelled as the community's chart has it;
    ``azure_spot`` that some of those for users are spot nodes, as Azure marks them.
    """

    name: str
    provider: Provider
    connection: Mapping[str, Any] = field(default_factory=dict)
    provider_url: str = ""
    domain: str = ""
    ingress: str = ""
    homes: Homes | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""  # the mail address that the certificates' authority writes to
    node_purposes: bool = False
    azure_spot: bool = False


def new_cluster(facts: ClusterFacts, fleet: Fleet) -> Edit:
    """The files of a new cluster without hubs.

    :raises DeployerError: there is such a cluster already, or something of the facts cannot be.
    """
    check_new_name(facts.name, fleet)
    check_connection(facts.provider, facts.connection)
    check_domain(facts.domain)
    check_contact(facts.contact)
    with_support = fleet.tree.is_file(f"{fleet.chart_folder(SUPPORT)}/Chart.yaml")
    texts = {
        cluster_file(facts.name): _cluster_text(facts, fleet, with_support=with_support),
        cluster_path(facts.name, COMMON): _common_text(facts),
    }
    if with_support:
        texts[cluster_path(facts.name, SUPPORT_VALUES)] = values_text(
            support_settings(facts),
            f"What the hubs of this cluster share: values of the chart {SUPPORT}, above its own defaults.",
        )
    return Edit({path: text.encode() for path, text in texts.items()})


def check_new_name(name: str, fleet: Fleet) -> None:
    """
    :raises DeployerError: no cluster can be called so, or one is.
    """
    if not re.fullmatch(LABEL, name) or name == TEMPLATES:
        raise DeployerError(
            f"{name!r} cannot name a cluster",
            hint="Lower-case letters, digits and '-', at most 53; the first and the last a letter or a digit"
            f"{f'. {TEMPLATES!r} is a folder that is no cluster.' if name == TEMPLATES else '.'}",
        )
    if name in fleet.clusters or fleet.tree.children(f"{CLUSTERS}/{name}"):
        raise DeployerError(f"there is a cluster {name} already: {CLUSTERS}/{name}/", hint="Choose another name.")


def check_connection(provider: Provider, given: Mapping[str, Any]) -> None:
    """
    :raises DeployerError: a key is not one of the provider's block, or one that it needs is missing.
    """
    known = keys_of(BLOCKS[provider])
    for key, value in given.items():
        if key not in known:
            raise FleetError(
                f"provider {provider} has no {key}{nearest(key, known)}", hint=f"It has: {', '.join(known)}"
            )
        if known[key].kind is COUNT and not str(value).isdecimal():
            raise FleetError(f"{key}: must be {COUNT.name}, not {value!r}")
    missing = [key for key, spec in known.items() if spec.required and not given.get(key)]
    if provider is Provider.GCP and not (given.get("zone") or given.get("region")):
        missing.append("zone (or region)")
    if missing:
        raise FleetError(f"provider {provider} needs: {', '.join(missing)}")


def check_contact(contact: str) -> None:
    """
    :raises DeployerError: it is no mail address.
    """
    if contact and not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@.]+", contact):
        raise DeployerError(f"{contact!r} is no mail address", hint="Write it as in ops@example.org")


def check_domain(domain: str) -> None:
    """
    :raises DeployerError: it is no name of a host.
    """
    if domain and not DOMAIN.fullmatch(domain):
        raise DeployerError(
            f"{domain!r} is no domain", hint="Write it without https:// or a path: ocean.reef.example.org"
        )


def _cluster_text(facts: ClusterFacts, fleet: Fleet, *, with_support: bool) -> str:
    text = []
    if fleet.tree.is_file(path_of("cluster")):
        text.append(modeline("cluster", cluster_file(facts.name)))
    text.append("# The hubs of this cluster, and how to reach it. A new hub: deployer new hub " + facts.name + " NAME")
    text += lines(dict(_entries(facts)))
    if facts.domain:
        text += ["# Hubs stand below this domain, unless they say otherwise.", f"{DOMAIN_KEY}: {scalar(facts.domain)}"]
    if with_support:
        text += lines({"support": {"helm_chart_values_files": [SUPPORT_VALUES]}})
    return "\n".join([*text, "hubs: []"]) + "\n"


def _entries(facts: ClusterFacts) -> Iterator[tuple[str, Any]]:
    yield "name", facts.name
    yield "provider", str(facts.provider)
    if url := facts.provider_url or console_url(facts.provider, facts.connection):
        yield "provider_url", url
    if block := connection_block(facts.provider, facts.connection):
        yield str(facts.provider), block
    if facts.ingress:
        yield "ingress", facts.ingress


def connection_block(provider: Provider, given: Mapping[str, Any]) -> dict[str, Any]:
    """The block in the order of its declaration; text stays text, whatever it looks like."""
    return {key: _typed(given[key], spec) for key, spec in keys_of(BLOCKS[provider]).items() if given.get(key)}


def _typed(value: Any, spec: Key) -> Any:
    """Flags and inner blocks stay what they are."""
    if spec.kind is FLAG or spec.kind.models:
        return value
    return int(value) if spec.kind is COUNT else str(value)


def console_url(provider: Provider, connection: Mapping[str, Any]) -> str:
    """Where engineers find the cluster in the provider's console; "" where that cannot be told."""
    if provider is Provider.GCP:
        where = connection.get("region") or connection.get("zone")
        path = f"{where}/{connection.get('cluster')}?project={connection.get('project')}"
        return f"https://console.cloud.google.com/kubernetes/clusters/details/{path}"
    if provider is Provider.AWS:
        region = connection.get("region")
        where = f"region={region}#/clusters/{connection.get('clusterName')}"
        return f"https://{region}.console.aws.amazon.com/eks/home?{where}"
    return ""


def _common_text(facts: ClusterFacts) -> str:
    about = "What all hubs of this cluster have in common; a hub's own values files stand above this one."
    return values_text(common_settings(facts), about)


_INGRESS = (
    Setting(("jupyterhub", "proxy", "service", "type"), "ClusterIP", "Users come through the cluster's ingress."),
    Setting(("jupyterhub", "ingress", "ingressClassName"), INGRESS_CLASS),
    Setting(
        ("jupyterhub", "ingress", "annotations"),
        {"cert-manager.io/cluster-issuer": ISSUER},
        "Certificates are got, and renewed, by cert-manager.",
    ),
)


def support_settings(facts: ClusterFacts) -> list[Setting]:
    """What is asked of the shared services, as values of the chart support."""
    why = "Who is told when a certificate cannot be renewed."
    return [Setting(("clusterIssuer", "email"), facts.contact, why)] if facts.contact else []


_NODES = ("jupyterhub", "scheduling")
_MATCH = ("nodeAffinity", "matchNodePurpose")
_ON_THEIR_NODES = (
    Setting((*_NODES, "userPods", *_MATCH), "require", "Users' servers run on nodes for users, which come and go."),
    Setting((*_NODES, "corePods", *_MATCH), "require", "What a hub is made of runs on nodes that stay."),
)


AZURE_SPOT = {
    "key": "kubernetes.azure.com/scalesetpriority",
    "operator": "Equal",
    "value": "spot",
    "effect": "NoSchedule",
}


def _mount_options(homes: Homes) -> list[Setting]:
    why = "What the cloud asks of those who mount its file system, and not to write each time that somebody reads."
    at = ("nfs", "pv", "mountOptions")
    return [Setting(at, ["noatime", *homes.mount_options], why)] if homes.mount_options else []


def common_settings(facts: ClusterFacts) -> list[Setting]:
    """What the cluster gives to all its hubs, as values of the chart basehub."""
    found = [] if facts.provider is Provider.LOCAL else list(_INGRESS)
    if facts.homes:
        found += [
            Setting(("nfs", "enabled"), value=True, why="Users' homes are on this server's share."),
            Setting(("nfs", "pv", "serverIP"), facts.homes.server),
            Setting(("nfs", "pv", "baseShareName"), facts.homes.share),
            *_mount_options(facts.homes),
            Setting(("jupyterhub", "singleuser", "storage", "type"), "static"),
            Setting(("jupyterhub", "singleuser", "storage", "static", "pvcName"), "home-nfs"),
        ]
    if facts.node_purposes:
        found += _ON_THEIR_NODES
    if facts.azure_spot:
        why = "Azure puts this taint on spot nodes by itself."
        found.append(Setting(("jupyterhub", "singleuser", "extraTolerations"), [dict(AZURE_SPOT)], why))
    if facts.annotations:
        found += [
            Setting(("userServiceAccount", "enabled"), value=True, why="What users' servers are to the cloud."),
            Setting(("userServiceAccount", "annotations"), dict(facts.annotations)),
            *what_identity_needs(facts.provider),
        ]
    return found
