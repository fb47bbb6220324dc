"""Prove that users of a hub can work: make a user, start a server, run code in a kernel, stop it all.

deployer check CLUSTER HUB
"""

from __future__ import annotations

import argparse
import sys

from deployer.cli.context import Context
from deployer.cli.names import one_release
from deployer.cli.wiring import checkers, levels, target
from deployer.errors import EXIT_OK, EXIT_ROLLOUT_FAILED, DeployerError
from deployer.fleet.ids import Level, ReleaseId
from deployer.health.diagnose import Diagnosis
from deployer.plan.ports import Control, Health, State


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="the hub's name")
    parser.add_argument("--level", choices=("user", "http"), help="default: the hub's `health:`")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="default: deployer.yaml's health.timeout")


def run(args: argparse.Namespace, context: Context) -> int:
    release = context.fleet.release(one_release(args.cluster, args.hub)).id
    if release.hub is None:
        raise DeployerError(f"{release} has no users to check", hint=f"deployer status {release.cluster}")
    level = Level(args.level) if args.level else levels(context.fleet)[release]
    if level is Level.NONE:
        level = Level.HTTP
    timeout = args.timeout or context.fleet.settings.health.timeout
    control = Control(timeout, say=_Progress())
    found = target(context, release.cluster)
    endpoint, seen = found.endpoint(release), found.observe(release)
    if seen.state in {State.STOPPED, State.FAILED} and not seen.healthy:
        how = (
            "deployer status --repair"
            if seen.state is State.FAILED
            else f"deployer deploy {release.cluster} {release.name}"
        )
        print(f"✗ {release}: {Diagnosis.HUB_DOWN}: {seen.detail or f'it is {seen.state}'}")
        print(f"  Start it again: {how}")
        return EXIT_ROLLOUT_FAILED
    health = checkers(context)[level].check(release, endpoint, control)
    _show(release, level, health)
    return EXIT_OK if health.ok else EXIT_ROLLOUT_FAILED


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
