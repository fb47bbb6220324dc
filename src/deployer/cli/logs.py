"""What a hub wrote; its proxy, its users' servers and the cluster's ingress too.

deployer logs CLUSTER HUB [-f]
deployer logs CLUSTER support
deployer logs CLUSTER HUB --of helm     on Kubernetes: what Helm said last
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from pathlib import Path

from deployer.cli.context import Context
from deployer.cli.names import one_release, whole_number
from deployer.cli.wiring import helm_target, local_target
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.cluster import Provider
from deployer.fleet.ids import ReleaseId
from deployer.process import attached

PAUSE = 0.3  # seconds between looks at a log that is followed


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="a hub, or support")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is written, until Ctrl-C")
    parser.add_argument(
        "-n", "--lines", type=whole_number, default=100, metavar="N", help="the last N lines (default: 100; 0: all)"
    )
    parser.add_argument(
        "--of",
        default="",
        metavar="NAME",
        help="another log: proxy, failed (the last start that did not come up), or users/NAME;"
        " on Kubernetes: helm, or the name of a deployment",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    named = one_release(args.cluster, args.hub)
    args.cluster, args.hub = named.cluster, named.name
    if context.fleet.cluster(args.cluster).provider is not Provider.LOCAL and args.of != "helm":
        return _of_pods(args, context)
    path = _log(args, context)
    with path.open(encoding="utf-8", errors="replace") as file:
        sys.stdout.writelines(deque(file, args.lines or None))
        sys.stdout.flush()
    if args.follow:
        _follow(path)
    return EXIT_OK


def _of_pods(args: argparse.Namespace, context: Context) -> int:
    """What the pods of a deployment wrote, as kubectl shows it."""
    session = helm_target(context, args.cluster).session
    lines = args.lines or -1
    words = ["kubectl", "logs", "--namespace", args.hub, f"deployment/{args.of or 'hub'}", f"--tail={lines}"]
    return attached([*words, *(["--follow"] if args.follow else [])], env=session.env)


def _log(args: argparse.Namespace, context: Context) -> Path:
    release = ReleaseId(args.cluster, args.hub)
    if context.fleet.cluster(args.cluster).provider is not Provider.LOCAL:
        said = helm_target(context, args.cluster).logs(release)
        if not said:
            raise DeployerError(f"{release}: Helm was never called for it from here")
        return said[-1]
    target = local_target(context, args.cluster)
    if release not in target.releases():
        context.fleet.release(release)
        raise DeployerError(f"{release} was never deployed", hint=f"deployer deploy {args.cluster} {args.hub}")
    logs = target.logs(release)
    name = args.of or next(iter(logs))
    if name not in logs or not logs[name].exists():
        there = ", ".join(one for one, path in logs.items() if path.exists())
        raise DeployerError(f"{release} has no log {name!r}", hint=f"It has: {there or 'none yet'}")
    return logs[name]


def _follow(path: Path) -> None:
    """Print what is appended; a log that was rotated is opened anew."""
    file = path.open(encoding="utf-8", errors="replace")
    try:
        file.seek(0, os.SEEK_END)
        while True:
            text = file.read()
            if text:
                sys.stdout.write(text)
                sys.stdout.flush()
                continue
            time.sleep(PAUSE)
            if path.exists() and not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
    finally:
        file.close()
