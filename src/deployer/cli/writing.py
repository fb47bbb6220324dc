"""What verbs that edit the fleet share: the last look, `--dry-run`, writing, and saying what was written."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable

from deployer.cli.context import Context
from deployer.fleet.ids import ReleaseId
from deployer.scaffold.edit import Edit


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")


def finish(
    args: argparse.Namespace, context: Context, edit: Edit, releases: Iterable[ReleaseId], *, as_it_is: bool = False
) -> bool:
    """Check the edit and write it, or show it; whether it was written.

    :param as_it_is: what can be meant so does not stop it.
    :raises DeployerError: the fleet would not be valid, or it cannot be written: then nothing is.
    """
    warnings = edit.check(context.fleet, releases, as_it_is=as_it_is)
    if args.dry_run:
        print(_shown(edit), end="")
    else:
        edit.write(context.root)
        for path in _named(edit.made):
            print(f"{path}: new")
        for path in edit.changed:
            print(f"{path}: lines added")
    for warning in warnings:
        print(f"deployer: {warning}", file=sys.stderr)
    return not args.dry_run


def _named(paths: Iterable[str]) -> list[str]:
    """The paths; of a chart that is new its folder."""
    charts = {path.removesuffix("Chart.yaml") for path in paths if path.endswith("/Chart.yaml")}
    inside = {path for path in paths if any(path.startswith(chart) for chart in charts)}
    outer = {chart for chart in charts if not any(chart != other and chart.startswith(other) for other in charts)}
    return [*sorted(outer), *(path for path in paths if path not in inside)]


def _shown(edit: Edit) -> str:
    """The edit as a patch; of what is encrypted only that it is there."""
    sides = [(path, b"", after) for path, after in edit.made.items()]
    sides += [(path, before, after) for path, (before, after) in edit.changed.items()]
    return "".join(_patch(*side) for side in sides)


def _patch(path: str, before: bytes, after: bytes) -> str:
    old, new = (side.decode(errors="backslashreplace").splitlines(keepends=True) for side in (before, after))
    name = f"a/{path}" if before else "/dev/null"
    text = ""
    for line in difflib.unified_diff(old, new, name, f"b/{path}"):
        text += line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
    return text
