"""Prove that users of a hub can work: make a user, start a server, run code in a kernel, stop it all.

deployer check CLUSTER HUB    one hub
deployer check CLUSTER        all hubs of a cluster that have a health check, one after the other
"""

from __future__ import annotations

import argparse
import sys

from deployer.cli.context import Context
from deployer.cli.names import one_release
from deployer.cli.wiring import checkers, levels, target
from deployer.errors import EXIT_OK, EXIT_ROLLOUT_FAILED, DeployerError, TargetError
from deployer.fleet.ids import Level, ReleaseId
from deployer.health.diagnose import Diagnosis
from deployer.plan.ports import Control, Health, State


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="the hub's name")
    parser.add_argument("--level", choices=("user", "http"), help="default: the hub's `health:`")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="default: deployer.yaml's health.timeout")


def run(args: argparse.Namespace, context: Context) -> int:
    found = [_healthy(args, context, release) for release in _wanted(args, context)]
    return EXIT_OK if all(found) else EXIT_ROLLOUT_FAILED


def _wanted(args: argparse.Namespace, context: Context) -> list[ReleaseId]:
    if args.hub is None and "/" not in args.cluster:
        context.fleet.cluster(args.cluster)
        every = levels(context.fleet).items()
        return [release for release, level in every if release.cluster == args.cluster and level is not Level.NONE]
    release = context.fleet.release(one_release(args.cluster, args.hub)).id
    if release.hub is None:
        raise DeployerError(f"{release} has no users to check", hint=f"deployer status {release.cluster}")
    return [release]


def _healthy(args: argparse.Namespace, context: Context, release: ReleaseId) -> bool:
    level = Level(args.level) if args.level else levels(context.fleet)[release]
    if level is Level.NONE:
        level = Level.HTTP
    timeout = args.timeout or context.fleet.settings.health.timeout
    control = Control(timeout, say=_Progress())
    found = target(context, release.cluster)
    try:
        endpoint, seen = found.endpoint(release), found.observe(release)
    except TargetError as error:
        print(f"✗ {release}: {error}")
        return False
    if seen.state in {State.STOPPED, State.FAILED} and not seen.healthy:
        print(f"✗ {release}: {Diagnosis.HUB_DOWN}: {seen.detail or f'it is {seen.state}'}")
        print(f"  Start it again: {_how(release, seen.state)}")
        return False
    health = checkers(context)[level].check(release, endpoint, control)
    _show(release, level, health)
    return health.ok


def _how(release: ReleaseId, state: State) -> str:
    if state is State.FAILED:
        return "deployer status --repair"
    return f"deployer deploy {release.cluster} {release.name}"


class _Progress:
    """Prints each line of progress once, however often it is said in a row."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, text: str) -> None:
        if text != self.last:
            print(f"… {text}", file=sys.stderr)
        self.last = text


def _show(release: ReleaseId, level: Level, health: Health) -> None:
    if health.ok:
        what = "users can work" if level is Level.USER else "the hub answers"
        print(f"✓ {release}: {what} ({health.seconds:.1f} s)")
        return
    print(f"✗ {release}: {health.diagnosis}: {health.evidence}")
    print(f"  {Diagnosis(health.diagnosis).next_step}")
