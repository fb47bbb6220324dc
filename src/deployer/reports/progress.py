"""Where a rollout stands, gathered from its events: what every face of it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deployer.fleet.ids import ReleaseId, Stage
from deployer.rollout.events import (
    Act,
    ActBegun,
    ActEnded,
    Event,
    Interrupted,
    ReleaseEnded,
    ReleaseStarted,
    RolloutEnded,
    RolloutStarted,
    Said,
)
from deployer.rollout.states import Outcome

DOING: Mapping[Act, str] = {
    Act.LOCK: "waiting for its lock",
    Act.UPGRADE: "upgrading",
    Act.CHECK: "checking that users can work",
    Act.ROLLBACK: "rolling back",
    Act.CONFIRM: "recording",
}


@dataclass
class Row:
    """One release, as it is now."""

    release: ReleaseId
    stage: Stage
    needs: tuple[ReleaseId, ...] = ()
    began: datetime | None = None
    act: Act | None = None
    said: str = ""
    ended: ReleaseEnded | None = None
    kept: Outcome | None = None

    @property
    def outcome(self) -> Outcome | None:
        return self.ended.outcome if self.ended else self.kept


@dataclass
class Progress:
    """All releases of a rollout, in the order of the plan."""

    rows: dict[ReleaseId, Row] = field(default_factory=dict)
    began: datetime | None = None
    interrupted: int = 0
    over: bool = False

    def take(self, event: Event) -> Row | None:
        """Take an event in; the release that it is about, if it is about one."""
        if isinstance(event, RolloutStarted):
            self._start(event)
        elif isinstance(event, Interrupted):
            self.interrupted = event.times
        elif isinstance(event, RolloutEnded):
            self.over = True
        elif isinstance(event, (ReleaseStarted, ActBegun, ActEnded, Said, ReleaseEnded)):
            return self._release(event)
        return None

    def _start(self, event: RolloutStarted) -> None:
        self.began = event.at
        ordered = sorted(event.stages, key=lambda release: (release.cluster, event.stages[release].rank, release.name))
        self.rows = {
            release: Row(
                release, event.stages[release], tuple(event.needs.get(release, ())), kept=event.kept.get(release)
            )
            for release in ordered
        }

    def _release(self, event: ReleaseStarted | ActBegun | ActEnded | Said | ReleaseEnded) -> Row:
        row = self.rows.setdefault(event.release, Row(event.release, Stage.PRODUCTION))
        if isinstance(event, ReleaseStarted):
            row.began, row.kept = event.at, None
        elif isinstance(event, ActBegun):
            row.act, row.said = event.act, ""
        elif isinstance(event, Said):
            row.said = event.text
        elif isinstance(event, ReleaseEnded):
            row.ended, row.act = event, None
        return row

    def waits_for(self, row: Row) -> tuple[ReleaseId, ...]:
        """Those that a release which has not begun stands behind and that have not ended well yet."""
        return tuple(need for need in row.needs if need in self.rows and self.rows[need].outcome is None)


def cause(ended: ReleaseEnded) -> str:
    """Why a release ended as it did. Of a withheld one: behind what; why that failed is said there, once."""
    return ended.cause.partition(": ")[0] if ended.outcome is Outcome.WITHHELD and ended.behind else ended.cause


def clock(seconds: float) -> str:
    """``0:07``, ``12:34``: minutes and seconds."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"
