"""What Helm holds of a release: its revisions, as ``helm history`` tells them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployer.targets.helm.leases import parse_time
from deployer.targets.helm.records import Record, Source

_ROLLBACK = re.compile(r"Rollback to (\d+)")
BAD = frozenset({"failed", "pending-install", "pending-upgrade", "pending-rollback", "unknown"})
GONE = frozenset({"uninstalled", "uninstalling"})


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release; ``status`` is Helm's own word."""

    number: int
    status: str
    updated: datetime
    chart: str
    description: str

    @property
    def pending(self) -> bool:
        return self.status.startswith("pending-")


@dataclass(frozen=True, slots=True)
class History:
    """The revisions of a release, oldest first."""

    revisions: tuple[Revision, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> History:
        found = [_revision(one) for one in json.loads(raw)]
        return cls(tuple(sorted(found, key=lambda one: one.number)))

    @property
    def last(self) -> Revision | None:
        return self.revisions[-1] if self.revisions else None

    @property
    def current(self) -> Revision | None:
        """What is deployed: the newest revision that Helm calls so."""
        return next((one for one in reversed(self.revisions) if one.status == "deployed"), None)

    @property
    def absent(self) -> bool:
        return self.last is None or self.last.status in GONE

    def get(self, number: int) -> Revision | None:
        return next((one for one in self.revisions if one.number == number), None)

    def origin(self, revision: Revision) -> Revision:
        """The revision that a roll-back brought back, or the revision itself."""
        seen: set[int] = set()
        while (found := _ROLLBACK.fullmatch(revision.description)) and revision.number not in seen:
            seen.add(revision.number)
            earlier = self.get(int(found[1]))
            if earlier is None:
                break
            revision = earlier
        return revision

    def failed(self, record: Record) -> str:
        """Why what was upgraded to last is not what serves, in one line; "" where it does, or nothing is known."""
        tried = next((one for one in reversed(self.revisions) if self.origin(one) is one), None)
        if tried is None:
            return ""
        if reason := record.failed.get(tried.number):
            return f"revision {tried.number} failed: {reason}"
        said = " ".join(tried.description.split())
        return f"revision {tried.number} {tried.status}: {said}" if tried.status in BAD else ""

    def source(self, revision: Revision, record: Record) -> Source | None:
        """What a revision was made from; None where it was not deployed by us, or nothing is known of it."""
        origin = self.origin(revision)
        if found := Source.parse(origin.description):
            return found
        known = record.verified.get(origin.number)
        return Source(known.source, known.digest, known.rollout) if known else None

    def verified(self, revision: Revision, record: Record) -> bool:
        """Whether the revision, or the one that it brought back, passed its health check."""
        return bool({revision.number, self.origin(revision).number} & record.verified.keys())

    def to_return_to(self, record: Record) -> Revision | None:
        """The newest good revision before the current one: one that passed its check, or, where none is recorded,
        one that somebody deployed without us."""
        last = self.last
        before = [one for one in reversed(self.revisions) if last and one.number < last.number]
        fine = [one for one in before if one.status in ("deployed", "superseded")]
        verified = (one for one in fine if self.verified(one, record))
        foreign = (one for one in fine if self.source(one, record) is None)
        return next(verified, None) or next(foreign, None)


def _revision(data: dict[str, Any]) -> Revision:
    updated = parse_time(data.get("updated")) or datetime.fromtimestamp(0, UTC)
    return Revision(
        int(data["revision"]),
        str(data["status"]),
        updated,
        str(data.get("chart", "")),
        str(data.get("description", "")),
    )


def numbers(revisions: Iterable[Revision]) -> str:
    return ", ".join(str(one.number) for one in revisions) or "none"
