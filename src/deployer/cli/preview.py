"""Start a hub of any cluster on this machine, with its settings and a local log-in, until Ctrl-C; then nothing is left.

deployer preview CLUSTER HUB              start it, and say what only Kubernetes can give
deployer preview DIR                      the same of a replicate's directory
deployer preview CLUSTER HUB --explain    start nothing: every setting, and what becomes of it here
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from collections.abc import Sequence

from deployer.cli.context import Context
from deployer.cli.names import one_release
from deployer.cli.saying import say
from deployer.cli.wiring import local_settings
from deployer.errors import EXIT_OK, DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet, is_encrypted
from deployer.replicate.bundle import INDEX
from deployer.replicate.stage import Staged, is_replicate, read
from deployer.targets.local.desired import Desired
from deployer.targets.local.treatments import Treated, Treatment, notices


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB, or a replicate's folder")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="the hub's name")
    parser.add_argument("--explain", action="store_true", help="start nothing: every setting, and what becomes of it")
    parser.add_argument(
        "--dry-run", action="store_true", help="start nothing: how many settings apply, and what to know"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="json explains; default: table")


def run(args: argparse.Namespace, context: Context) -> int:
    staged = _staged(args, context)
    for path in staged.sealed:
        print(f"{path}: encrypted, so not looked at", file=sys.stderr)
    release = staged.fleet.release(staged.release)
    values = staged.fleet.hub_values(release, encrypted="skip")
    treated = local_settings(staged.fleet, release)
    if args.format == "json":
        print(json.dumps([{"key": one.path, "becomes": one.treatment, "note": one.note} for one in treated], indent=2))
    elif args.explain:
        _show(treated)
    else:
        _tell(args, release.id, treated, notices(values, treated))
        if not args.dry_run:
            _start(staged.fleet, release.id, context)
    return EXIT_OK


def _staged(args: argparse.Namespace, context: Context) -> Staged:
    """The fleet with the hub that is meant.

    :raises DeployerError: there is none.
    """
    folder = context.cwd / args.cluster
    if args.hub is None and is_replicate(folder):
        return read(folder)
    if args.hub is None and not _is_hub(args.cluster, folder.is_dir(), context):
        raise DeployerError(
            f"{args.cluster}: no replicate there: no {INDEX}",
            hint="Name a folder that `deployer replicate` wrote, or a hub of the fleet as CLUSTER HUB.",
        )
    release = context.fleet.release(one_release(args.cluster, args.hub))
    return Staged(context.fleet, release.id, tuple(filter(is_encrypted, release.values_files)))


def _is_hub(text: str, is_folder: bool, context: Context) -> bool:
    """Whether the word means a hub: where a folder has that name, too, only one that the fleet has."""
    cluster, _, hub = text.partition("/")
    if not cluster.strip(".") or not hub or "/" in hub:
        return False
    return not is_folder or ReleaseId(cluster, hub) in context.fleet.releases


def _tell(args: argparse.Namespace, release: ReleaseId, treated: tuple[Treated, ...], known: Sequence[str]) -> None:
    say(f"{_summary(release, treated)}\n")
    for notice in known:
        say(f"  {notice}\n")
    only = [one.path for one in treated if one.treatment is Treatment.KUBERNETES]
    if only and not args.dry_run:
        say(f"  only Kubernetes can give: {', '.join(only)}\n")


def _start(fleet: Fleet, release: ReleaseId, context: Context) -> None:
    """Run it until somebody ends it.

    :raises DeployerError: it does not come up, or ends by itself.
    """
    from deployer.cli.previewing import running  # a hub's processes: only for those who start one

    print("Starting it here …", flush=True)
    found = fleet.release(release)
    values = fleet.hub_values(found, encrypted="skip")
    desired = Desired(release.cluster, release.name, display_name=found.display_name, values=values)
    try:
        with running(desired, context.env) as preview:
            print(f"\n{preview.url}\n")
            if any("local log-in" in notice for notice in preview.notices):
                print(f"Log in with any name that the hub lets in, and the password {preview.target.password()}")
            print("Ctrl-C ends it, and removes all that it wrote.", flush=True)
            preview.wait(threading.Event())
    except KeyboardInterrupt:
        print("\nEnded; nothing is left of it.")


WORDS = {  # of one, and of several
    Treatment.APPLIES: ("applies as it is", "apply as they are"),
    Treatment.TRANSLATED: ("is translated", "are translated"),
    Treatment.KUBERNETES: ("only Kubernetes can give", "only Kubernetes can give"),
    Treatment.UNKNOWN: ("is no key of the chart", "are no keys of the chart"),
}


def _counted(kind: Treatment, number: int) -> str:
    return f"{number} {WORDS[kind][number != 1]}"


def _show(treated: tuple[Treated, ...]) -> None:
    from deployer.reports.terminal import show_rows

    for kind in WORDS:
        rows = [(one.path, one.note) for one in treated if one.treatment is kind]
        if rows:
            show_rows((_counted(kind, len(rows)), "how"), rows)
            print()


def _summary(release: ReleaseId, treated: tuple[Treated, ...]) -> str:
    counts = Counter(one.treatment for one in treated)
    parts = [_counted(kind, counts[kind]) for kind in WORDS if counts[kind]]
    return f"{release} has {len(treated)} setting{'' if len(treated) == 1 else 's'}: {', '.join(parts) or 'none'}."
