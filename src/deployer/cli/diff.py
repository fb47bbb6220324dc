"""What an upgrade would change, or what a change of the fleet makes of the manifests that Helm sends.

deployer diff [CLUSTER [HUB]]                against what is deployed: the clusters are asked, and not changed
deployer diff --since REV [CLUSTER [HUB]]    against a git revision: no cluster is asked

Hubs of a local cluster have no manifests: against what is deployed, their values are compared. Releases that differ
alike are shown once. Values of secrets are never shown, only whether they changed.
"""

from __future__ import annotations

import argparse
import sys

from deployer.changes.affected import Affected
from deployer.cli import rendering
from deployer.cli.context import Context
from deployer.cli.live import compared
from deployer.cli.names import asked_releases, split_names
from deployer.errors import EXIT_CHANGES, EXIT_OK, EXIT_USER_ERROR, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import load_fleet
from deployer.plan.build import retired
from deployer.render.compare import Alike, group
from deployer.render.manifests import NotRendered, Pair
from deployer.reports.words import count


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="only these hubs of it, or support")
    parser.add_argument(
        "--since", metavar="REV", help="a git revision to compare with instead, uncommitted changes included"
    )
    parser.add_argument("--exit-code", action="store_true", help="exit with 2 where anything differs")
    rendering.add_options(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    args.cluster, args.hubs = split_names(args.cluster, args.hubs)
    asked = asked_releases(context.fleet, args.cluster, args.hubs)
    return _against_live(args, context, asked) if args.since is None else _since(args, context, asked)


def _since(args: argparse.Namespace, context: Context, asked: list[ReleaseId]) -> int:
    after = context.fleet
    changed, before = context.repository.changed(args.since), load_fleet(context.repository.at(args.since))

    def is_asked(release: ReleaseId) -> bool:
        return release in asked if args.hubs else args.cluster in (None, release.cluster)

    wanted = [release for release in Affected(before, after, changed).reasons() if is_asked(release)]
    pairs = rendering.rendered_pairs(args, context, wanted, before)
    gone = [release for release in retired(after, before.releases) if is_asked(release)]
    differs = _show(context, pairs, gone)
    return EXIT_CHANGES if args.exit_code and differs else EXIT_OK


def _against_live(args: argparse.Namespace, context: Context, asked: list[ReleaseId]) -> int:
    if args.kube_version or args.api_versions or args.skip_secrets:
        raise DeployerError(
            "--kube-version, --api-versions and --skip-secrets are for --since: here the cluster itself is asked"
        )
    print(f"Comparing {count(len(asked), 'release')} with what is deployed …", file=sys.stderr)
    found = compared(context, asked, gone=not args.hubs)
    for cluster, error in found.errors.items():
        print(f"{cluster}: {error}", file=sys.stderr)
    differs = _show(context, found.pairs, found.gone, live=True)
    if found.errors or any(isinstance(pair, NotRendered) for pair in found.pairs.values()):
        return EXIT_USER_ERROR
    return EXIT_CHANGES if args.exit_code and differs else EXIT_OK


def _show(
    context: Context, pairs: dict[ReleaseId, Pair | NotRendered], gone: list[ReleaseId], *, live: bool = False
) -> bool:
    """Print how releases differ; whether one does, or cannot be compared."""
    from deployer.reports.diff import show_diff  # Rich takes 60 ms

    unrendered = {release: pair.reason for release, pair in pairs.items() if not isinstance(pair, Pair)}
    rendered = [(context.fleet.releases[name], pair) for name, pair in pairs.items() if isinstance(pair, Pair)]
    groups: list[Alike] = group(rendered)
    show_diff(groups, unrendered, gone, live=live)
    return bool(groups or unrendered)
