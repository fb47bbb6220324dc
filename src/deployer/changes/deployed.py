"""What was deployed last, successfully, release by release; and which releases are something else by now.

The record of a release is kept by its target, or, for a pipeline, in a state file:
``{"version": 1, "releases": {"reef/ocean": {"revision": "<commit>", "digest": "<sha256>"}}}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from deployer.changes.affected import Affected
from deployer.changes.inputs import InputReader
from deployer.changes.paths import Reasons
from deployer.changes.reasons import Reason, Rule
from deployer.errors import DeployerError, Place
from deployer.fleet.ids import ReleaseId
from deployer.fleet.repository import Fleet

VERSION = 1


class Deployed(NamedTuple):
    """The commit (or "") and the digest of inputs with which a release was last deployed successfully."""

    revision: str
    digest: str


def outdated(fleet: Fleet, deployed: Mapping[ReleaseId, Deployed], fleet_at: Callable[[str], Fleet | None]) -> Reasons:
    """The releases that are not deployed as the fleet says, whatever the last change touched.

    :param fleet_at: the fleet at a commit; None where the commit is gone (a history that was rewritten) or unreadable.
    :raises FleetError: inputs of the fleet as it is now cannot be parsed.
    """
    reader = InputReader(fleet)
    comparisons: dict[str, Affected | None] = {}
    found: Reasons = {}
    for release in fleet.releases.values():
        known = deployed.get(release.id)
        if known is not None and known.digest == reader.inputs(release).digest:
            continue
        if known is not None and known.revision not in comparisons:
            before = fleet_at(known.revision) if known.revision else None
            comparisons[known.revision] = Affected(before, fleet, reader=reader) if before else None
        if reasons := _reasons(release.id, known, fleet, comparisons):
            found[release.id] = reasons
    return found


def _reasons(
    release: ReleaseId, known: Deployed | None, fleet: Fleet, comparisons: Mapping[str, Affected | None]
) -> tuple[Reason, ...]:
    if known is None:
        return (Reason(Rule.NOT_DEPLOYED, "not yet deployed: nothing is recorded of it"),)
    comparison = comparisons[known.revision]
    if comparison is None:
        what = (
            f"revision {known.revision[:10]}, which is not in this repository" if known.revision else "something else"
        )
        return (Reason(Rule.NOT_DEPLOYED, f"not yet deployed: what was deployed last is {what}"),)
    # A digest of another version of the deployer may differ although nothing else does: then nothing is to be done.
    reasons = comparison.compare(fleet.release(release)).reasons
    note = Reason(Rule.NOT_DEPLOYED, f"not yet deployed: what was deployed last is {known.revision[:10]}")
    return (*reasons, note) if reasons else ()


def loads(text: str, path: str) -> dict[ReleaseId, Deployed]:
    """Read a state file; ``path`` is for errors.

    :raises DeployerError: it is none.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise DeployerError(f"not JSON: {error.msg}", Place(path, error.lineno, error.colno), _HINT) from None
    except RecursionError:
        raise _wrong(path, "it is nested too deep") from None
    if not isinstance(data, dict):
        raise _wrong(path, "it must be a JSON object")
    if data.get("version") != VERSION:
        has = f"version {data['version']!r} is not known" if "version" in data else "version is missing"
        raise _wrong(path, f"{has}; it must be {VERSION}")
    entries = data.get("releases")
    if not isinstance(entries, dict):
        raise _wrong(path, f"releases {'must be a JSON object' if 'releases' in data else 'is missing'}")
    return dict(_entry(path, name, entry) for name, entry in entries.items())


_HINT = "Without a state: --since REV compares with a revision, --all takes everything."


def _entry(path: str, name: str, entry: object) -> tuple[ReleaseId, Deployed]:
    if not isinstance(entry, dict):
        raise _wrong(path, f"releases.{name} must be a JSON object")
    for key in Deployed._fields:
        if not isinstance(entry.get(key), str):
            raise _wrong(path, f"releases.{name}.{key} {'must be text' if key in entry else 'is missing'}")
    try:
        return ReleaseId.parse(name), Deployed(entry["revision"], entry["digest"])
    except ValueError as error:
        raise _wrong(path, str(error)) from None


def _wrong(path: str, what: str) -> DeployerError:
    return DeployerError(f"not a state file: {what}", Place(path), _HINT)


def dumps(deployed: Mapping[ReleaseId, Deployed]) -> str:
    """A state file: sorted, the same bytes for the same state."""
    releases = {str(release): deployed[release]._asdict() for release in sorted(deployed)}
    return json.dumps({"version": VERSION, "releases": releases}, indent=1, sort_keys=True) + "\n"
