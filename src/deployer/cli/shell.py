"""A shell, or one command, with a cluster's credentials; nothing of them is left behind.

deployer shell CLUSTER               your own shell, in which kubectl and helm reach the cluster
deployer shell CLUSTER -- CMD…       one command
"""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.wiring import helm_target
from deployer.process import attached


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the cluster to reach")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="default: $SHELL")


def run(args: argparse.Namespace, context: Context) -> int:
    session = helm_target(context, args.cluster).session
    given = args.command[1:] if args.command[:1] == ["--"] else args.command
    command = given or [context.env.get("SHELL") or "/bin/sh"]
    return attached(command, env={**session.env, "DEPLOYER_CLUSTER": args.cluster})
