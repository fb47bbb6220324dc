"""Take a hub back to the last revision that was good, or to one that you name, as a new revision.

deployer rollback CLUSTER HUB [REVISION]
"""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from datetime import UTC, datetime

from deployer.cli.context import Context
from deployer.cli.names import release_and_rest
from deployer.cli.wiring import target as target_of
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control, State
from deployer.rollout.journal import new_id
from deployer.targets.helm.target import HelmTarget
from deployer.targets.local.target import LocalTarget


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="the hub's name")
    parser.add_argument("revision", nargs="?", metavar="REVISION", help="default: the last good one before")


def run(args: argparse.Namespace, context: Context) -> int:
    release, rest = release_and_rest([args.cluster, args.hub, args.revision])
    args.cluster, args.revision = release.cluster, _revision(rest)
    target = target_of(context, release.cluster)
    known, good = _revisions(target, release)
    if not known:
        raise DeployerError(f"{release} was never deployed", hint=f"deployer status {args.cluster}")
    if args.revision is None and good is None:
        raise DeployerError(
            f"{release} has no earlier good revision", hint=f"Its revisions: {', '.join(map(str, known))}"
        )
    if args.revision is not None and _is_current(target, release, args.revision):
        print(f"{release}: revision {args.revision} is the current one; nothing was done.")
        return EXIT_OK
    limits = context.fleet.settings.limits
    rollout = new_id(datetime.now(UTC), secrets.randbits(24))
    control = Control(limits.timeout, say=lambda text: print(f"… {text}", file=sys.stderr))
    with target.lock(release, rollout, timeout=limits.lock_timeout, cancelled=threading.Event()):
        done = target.rollback(release, control=control, revision=args.revision)
    if done is not None:
        print(f"{release} is back, as revision {done.revision}: {done.url}")
        if not target.observe(release).wanted:
            print("The repository still says otherwise: the next deploy upgrades it again, unless you change it.")
    return EXIT_OK


def _revision(words: list[str]) -> int | None:
    """
    :raises DeployerError: what is given is no revision.
    """
    if len(words) > 1 or not all(word.isdecimal() for word in words):
        raise DeployerError(f"{' '.join(words)}: no number of a revision", hint="CLUSTER HUB [REVISION]")
    return int(words[0]) if words else None


def _is_current(target: LocalTarget | HelmTarget, release: ReleaseId, revision: int) -> bool:
    seen = target.observe(release)
    return seen.revision == revision and seen.state is State.RUNNING


def _revisions(target: LocalTarget | HelmTarget, release: ReleaseId) -> tuple[list[int], int | None]:
    """The revisions of a release, and the last good one before the current."""
    if isinstance(target, HelmTarget):
        history = target.history(release)
        found = history.to_return_to(target.record(release))
        return [one.number for one in history.revisions], found.number if found else None
    if release not in target.releases():
        return [], None
    known = target.revisions(release)
    current = known.current()
    before = known.verified_before(current.number) if current else None
    return [record.number for record in known.all()], before.number if before else None
