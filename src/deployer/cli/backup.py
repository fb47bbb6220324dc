"""Back up a hub's database: users, groups, tokens, and which servers run. The hub goes on meanwhile.

deployer backup CLUSTER HUB            to CLUSTER-HUB-<time>.sqlite, here
deployer backup CLUSTER HUB FILE

The back-up is a plain sqlite file that only you can read, with its SHA-256 and its hub's name beside it. Home
directories are not in it.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from deployer.cli.context import Context
from deployer.cli.names import release_and_rest
from deployer.cli.wiring import target
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control
from deployer.reports.words import count
from deployer.targets import backup_file

TIMEOUT = 600.0  # seconds


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("words", nargs="*", metavar="HUB [FILE]", help="the hub, and where to write its back-up")


def run(args: argparse.Namespace, context: Context) -> int:
    release, file = hub_and_file(args.cluster, args.words)
    context.fleet.release(release)
    path = context.cwd / (file or f"{release.cluster}-{release.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.sqlite")
    with target(context, release.cluster).database(release, Control(TIMEOUT, say=say)) as database:
        found = backup_file.write(database, path, release)
    print(f"{release}: {count(found['users'], 'user')} in {path}")
    return EXIT_OK


def say(text: str) -> None:
    """A line of progress."""
    print(f"{text} …", file=sys.stderr)


def hub_and_file(cluster: str, words: list[str]) -> tuple[ReleaseId, Path | None]:
    """``CLUSTER HUB [FILE]`` or ``CLUSTER/HUB [FILE]``.

    :raises DeployerError: no hub is named, or too much.
    """
    release, rest = release_and_rest([cluster, *words])
    if release.hub is None:
        raise DeployerError(f"{release} has no database", hint="Name a hub.")
    if len(rest) > 1:
        raise DeployerError(f"one file, not {len(rest)}: {' '.join(rest)}")
    return release, Path(rest[0]) if rest else None
