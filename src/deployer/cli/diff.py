"""What a change makes of the manifests that Helm would send: no cluster is asked.

deployer diff --since REV                    every release whose inputs differ
deployer diff --since REV CLUSTER [HUB]      those of one cluster, or one hub

Releases that differ alike are shown once. Values of secrets are never shown, only whether they changed.
"""

from __future__ import annotations

import argparse

from deployer.changes.affected import Affected
from deployer.cli import rendering
from deployer.cli.context import Context
from deployer.errors import EXIT_CHANGES, EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, Release, load_fleet
from deployer.plan.build import retired
from deployer.render.compare import Alike, group
from deployer.render.manifests import Pair


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="only this hub of it, or support")
    parser.add_argument("--since", metavar="REV", help="the git revision to compare with, uncommitted changes included")
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where anything differs")
    rendering.add_options(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    if args.since is None:
        raise DeployerError(
            "diff compares the manifests of two revisions: name the earlier one",
            hint="Add --since REV. Comparing with what runs in a cluster comes with Kubernetes targets.",
        )
    after = context.fleet
    changed, before = context.repository.changed(args.since), load_fleet(context.repository.at(args.since))
    wanted = [release for release in Affected(before, after, changed).reasons() if _is_asked(args, release)]
    _check_asked(args, after)
    pairs = rendering.rendered_pairs(args, context, wanted, before)
    unrendered = {release: pair.reason for release, pair in pairs.items() if not isinstance(pair, Pair)}
    groups = group((after.releases[name], pair) for name, pair in pairs.items() if isinstance(pair, Pair))
    _show(groups, unrendered, [release for release in retired(after, before.releases) if _is_asked(args, release)])
    return EXIT_CHANGES if args.exit_code and (groups or unrendered) else EXIT_OK


def _show(groups: list[Alike], unrendered: dict[ReleaseId, str], gone: list[ReleaseId]) -> None:
    from deployer.reports.diff import show_diff  # Rich takes 60 ms

    show_diff(groups, unrendered, gone)


def _is_asked(args: argparse.Namespace, release: ReleaseId) -> bool:
    return args.cluster in (None, release.cluster) and args.hub in (None, release.name)


def _check_asked(args: argparse.Namespace, fleet: Fleet) -> Release | None:
    """
    :raises FleetError: no such cluster or hub.
    """
    if args.cluster is not None:
        fleet.cluster(args.cluster)
    return fleet.release(ReleaseId(args.cluster, args.hub)) if args.hub else None
