"""Put a back-up in the place of a hub's database. The hub is stopped for it and started again.

deployer restore CLUSTER HUB FILE

FILE is what `deployer backup` wrote, or any copy of a JupyterHub's sqlite database. It is checked first: its SHA-256,
where that stands beside it, and that it is whole. The database that was there is kept. Refused while users' servers
run, for they end, and of another hub's back-up: --force. Where the hub does not come up with it, the old database is
put back; so it is where you interrupt, and where this was killed, by the next backup or restore.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from deployer.cli.backup import TIMEOUT, hub_and_file, say
from deployer.cli.context import Context
from deployer.cli.wiring import target
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Control
from deployer.rollout.journal import new_id
from deployer.targets import backup_file


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("words", nargs="*", metavar="HUB FILE", help="the hub, and its back-up")
    what = "also while users' servers run (they are ended), and with another hub's back-up"
    parser.add_argument("--force", action="store_true", help=what)


def run(args: argparse.Namespace, context: Context) -> int:
    release, file = hub_and_file(args.cluster, args.words)
    if file is None:
        raise DeployerError("which back-up?", hint=f"deployer restore {release.cluster} {release.name} FILE")
    context.fleet.release(release)
    path = context.cwd / file
    found, known = backup_file.check(path)
    if not known:
        print(
            f"deployer: there is no {backup_file.sum_file(path).name}: only the file itself was checked",
            file=sys.stderr,
        )
    _check_origin(path, release, force=args.force)
    now = datetime.now(UTC)
    wired, rollout, never = target(context, release.cluster), new_id(now, secrets.randbits(24)), threading.Event()
    with (
        wired.lock(release, rollout, timeout=context.fleet.settings.limits.lock_timeout, cancelled=never),
        wired.database(release, Control(TIMEOUT, say=say)) as database,
    ):
        _check_servers(database, force=args.force)
        kept = database.replace(path, f"jupyterhub.sqlite.before-restore-{now:%Y%m%dT%H%M%SZ}")
    print(f"{release}: {found['users']} users from {path}" + (f"; what was there is kept as {kept}" if kept else ""))
    return EXIT_OK


def _check_origin(path: Path, release: ReleaseId, *, force: bool) -> None:
    """It is a back-up of this hub, as far as that is known."""
    origin = backup_file.origin(path)
    if origin not in ("", str(release)):
        message = f"{path} is a back-up of {origin}: its users would be those of {release}"
        if not force:
            raise DeployerError(message, hint="Name another file, or add --force.")
        print(f"deployer: {message}", file=sys.stderr)


def _check_servers(database: backup_file.HubDatabase, *, force: bool) -> None:
    running = 0 if force else database.servers()
    if running:
        number = "one user's server runs" if running == 1 else f"{running} users' servers run"
        raise DeployerError(f"{number}, and would be ended", hint="Wait until nobody works, or add --force.")
