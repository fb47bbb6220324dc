"""Stop local hubs: hubs, users' servers, proxies and the ingress. Homes, databases and settings stay.

deployer down                    every local cluster of the fleet
deployer down CLUSTER [HUB…]     one cluster, or some of its hubs

What a rollout is at work on is left to it: then nothing is stopped, and its holder is named.
"""

from __future__ import annotations

import argparse
import secrets
import threading
from contextlib import ExitStack
from datetime import UTC, datetime

from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.cli.wiring import local_target
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId
from deployer.rollout.journal import new_id
from deployer.targets.local.target import LocalTarget


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="only these of it: hubs, or support")
    parser.add_argument("--purge", action="store_true", help="delete homes, databases and logs too; needs --yes")
    parser.add_argument("--yes", action="store_true", help="yes, delete them")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.purge and not args.yes:
        raise DeployerError("--purge deletes users' homes and databases", hint="Add --yes if that is meant.")
    cluster, hubs = split_names(args.cluster, args.hubs)
    names = [cluster] if cluster else _local_clusters(context)
    targets = {name: local_target(context, name) for name in names}
    chosen = [_deployed(context, targets[name], ReleaseId(name, hub)) for name in names for hub in dict.fromkeys(hubs)]
    rollout = new_id(datetime.now(UTC), secrets.randbits(24))
    stopped: list[ReleaseId] = []
    with ExitStack() as locks:
        for target in targets.values():  # all of them before anything is stopped
            for release in chosen or sorted({*target.releases(), *target.locks()}, key=str):
                locks.enter_context(target.lock(release, rollout, timeout=0.0, cancelled=threading.Event()))
        for target in targets.values():
            for one in chosen if hubs else [None]:
                stopped += target.down(one, purge=args.purge)
    deleted = ", and what they held is deleted" if args.purge else ""
    print(f"{len(stopped)} release{'' if len(stopped) == 1 else 's'} stopped{deleted}.")
    return EXIT_OK


def _deployed(context: Context, target: LocalTarget, release: ReleaseId) -> ReleaseId:
    """The release, where it was ever deployed here; it may be gone from the fleet since."""
    if release not in target.releases():
        context.fleet.release(release)  # says which there are
        raise DeployerError(
            f"{release} was never deployed here", hint=f"deployer deploy {release.cluster} {release.name}"
        )
    return release


def _local_clusters(context: Context) -> list[str]:
    return [name for name, cluster in context.fleet.clusters.items() if cluster.provider is Provider.LOCAL]
