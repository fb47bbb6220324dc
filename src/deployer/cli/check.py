"""Prove that users of a hub can work: make a user, start a server, run code in a kernel, stop it all.

deployer check CLUSTER HUB
"""

from __future__ import annotations

import argparse
import sys

from deployer.cli.context import Context
from deployer.cli.wiring import checkers, levels, target
from deployer.errors import EXIT_OK, EXIT_ROLLOUT_FAILED
from deployer.fleet.ids import Level, ReleaseId
from deployer.health.diagnose import Diagnosis
from deployer.plan.ports import Control, Health


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster")
    parser.add_argument("hub", metavar="HUB", help="the hub's name")
    parser.add_argument("--level", choices=("user", "http"), help="default: the hub's `health:`")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="default: deployer.yaml's health.timeout")


def run(args: argparse.Namespace, context: Context) -> int:
    release = context.fleet.release(ReleaseId(args.cluster, args.hub)).id
    level = Level(args.level) if args.level else levels(context.fleet)[release]
    if level is Level.NONE:
        level = Level.HTTP
    timeout = args.timeout or context.fleet.settings.health.timeout
    control = Control(timeout, say=lambda text: print(f"… {text}", file=sys.stderr))
    endpoint = target(context, release.cluster).endpoint(release)
    health = checkers(context)[level].check(release, endpoint, control)
    _show(release, level, health)
    return EXIT_OK if health.ok else EXIT_ROLLOUT_FAILED


def _show(release: ReleaseId, level: Level, health: Health) -> None:
    if health.ok:
        what = "users can work" if level is Level.USER else "the hub answers"
        print(f"✓ {release}: {what} ({health.seconds:.1f} s)")
        return
    print(f"✗ {release}: {health.diagnosis}: {health.evidence}")
    print(f"  {Diagnosis(health.diagnosis).next_step}")
