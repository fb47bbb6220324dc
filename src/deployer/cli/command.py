"""The commands, one by one, by which anyone could do what the deployer does for a hub: ready to paste, nothing is run.

deployer command CLUSTER HUB        with credentials, secrets, chart dependencies, and helm
deployer command CLUSTER support    the same for what the cluster's hubs share

They need no deployer: what it would call (helm, kubectl, sops, jsonnet, the cloud's own command) is enough.
"""

from __future__ import annotations

import argparse
from shlex import quote

from deployer.cli.context import Context
from deployer.cli.dry_run import show_commands
from deployer.cli.names import one_release
from deployer.cli.wiring import target
from deployer.errors import EXIT_OK
from deployer.fleet.cluster import Provider
from deployer.fleet.repository import Release, is_encrypted


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="the hub's name, or support")


def run(args: argparse.Namespace, context: Context) -> int:
    release = context.fleet.release(one_release(args.cluster, args.hub))
    if release.provider is Provider.LOCAL:
        print(_of_this_machine(release))
    show_commands(target(context, release.id.cluster), release.id, then=_look(release))
    return EXIT_OK


def _of_this_machine(release: Release) -> str:
    words = f"{release.id.cluster} {release.id.name}"
    lines = [
        f"{release.id} is processes of this machine. They read files that `deployer deploy {words}` writes, so",
        "what stands below runs as it is once that was done; a port of 0 is chosen then.",
    ]
    if release.hub:
        lines.append(f"With Helm alone, on any Kubernetes: deployer replicate {words} DIR, then DIR/deploy.sh")
    return "".join(f"# {line}\n" for line in lines)


def _look(release: Release) -> str:
    """What tells whether the hub answers, where its address is public."""
    public = release.hub and release.hub.domain and not is_encrypted(release.domain_override)
    if not public or release.provider is Provider.LOCAL or release.hub is None:
        return ""
    address = quote(f"https://{release.hub.domain}/hub/health")
    return f"# Does it answer? (The deployer also works there as a user would.)\ncurl --fail {address}"
