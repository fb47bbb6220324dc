"""Numbered revisions of one release, as Helm keeps them: values and a record each, in a folder that appears whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from deployer.targets.local.files import private_folder, read_json, telling, write_json

KEPT = 10  # revisions that stay when newer ones are made; the current and the last verified always do


class Status(StrEnum):
    """Where a revision is in its life."""

    PENDING = "pending"  # written, not yet found to be healthy
    DEPLOYED = "deployed"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a revision. ``schema`` is that of the database when it was last found healthy."""

    number: int
    digest: str
    rollout: str
    created_at: str
    status: Status = Status.PENDING
    source_revision: str = ""
    verified: bool = False
    restores: int = 0  # the revision whose content this one brings back, 0 for none
    display_name: str = ""
    domain: str = ""
    schema: str = ""
    detail: str = ""  # what is wrong with it: of a deployed one, why it is about to be left

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.created_at)


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions of one release, in ``folder``."""

    folder: Path

    def all(self) -> list[Record]:
        """All revisions, oldest first."""
        names = (path.name for path in self.folder.glob("*") if path.name.isdigit())
        found = (self._read(int(name)) for name in names)
        return sorted((record for record in found if record), key=lambda record: record.number)

    def current(self) -> Record | None:
        """The revision that is deployed. (A deployer that was killed may have left two: then the newer.)"""
        return next((record for record in reversed(self.all()) if record.status is Status.DEPLOYED), None)

    def pending(self) -> Record | None:
        """A revision whose deployer did not end its work."""
        last = self.last()
        return last if last and last.status is Status.PENDING else None

    def last(self) -> Record | None:
        return next(reversed(self.all()), None)

    def get(self, number: int) -> Record | None:
        return self._read(number)

    def verified_before(self, number: int) -> Record | None:
        """What a roll-back returns to: the last revision before ``number`` that passed its health check."""
        earlier = (record for record in reversed(self.all()) if record.number < number)
        return next((record for record in earlier if record.verified and record.status is Status.SUPERSEDED), None)

    def failed_since(self) -> Record | None:
        """The last revision that failed, where after it there were only roll-backs."""
        last = next((record for record in reversed(self.all()) if not record.restores), None)
        return last if last and last.status is Status.FAILED else None

    def values(self, number: int) -> dict[str, Any]:
        return read_json(self.path(number) / "values.json") or {}

    def path(self, number: int) -> Path:
        return self.folder / str(number)

    def add(self, record: Record, values: Mapping[str, Any]) -> Record:
        """Write the next revision; ``record.number`` is set here. It is there wholly or not at all."""
        last = self.last()
        numbered = replace(record, number=last.number + 1 if last else 1)
        building = private_folder(self.folder) / f".{numbered.number}.building"
        with telling(building):
            shutil.rmtree(building, ignore_errors=True)
            try:
                building.mkdir(mode=0o700)
                write_json(building / "values.json", values)
                write_json(building / "record.json", _as_json(numbered))
                building.rename(self.path(numbered.number))
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
        return numbered

    def update(self, record: Record) -> Record:
        write_json(self.path(record.number) / "record.json", _as_json(record))
        return record

    def deployed(self, record: Record, **changes: Any) -> Record:
        """Make ``record`` the current revision. First it is deployed, then the others are superseded."""
        done = self.update(replace(record, status=Status.DEPLOYED, **changes))
        self.supersede_all_but(record.number)
        self._prune()
        return done

    def supersede_all_but(self, number: int) -> None:
        for other in self.all():
            if other.number != number and other.status is Status.DEPLOYED:
                self.update(replace(other, status=Status.FAILED if other.detail else Status.SUPERSEDED))

    def failed(self, record: Record, detail: str) -> Record:
        return self.update(replace(record, status=Status.FAILED, detail=detail))

    def _prune(self) -> None:
        everything = self.all()
        verified = [record.number for record in everything if record.verified][-2:]
        for record in everything[:-KEPT]:
            if record.number not in verified and record.status is not Status.DEPLOYED:
                shutil.rmtree(self.path(record.number), ignore_errors=True)

    def _read(self, number: int) -> Record | None:
        entry = read_json(self.path(number) / "record.json") or {}
        known = {field.name for field in fields(Record)}
        with suppress(TypeError, ValueError, KeyError):
            kept = {key: value for key, value in entry.items() if key in known}
            return Record(**{**kept, "status": Status(kept["status"])})
        return None


def _as_json(record: Record) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(record)))  # type: ignore[no-any-return]
