"""What a leg of a pipeline leaves behind: one JSON record, from which later jobs learn what became of its releases.

``{"version": 1, "rollout": "<id>", "attempt": 1, "releases": {"reef/ocean": {"outcome": "succeeded", "cause": "",
"revision": "<commit>", "digest": "<sha256>"}}}``. A release without a record has not succeeded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deployer.errors import DeployerError, Place
from deployer.fleet.ids import ReleaseId

VERSION = 1
GOOD = frozenset({"succeeded", "unchanged"})


class Entry(NamedTuple):
    """How a release ended in a leg. ``revision`` and ``digest`` say what was deployed, where it succeeded."""

    outcome: str
    cause: str = ""
    revision: str = ""
    digest: str = ""

    @property
    def good(self) -> bool:
        return self.outcome in GOOD


@dataclass(frozen=True, slots=True)
class Record:
    """One leg's record. ``attempt`` counts from 1: how often the pipeline's failed jobs were run."""

    rollout: str
    attempt: int
    releases: Mapping[ReleaseId, Entry] = field(default_factory=dict)


def dumps(record: Record) -> str:
    """A record as text: sorted, the same bytes for the same record."""
    releases = {str(release): record.releases[release]._asdict() for release in sorted(record.releases)}
    data = {"version": VERSION, "rollout": record.rollout, "attempt": record.attempt, "releases": releases}
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def loads(text: str, path: str) -> Record:
    """Read a record; ``path`` is for errors.

    :raises DeployerError: it is none.
    """
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise DeployerError(f"version {data['version']!r} of a record is not known", Place(path))
        releases = {ReleaseId.parse(name): _entry(one) for name, one in data["releases"].items()}
        return Record(_text(data["rollout"]), _number(data["attempt"]), releases)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DeployerError(f"not a record: {type(error).__name__}: {error}", Place(path)) from None


def latest(records: Iterable[Record], rollout: str) -> dict[ReleaseId, Entry]:
    """The entry of each release from the highest attempt of this rollout; within one attempt what is not good wins."""
    found: dict[ReleaseId, tuple[int, Entry]] = {}
    for record in records:
        if record.rollout != rollout:
            continue
        for release, entry in record.releases.items():
            known = found.get(release)
            if known is None or _wins(record.attempt, entry, *known):
                found[release] = record.attempt, entry
    return {release: entry for release, (_attempt, entry) in found.items()}


def _wins(attempt: int, entry: Entry, known_attempt: int, known: Entry) -> bool:
    return attempt > known_attempt or (attempt == known_attempt and known.good and not entry.good)


def _entry(data: Mapping[str, Any]) -> Entry:
    return Entry(**{name: _text(data[name]) for name in Entry._fields})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value
