"""What the jobs of a pipeline need for each cluster of the fleet."""

from __future__ import annotations

from dataclasses import replace

from deployer.actions.needs import Needs, needs
from deployer.cli.context import Context
from deployer.fleet.cluster import Kubeconfig, Provider
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, cluster_path
from deployer.plan.model import Plan
from deployer.reports import github
from deployer.secrets.named import secret_files
from deployer.secrets.sops import is_encrypted


def outputs(plan: Plan, context: Context) -> dict[str, str]:
    """The plan as outputs of a step of GitHub Actions, with what each job needs.

    :raises DeployerError: the fleet cannot be read, or that is more than GitHub takes.
    """
    named = context.fleet.settings.environments
    environments = {"staging": named.staging, "production": named.production, "checks": named.checks}
    return github.outputs(plan, _needs(context.fleet), environments)


def for_jobs(plan: Plan, fleet: Fleet) -> tuple[Plan, list[ReleaseId]]:
    """What jobs on GitHub can deploy, and what is left out: what lives on a machine that ends with its job.

    Nothing of that must be recorded as deployed either, so this is what is saved.
    """
    if fleet.settings.workflow.local:
        return plan, []
    kept = tuple(one for one in plan.releases if one.provider != Provider.LOCAL)
    return replace(plan, releases=kept), [one.id for one in plan.releases if one not in kept]


def _needs(fleet: Fleet) -> dict[str, Needs]:
    encrypted = _with_secrets(fleet)
    return {
        name: needs(cluster, fleet.settings, encrypted=name in encrypted) for name, cluster in fleet.clusters.items()
    }


def _with_secrets(fleet: Fleet) -> set[str]:
    """The clusters of which sops must decrypt something: values, a domain, credentials."""
    found = {release.id.cluster for release in fleet.releases.values() if any(secret_files(release))}
    return found | {name for name in fleet.clusters if _encrypted_kubeconfig(fleet, name)}


def _encrypted_kubeconfig(fleet: Fleet, cluster: str) -> bool:
    """It may be encrypted under any name."""
    block = fleet.clusters[cluster].connection
    path = cluster_path(cluster, block.file) if isinstance(block, Kubeconfig) else ""
    return bool(path) and fleet.tree.is_file(path) and is_encrypted(fleet.tree.read(path))
