"""The fleet's clusters as targets, and the health check: where the rooms meet."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from deployer.changes.inputs import InputReader
from deployer.cli.context import Context
from deployer.errors import DeployerError
from deployer.fleet.cluster import Local, Provider
from deployer.fleet.ids import Level, ReleaseId
from deployer.fleet.repository import Fleet, Release, load_fleet, raise_all
from deployer.fleet.values import at, without
from deployer.health.check import HealthChecker
from deployer.plan.model import Plan
from deployer.targets.credentials.session import CredentialError
from deployer.targets.helm.desired import Desired as KubernetesDesired
from deployer.targets.helm.target import HelmTarget
from deployer.targets.local.desired import Desired
from deployer.targets.local.target import LocalTarget
from deployer.targets.local.treatments import Treated, around, counts, explain

AT_ONCE = 8  # files that are decrypted side by side: a key service far away answers slowly


def local_target(context: Context, cluster: str) -> LocalTarget:
    """The target of a local cluster.

    :raises DeployerError: the cluster is not in the fleet, or of another provider.
    """
    found = context.fleet.cluster(cluster)
    if found.provider is not Provider.LOCAL:
        raise DeployerError(
            f"cluster {cluster}: its provider is {found.provider}; this is for clusters of `provider: local`"
        )
    block = found.connection
    port = block.port if isinstance(block, Local) else None
    health = context.fleet.settings.health
    return LocalTarget(
        context.state,
        cluster,
        partial(desired, context),
        port,
        context.env,
        health_service=health.service,
        health_user=health.user,
    )


def helm_target(context: Context, cluster: str) -> HelmTarget:
    """The target of a cluster on Kubernetes; nothing is logged in to before it must be.

    :raises DeployerError: the cluster is not in the fleet, or is local.
    """
    found = context.fleet.cluster(cluster)
    if found.provider is Provider.LOCAL:
        raise DeployerError(f"cluster {cluster} is local: this is for clusters on Kubernetes")
    settings = context.fleet.settings
    return HelmTarget(
        KubernetesDesired(context.fleet, context.root, cluster, partial(_digest, context), context.revision),
        context.state,
        context.workshop,
        timeout=settings.limits.timeout,
        health_service=settings.health.service,
    )


def target(context: Context, cluster: str) -> LocalTarget | HelmTarget:
    """The target of a cluster.

    :raises DeployerError: the cluster is not in the fleet.
    """
    if context.fleet.cluster(cluster).provider is Provider.LOCAL:
        return local_target(context, cluster)
    return helm_target(context, cluster)


def targets(context: Context, clusters: Iterable[str]) -> dict[str, LocalTarget | HelmTarget]:
    """The target of each cluster.

    :raises DeployerError: as :func:`target`.
    """
    return {cluster: target(context, cluster) for cluster in sorted(set(clusters))}


def _digest(context: Context, release: ReleaseId) -> str:
    return context.inputs.inputs(context.fleet.release(release)).digest


def desired(context: Context, release: ReleaseId) -> Desired:
    """What the repository says about a release.

    :raises DeployerError: it is not in the fleet, or its values cannot be read.
    """
    found = context.fleet.release(release)
    values = context.fleet.hub_values(found) if found.hub else context.fleet.values(found)
    domain = found.hub.domain if found.hub else ""
    notices = counts(local_settings(context.fleet, found)) if found.hub else ()
    return Desired(
        cluster=release.cluster,
        name=release.name,
        display_name=found.display_name,
        domain=domain,
        values=values,
        digest=context.inputs.inputs(found).digest,
        source_revision=context.revision,
        health=_level(found),
        notices=notices,
    )


def local_settings(fleet: Fleet, release: Release) -> tuple[Treated, ...]:
    """What becomes on this machine of each setting of a hub; encrypted files are not looked at.

    :raises FleetError: its values cannot be read.
    """
    values, defaults = fleet.values(release, encrypted="skip"), fleet.chart_defaults(release)
    path = fleet.charts.hub_values_path(release.chart, release.chart_override) or ()
    chart = fleet.charts.get(release.chart, release.chart_override).name
    beside = without(values, path) if path else {}
    return (*explain(at(values, path), at(defaults, path)), *around(beside, defaults, chart))


def take_inputs(context: Context, releases: Iterable[ReleaseId]) -> None:
    """Read now all that the releases are made of: what is edited from here on does not reach them.

    :raises DeployerError: what one is made of cannot be read, or a secret is not encrypted; all such errors at once.
    """
    wanted, errors = sorted(releases), dict[str, DeployerError]()
    wired = targets(context, {release.cluster for release in wanted})
    for release in wanted:
        try:
            found = wired[release.cluster]
            if isinstance(found, HelmTarget):
                found.check(release)
            else:
                desired(context, release)
        except DeployerError as error:
            errors.setdefault(str(error), error)  # many may share a file
    raise_all(list(errors.values()))


def check_secrets(context: Context, releases: Iterable[ReleaseId]) -> None:
    """See that all secrets of releases on Kubernetes can be decrypted here, before the first of them is touched.

    :raises DeployerError: some cannot be; all such errors at once.
    """
    wanted = sorted(releases)
    wired = targets(context, {release.cluster for release in wanted})
    pairs = [(found, release) for release in wanted if isinstance(found := wired[release.cluster], HelmTarget)]
    files = {(found.cluster, path): found for found, release in pairs for path in found.secrets(release)}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        tried = threads.map(lambda one: _undecryptable(one[1], one[0][1]), files.items())
        errors = {str(error): error for error in tried if error}
    raise_all(errors.values())


def _undecryptable(found: HelmTarget, path: str) -> DeployerError | None:
    try:
        found.check_secret(path)
    except CredentialError:
        return None  # a cluster that cannot be reached keeps nobody else back: the rollout tells
    except DeployerError as error:
        return error
    return None


def check_unchanged(context: Context, plan: Plan) -> None:
    """See that the releases are made of what they were when the plan was made: by its commit, or by its digests.

    :raises DeployerError: the inputs of some differ; or that commit is not here, so that nobody can tell.
    """
    if plan.revision and plan.revision == context.revision:
        return
    then = _digests_then(context, plan)
    differ = [one for one, digest in sorted(then.items()) if _digest(context, one) != digest]
    if differ:
        at = f" (at {plan.revision[:12]})" if plan.revision else ""
        raise DeployerError(
            f"inputs changed since the plan was made{at}: {', '.join(map(str, differ))}",
            hint="Make it anew with: deployer plan … --save plan.json (or, to carry it out all the same: --force)",
        )


def _digests_then(context: Context, plan: Plan) -> dict[ReleaseId, str]:
    """What each release was made of; those of which a plan says nothing are left out."""
    if not plan.revision:
        return {one.id: one.digest for one in plan.releases if one.digest}
    then = InputReader(load_fleet(context.repository.at(plan.revision)))
    return {one: _digest_then(then, one) for one in plan.by_id}


def _digest_then(then: InputReader, release: ReleaseId) -> str:
    try:
        return then.inputs(then.fleet.release(release)).digest
    except DeployerError:
        return ""  # it was not there, or could not be read: it is another now


def levels(fleet: Fleet) -> dict[ReleaseId, Level]:
    """How far the health check of each release goes."""
    return {release.id: _level(release) for release in fleet.releases.values()}


def _level(release: Release) -> Level:
    return release.hub.health if release.hub else Level.NONE


def checkers(context: Context) -> dict[Level, HealthChecker]:
    """A health check for each level that has one."""
    settings = context.fleet.settings.health
    folder = _private(context.state / "health")
    every = context.fleet.releases
    return {
        level: HealthChecker(folder, dict.fromkeys(every, level), user=settings.user, attempts=settings.attempts)
        for level in (Level.USER, Level.HTTP)
    }


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
