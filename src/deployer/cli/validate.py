"""Say all that is wrong with the fleet, at once, with file and line.

deployer validate                  the whole fleet
deployer validate CLUSTER [HUB]    one cluster, or one hub of it

Ends with 1 where there is an error, with --strict also where there is a warning.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from deployer import __version__
from deployer.cli.context import Context
from deployer.cli.names import split_names
from deployer.cli.saying import say
from deployer.errors import EXIT_OK, EXIT_USER_ERROR, DeployerError
from deployer.fleet.findings import Finding, Severity, in_order
from deployer.fleet.ids import SUPPORT, ReleaseId
from deployer.fleet.repository import CLUSTERS, Fleet, cluster_folders, load_what_can_be
from deployer.fleet.validation import validate, what_cannot_be_read
from deployer.reports.findings import as_github, as_json, as_sarif, as_text


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="only this cluster")
    parser.add_argument("hub", nargs="?", metavar="HUB", help="only this hub of it")
    parser.add_argument(
        "--format",
        choices=("text", "json", "sarif", "github"),
        default="text",
        help="sarif is for code scanning, github for annotations of a workflow (default: text)",
    )
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")


def run(args: argparse.Namespace, context: Context) -> int:
    args.cluster, names = split_names(args.cluster, [args.hub] if args.hub else [])
    if len(names) > 1:
        raise DeployerError(f"{', '.join(names)}: one hub at a time", hint="deployer validate CLUSTER [HUB]")
    args.hub = names[0] if names else None
    fleet, broken = load_what_can_be(context.tree)
    unread = _of_cluster(what_cannot_be_read(broken), args.cluster)
    if args.cluster in set(cluster_folders(fleet.tree)) - fleet.clusters.keys():
        findings, summary = unread, f"cluster {args.cluster} cannot be read: {_count(len(unread), 'finding')} so far"
    else:
        wanted = _wanted(fleet, args.cluster, args.hub)
        findings = in_order([*unread, *validate(fleet, wanted)])
        summary = _summary(fleet, wanted, findings, unread)
    _show(findings, summary, args.format)
    failed = findings if args.strict else _errors(findings)
    return EXIT_USER_ERROR if failed else EXIT_OK


def _show(findings: list[Finding], summary: str, how: str) -> None:
    if how == "sarif":
        print(as_sarif(findings, __version__), end="")
    elif how == "text":
        say(as_text(findings))
    else:
        print({"json": as_json, "github": as_github}[how](findings), end="")
    if how in ("text", "github"):
        say(f"{summary}\n", sys.stderr)


def _wanted(fleet: Fleet, cluster: str | None, hub: str | None) -> list[ReleaseId]:
    if cluster is None:
        return []
    fleet.cluster(cluster)
    if hub is not None:
        return [fleet.release(ReleaseId(cluster, hub)).id]
    return [release for release in fleet.releases if release.cluster == cluster] or [ReleaseId(cluster, SUPPORT)]


def _of_cluster(unread: list[Finding], cluster: str | None) -> list[Finding]:
    """Those of one cluster's own files, and those of no cluster, for they concern all."""
    own, all_clusters = f"{CLUSTERS}/{cluster}/", f"{CLUSTERS}/"
    return [
        one
        for one in unread
        if cluster is None or one.place.path.startswith(own) or not one.place.path.startswith(all_clusters)
    ]


def _summary(fleet: Fleet, wanted: list[ReleaseId], findings: list[Finding], unread: list[Finding]) -> str:
    clusters = {release.cluster for release in wanted} or fleet.clusters.keys()
    hubs = sum(1 for release in (wanted or fleet.releases) if release.hub)
    said = f"{_count(hubs, 'hub')} on {_count(len(clusters), 'cluster')}: {_tally(findings)}"
    files = ", ".join(sorted({one.place.path for one in unread}))
    return f"{said}; not looked further, for it cannot be read: {files}" if files else said


def _tally(findings: list[Finding]) -> str:
    errors = len(_errors(findings))
    warnings = len(findings) - errors
    said = [_count(errors, "error")] if errors else []
    said += [_count(warnings, "warning")] if warnings else []
    return ", ".join(said) or "nothing wrong"


def _errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
