"""What the verbs that render share: their options, the renderer, and dropping what renders the same (`--exact`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from deployer.changes.paths import Reasons
from deployer.cli.context import Context
from deployer.errors import DeployerError, FleetError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, load_fleet
from deployer.plan.model import Noted, Plan

if TYPE_CHECKING:  # plans that render nothing must not wait for what renders
    from deployer.render.manifests import NotRendered, Pair

RENDERS_THE_SAME = "renders the same"


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rendering")
    group.add_argument("--kube-version", metavar="VERSION", default="", help="the Kubernetes that Helm renders for")
    group.add_argument(
        "--api-versions", metavar="API", action="append", default=[], help="an API that it has (may be repeated)"
    )
    group.add_argument(
        "--skip-secrets",
        action="store_true",
        help="render without encrypted values where these are the same bytes at both revisions",
    )


def check(args: argparse.Namespace) -> None:
    """
    :raises DeployerError: ``--exact``, and no revision to compare with.
    """
    if args.exact and args.since is None:
        raise DeployerError("--exact compares with a revision", hint="Add --since REV.")


class Exact(NamedTuple):
    """What rendering leaves of a plan: the releases that differ or may differ, those that do not, and who may."""

    reasons: Reasons
    dropped: tuple[Noted, ...] = ()
    not_rendered: tuple[Noted, ...] = ()


def exact(args: argparse.Namespace, context: Context, reasons: Reasons) -> Exact:
    """Drop the releases whose manifests are the same; what cannot be compared here stays, said aloud."""
    from deployer.render.manifests import NotRendered

    try:
        before = load_fleet(context.repository.at(args.since))
    except FleetError:
        return Exact(reasons)  # said already: the plan is by paths then
    comparable = [release for release in reasons if _is_at_the_same_place(release, before, context.fleet)]
    pairs = rendered_pairs(args, context, comparable, before)
    unsure = {release: pair.reason for release, pair in pairs.items() if isinstance(pair, NotRendered)}
    say_unrendered(unsure)
    same = {release for release, pair in pairs.items() if not isinstance(pair, NotRendered) and pair.equal}
    kept = {release: why for release, why in reasons.items() if release not in same}
    dropped = tuple(Noted(release, RENDERS_THE_SAME) for release in sorted(same))
    return Exact(kept, dropped, tuple(Noted(*one) for one in sorted(unsure.items())))


def rendered_pairs(
    args: argparse.Namespace, context: Context, releases: Iterable[ReleaseId], before: Fleet
) -> dict[ReleaseId, Pair | NotRendered]:
    """These releases at both revisions; as the options say, with the user's cache."""
    from deployer.render.cache import Cache, cache_folder  # only for those who render
    from deployer.render.renderer import Options, Renderer

    how = Options(args.kube_version, tuple(args.api_versions), args.skip_secrets)
    cache = Cache(cache_folder(context.env))
    with Renderer(context.env, cache, how, logins=context.chart_logins) as renderer:
        return renderer.pairs(releases, before, context.fleet)


def _is_at_the_same_place(release: ReleaseId, before: Fleet, after: Fleet) -> bool:
    """Whether the release was there, on the cluster that it is on now: the same manifests elsewhere are news."""
    earlier = before.releases.get(release)
    return earlier is not None and _place(before, release) == _place(after, release)


def _place(fleet: Fleet, release: ReleaseId) -> tuple[object, ...]:
    cluster = fleet.releases[release].cluster
    return cluster.provider, cluster.connection


def say_unrendered(unrendered: dict[ReleaseId, str]) -> None:
    """On standard error, for standard output is the plan."""
    if unrendered:
        from deployer.reports.diff import reasons

        for line in reasons(unrendered):
            print(f"deployer: stays planned, for it cannot be rendered: {line}", file=sys.stderr)


def noted(plan: Plan, found: Exact) -> Plan:
    """The plan with what rendering says of it; a canary that is brought along after all was not dropped."""
    dropped = tuple(one for one in found.dropped if one.id not in plan.by_id)
    return replace(plan, dropped=dropped, not_rendered=tuple(one for one in found.not_rendered if one.id in plan.by_id))
