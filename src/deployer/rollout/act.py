"""Carrying out one release, in one thread: lock, upgrade, check, then confirm or roll back.

What an earlier run began and did not end is settled first, by looking at the target.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from deployer.errors import CommandError, DeployerError, TargetError, no_room
from deployer.plan.model import PlannedRelease
from deployer.plan.ports import Checker, Control, Health, Observation, State, Target, Upgrade
from deployer.rollout.events import Act, ActBegun, ActEnded, Event, ReleaseEnded, ReleaseStarted, Said
from deployer.rollout.journal import JournalError
from deployer.rollout.options import Options
from deployer.rollout.record import Past
from deployer.rollout.states import Outcome
from deployer.rollout.stop import Stop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """One release to carry out, and all that this needs. Without a ``checker`` an upgraded release counts as healthy.

    ``folder`` takes the tracebacks of bugs; ``tell`` journals an event before it returns.
    """

    planned: PlannedRelease
    target: Target
    checker: Checker | None
    options: Options
    rollout: str
    run: str
    folder: Path
    tell: Callable[[Event], None]
    now: Callable[[], datetime]
    past: Past = field(default_factory=Past)
    again: bool = False


class StoppedError(Exception):
    """We were told to stop; the message says before or during which act."""


def carry_out(work: Work, stop: Stop) -> ReleaseEnded:
    """Carry out the release; return its outcome, which is not journalled yet.

    :raises JournalError: the journal cannot be written. Nothing else is raised, whatever a target does.
    """
    return _Carrier(work, stop).run()


def in_one_line(error: BaseException) -> str:
    """What went wrong, in one line; of a command that failed also the last line that it said."""
    if not isinstance(error, DeployerError):
        return " ".join(f"{type(error).__name__}: {error}".split())
    first = error.headline if error.hint else str(error)
    said = error.hint.strip().splitlines()[-1:] if isinstance(error, CommandError) else []
    return ": ".join([" ".join(first.split()), *said])


def _found(health: Health) -> str:
    """What a health check found wrong, in one line."""
    return ": ".join(filter(None, [health.diagnosis, " ".join(health.evidence.split())])) or "not healthy"


class _Carrier:
    def __init__(self, work: Work, stop: Stop) -> None:
        self.work, self.stop = work, stop
        self.id, self.target = work.planned.id, work.target
        self.began = time.monotonic()
        self.deadline = 0.0
        self.bug = self.log = self.hint = ""

    def run(self) -> ReleaseEnded:
        self.work.tell(ReleaseStarted(self.work.now(), self.work.run, self.id, again=self.work.again))
        try:
            ended = self._behind_the_lock()
        except JournalError:
            raise
        except StoppedError as stopped:
            ended = self._ended(Outcome.CANCELLED, cause=f"interrupted {stopped}")
        except BaseException as error:  # noqa: BLE001  in a thread of ours: a bug in one release must not stop others
            ended = self._ended(Outcome.FAILED, cause=self._told(error))
        return replace(ended, at=self.work.now(), seconds=time.monotonic() - self.began)

    def _behind_the_lock(self) -> ReleaseEnded:
        with ExitStack() as held:
            self._act(Act.LOCK, lambda: held.enter_context(self._lock()))
            self.deadline = time.monotonic() + self.work.options.timeout
            if self.work.past.touched:
                return self._settled(self.work.past)
            return self._proven(self._upgrade(force=self.work.options.force))

    def _lock(self) -> AbstractContextManager[None]:
        patience = self.work.options.lock_timeout
        return self.target.lock(self.id, self.work.rollout, timeout=patience, cancelled=self.stop.soon)

    # What is done

    def _upgrade(self, *, force: bool) -> Upgrade:
        def upgrade(control: Control) -> Upgrade:
            return self.target.upgrade(self.id, rollout=self.work.rollout, force=force, control=control)

        return self._long_act(Act.UPGRADE, self.work.options.timeout, upgrade, before=self._before())

    def _before(self) -> Observation | None:
        try:
            return self.target.observe(self.id)
        except DeployerError:
            return None  # what is wrong with the target, the upgrade will tell

    def _proven(self, upgrade: Upgrade, *, ours: bool = False) -> ReleaseEnded:
        """The end after an upgrade: see that users can work, then keep it or go back.

        :param ours: this rollout did something to the release before, though this upgrade found nothing to do.
        """
        if upgrade.verified and not (upgrade.changed or ours):
            return self._ended(Outcome.UNCHANGED, upgrade)
        if self.work.checker:
            health = self._check(self.work.checker)
            if not health.ok:
                return self._go_back(upgrade, health)
        self._act(Act.CONFIRM, lambda: self.target.confirm(self.id, upgrade.revision))
        return self._ended(Outcome.SUCCEEDED, upgrade)

    def _check(self, checker: Checker) -> Health:
        left = self.deadline - time.monotonic()
        if left <= 0:
            return Health(ok=False, evidence="the upgrade left no time for the health check (--timeout)")
        return self._long_act(Act.CHECK, left, lambda control: self._attempts(checker, control))

    def _attempts(self, checker: Checker, control: Control) -> Health:
        for attempt in range(1, self.work.options.attempts + 1):
            control = replace(control, timeout=max(self.deadline - time.monotonic(), 0.1))
            health = self._attempt(checker, control)
            if health.ok or attempt == self.work.options.attempts or control.timeout <= self.work.options.pause:
                break
            control.say(f"attempt {attempt}: {health}")
            if control.cancelled.wait(self.work.options.pause):
                break
        return health

    def _attempt(self, checker: Checker, control: Control) -> Health:
        """A check that cannot be done, or breaks, has not shown that users can work."""
        try:
            return checker.check(self.id, self.target.endpoint(self.id), control)
        except Exception as error:  # noqa: BLE001  the roll-back must follow, whatever it was
            return Health(ok=False, evidence=self._told(error))

    def _go_back(self, upgrade: Upgrade, health: Health, revision: int | None = None) -> ReleaseEnded:
        """Roll back, unless this very revision was proven before: then there is nothing better to go back to."""
        if upgrade.verified:
            return self._unhealthy(upgrade, health, "the revision had passed its health check before, so it stays")
        try:
            back = self._long_act(
                Act.ROLLBACK,
                self.work.options.timeout,
                lambda control: self.target.rollback(
                    self.id, control=control, revision=revision, reason=_found(health)
                ),
            )
        except (JournalError, StoppedError):
            raise
        except Exception as error:  # noqa: BLE001  why the release failed must not be lost
            return self._unhealthy(upgrade, health, f"the roll-back failed too: {self._told(error)}")
        return self._rolled_back(upgrade, health, back)

    # What an earlier run left

    def _settled(self, past: Past) -> ReleaseEnded:
        if error := past.errors.get(Act.UPGRADE) or past.errors.get(Act.CHECK) or past.errors.get(Act.CONFIRM):
            self.hint = past.hint
            return self._ended(Outcome.FAILED, past.upgrade, cause=error, adopted=True)
        if past.upgrade and past.health and not past.health.ok and past.unfinished is not Act.CHECK:
            return self._settled_unhealthy(past, past.upgrade, past.health)
        if past.upgrade and past.unfinished is None and Act.CONFIRM in past.done:
            return self._ended(Outcome.SUCCEEDED, past.upgrade, adopted=True)
        if past.upgrade and past.unfinished is None and past.upgrade.verified and past.nothing_to_do:
            return self._ended(Outcome.UNCHANGED, past.upgrade, adopted=True)
        return self._found()

    def _found(self) -> ReleaseEnded:
        """An upgrade or a check was cut: what the target holds decides what is left to do."""
        found = self.target.observe(self.id)
        made = found.wanted and found.rollout == self.work.rollout
        if made and found.verified and found.state is State.RUNNING:
            upgrade = Upgrade(changed=True, revision=found.revision or 0, url=found.url, plain_url=found.plain_url)
            return self._ended(Outcome.SUCCEEDED, upgrade, adopted=True)
        upgrade = self._upgrade(force=self.work.options.force and not made)
        return self._proven(upgrade, ours=made or not self.work.past.nothing_to_do)

    def _settled_unhealthy(self, past: Past, upgrade: Upgrade, health: Health) -> ReleaseEnded:
        if Act.ROLLBACK in past.done:
            return replace(self._rolled_back(upgrade, health, past.back), adopted=True)
        if Act.ROLLBACK in past.errors:
            return self._unhealthy(upgrade, health, f"the roll-back failed too: {past.errors[Act.ROLLBACK]}")
        found = self.target.observe(self.id)
        if found.revision in {upgrade.revision, None}:
            return self._go_back(upgrade, health)
        if past.unfinished is Act.ROLLBACK and found.state is not State.RUNNING:
            return self._go_back(upgrade, health, found.revision)
        back = Upgrade(changed=True, revision=found.revision or 0, url=found.url, plain_url=found.plain_url)
        return replace(self._rolled_back(upgrade, health, back), adopted=True)

    # How it ends

    def _rolled_back(self, upgrade: Upgrade, health: Health, back: Upgrade | None) -> ReleaseEnded:
        if back is None:
            return self._unhealthy(upgrade, health, "stopped, for there is no good revision to go back to")
        ended = self._unhealthy(upgrade, health, f"rolled back to revision {back.revision}")
        return replace(ended, revision=back.revision)

    def _unhealthy(self, upgrade: Upgrade, health: Health, then: str) -> ReleaseEnded:
        ended = self._ended(Outcome.FAILED, upgrade, cause=f"{_found(health)} ({then})")
        return replace(ended, diagnosis=health.diagnosis, evidence=health.evidence)

    def _ended(
        self, outcome: Outcome, upgrade: Upgrade | None = None, *, cause: str = "", adopted: bool = False
    ) -> ReleaseEnded:
        ended = ReleaseEnded(
            self.work.now(), self.work.run, self.id, outcome, cause=cause, log=self.log, bug=self.bug, adopted=adopted
        )
        ended = replace(ended, hint=self.hint if outcome is Outcome.FAILED else "")
        if upgrade is None:
            return ended
        return replace(
            ended,
            revision=upgrade.revision,
            url=upgrade.url,
            plain_url=upgrade.plain_url,
            log=upgrade.log or self.log,
            notices=upgrade.notices,
        )

    def _told(self, error: BaseException) -> str:
        """The error in one line; where it is a bug of ours, with its traceback beside the journal."""
        error = no_room(error) or error
        self.log = getattr(error, "log", "")
        self.hint = error.hint if isinstance(error, DeployerError) else ""
        if isinstance(error, DeployerError):
            return in_one_line(error)
        path = self.work.folder / f"bug-{re.sub('[^A-Za-z0-9._-]', '_', str(self.id))}.txt"
        self.bug = str(path)
        try:
            path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        except OSError as why:
            self.bug = f"{path} could not be written: {why.strerror}"
        return f"a bug: {in_one_line(error)}"

    # Acts: journalled before and after

    def _long_act(
        self, act: Act, seconds: float, do: Callable[[Control], T], *, before: Observation | None = None
    ) -> T:
        with self.stop.act(seconds) as cancelled:
            control = Control(seconds, cancelled, self._say)
            return self._act(act, lambda: self._in_time(do, control), before=before)

    def _in_time(self, do: Callable[[Control], T], control: Control) -> T:
        """Do it; where it was ended for its time limit, the error says so."""
        try:
            return do(control)
        except DeployerError as error:
            if control.cancelled.is_set() and not self.stop.now.is_set():
                told = f"timed out after {control.timeout:g} s: {in_one_line(error)}"
                raise TargetError(told, hint=error.hint, log=getattr(error, "log", "")) from error
            raise

    def _act(self, act: Act, do: Callable[[], T], *, before: Observation | None = None) -> T:
        """Do it, between its two entries in the journal.

        :raises StoppedError: we were told to stop before it, or it was cut.
        """
        stopped = self.stop.soon if act is Act.LOCK else self.stop.now
        if stopped.is_set():
            raise StoppedError(f"before its {_NOUNS[act]}")
        self.work.tell(ActBegun(self.work.now(), self.work.run, self.id, act, before))
        began = time.monotonic()
        try:
            result = do()
        except BaseException as error:
            hint = error.hint if isinstance(error, DeployerError) else ""
            self._tell_end(act, began, error=in_one_line(error), hint=hint, cut=stopped.is_set())
            if stopped.is_set():
                raise StoppedError(f"during its {_NOUNS[act]}") from error
            raise
        cut = stopped.is_set() and isinstance(result, Health) and not result.ok
        self._tell_end(act, began, result=result, cut=cut)
        if cut:
            raise StoppedError(f"during its {_NOUNS[act]}")
        return result

    def _tell_end(
        self, act: Act, began: float, *, result: object = None, error: str = "", hint: str = "", cut: bool = False
    ) -> None:
        seconds = time.monotonic() - began
        ended = ActEnded(self.work.now(), self.work.run, self.id, act, seconds, error=error, cut=cut, hint=hint)
        if isinstance(result, Upgrade):
            ended = replace(ended, upgrade=result)
        if isinstance(result, Health):
            ended = replace(ended, health=result)
        self.work.tell(ended)

    def _say(self, text: str) -> None:
        self.work.tell(Said(self.work.now(), self.work.run, self.id, text))


_NOUNS = {
    Act.LOCK: "lock",
    Act.UPGRADE: "upgrade",
    Act.CHECK: "health check",
    Act.ROLLBACK: "roll-back",
    Act.CONFIRM: "confirmation",
}
