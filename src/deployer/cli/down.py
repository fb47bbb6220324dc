"""Stop local hubs: hubs, users' servers, proxies and the ingress. Homes, databases and settings stay.

deployer down                    every local cluster of the fleet
deployer down CLUSTER [HUB…]     one cluster, or some of its hubs
"""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.wiring import local_target
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="only these of it: hubs, or support")
    parser.add_argument("--purge", action="store_true", help="delete homes, databases and logs too; needs --yes")
    parser.add_argument("--yes", action="store_true", help="yes, delete them")


def run(args: argparse.Namespace, context: Context) -> int:
    if args.purge and not args.yes:
        raise DeployerError("--purge deletes users' homes and databases", hint="Add --yes if that is meant.")
    stopped = 0
    for cluster in [args.cluster] if args.cluster else _local_clusters(context):
        target = local_target(context, cluster)
        there = target.releases()
        for hub in args.hubs:
            if ReleaseId(cluster, hub) not in there:
                raise DeployerError(f"{cluster}/{hub} was never deployed here")
        if not args.hubs:
            target.down(purge=args.purge)
        for hub in args.hubs:
            target.down(ReleaseId(cluster, hub), purge=args.purge)
        stopped += len(args.hubs or there)
    print(f"{stopped} release{'' if stopped == 1 else 's'} stopped{' and deleted' if args.purge else ''}.")
    return EXIT_OK


def _local_clusters(context: Context) -> list[str]:
    return [name for name, cluster in context.fleet.clusters.items() if cluster.provider is Provider.LOCAL]
