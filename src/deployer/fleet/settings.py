"""The model of deployer.yaml: what is different in this fleet. Everything in it is optional."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deployer.fleet.cluster import AwsOidc, AzureOidc, GcpOidc
from deployer.fleet.helm_yaml import Path
from deployer.fleet.schema import (
    COUNT,
    FLAG,
    SECONDS,
    TEXT,
    TEXT_MAP,
    TEXTS,
    TEXTS_MAP,
    Model,
    choice,
    declare,
    model,
    models,
)

FILE = "deployer.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Model):
    """How much at a time, and how long."""

    at: Path = ()
    parallel: int = declare(COUNT, "upgrades at a time, in all", default=8)
    parallel_per_cluster: int = declare(COUNT, "upgrades at a time in one cluster", default=4)
    timeout: float = declare(SECONDS, "seconds for one upgrade with its health check", default=600.0)
    lock_timeout: float = declare(SECONDS, "seconds to wait for another rollout's lock", default=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jsonnet(Model):
    """How charts get computed values."""

    at: Path = ()
    chart_values: str = declare(
        TEXT,
        "a file beside Chart.yaml that is rendered first, lowest of all values",
        default="",
        example="values.jsonnet",
    )
    ext_vars: dict[str, str] = declare(
        TEXT_MAP,
        "external variables, each bound to a key of the cluster (`cluster.aws.account`) or hub (`hub.domain`)",
        default={},
        example="{CLUSTER: cluster.name}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings(Model):
    """How the health check goes about it."""

    at: Path = ()
    user: str = declare(TEXT, "the user that the check works as", default="deployment-service-check")
    service: str = declare(TEXT, "the hub's service whose token it uses", default="hub-health")
    attempts: int = declare(COUNT, "tries before a hub is called unhealthy", default=2)
    timeout: float = declare(SECONDS, "seconds for all tries together", default=300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities(Model):
    """Whom the jobs of a pipeline log in as, by cloud: to decrypt with a cloud's key service, and to reach clusters."""

    at: Path = ()
    gcp: GcpOidc | None = declare(model(GcpOidc), "on Google Cloud", default=None)
    aws: AwsOidc | None = declare(model(AwsOidc), "on AWS", default=None)
    azure: AzureOidc | None = declare(model(AzureOidc), "on Azure", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments(Model):
    """The environments of GitHub that jobs run in: with rules of their own, and in the token that a cloud is shown."""

    at: Path = ()
    staging: str = declare(TEXT, "of jobs that upgrade support and staging hubs", default="", example="staging")
    production: str = declare(TEXT, "of jobs that upgrade production hubs", default="", example="production")
    checks: str = declare(TEXT, "of jobs that only look: the daily check", default="", example="checks")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSettings(Model):
    """What the fleet's workflows on GitHub do."""

    at: Path = ()
    local: bool = declare(
        FLAG,
        "have jobs for clusters of provider `local`, too: only where all jobs run on one machine of your own, on which"
        " the hubs are then started",
        default=False,
    )


# What a community asks for most, and what can do no more harm than their users can.
OWNED_KEYS = (
    "jupyterhub.singleuser.image",
    "jupyterhub.singleuser.profileList",
    "jupyterhub.singleuser.defaultUrl",
    "jupyterhub.hub.config.Authenticator.admin_users",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersSettings(Model):
    """Who owns what, where hubs have ``owners``."""

    at: Path = ()
    maintainers: tuple[str, ...] = declare(
        TEXTS,
        "GitHub users and teams who may change everything",
        default=(),
        example="[our-org/hub-engineers]",
    )
    keys: tuple[str, ...] | None = declare(
        TEXTS,
        "what owners may change where their entry names no keys; by default "
        + ", ".join(f"`{key}`" for key in OWNED_KEYS),
        default=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLogin(Model):
    """Who we are to a repository or registry of charts that asks for it: an entry under ``chart_logins:``."""

    at: Path = ()
    repository: str = declare(
        TEXT,
        "its address, or what addresses of several begin with, as Chart.yaml has them",
        example="oci://registry.example.org/charts",
    )
    file: str = declare(
        TEXT,
        "a file that sops has encrypted, with `username` and `password`",
        default="",
        example="enc-charts.secret.yaml",
    )
    username: str = declare(TEXT, "the user, where the file does not say", default="")
    password_env: str = declare(
        TEXT, "the variable of the environment that holds the password, instead of a file", default=""
    )


class Lock(StrEnum):
    """How rollouts on different machines keep apart."""

    LEASE = "lease"  # a Lease in the release's namespace
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Model):
    """deployer.yaml, at the root of the fleet."""

    at: Path = ()
    charts: str = declare(TEXT, "the charts' folder", default="helm-charts")
    extra_keys: tuple[str, ...] = declare(
        TEXTS, "keys of cluster.yaml that this fleet has of its own", default=(), example="[aws.billing, hubs.contact]"
    )
    rebuild_all_on: tuple[str, ...] = declare(
        TEXTS, "files that touch everything, as glob patterns", default=(), example="[versions.yaml]"
    )
    install: str = declare(
        TEXT,
        "the deployer that the fleet's workflows install, as pip reads it",
        default="",
        example="jupyterhub-deployer==0.1.0",
    )
    crds: dict[str, tuple[str, ...]] = declare(
        TEXTS_MAP,
        "custom resource definitions that a chart needs and Helm never upgrades: applied before each of its releases",
        default={},
        example="{basehub: [crds/dask-gateway.yaml]}",
    )
    chart_logins: tuple[ChartLogin, ...] = declare(
        models(ChartLogin), "repositories and registries of charts that ask for a log-in", default=()
    )
    lock: Lock = declare(
        choice(Lock), "how rollouts on different machines keep apart on Kubernetes", default=Lock.LEASE
    )
    limits: Limits = declare(model(Limits), "how much at a time, and how long", default=Limits())
    jsonnet: Jsonnet = declare(model(Jsonnet), "how charts get computed values", default=Jsonnet())
    health: HealthSettings = declare(model(HealthSettings), "the health check", default=HealthSettings())
    oidc: Identities = declare(
        model(Identities),
        "whom the jobs of the fleet's workflows log in as, where a cluster does not say so itself",
        default=Identities(),
    )
    environments: Environments = declare(
        model(Environments), "the environments of GitHub that the workflows' jobs run in", default=Environments()
    )
    workflow: WorkflowSettings = declare(
        model(WorkflowSettings), "what the fleet's workflows on GitHub do", default=WorkflowSettings()
    )
    owners: OwnersSettings = declare(model(OwnersSettings), "who owns what", default=OwnersSettings())
    silence: dict[str, str] = declare(
        TEXT_MAP,
        "rules of `deployer validate` that say nothing in this fleet, each with the reason why",
        default={},
        example="{no-canary: every cluster has but one hub}",
    )
