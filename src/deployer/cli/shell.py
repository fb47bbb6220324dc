"""A shell, or one command, with a cluster's credentials; nothing of them is left behind.

deployer shell CLUSTER               your own shell, in which kubectl and helm reach the cluster
deployer shell CLUSTER -- CMD…       one command
deployer shell CLUSTER HUB [-- CMD…]     the same, in the hub's namespace
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.cli.wiring import helm_target
from deployer.fleet.ids import ReleaseId
from deployer.process import attached


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the cluster to reach, or CLUSTER/HUB")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- CMD", help="default: $SHELL")


def run(args: argparse.Namespace, context: Context) -> int:
    cluster, hub, given = _split(context, args.cluster, args.command)
    session = helm_target(context, cluster).logged_in()
    own = {"DEPLOYER_CLUSTER": cluster}
    if hub:
        session.run(("kubectl", "config", "set-context", "--current", "--namespace", hub))
        own["DEPLOYER_HUB"] = hub
    command = given or [context.env.get("SHELL") or "/bin/sh"]
    return attached(command, env={**session.env, **own})


def _split(context: Context, named: str, words: Sequence[str]) -> tuple[str, str, list[str]]:
    """Cluster, hub and command; a word before the ``--``, or alone, is a hub where the cluster has one of that name."""
    cluster, hubs = split_names(named)
    words = list(words)
    if not hubs and _begins_with_hub(context, cluster, words):
        hubs = [words.pop(0)]
    if hubs:
        context.fleet.release(ReleaseId(cluster, hubs[0]))
    return cluster, hubs[0] if hubs else "", words[1:] if words[:1] == ["--"] else words


def _begins_with_hub(context: Context, cluster: str, words: list[str]) -> bool:
    if words[1:2] == ["--"]:
        return words[0] != "--"
    return len(words) == 1 and ReleaseId(cluster, words[0]) in context.fleet.releases
