"""Which releases: the options that `plan` and `deploy` share, and the plan that they give."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from deployer.changes.labels import Label, apply_labels
from deployer.changes.paths import affected_by_paths
from deployer.cli.context import Context
from deployer.errors import DeployerError
from deployer.fleet.repository import Fleet, load_fleet
from deployer.plan.build import build_plan, everything
from deployer.plan.model import Plan


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--all``, ``--since``, ``--files-from`` and the labels."""
    group = parser.add_argument_group("which releases")
    ways = group.add_mutually_exclusive_group()
    ways.add_argument("--all", action="store_true", help="every release of the fleet")
    ways.add_argument(
        "--since", metavar="REV", help="what differs from this git revision, uncommitted changes included"
    )
    ways.add_argument(
        "--files-from", metavar="FILE", help="what these paths touch: one on each line of FILE, '-' for standard input"
    )
    group.add_argument(
        "-0", "--null", action="store_true", help="the paths of --files-from end in NUL, not in a new line"
    )
    group.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help=f"a label of the pull request; {', '.join(Label)} count, others do not (may be repeated)",
    )


def selected_plan(options: argparse.Namespace, context: Context, files: Sequence[str] = ()) -> Plan:
    """The plan that the options ask for.

    :raises DeployerError: nothing was asked for, or what was asked for is not there.
    """
    fleet, before = context.fleet, None
    if options.all:
        reasons = everything(fleet)
    elif options.since is not None:
        reasons = affected_by_paths(fleet, context.repository.changed(options.since))
        before = load_before(context, options.since)
    else:
        reasons = affected_by_paths(fleet, fleet_paths(context, [*files, *_listed(options, context)]))
    return build_plan(fleet, apply_labels(fleet, reasons, options.label), before=before, revision=context.revision)


def load_before(context: Context, revision: str) -> Fleet | None:
    """The fleet at the base revision; None where there was no fleet yet.

    :raises DeployerError: no such revision, or the fleet of that time cannot be read.
    """
    tree = context.repository.at(revision)
    return load_fleet(tree) if tree.children("config") else None


def _listed(options: argparse.Namespace, context: Context) -> list[str]:
    if options.files_from is None:
        return []
    raw = sys.stdin.buffer.read() if options.files_from == "-" else _read(context.cwd / options.files_from)
    lines = raw.split(b"\0") if options.null else raw.splitlines()
    return [line.decode("utf-8", "surrogateescape") for line in lines if line]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployerError(f"--files-from {path}: {error.strerror}") from None


def fleet_paths(context: Context, given: Iterable[str]) -> list[str]:
    """Paths as the fleet names them.

    Git lists them relative to the repository's top; by hand they may be absolute, or relative to where we stand.
    """
    return [_fleet_path(context, path) for path in given]


def _fleet_path(context: Context, path: str) -> str:
    if not path.startswith("/") and (context.cwd == context.root or (context.root / path).exists()):
        return path
    here = context.cwd / path
    if here.is_absolute() and here.resolve().is_relative_to(context.root) and (path.startswith("/") or here.exists()):
        return str(here.resolve().relative_to(context.root))
    return path
