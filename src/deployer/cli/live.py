"""What `deployer diff` compares without a revision: what releases hold against what an upgrade would make of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from deployer.cli.context import Context
from deployer.cli.wiring import desired, local_target, target
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.render.live import live_pair, values_pair
from deployer.render.manifests import NotRendered, Pair
from deployer.render.mask import Masker
from deployer.rollout.act import in_one_line
from deployer.targets.helm.target import HelmTarget

AT_ONCE = 8  # releases, of all clusters together


@dataclass(frozen=True)
class Compared:
    """Releases with how they differ, or why that cannot be told; ``gone`` are deployed and no more in the fleet."""

    pairs: dict[ReleaseId, Pair | NotRendered]
    gone: list[ReleaseId] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)  # by cluster


def compared(context: Context, releases: Iterable[ReleaseId], *, gone: bool) -> Compared:
    """Compare releases with what is live, side by side; what is wrong with one does not hide the others.

    :param gone: look for what the fleet has no more, too.
    """
    wanted, masker = list(releases), Masker(secrets.token_bytes(32))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="diff") as threads:
        left = {
            one: threads.submit(_left_behind, context, one) for one in sorted({one.cluster for one in wanted}) if gone
        }
        pairs = dict(zip(wanted, threads.map(partial(_pair, context, masker=masker), wanted), strict=True))
        found = {cluster: future.result() for cluster, future in left.items()}
    errors = {cluster: one for cluster, one in found.items() if isinstance(one, str)}
    return Compared(pairs, [one for several in found.values() if isinstance(several, list) for one in several], errors)


def _pair(context: Context, release: ReleaseId, masker: Masker) -> Pair | NotRendered:
    try:
        wired = target(context, release.cluster)
        if isinstance(wired, HelmTarget):
            live = wired.live(release)
            blindly = partial(live.would_be, lookup=False) if live.may_differ else None
            return live_pair(live.held(), live.would_be(), blindly, masker)
        return _local(context, release, masker)
    except DeployerError as error:
        return NotRendered(in_one_line(error))


def _local(context: Context, release: ReleaseId, masker: Masker) -> Pair:
    revisions = local_target(context, release.cluster).revisions(release)
    current = revisions.current()
    held = revisions.values(current.number) if current else None
    return values_pair(release.name, held, desired(context, release).values, masker)


def _left_behind(context: Context, cluster: str) -> list[ReleaseId] | str:
    """What is deployed and no more in the fleet; or why that cannot be told."""
    try:
        wired = target(context, cluster)
        known = wired.records() if isinstance(wired, HelmTarget) else wired.releases()
    except DeployerError as error:
        return in_one_line(error)
    return sorted(one for one in known if one not in context.fleet.releases)
