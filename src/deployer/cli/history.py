"""Past rollouts, newest first; what one did.

deployer history
deployer history show ID
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

from deployer.cli.context import Context
from deployer.cli.names import whole_number
from deployer.errors import EXIT_OK, DeployerError
from deployer.rollout.journal import Journal, Listed, history
from deployer.rollout.record import RolloutRecord


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("show", nargs="*", metavar="show ID", help="tell of this one")
    parser.add_argument(
        "-n", "--lines", type=whole_number, default=20, metavar="N", help="how many (default: 20; 0: all)"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(args: argparse.Namespace, context: Context) -> int:
    if not args.show:
        _list(history(context.state)[: args.lines or None], args.format)
    elif args.show[0] == "show" and len(args.show) == 2:
        _show(args.show[1], Journal.find(context.state, args.show[1]).record(), args.format)
    else:
        raise DeployerError(f"history {' '.join(args.show)}: not understood", hint="deployer history show ID")
    return EXIT_OK


def _list(rollouts: list[Listed], form: str) -> None:
    if form == "json":
        print(json.dumps([_plain(one) for one in rollouts], indent=2))
        return
    if not rollouts:
        print("No rollout yet.")
    for one in rollouts:
        print(f"{one.id}  {one.at:%Y-%m-%d %H:%M} UTC  {one.damage or outcomes(one.record)}")


def outcomes(record: RolloutRecord | None) -> str:
    """``3 succeeded, 1 failed``; releases with no outcome are unfinished."""
    if record is None:
        return ""
    counts = Counter(str(outcome or "unfinished") for outcome in record.outcomes().values())
    going = ", going on" if record.alive() else ""
    return ", ".join(f"{number} {word}" for word, number in sorted(counts.items())) + going


def _plain(one: Listed) -> dict[str, Any]:
    releases = {} if one.record is None else one.record.outcomes()
    return {
        "id": one.id,
        "at": one.at.isoformat(),
        "damage": one.damage,
        "releases": {str(release): outcome for release, outcome in releases.items()},
    }


def _show(rollout: str, record: RolloutRecord, form: str) -> None:
    if form == "json":
        print(json.dumps(_details(rollout, record), indent=2))
        return
    for run_ in record.runs.values():
        print(f"{run_.started.at:%Y-%m-%d %H:%M:%S} UTC  by {run_.origin}")
        if run_.no_canary:
            print(f"  without canaries: {run_.no_canary}")
    for detail in _details(rollout, record)["releases"]:
        print(f"  {detail['release']}: {detail['outcome'] or 'unfinished'}{_about(detail)}")
    if any(outcome is None for outcome in record.outcomes().values()) and not record.alive():
        print(f"Next: deployer deploy --resume {rollout}")


def _about(detail: dict[str, Any]) -> str:
    took = "" if detail["seconds"] is None else f"{detail['seconds']:.0f} s"
    parts = [took, detail["cause"], f"revision {detail['revision']}" if detail["revision"] else "", detail["url"]]
    text = "  ".join(part for part in parts if part)
    return f"  {text}" if text else ""


def _details(rollout: str, record: RolloutRecord) -> dict[str, Any]:
    rows = []
    for release, outcome in record.outcomes().items():
        ended = record.of(release).ended
        rows.append(
            {
                "release": str(release),
                "outcome": outcome,
                "cause": ended.cause if ended else "",
                "hint": ended.hint if ended else "",
                "revision": ended.revision if ended else None,
                "url": ended.url if ended else "",
                "seconds": ended.seconds if ended else None,
                "log": ended.log if ended else "",
            }
        )
    return {"id": rollout, "releases": rows, "unreadable_lines": record.torn}
