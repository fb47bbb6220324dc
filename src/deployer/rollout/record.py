"""What is known of a rollout from its journal: for resuming it, for history, and for the canary rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Health, Observation, State, Upgrade
from deployer.rollout.events import (
    Act,
    ActBegun,
    ActEnded,
    Event,
    Interrupted,
    NoCanary,
    ReleaseEnded,
    ReleaseStarted,
    RolloutEnded,
    RolloutStarted,
)
from deployer.rollout.options import Options
from deployer.rollout.origin import Origin
from deployer.rollout.states import Outcome


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs did to a release. ``unfinished`` is an act that began and did not end.

    ``before`` is what the target held before the first upgrade, ``upgraded`` that one was completed that changed
    something, ``back`` what the roll-back left behind. ``errors`` has the acts that failed by themselves.
    """

    unfinished: Act | None = None
    before: Observation | None = None
    upgrade: Upgrade | None = None
    upgraded: bool = False
    back: Upgrade | None = None
    health: Health | None = None
    done: frozenset[Act] = frozenset()
    errors: Mapping[Act, str] = field(default_factory=dict)
    hint: str = ""  # what to do about the last of them

    @property
    def nothing_to_do(self) -> bool:
        """The first upgrade found everything as it should be (unless it was forced)."""
        fine = self.before and self.before.state is State.RUNNING and self.before.wanted and self.before.verified
        return bool(fine) and not self.upgraded

    @property
    def touched(self) -> bool:
        """An upgrade was at least begun: the target must be looked at before anything is done again."""
        return self.unfinished not in {None, Act.LOCK} or bool(self.done - {Act.LOCK}) or Act.UPGRADE in self.errors


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """What is known of a release: how it ended, if it did, and what was done to it. ``run``: who took it last."""

    ended: ReleaseEnded | None = None
    past: Past = Past()
    run: str = ""

    @property
    def outcome(self) -> Outcome | None:
        return self.ended.outcome if self.ended else None


@dataclass(frozen=True, slots=True)
class Run:
    """One process's part. ``ended`` is None where it was cut, or goes on."""

    started: RolloutStarted
    ended: RolloutEnded | None = None
    interrupted: int = 0
    no_canary: str = ""

    @property
    def origin(self) -> Origin:
        return self.started.origin

    @property
    def alive(self) -> bool:
        return self.ended is None and self.origin.alive


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """A rollout, as its journal tells it. ``torn`` counts the lines that could not be read."""

    id: str = ""
    runs: Mapping[str, Run] = field(default_factory=dict)
    releases: Mapping[ReleaseId, ReleaseRecord] = field(default_factory=dict)
    torn: int = 0

    @property
    def started_at(self) -> datetime | None:
        return min((run.started.at for run in self.runs.values()), default=None)

    @property
    def options(self) -> Options:
        """Those of the run that came last."""
        return list(self.runs.values())[-1].started.options if self.runs else Options()

    @property
    def stages(self) -> Mapping[ReleaseId, Stage]:
        """Every release that some run was given."""
        return {release: stage for run in self.runs.values() for release, stage in run.started.stages.items()}

    def of(self, release: ReleaseId) -> ReleaseRecord:
        return self.releases.get(release, ReleaseRecord())

    def succeeded(self, release: ReleaseId) -> bool:
        outcome = self.of(release).outcome
        return outcome is not None and outcome.good

    def alive(self) -> tuple[Run, ...]:
        """The runs whose process goes on, on this machine."""
        return tuple(run for run in self.runs.values() if run.alive)

    @property
    def unfinished(self) -> bool:
        """It was cut or interrupted with something left to do, and nobody is at it."""
        left = {None, Outcome.CANCELLED}
        return not self.alive() and any(outcome in left for outcome in self.outcomes().values())

    def outcomes(self) -> dict[ReleaseId, Outcome | None]:
        """For history: the outcome of each release that was given to some run; None where it has none (yet)."""
        return {release: self.of(release).outcome for release in sorted(self.stages)}


def replay(events: Iterable[Event], torn: int = 0) -> RolloutRecord:
    """Everything that a journal says, folded into a record."""
    record = RolloutRecord(torn=torn)
    for event in events:
        record = _fold(record, event)
    return record


def _fold(record: RolloutRecord, event: Event) -> RolloutRecord:
    match event:
        case RolloutStarted():
            return replace(record, id=event.rollout, runs={**record.runs, event.run: Run(event)})
        case NoCanary() | Interrupted() | RolloutEnded() if event.run in record.runs:
            return replace(record, runs={**record.runs, event.run: _fold_run(record.runs[event.run], event)})
        case ReleaseStarted() | ActBegun() | ActEnded() | ReleaseEnded():
            known = _fold_release(record.of(event.release), event)
            return replace(record, releases={**record.releases, event.release: known})
    return record


def _fold_run(run: Run, event: NoCanary | Interrupted | RolloutEnded) -> Run:
    match event:
        case NoCanary():
            return replace(run, no_canary=event.reason)
        case Interrupted():
            return replace(run, interrupted=event.times)
        case RolloutEnded():
            return replace(run, ended=event)


def _fold_release(known: ReleaseRecord, event: ReleaseStarted | ActBegun | ActEnded | ReleaseEnded) -> ReleaseRecord:
    match event:
        case ReleaseStarted():
            return ReleaseRecord(past=Past() if event.again else known.past, run=event.run)
        case ActBegun():
            return replace(known, past=_begin(known.past, event.act, event.before), run=event.run)
        case ActEnded():
            return replace(known, past=known.past if event.cut else _end(known.past, event))
        case ReleaseEnded():
            return replace(known, ended=event, run=event.run)


def _begin(past: Past, act: Act, before: Observation | None) -> Past:
    """An act that is begun again takes away what it had left; an upgrade also what came after it."""
    if act is Act.LOCK:
        return past
    if act is Act.UPGRADE:
        return Past(unfinished=act, before=past.before or before, upgraded=past.upgraded)
    errors = {one: error for one, error in past.errors.items() if one is not act}
    health = None if act is Act.CHECK else past.health
    return replace(past, unfinished=act, done=past.done - {act}, errors=errors, health=health)


def _end(past: Past, event: ActEnded) -> Past:
    if event.act is Act.LOCK:
        return past
    past = replace(past, unfinished=None, health=event.health or past.health)
    if event.error:
        return replace(past, errors={**past.errors, event.act: event.error}, hint=event.hint)
    past = replace(past, done=past.done | {event.act})
    match event.act:
        case Act.UPGRADE if event.upgrade:
            return replace(past, upgrade=event.upgrade, upgraded=past.upgraded or event.upgrade.changed)
        case Act.ROLLBACK:
            return replace(past, back=event.upgrade)
    return past
