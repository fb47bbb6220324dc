"""Release a lock that was left behind, after showing who holds it.

deployer unlock CLUSTER [HUB…]
"""

from __future__ import annotations

import argparse
import getpass
import socket
import sys
from datetime import UTC, datetime

from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.cli.wiring import target as target_of
from deployer.errors import EXIT_INTERRUPTED, EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Holder
from deployer.rollout.events import Unlocked
from deployer.rollout.journal import Journal
from deployer.rollout.origin import Origin
from deployer.targets.helm.target import HelmTarget
from deployer.targets.local.locks import is_stale
from deployer.targets.local.target import LocalTarget


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="a cluster, or CLUSTER/HUB")
    parser.add_argument("hubs", nargs="*", metavar="HUB", help="only these hubs of it, or support")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, context: Context) -> int:
    cluster, names = split_names(args.cluster, args.hubs)
    target = target_of(context, cluster)
    held = {release: holder for release, holder in target.locks().items() if not names or release.name in names}
    for release, holder in held.items():
        print(f"{release} is held by {holder}: {LIVES[lives(holder)].format(pid=holder.pid)}")
        if lives(holder) is not True and (left := _left_at_work(target, release)):
            print(f"  {left}")
    if not held:
        print(f"{' '.join([cluster, *names])}: nothing is locked.")
        return EXIT_OK
    if not args.yes and any(lives(holder) is not False for holder in held.values()) and not _agreed():
        return EXIT_INTERRUPTED
    for release, holder in held.items():
        target.unlock(release)
        _journal(context, release, holder)
        print(f"{release}: unlocked")
    return EXIT_OK


LIVES = {
    True: "process {pid} is at work",
    False: "process {pid} is gone, so the lock is stale",
    None: "whether it is at work cannot be seen from here",
}


def _left_at_work(target: LocalTarget | HelmTarget, release: ReleaseId) -> str:
    """What may go on though its deployer is gone: a helm ends by itself, and nobody else sees that it lives."""
    if not isinstance(target, HelmTarget):
        return ""
    try:
        last = target.history(release).last
    except DeployerError:
        return ""
    if last is None or not last.pending:
        return ""
    since = f"{last.updated:%Y-%m-%d %H:%M:%S %Z}"
    return f"but it is {last.status} since {since}: a helm may still be at work on it, even without its deployer"


def lives(holder: Holder) -> bool | None:
    """Whether the holder's process is at work; None where that cannot be seen: it is of another host."""
    if not holder.pid or holder.host != socket.gethostname():
        return None
    if holder.started:
        return not is_stale(holder)
    return Origin(host=holder.host, pid=holder.pid).alive


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise DeployerError("a rollout may be at work there", hint="If you know that it is not, add --yes.")
    return input("If it is still at work, two rollouts may now collide. Unlock? [y/N] ").strip().lower() in {"y", "yes"}


def _journal(context: Context, release: ReleaseId, holder: Holder) -> None:
    """The rollout whose lock it was is told, where its journal is here."""
    try:
        journal = Journal.find(context.state, holder.rollout)
    except DeployerError:
        return
    journal.append(Unlocked(datetime.now(UTC), release, str(holder), getpass.getuser()))
    journal.close()
