"""Data outside of a hub: buckets that its users reach by an identity of the cloud, to read or to write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.errors import DeployerError
from deployer.fleet.cluster import Aws, Cluster, Gcp, Provider
from deployer.scaffold.yaml_text import Setting

DATA_KEY = "x-data"  # of a hub's entry: what Terraform reads
_SCHEMES = {"gs": Provider.GCP, "s3": Provider.AWS, "az": Provider.AZURE}
_BUCKET = re.compile(r"(gs|s3|az)://([a-z0-9][a-z0-9._@-]{1,220})(/[\w./=-]*)?")
_ACCOUNT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")  # of a service account of Google Cloud


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket: ``gs://name``, ``s3://name`` or ``az://container@account``, each with a path below it or none."""

    url: str
    write: bool = False
    requester_pays: bool = False

    @property
    def name(self) -> str:
        found = _BUCKET.fullmatch(self.url)
        return found[2] if found else self.url

    def entry(self) -> dict[str, Any]:
        """As it stands in cluster.yaml."""
        flags = {"write": self.write, "requester_pays": self.requester_pays}
        return {"url": self.url, **{key: True for key, value in flags.items() if value}}


def check_bucket(url: str, provider: Provider) -> None:
    """
    :raises DeployerError: no address of a bucket, or of another cloud than the cluster's.
    """
    found = _BUCKET.fullmatch(url)
    if found is None or (found[1] == "az" and not re.fullmatch(r"[\w.-]+@[a-z0-9]+", found[2])):
        raise DeployerError(
            f"{url!r} is no address of data", hint="Write gs://BUCKET, s3://BUCKET or az://CONTAINER@ACCOUNT."
        )
    if _SCHEMES[found[1]] is not provider:
        raise DeployerError(
            f"{url}: users of a cluster of provider {provider} have no identity in that cloud",
            hint=f"Data of {found[1]}:// is for clusters of provider {_SCHEMES[found[1]]}.",
        )


def identity(cluster: Cluster, hub: str, given: str) -> str:
    """What the hub's users are to the cloud: a service account, a role, or a client id.

    :raises DeployerError: it cannot be told from the cluster's own keys.
    """
    block, name = cluster.connection, f"{cluster.name}-{hub}"
    if given:
        return given
    if isinstance(block, Gcp) and _ACCOUNT.fullmatch(name):
        return f"{name}@{block.project}.iam.gserviceaccount.com"
    if isinstance(block, Aws) and block.account and len(name) <= 64:
        return f"arn:aws:iam::{block.account}:role/{name}"
    wanted = {Provider.GCP: "ACCOUNT@PROJECT.iam.gserviceaccount.com", Provider.AWS: "arn:aws:iam::NUMBER:role/NAME"}
    raise DeployerError(
        f"{cluster.name}/{hub}: what its users are to the cloud cannot be told",
        hint=f"Add --identity {wanted.get(cluster.provider, 'CLIENT_ID, of a managed identity')}",
    )


_ANNOTATIONS: Mapping[Provider, str] = {
    Provider.GCP: "iam.gke.io/gcp-service-account",
    Provider.AWS: "eks.amazonaws.com/role-arn",
    Provider.AZURE: "azure.workload.identity/client-id",
}


def data_settings(cluster: Cluster, hub: str, buckets: Sequence[Bucket], who: str) -> list[Setting]:
    """The identity of the hub's users, and what their programs find in the environment."""
    if not buckets:
        return []
    notes = " ".join(grants(cluster, hub, buckets, who))
    found = [
        Setting(
            ("userServiceAccount", "enabled"), value=True, why=f"What users are to the cloud. It must grant: {notes}"
        ),
        Setting(("userServiceAccount", "annotations"), {_ANNOTATIONS[cluster.provider]: who}),
    ]
    found += what_identity_needs(cluster.provider)
    env = dict(_environment(cluster, buckets))
    why = "Where the data is, for users' programs."
    for (key, value), first in zip(env.items(), (why, *[""] * len(env)), strict=False):
        found.append(Setting(("jupyterhub", "singleuser", "extraEnv", key), value, first))
    return found


def what_identity_needs(provider: Provider) -> Iterator[Setting]:
    """What else must be so for the annotation to have an effect."""
    user = ("jupyterhub", "singleuser")
    if provider is Provider.GCP:
        why = "On Google Cloud the identity comes from the metadata server: users may reach it."
        yield Setting((*user, "cloudMetadata", "blockWithIptables"), value=False, why=why)
        yield Setting((*user, "networkPolicy", "egressAllowRules", "cloudMetadataServer"), value=True)
    if provider is Provider.AZURE:
        yield Setting((*user, "extraLabels"), {"azure.workload.identity/use": "true"})


def _environment(cluster: Cluster, buckets: Sequence[Bucket]) -> Iterator[tuple[str, str]]:
    for number, bucket in enumerate(buckets, 1):
        yield f"DATA_{number}" if len(buckets) > 1 else "DATA", bucket.url
    block = cluster.connection
    if any(bucket.requester_pays for bucket in buckets):
        if isinstance(block, Gcp):
            yield "GOOGLE_CLOUD_PROJECT", block.project
            yield "GS_USER_PROJECT", block.project
        elif isinstance(block, Aws):
            yield "AWS_REQUEST_PAYER", "requester"


def grants(cluster: Cluster, hub: str, buckets: Sequence[Bucket], who: str) -> list[str]:
    """What the cloud's account must grant, one sentence each."""
    found = [_may_be_used(cluster, hub, who)]
    found += [f"{_role(cluster.provider, bucket)} on {bucket.url} to {who}." for bucket in buckets]
    if cluster.provider is Provider.GCP and any(bucket.requester_pays for bucket in buckets):
        found.append(f"roles/serviceusage.serviceUsageConsumer on the project, which pays, to {who}.")
    return found


def _may_be_used(cluster: Cluster, hub: str, who: str) -> str:
    """What lets the Kubernetes service account be the cloud's identity."""
    block, account = cluster.connection, f"{hub}/{USER_ACCOUNT}"
    if isinstance(block, Gcp):
        return f"roles/iam.workloadIdentityUser on {who} to {block.project}.svc.id.goog[{account}]."
    if isinstance(block, Aws):
        return f"sts:AssumeRoleWithWebIdentity on {who} to system:serviceaccount:{account.replace('/', ':')}."
    return f"A federated credential of {who} for system:serviceaccount:{account.replace('/', ':')}."


USER_ACCOUNT = "user-sa"  # the service account of users' servers, as the chart basehub calls it
_ROLES: Mapping[Provider, tuple[str, str]] = {
    Provider.GCP: ("roles/storage.objectViewer", "roles/storage.objectUser"),
    Provider.AWS: ("s3:GetObject and s3:ListBucket", "s3:GetObject, s3:ListBucket, s3:PutObject and s3:DeleteObject"),
    Provider.AZURE: ("Storage Blob Data Reader", "Storage Blob Data Contributor"),
}


def _role(provider: Provider, bucket: Bucket) -> str:
    return _ROLES[provider][bucket.write]
