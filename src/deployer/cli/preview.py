"""What a local hub can give of a hub's values, and what only Kubernetes can: for hubs of any cluster.

deployer preview CLUSTER HUB              how many settings apply, and what to know
deployer preview CLUSTER HUB --explain    every setting, and what becomes of it
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from deployer.cli.context import Context
from deployer.cli.names import one_release
from deployer.cli.wiring import local_settings
from deployer.errors import EXIT_OK
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import is_encrypted
from deployer.targets.local.treatments import Treated, Treatment, notices


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER", help="the hub's cluster, or CLUSTER/HUB")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="the hub's name")
    parser.add_argument("--explain", action="store_true", help="every setting, and what becomes of it")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(args: argparse.Namespace, context: Context) -> int:
    release = context.fleet.release(one_release(args.cluster, args.hub))
    for path in release.values_files:
        if is_encrypted(path):
            print(f"{path}: encrypted, so not looked at", file=sys.stderr)
    values = context.fleet.hub_values(release, encrypted="skip")
    treated = local_settings(context.fleet, release)
    if args.format == "json":
        print(json.dumps([{"key": one.path, "becomes": one.treatment, "note": one.note} for one in treated], indent=2))
    elif args.explain:
        _show(treated)
    else:
        print(_summary(release.id, treated))
        for notice in notices(values, treated):
            print(f"  {notice}")
    return EXIT_OK


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
