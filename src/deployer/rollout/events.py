"""What happens in a rollout, as typed events: the journal keeps them, reporters show them, ``replay`` reads them.

All but :class:`Said` are journalled. Times are in UTC; ``seconds`` are those of this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Health, Observation, Upgrade
from deployer.rollout.options import Options
from deployer.rollout.origin import Origin
from deployer.rollout.states import Outcome


class Act(StrEnum):
    """What is done to a release, in this order; a roll-back takes the place of a confirmation."""

    LOCK = "lock"
    UPGRADE = "upgrade"
    CHECK = "check"
    ROLLBACK = "rollback"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class RolloutStarted:
    """A process takes part. ``run`` names it among those that share the rollout.

    ``stages`` has the releases it was given, ``needs`` those that each waits for, ``kept`` the outcomes of earlier
    runs that stand.
    """

    at: datetime
    rollout: str
    run: str
    origin: Origin
    options: Options
    stages: Mapping[ReleaseId, Stage]
    needs: Mapping[ReleaseId, tuple[ReleaseId, ...]]
    kept: Mapping[ReleaseId, Outcome] = field(default_factory=dict)
    plan_revision: str = ""


@dataclass(frozen=True, slots=True)
class NoCanary:
    """Production was let go ahead without its canaries, and why."""

    at: datetime
    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseStarted:
    """``again``: an outcome that stood before no longer counts."""

    at: datetime
    run: str
    release: ReleaseId
    again: bool = False


@dataclass(frozen=True, slots=True)
class ActBegun:
    """``before``: of an upgrade, what the target held; a resume tells by it what the upgrade had to do."""

    at: datetime
    run: str
    release: ReleaseId
    act: Act
    before: Observation | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A line of progress. Not journalled."""

    at: datetime
    run: str
    release: ReleaseId
    text: str


@dataclass(frozen=True, slots=True)
class ActEnded:
    """How an act ended: with a result, or an ``error`` in one line and, where there is one, the ``hint`` to mend it.

    ``cut``: it was told to stop before its end, so that it counts as begun and not ended.
    """

    at: datetime
    run: str
    release: ReleaseId
    act: Act
    seconds: float
    error: str = ""
    cut: bool = False
    upgrade: Upgrade | None = None
    health: Health | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseEnded:
    """The one outcome of a release. ``adopted``: found done by an earlier run that was cut."""

    at: datetime
    run: str
    release: ReleaseId
    outcome: Outcome
    cause: str = ""
    behind: tuple[ReleaseId, ...] = ()
    seconds: float = 0.0
    revision: int | None = None
    url: str = ""
    plain_url: str = ""
    log: str = ""
    notices: tuple[str, ...] = ()
    diagnosis: str = ""
    evidence: str = ""
    bug: str = ""  # where the traceback stands, where it was a bug of ours
    adopted: bool = False
    hint: str = ""  # what to do about the cause; may be of several lines


@dataclass(frozen=True, slots=True)
class Interrupted:
    """Asked to stop: once, what runs is finished and nothing starts; twice, what runs is stopped too."""

    at: datetime
    run: str
    times: int


@dataclass(frozen=True, slots=True)
class RolloutEnded:
    at: datetime
    run: str
    exit_code: int
    seconds: float
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Somebody took a lock of this rollout away by hand."""

    at: datetime
    release: ReleaseId
    holder: str
    user: str


Event = (
    RolloutStarted
    | NoCanary
    | ReleaseStarted
    | ActBegun
    | Said
    | ActEnded
    | ReleaseEnded
    | Interrupted
    | RolloutEnded
    | Unlocked
)


class Reporter(Protocol):
    """Shows a rollout as it goes. Called from several threads, one call at a time; should return soon."""

    def handle(self, event: Event) -> None: ...


class Silent:
    """Shows nothing."""

    def handle(self, event: Event) -> None:
        """Nothing to do."""
