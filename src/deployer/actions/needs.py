"""What a job needs to reach clusters: tools, and whom to log in as. Pure, and nothing in it is secret.

Jobs get it as JSON, in their matrix: ``{"tools": ["helm", "kubectl", "sops"], "gcp": {"provider": "…",
"service_account": "…"}, "aws": {"role": "…", "region": "…"}, "azure": {"client": "…", "tenant": "…", "subscription":
"…"}}``, of which only that is there which is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.fleet.cluster import Aws, Azure, Cluster, Gcp, Provider
from deployer.fleet.settings import Settings

Needs = Mapping[str, Any]

AWS_REGION = "us-east-1"  # tokens are asked for somewhere; keys name the region of their own
_TOOLS: Mapping[Provider, tuple[str, ...]] = {
    Provider.GCP: ("helm", "kubectl", "gke-gcloud-auth-plugin"),
    Provider.AWS: ("helm", "kubectl"),
    Provider.AZURE: ("helm", "kubectl", "kubelogin"),
    Provider.KUBECONFIG: ("helm", "kubectl"),
    Provider.LOCAL: (),
}


def needs(cluster: Cluster, settings: Settings, *, encrypted: bool) -> dict[str, Any]:
    """What a job needs for this cluster.

    The cluster's own identity, where it has one; of the fleet's those of all clouds where there is something to decrypt
    (any of them may hold the key), and the one of the cluster's cloud where it has no key of its own.

    :param encrypted: whether sops must decrypt something.
    """
    tools = [*_TOOLS[cluster.provider], *(["sops"] if encrypted else [])]
    found = {"gcp": _gcp(cluster, settings), "aws": _aws(cluster, settings), "azure": _azure(cluster, settings)}
    own, keyless = cluster.provider.value, not getattr(cluster.connection, "key", "")
    has_own = getattr(cluster.connection, "oidc", None) is not None
    wanted = {cloud: who for cloud, who in found.items() if who and (encrypted or (cloud == own and keyless))}
    if has_own and (who := found[own]):
        wanted[own] = who
    return {"tools": tools, **wanted}


def _gcp(cluster: Cluster, settings: Settings) -> dict[str, str] | None:
    block = cluster.connection
    who = (block.oidc if isinstance(block, Gcp) else None) or settings.oidc.gcp
    return {"provider": who.provider, "service_account": who.service_account} if who else None


def _aws(cluster: Cluster, settings: Settings) -> dict[str, str] | None:
    block = cluster.connection
    who = (block.oidc if isinstance(block, Aws) else None) or settings.oidc.aws
    default = block.region if isinstance(block, Aws) else AWS_REGION
    return {"role": who.role, "region": who.region or default} if who else None


def _azure(cluster: Cluster, settings: Settings) -> dict[str, str] | None:
    block = cluster.connection
    who = (block.oidc if isinstance(block, Azure) else None) or settings.oidc.azure
    default = block.subscription if isinstance(block, Azure) else ""
    return {"client": who.client, "tenant": who.tenant, "subscription": who.subscription or default} if who else None
