"""Models of cluster.yaml: the cluster, how to reach it, its support and its hubs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.fleet.helm_yaml import Path
from deployer.fleet.ids import Level, Stage
from deployer.fleet.schema import ANYTHING, COUNT, FLAG, TEXT, TEXT_MAP, TEXTS, Model, choice, declare, model, models

# A hub's name is its namespace and its release: a DNS label (RFC 1123), of which Helm takes 53 characters.
LABEL = r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?"


class Provider(StrEnum):
    """Where a cluster runs, and so how one logs in to it. Each has a block of the same name."""

    GCP = "gcp"
    AWS = "aws"
    AZURE = "azure"
    KUBECONFIG = "kubeconfig"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpOidc(Model):
    """Whom a pipeline's job becomes on Google Cloud, with no stored key. Nothing in it is secret."""

    at: Path = ()
    provider: str = declare(
        TEXT,
        "the workload identity provider, by its full name",
        example="projects/123456789/locations/global/workloadIdentityPools/github/providers/fleet",
    )
    service_account: str = declare(
        TEXT,
        "the service account; without one the job's own identity must have the rights",
        default="",
        example="deployer@our-project.iam.gserviceaccount.com",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsOidc(Model):
    """Whom a pipeline's job becomes on AWS, with no stored key. Nothing in it is secret."""

    at: Path = ()
    role: str = declare(TEXT, "the role's ARN", example="arn:aws:iam::123456789012:role/deployer")
    region: str = declare(TEXT, "the region; by default the cluster's, or us-east-1", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureOidc(Model):
    """Whom a pipeline's job becomes on Azure, with no stored key. Nothing in it is secret."""

    at: Path = ()
    client: str = declare(TEXT, "the application's (client's) id", example="00000000-0000-0000-0000-000000000000")
    tenant: str = declare(TEXT, "the tenant's (directory's) id", example="00000000-0000-0000-0000-000000000000")
    subscription: str = declare(TEXT, "the subscription's id; by default the cluster's", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcp(Model):
    """How to reach a cluster on Google Cloud (GKE)."""

    at: Path = ()
    project: str = declare(TEXT, "the Google Cloud project", example="our-project")
    cluster: str = declare(TEXT, "the name of the GKE cluster", example="hub-cluster")
    zone: str = declare(TEXT, "its zone, or its region", default="", example="us-central1-b")
    region: str = declare(TEXT, "its region, for a regional cluster", default="")
    dns_endpoint: bool = declare(
        FLAG, "reach the Kubernetes API by its DNS name, which lets in whom IAM does, from any address", default=False
    )
    key: str = declare(TEXT, "the sops-encrypted service account key; without one: ambient credentials", default="")
    oidc: GcpOidc | None = declare(
        model(GcpOidc), "whom the jobs of a pipeline log in as, with no stored key", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws(Model):
    """How to reach a cluster on AWS (EKS)."""

    at: Path = ()
    clusterName: str = declare(TEXT, "the name of the EKS cluster", example="hub-cluster")  # noqa: N815
    region: str = declare(TEXT, "its region", example="us-west-2")
    clusterType: str = declare(TEXT, "the kind of cluster", default="eks")  # noqa: N815
    account: str = declare(TEXT, "the AWS account's number", default="")
    key: str = declare(TEXT, "the sops-encrypted access key; without one: ambient credentials", default="")
    oidc: AwsOidc | None = declare(
        model(AwsOidc), "whom the jobs of a pipeline log in as, with no stored key", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure(Model):
    """How to reach a cluster on Azure (AKS)."""

    at: Path = ()
    cluster: str = declare(TEXT, "the name of the AKS cluster", example="hub-cluster")
    resource_group: str = declare(TEXT, "its resource group", example="hubs")
    subscription: str = declare(TEXT, "the subscription's id", default="")
    key: str = declare(TEXT, "the sops-encrypted service principal; without one: ambient credentials", default="")
    oidc: AzureOidc | None = declare(
        model(AzureOidc), "whom the jobs of a pipeline log in as, with no stored key", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig(Model):
    """How to reach any other Kubernetes cluster."""

    at: Path = ()
    file: str = declare(TEXT, "the kubeconfig, plain or sops-encrypted", example="enc-kubeconfig.secret.yaml")
    context: str = declare(TEXT, "its context; by default the current one", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Local(Model):
    """A cluster on this machine: each hub a JupyterHub in processes of its own."""

    at: Path = ()
    port: int | None = declare(
        COUNT, "the ingress's port on 127.0.0.1; by default a free one, chosen once", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Support(Model):
    """The shared services of a cluster: one more release."""

    at: Path = ()
    helm_chart: str = declare(TEXT, "the chart below the charts' folder", default="support")
    helm_chart_values_files: tuple[str, ...] = declare(
        TEXTS,
        "values files in the cluster's folder, in order: later ones win",
        default=(),
        example="[support.values.yaml]",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners(Model):
    """People of a hub's community, and what of it they may change."""

    at: Path = ()
    who: tuple[str, ...] = declare(
        TEXTS, "GitHub users, and teams as `organisation/team`", example="[ada, our-org/ocean-leads]"
    )
    keys: tuple[str, ...] | None = declare(
        TEXTS,
        "keys of the hub's values, each with all below it; `*` is any one; by default `owners.keys` of deployer.yaml",
        default=None,
        example="[jupyterhub.singleuser.image]",
    )
    files: tuple[str, ...] = declare(
        TEXTS, "files of the cluster's folder that no release reads, such as a README", default=()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub(Model):
    """One JupyterHub: an entry under ``hubs:``, and its values files."""

    at: Path = ()
    name: str = declare(TEXT, "the hub's name: also its release and namespace", example="ocean")
    display_name: str = declare(TEXT, "the name that people read", default="")
    domain: str = declare(TEXT, "where users find the hub; a local hub has one of its own", default="")
    helm_chart: str = declare(TEXT, "the chart below the charts' folder", example="basehub")
    helm_chart_values_files: tuple[str, ...] = declare(
        TEXTS, "values files in the cluster's folder, in order: later ones win", example="[ocean.values.yaml]"
    )
    chart_override: str = declare(
        TEXT, "a file that stands in for the chart's Chart.yaml, for this hub only", default=""
    )
    domain_override_file: str = declare(TEXT, "a sops-encrypted file with a `domain:` that is not public", default="")
    stage: Stage | None = declare(
        choice((Stage.STAGING, Stage.PRODUCTION)),
        "staging or production; by default staging where 'staging' is part of the name",
        default=None,
    )
    canary: tuple[str, ...] | None = declare(
        TEXTS, "the staging hubs this one stands behind; by default all of its cluster", default=None
    )
    health: Level = declare(choice(Level), "the check after an upgrade", default=Level.USER)
    retire: bool = declare(FLAG, "take the hub out of service: it is uninstalled when asked for", default=False)
    owners: tuple[Owners, ...] = declare(
        models(Owners), "who of the hub's community may change what of it: see `deployer owners`", default=()
    )
    silence: dict[str, str] = declare(
        TEXT_MAP,
        "rules of `deployer validate` that say nothing of this hub, each with the reason why",
        default={},
        example="{no-memory-limit: one user at a time}",
    )

    @property
    def effective_stage(self) -> Stage:
        """The default is applied here, once, and nowhere else."""
        return self.stage or (Stage.STAGING if "staging" in self.name else Stage.PRODUCTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster(Model):
    """One cluster: the canonical list of its hubs, and how to reach it."""

    at: Path = ()
    name: str = declare(TEXT, "the cluster's name, equal to its folder's", example="reef")
    provider: Provider = declare(choice(Provider), "where the cluster runs", example="gcp")
    provider_url: str = declare(TEXT, "where engineers find it in the provider's console", default="")
    gcp: Gcp | None = declare(model(Gcp), "for provider gcp", default=None)
    aws: Aws | None = declare(model(Aws), "for provider aws", default=None)
    azure: Azure | None = declare(model(Azure), "for provider azure", default=None)
    kubeconfig: Kubeconfig | None = declare(model(Kubeconfig), "for provider kubeconfig", default=None)
    local: Local | None = declare(model(Local), "for provider local", default=None)
    ingress: str = declare(
        TEXT,
        "where the health check connects, in place of what domains resolve to: HOST:PORT; without TLS http://HOST:PORT",
        default="",
        example="203.0.113.7:443",
    )
    support: Support | None = declare(model(Support), "the cluster's shared services", default=None)
    hubs: tuple[Hub, ...] = declare(models(Hub), "the hubs", default=())
    metadata: Any = declare(ANYTHING, "whatever you like: kept and ignored", default=None)

    @property
    def connection(self) -> Gcp | Aws | Azure | Kubeconfig | Local | None:
        """The block named after the provider."""
        block: Gcp | Aws | Azure | Kubeconfig | Local | None = getattr(self, self.provider)
        return Local() if block is None and self.provider is Provider.LOCAL else block
