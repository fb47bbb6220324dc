"""Which releases: the options that `plan` and `deploy` share, and the plan that they give."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from posixpath import join, normpath
from typing import TYPE_CHECKING

from deployer.changes.labels import Label, apply_labels
from deployer.changes.paths import Reasons, affected_by_paths
from deployer.cli import rendering
from deployer.cli.context import Context
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.fleet.listed import check_values_files
from deployer.fleet.masking import printable
from deployer.fleet.repository import Fleet, cluster_folders, load_fleet
from deployer.fleet.tree import Tree
from deployer.plan.build import build_plan, everything, named
from deployer.plan.model import Plan

if TYPE_CHECKING:
    from deployer.changes.affected import Comparison


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
    ways.add_argument(
        "--outdated", action="store_true", help="what is not deployed as the repository says, by the releases' records"
    )
    ways.add_argument(
        "--state", metavar="FILE|REF", help="the same, by a state that a pipeline keeps: a file, or a ref of git's"
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
    group.add_argument(
        "--labels-from", metavar="FILE", type=Path, help="labels of the pull request, one on each line of FILE"
    )
    group.add_argument(
        "--exact", action="store_true", help="with --since: drop what Helm renders the same at both revisions"
    )
    rendering.add_options(parser)


def selected_plan(
    options: argparse.Namespace, context: Context, files: Sequence[str] = (), *, revision: bool = True
) -> Plan:
    """The plan that the options ask for.

    :param revision: whether it says which commit it is of; to find that out takes git's look at every file.
    :raises DeployerError: nothing was asked for, or what was asked for is not there.
    """
    rendering.check(options)
    fleet = context.fleet
    reasons, before = _reasons(options, context, files)
    found = rendering.exact(options, context, reasons) if options.exact else rendering.Exact(reasons)
    given = [*options.label, *_labels(options)]
    _warn_of_unknown(given)
    labelled = apply_labels(fleet, found.reasons, given)
    plan = build_plan(fleet, labelled, before=before, revision=context.revision if revision else "")
    return rendering.noted(plan, found)


def _reasons(
    options: argparse.Namespace, context: Context, files: Sequence[str]
) -> tuple[Reasons, Iterable[ReleaseId]]:
    """The releases with their reasons, and those that there were before, where that is known."""
    fleet = context.fleet
    if options.all:
        for release in fleet.releases.values():
            check_values_files(fleet, release)
        return everything(fleet), ()
    if options.since is not None:
        return _since(context, options.since)
    if options.outdated or options.state is not None:
        return _outdated(context, options.state)
    return affected_by_paths(fleet, fleet_paths(context, [*files, *_listed(options, context)])), ()


def _outdated(context: Context, state: str | None) -> tuple[Reasons, Iterable[ReleaseId]]:
    """By what is recorded of each release; said aloud where that cannot be compared with."""
    from deployer.changes.deployed import outdated
    from deployer.cli.records import deployed_records

    known = deployed_records(context, state)
    reasons = outdated(context.fleet, known, lambda revision: _fleet_at(context, revision))
    return reasons, known


def _since(context: Context, revision: str) -> tuple[Reasons, Iterable[ReleaseId]]:
    """By digests against the base revision; by paths alone where the fleet of that time cannot be read."""
    from deployer.changes.affected import Affected

    changed = context.repository.changed(revision)
    tree = context.repository.at(revision, changed)
    before = load_before(tree, revision)
    if before is None:
        return affected_by_paths(context.fleet, changed), ()
    readers = None if tree.indirect else changed  # through a link a file is read by another name than git's
    return Affected(before, context.fleet, readers, reader=context.inputs).reasons(), before.releases


def named_plan(context: Context, names: Iterable[str]) -> Plan:
    """The plan for clusters (``reef``) and releases (``reef/ocean``, ``reef/support``) by name, canaries included.

    :raises FleetError: no such cluster or hub.
    """
    reasons: Reasons = {}
    for name in names:
        cluster, _slash, release = name.partition("/")
        reasons |= named(context.fleet, cluster, [release] if release else [])
    return build_plan(context.fleet, reasons, revision=context.revision)


def parse_release(text: str) -> ReleaseId:
    """``CLUSTER/HUB`` or ``CLUSTER/support``.

    :raises DeployerError: it is neither.
    """
    try:
        return ReleaseId.parse(text)
    except ValueError as error:
        raise DeployerError(str(error)) from None


def parse_releases(words: list[str] | None) -> tuple[ReleaseId, ...] | None:
    """``CLUSTER/HUB`` and ``CLUSTER/support`` as ids; commas may stand between them.

    :raises DeployerError: a word is neither.
    """
    if words is None:
        return None
    try:
        return tuple(ReleaseId.parse(one) for word in words for one in word.split(",") if one)
    except ValueError as error:
        raise DeployerError(f"--only: {error}") from None


def compare_since(context: Context, revision: str, wanted: ReleaseId) -> Comparison:
    """One release against a revision, with each key that differs.

    :raises DeployerError: no such release or revision, or the fleet of that time cannot be read.
    """
    from deployer.changes.affected import Affected

    release = context.fleet.release(wanted)
    before = load_fleet(context.repository.at(revision))
    return Affected(before, context.fleet).compare(release, whole=True)


def _fleet_at(context: Context, revision: str) -> Fleet | None:
    """The fleet at a revision that is recorded; None, said aloud, where it is gone or cannot be read."""
    try:
        return load_fleet(context.repository.at(revision))
    except DeployerError as error:
        print(f"deployer: all that was deployed from {revision} is planned again: {error}", file=sys.stderr)
        return None


def load_before(tree: Tree, revision: str) -> Fleet | None:
    """The fleet at the base revision; None where there was none yet, or none that can be read (said aloud)."""
    try:
        return load_fleet(tree) if cluster_folders(tree) else None
    except DeployerError as error:
        # Who mends a broken file must not be stopped by what it was before.
        print(
            f"deployer: the fleet at {revision} cannot be read, so what is gone since is not listed:", file=sys.stderr
        )
        print(error, file=sys.stderr)
        return None


def _listed(options: argparse.Namespace, context: Context) -> list[str]:
    if options.files_from is None:
        return []
    raw = sys.stdin.buffer.read() if options.files_from == "-" else _read(context.cwd / options.files_from)
    if b"\0" in raw and not options.null:
        raise DeployerError(
            f"--files-from {options.files_from}: there are NUL bytes in it", hint="If they end its paths, add -0."
        )
    lines = raw.split(b"\0") if options.null else map(_unquoted, raw.split(b"\n"))
    return [line.decode("utf-8", "surrogateescape") for line in lines if line]


_ESCAPE = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')
_ESCAPED = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))


def _unquoted(line: bytes) -> bytes:
    """A line of git's: names with unusual bytes stand in quotes, with escapes as in C."""
    line = line.removesuffix(b"\r")
    if len(line) < 2 or not (line.startswith(b'"') and line.endswith(b'"')):
        return line
    return _ESCAPE.sub(lambda found: bytes([_byte(found[1])]), line[1:-1])


def _byte(escape: bytes) -> int:
    return _ESCAPED[escape[0]] if len(escape) == 1 else int(escape, 8) & 255


def _warn_of_unknown(labels: Iterable[str]) -> None:
    """A label that is nearly one of ours was meant to be: whoever skips a deployment must not find it done."""
    for label in sorted(set(labels) - set(Label)):
        if label.lower().startswith("deployer:"):
            near = difflib.get_close_matches(label.lower(), list(Label), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            print(f"deployer: label {printable(label)!r} is unknown and has no effect{hint}", file=sys.stderr)


def _labels(options: argparse.Namespace) -> list[str]:
    if options.labels_from is None:
        return []
    return _read(options.labels_from, "--labels-from").decode("utf-8", "replace").splitlines()


def _read(path: Path, option: str = "--files-from") -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeployerError(f"{option} {path}: {error.strerror}") from None


def fleet_paths(context: Context, given: Iterable[str]) -> list[str]:
    """Paths as the fleet names them.

    They may be absolute, relative to the fleet, to where we stand, or (as git lists them) to the repository's top.
    Which is meant cannot be seen where a file was deleted: each that is possible counts, which can only widen a plan.
    """
    places = dict.fromkeys(map(str, [context.root, context.cwd, *_top(context)]))
    return list(dict.fromkeys(found for path in given for found in _below(str(context.root), path, places)))


def _top(context: Context) -> list[Path]:
    """The repository's top, where the fleet is a folder below it."""
    top = next((folder for folder in (context.root, *context.root.parents) if (folder / ".git").exists()), context.root)
    return [top] if top != context.root else []


def _below(root: str, path: str, places: Iterable[str]) -> Iterator[str]:
    """The path below ``root``, as seen from each of the places where that gives one."""
    for place in places:
        found = normpath(join(place, path))
        if found == root:
            yield "."
        elif found.startswith(f"{root}/"):
            yield found[len(root) + 1 :]
