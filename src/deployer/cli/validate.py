"""Say all that is wrong with the fleet, at once, with file and line.

deployer validate                  the whole fleet
deployer validate CLUSTER [HUB]    one cluster, or one hub of it
"""

from __future__ import annotations

import argparse
import sys

from deployer.cli.context import Context
from deployer.errors import EXIT_OK, EXIT_USER_ERROR, DeployerError, flattened
from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.fleet.repository import Fleet
from deployer.fleet.validation import validate


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="only this hub of it")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, context: Context) -> int:
    try:
        fleet = context.fleet
    except DeployerError as error:
        findings = flattened(error)
        if not all(finding.place for finding in findings):
            raise  # there is no fleet
        summary = f"the fleet cannot be read: {_count(len(findings), 'finding')} so far"
    else:
        wanted = _wanted(fleet, args.cluster, args.hub)
        findings = validate(fleet, wanted)
        summary = _summary(fleet, wanted, len(findings))
    _show(findings, summary, as_json=args.format == "json")
    return EXIT_USER_ERROR if findings else EXIT_OK


def _show(findings: list[DeployerError], summary: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(findings)
        return
    for finding in findings:
        print(finding)
    print(summary, file=sys.stderr)


def _wanted(fleet: Fleet, cluster: str | None, hub: str | None) -> list[ReleaseId]:
    if cluster is None:
        return []
    fleet.cluster(cluster)
    if hub is not None:
        return [fleet.release(ReleaseId(cluster, hub)).id]
    return [release for release in fleet.releases if release.cluster == cluster] or [ReleaseId(cluster, SUPPORT)]


def _print_json(findings: list[DeployerError]) -> None:
    import json

    rows = [
        {
            "file": finding.place.path if finding.place else None,
            "line": finding.place.line if finding.place else 0,
            "message": finding.message,
            "hint": finding.hint,
        }
        for finding in findings
    ]
    print(json.dumps(rows, indent=2))


def _summary(fleet: Fleet, wanted: list[ReleaseId], count: int) -> str:
    clusters = {release.cluster for release in wanted} or fleet.clusters.keys()
    hubs = sum(1 for release in (wanted or fleet.releases) if release.hub)
    looked = f"{_count(hubs, 'hub')} on {_count(len(clusters), 'cluster')}"
    return f"{looked}: {_count(count, 'finding') if count else 'nothing wrong'}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
