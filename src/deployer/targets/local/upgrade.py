"""The life of revisions: upgrade, repair, go back. Each call first settles what an interrupted one left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from deployer.errors import DeployerError, TargetError
from deployer.plan.ports import Control
from deployer.targets.local.desired import Desired
from deployer.targets.local.revisions import Record, Revisions, Status
from deployer.targets.local.unit import Unit

INTERRUPTED = "interrupted"
WAY_BACK = 60.0  # seconds that the last good revision has at least to come back


@dataclass(frozen=True, slots=True)
class Done:
    """What an act left: the current revision, whether anything was done, and what the user should know."""

    record: Record
    changed: bool
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Upgrader:
    """Carries revisions of one release out. The caller keeps others away meanwhile."""

    revisions: Revisions
    unit: Unit
    control: Control

    def upgrade(self, desired: Desired, rollout: str, *, force: bool) -> Done:
        """Bring the release to ``desired``.

        A revision that an interrupted call left pending is adopted where it is what is desired, else given up. A
        repeated call of the same rollout does not make a second revision, forced or not.
        """
        pending, current = self._settled()
        if pending and pending.digest == desired.digest:
            return self._carry_out(pending, current)
        if pending:
            self.revisions.failed(pending, INTERRUPTED)
        if current and current.digest == desired.digest and not (force and current.rollout != rollout):
            return self._mend(current)
        return self._carry_out(self._add(_record(desired, rollout), desired.values), current)

    def go_back(self, to: Record, rollout: str) -> Done:
        """Make a new revision with the content of ``to``."""
        pending, current = self._settled()
        if pending and pending.restores == to.number:
            return self._carry_out(pending, current)
        if pending:
            self.revisions.failed(pending, INTERRUPTED)
        restored = to.restores or to.number
        again = replace(to, rollout=rollout, created_at=_now(), status=Status.PENDING, restores=restored, detail="")
        self.unit.restore(to)
        return self._carry_out(self._add(again, self.revisions.values(to.number)), current)

    def mend(self) -> Done | None:
        """Start what is dead of the current revision; None where nothing is deployed, which is for an upgrade to do."""
        pending, current = self._settled()
        if current is None:
            return None
        if pending:
            self.revisions.failed(pending, INTERRUPTED)
        return self._mend(current)

    def _settled(self) -> tuple[Record | None, Record | None]:
        pending, current = self.revisions.pending(), self.revisions.current()
        if current:
            self.revisions.supersede_all_but(current.number)
        return pending, current

    def _add(self, record: Record, values: Mapping[str, Any]) -> Record:
        return self.revisions.add(record, values)

    def _mend(self, current: Record) -> Done:
        if self.unit.runs(current.number):
            return Done(current, changed=False)
        return Done(current, changed=True, notices=self._start(current, self.control))

    def _carry_out(self, record: Record, previous: Record | None) -> Done:
        try:
            self.unit.back_up(record.number)
            notices = () if self.unit.runs(record.number) else self._start(record, self.control)
        except DeployerError as error:
            self.revisions.failed(record, error.message)
            self._return_to(previous, error)
            raise
        return Done(self.revisions.deployed(record, schema=self.unit.schema()), changed=True, notices=notices)

    def _start(self, record: Record, control: Control) -> tuple[str, ...]:
        return self.unit.start(record, self.revisions.values(record.number), control)

    def _way_back(self) -> float:
        """Who cancels does not want to wait: then the last good revision is started and left to come up."""
        return 0.0 if self.control.cancelled.is_set() else max(self.control.timeout, WAY_BACK)

    def _return_to(self, previous: Record | None, error: DeployerError) -> None:
        """Bring the last good revision back; where there is none, leave nothing running."""
        if previous is None:
            self.unit.stop()
            return
        self.control.say(f"going back to revision {previous.number}")
        try:
            self.unit.restore(previous)
            if not self.unit.runs(previous.number):
                self._start(previous, Control(self._way_back(), say=self.control.say))
        except DeployerError as second:
            raise TargetError(
                f"{error.message}; and revision {previous.number} did not come back: {second.message}", hint=second.hint
            ) from None


def _record(desired: Desired, rollout: str) -> Record:
    return Record(
        number=0,
        digest=desired.digest,
        rollout=rollout,
        created_at=_now(),
        source_revision=desired.source_revision,
        display_name=desired.display_name,
        domain=desired.domain,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
