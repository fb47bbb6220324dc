"""What is deployed, and how it is.

deployer status [CLUSTER [HUB…]]
deployer status --repair     start again what died
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.cli.wiring import helm_target, local_target
from deployer.errors import EXIT_CHANGES, EXIT_OK, EXIT_USER_ERROR, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State

AT_ONCE = 8  # clusters, and releases of each


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="only these hubs of it, or support")
    parser.add_argument("--repair", action="store_true", help="start again what died")
    parser.add_argument(
        "--exit-code",
        action="store_true",
        help="exit with 2 where something is not as the repository says, not running, not healthy, or pending",
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(args: argparse.Namespace, context: Context) -> int:
    args.cluster, names = split_names(args.cluster, args.hubs)
    clusters = _clusters(context, args.cluster)
    if args.repair:
        _repair(context, clusters)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        each = list(threads.map(partial(_observe_or_tell, context), clusters))
    found = {release: seen for one in each if one for release, seen in one.items() if _is_asked(release, names)}
    if None not in each:
        _check_known(context, args.cluster, set(names) - {release.name for release in found})
    stages = {release: _stage(context, release) for release in found}
    if args.format == "json":
        print(json.dumps([_plain(release, stages[release], seen) for release, seen in found.items()], indent=2))
    else:
        from deployer.reports.status import show_status

        gone = {one: _to_end(context, one) for one in found if one not in context.fleet.releases}
        if found or None not in each:
            show_status({release: (stages[release], seen) for release, seen in found.items()}, gone)
    if any(one is None for one in each):
        return EXIT_USER_ERROR
    return EXIT_CHANGES if args.exit_code and any(map(_drifted, found.values())) else EXIT_OK


def _to_end(context: Context, release: ReleaseId) -> str:
    """The command that ends what the fleet has no more."""
    local = context.fleet.clusters[release.cluster].provider is Provider.LOCAL
    return f"deployer {'down' if local else 'retire'} {release.cluster} {release.name}"


def _is_asked(release: ReleaseId, names: list[str]) -> bool:
    return not names or release.name in names


def _check_known(context: Context, cluster: str, missing: Iterable[str]) -> None:
    """
    :raises DeployerError: one is neither in the fleet nor anything that is deployed.
    """
    for name in sorted(missing):
        context.fleet.release(ReleaseId(cluster, name))


def _drifted(seen: Observation) -> bool:
    """Something is to be done: it is not what the repository says, or people may not be able to work."""
    return not seen.wanted or seen.state is not State.RUNNING or seen.healthy is False or bool(seen.pending)


def _clusters(context: Context, wanted: str | None) -> list[str]:
    if wanted is not None:
        context.fleet.cluster(wanted)
        return [wanted]
    return sorted(context.fleet.clusters)


def _repair(context: Context, clusters: list[str]) -> None:
    """Of local hubs; on Kubernetes the cluster itself does it."""
    for cluster in clusters:
        if context.fleet.clusters[cluster].provider is not Provider.LOCAL:
            continue
        for release in local_target(context, cluster).repair():
            print(f"{release}: started again")


def _observe_or_tell(context: Context, cluster: str) -> dict[ReleaseId, Observation] | None:
    """What runs on a cluster; one that cannot be asked is told of and does not hide the others."""
    try:
        if context.fleet.clusters[cluster].provider is Provider.LOCAL:
            return _observe(context, cluster)
        return _observe_on_kubernetes(context, cluster)
    except DeployerError as error:
        print(f"{cluster}: {error}", file=sys.stderr)
        return None


def _observe_on_kubernetes(context: Context, cluster: str) -> dict[ReleaseId, Observation]:
    target = helm_target(context, cluster)
    known = {release for release in context.fleet.releases if release.cluster == cluster}
    ordered = sorted(known | target.records().keys(), key=lambda one: (_stage(context, one).rank, one.name))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(ordered, threads.map(target.status, ordered), strict=True))


def _observe(context: Context, cluster: str) -> dict[ReleaseId, Observation]:
    """All that the fleet has on this cluster, and what is still there though the fleet has it no more."""
    target = local_target(context, cluster)
    known = [release for release in context.fleet.releases if release.cluster == cluster]
    gone = [release for release in target.releases() if release not in context.fleet.releases]
    ordered = sorted({*known, *gone}, key=lambda release: (_stage(context, release).rank, release.name))
    return {release: target.observe(release) for release in ordered}


def _stage(context: Context, release: ReleaseId) -> Stage:
    if release.hub is None:
        return Stage.SUPPORT
    found = context.fleet.releases.get(release)
    return found.stage if found else Stage.PRODUCTION


def _plain(release: ReleaseId, stage: Stage, seen: Observation) -> dict[str, Any]:
    return {
        "cluster": release.cluster,
        "hub": release.hub,
        "stage": stage,
        "url": seen.url,
        "plain_url": seen.plain_url,
        "state": seen.state,
        "pending": seen.pending,
        "chart": seen.chart,
        "revision": seen.revision,
        "deployed_at": seen.deployed_at.isoformat() if seen.deployed_at else None,
        "healthy": seen.healthy,
        "up_to_date": seen.wanted,
        "detail": seen.detail,
    }
