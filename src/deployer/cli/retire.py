"""Take hubs out of service: their releases are uninstalled, and what was made for them goes.

deployer retire CLUSTER HUB

Volumes stay where they are marked to be kept; where one is not, nothing is done.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from datetime import UTC, datetime

from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.cli.wiring import target
from deployer.errors import EXIT_INTERRUPTED, EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control, State
from deployer.rollout.journal import new_id
from deployer.targets.helm.target import HelmTarget
from deployer.targets.local.target import LocalTarget


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hubs' cluster, or CLUSTER/HUB")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="the hub to take out of service")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--max-retire", type=int, default=1, metavar="N", help="how many at once (default: 1)")
    parser.add_argument("--force", action="store_true", help="support too, though hubs that need it are deployed")
    parser.add_argument("--delete-volumes", action="store_true", help="volumes that are not marked to be kept go too")


def run(args: argparse.Namespace, context: Context) -> int:
    args.cluster, args.hubs = split_names(args.cluster, args.hubs)
    if not args.hubs:
        raise DeployerError("which hub of the cluster?", hint=f"deployer retire {args.cluster} HUB")
    named = [ReleaseId(args.cluster, hub) for hub in dict.fromkeys(args.hubs)]
    releases = sorted(named, key=lambda one: one.hub is None)  # support goes last
    if len(releases) > args.max_retire:
        raise DeployerError(
            f"{len(releases)} hubs at once: not without being told so", hint=f"Add --max-retire {len(releases)}."
        )
    found = target(context, args.cluster)
    for release in releases:
        if found.observe(release).state is State.ABSENT:
            raise DeployerError(f"{release} is not deployed", hint=f"deployer status {args.cluster}")
        if release in context.fleet.releases:
            print(f"{release} is in the fleet still: the next deploy brings it back.", file=sys.stderr)
    if releases[-1].hub is None and not args.force:
        _check_no_hub_needs(found, context, releases)
    if not args.yes and not _agreed(releases, delete_volumes=args.delete_volumes):
        return EXIT_INTERRUPTED
    for release in releases:
        _retire(context, found, release, delete_volumes=args.delete_volumes)
        print(f"{release}: retired")
    return EXIT_OK


def _check_no_hub_needs(found: LocalTarget | HelmTarget, context: Context, releases: list[ReleaseId]) -> None:
    """See that no hub stays behind without its cluster's ingress and certificates.

    :raises DeployerError: some would.
    """
    support = releases[-1]
    known = found.records() if isinstance(found, HelmTarget) else found.releases()
    hubs = {one for one in {*known, *context.fleet.releases} if one.cluster == support.cluster} - set(releases)
    served = [str(one) for one in sorted(hubs) if one.hub and found.observe(one).state is not State.ABSENT]
    if served:
        raise DeployerError(
            f"{support} serves hubs that are deployed: {', '.join(served)}",
            hint="Without it they may have no address and no certificate. Retire them first, or add --force.",
        )


def _agreed(releases: list[ReleaseId], *, delete_volumes: bool) -> bool:
    names = ", ".join(map(str, releases))
    if not sys.stdin.isatty():
        raise DeployerError(f"{names} would be taken out of service", hint="If you mean it, add --yes.")
    volumes = " and delete its volumes" if delete_volumes else ""
    return input(f"Take {names} out of service{volumes}? [y/N] ").strip().lower() in {"y", "yes"}


def _retire(context: Context, found: LocalTarget | HelmTarget, release: ReleaseId, *, delete_volumes: bool) -> None:
    limits = context.fleet.settings.limits
    rollout = new_id(datetime.now(UTC), secrets.randbits(24))
    control = Control(limits.timeout, say=lambda text: print(f"… {text}", file=sys.stderr))
    with found.lock(release, rollout, timeout=limits.lock_timeout, cancelled=threading.Event()):
        if isinstance(found, HelmTarget):
            found.retire(release, control=control, delete_volumes=delete_volumes)
        else:
            found.retire(release, purge=delete_volumes)
