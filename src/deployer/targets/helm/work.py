"""At work on one release: nobody else is, here or in the cluster. Upgrade, roll back, repair."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from deployer.errors import TargetError
from deployer.fleet.repository import Release
from deployer.helm.commands import Commands, apply_crds
from deployer.plan.ports import Control, Upgrade
from deployer.plan.steps import Step
from deployer.process import redact
from deployer.targets.helm.desired import Desired
from deployer.targets.helm.helm import Acted, Runner
from deployer.targets.helm.history import History, Revision, numbers
from deployer.targets.helm.kubectl import Kubectl
from deployer.targets.helm.layout import LaidOut, lay_out
from deployer.targets.helm.records import Attempt, Record, Records, Source
from deployer.targets.helm.repair import cannot_uninstall, claims_that_would_go, last_good, somebody_at_work
from deployer.targets.helm.workshop import Workshop


class Made(NamedTuple):
    """A revision that this process made, and the record of the release at that time."""

    revision: int
    source: Source
    record: Record


@dataclass
class Try:
    """What is known for the first try of an upgrade; later ones must look anew."""

    history: History
    record: Record
    taken: bool = False

    def take(self) -> tuple[History, Record] | None:
        first, self.taken = not self.taken, True
        return (self.history, self.record) if first else None


def _same(step: Step) -> Step:
    return step


@dataclass
class Work:
    """One act on one release. ``seen`` is its history and record where they were read only just now."""

    release: Release
    desired: Desired
    workshop: Workshop
    runner: Runner
    commands: Commands
    control: Control
    seen: tuple[History, Record] | None = None
    notices: list[str] = field(default_factory=list)
    record: Record | None = None  # once an upgrade has begun
    made: Made | None = None

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.runner.session, self.control.cancelled)

    @property
    def records(self) -> Records:
        return Records(self.kubectl)

    # Upgrade

    def upgrade(self, rollout: str, *, force: bool) -> Upgrade:
        """Bring the release to what the fleet says.

        :raises TargetError: it failed; Helm has brought the last revision back.
        """
        source = Source(self.desired.revision, self.desired.digest(self.release.id), rollout)
        history, record = self.settled(self.seen)
        if not force and (same := self._unchanged(history, record, source)):
            return self._ended(same, record, history, changed=False)
        laid = lay_out(self.desired, self.workshop, self.release, self.runner.session)
        for step in apply_crds(laid.crds):
            self.runner.act_with_retries(partial(_same, step), seconds=self.control.timeout, cwd=laid.root)
        begin = partial(self._begin, Try(history, record), source, laid)
        seconds = self.control.timeout
        acted = self.runner.act_with_retries(begin, seconds=seconds, cwd=laid.root, notes=laid.notes)
        return self._upgraded(source, acted)

    def _begin(self, first: Try, source: Source, laid: LaidOut) -> Step | None:
        """The upgrade, once nothing is in its way; None where an earlier try got there though it was cut."""
        history, record = first.take() or self.settled()
        if self.record is not None and self._is_made(history, record, source):
            return None
        after = history.last.number if history.last else 0
        self.record = self.records.put(self.release.id, replace(record, attempt=Attempt.ours(after, source.rollout)))
        seconds = self.control.timeout
        return self.commands.upgrade(laid.chart, laid.values, seconds=seconds, description=source.description())

    def _is_made(self, history: History, record: Record, source: Source) -> bool:
        current = history.current
        return current is not None and current is history.last and history.source(current, record) == source

    def _upgraded(self, source: Source, acted: Acted | None) -> Upgrade:
        number = (acted.deployed if acted else None) or self._deployed()
        self.made = Made(number, source, self.record or Record())
        return Upgrade(True, number, log=str(acted.log) if acted else "", notices=tuple(self.notices))

    def _deployed(self) -> int:
        current = self.runner.history(self.commands).current
        if current is None:
            raise TargetError(f"{self.release.id}: Helm upgraded it, but calls no revision deployed")
        return current.number

    def _unchanged(self, history: History, record: Record, source: Source) -> Revision | None:
        """What is deployed, where that is what the fleet says."""
        current = history.current
        if current is None or current != history.last or record.given_up == current.number:
            return None
        known = history.source(current, record)
        return current if known and known.digest == source.digest else None

    def _ended(self, revision: Revision, record: Record, history: History, *, changed: bool) -> Upgrade:
        return Upgrade(
            changed=changed,
            revision=revision.number,
            verified=not changed and history.verified(revision, record),
            notices=tuple(self.notices),
        )

    # What an interrupted deploy left

    def settled(self, seen: tuple[History, Record] | None = None) -> tuple[History, Record]:
        """The history and record of the release, once nothing in it is pending.

        :param seen: those that were read just before.
        :raises TargetError: somebody may be at work on it, or it cannot be put right.
        """
        if seen and not (seen[0].last and seen[0].last.pending):
            return seen
        history, record = self.runner.history(self.commands), self.records.get(self.release.id)
        pending = history.last
        if pending is None or not pending.pending:
            return history, record
        error = somebody_at_work(self.release.id, pending, record, now=datetime.now(UTC), timeout=self.control.timeout)
        if error:
            raise error
        self._repair(pending, last_good(history))
        return self.runner.history(self.commands), record

    def _check_nobody_at_work(self) -> None:
        history, record = self.runner.history(self.commands), self.records.get(self.release.id)
        pending, now = history.last, datetime.now(UTC)
        if pending is None or not pending.pending:
            return
        if error := somebody_at_work(self.release.id, pending, record, now=now, timeout=self.control.timeout):
            raise error

    def _repair(self, pending: Revision, good: Revision | None) -> None:
        found = f"found {pending.status} since {pending.updated:%Y-%m-%d %H:%M:%S %Z}"
        if good is not None:
            self.control.say(f"{found}: rolling back to revision {good.number}")
            self.runner.act(
                self.commands.rollback(good.number, seconds=self.control.timeout), seconds=self.control.timeout
            )
            self.notices.append(f"{found}, rolled back to revision {good.number} first")
            return
        if claims := self._claims_that_would_go():
            raise cannot_uninstall(self.release.id, pending, claims)
        self.control.say(f"{found}: uninstalling it, for it was never deployed")
        self.runner.act(self.commands.uninstall(seconds=self.control.timeout), seconds=self.control.timeout)
        self.notices.append(f"{found} and never deployed: uninstalled first")

    def _claims_that_would_go(self) -> list[str]:
        return claims_that_would_go(self.kubectl, self.release.id, self.runner.look(self.commands.manifest()))

    # Going back

    def confirm(self, number: int, made: Made | None = None) -> None:
        """Record that a revision passed its health check; ``made`` where this process made one.

        :raises TargetError: it cannot be recorded.
        """
        if made and made.revision == number:
            self.records.put(self.release.id, made.record.with_verified(number, made.source))
            return
        record, history = self.records.get(self.release.id), self.runner.history(self.commands)
        revision = history.get(number)
        if revision is None:
            return
        source = history.source(revision, record) or Source("", "", "")
        self.records.put(self.release.id, record.with_verified(number, source))

    def roll_back(self, revision: int | None, reason: str = "") -> Upgrade | None:
        """Go back to a revision, by default the last good one; stop the release where there is none.

        :param reason: why what is deployed is not good; kept, to be told later.
        :raises TargetError: it failed.
        """
        history, record = self.settled()
        to = self._asked_for(history, revision) if revision else history.to_return_to(record)
        reason = redact(reason, self.runner.session.redactions())
        if to is None:
            self._give_up(history, record, reason)
            return None
        if reason and history.current:  # first: a roll-back that is cut must not lose it
            self.records.put(self.release.id, record.with_failed(history.current.number, reason))
        self.control.say(f"back to revision {to.number}")
        seconds = self.control.timeout
        log = self.runner.act(self.commands.rollback(to.number, seconds=seconds), seconds=seconds).log
        after = self.runner.history(self.commands)
        current = after.current or to
        return Upgrade(True, current.number, after.verified(current, record), log=str(log), notices=tuple(self.notices))

    def _asked_for(self, history: History, number: int) -> Revision:
        if found := history.get(number):
            return found
        raise TargetError(
            f"{self.release.id} has no revision {number}", hint=f"Its revisions: {numbers(history.revisions)}"
        )

    def _give_up(self, history: History, record: Record, reason: str) -> None:
        """Nothing good to go back to: end its pods, keep all that it holds."""
        if history.last is None:
            return
        self.runner.act(self.commands.stop(), seconds=self.control.timeout)
        given_up = replace(record, given_up=history.last.number, attempt=None)
        self.records.put(self.release.id, given_up.with_failed(history.last.number, reason))

    def uninstall(self, *, delete_volumes: bool) -> None:
        """Take the release out of the cluster.

        :raises TargetError: volume claims would go with it, somebody may be at work on it, or it failed.
        """
        self._check_nobody_at_work()
        claims = self._claims_that_would_go()
        if claims and not delete_volumes:
            raise TargetError(
                f"{self.release.id}: to uninstall it would delete its volume claims: {', '.join(sorted(claims))}",
                hint="Mark them with the annotation helm.sh/resource-policy: keep, or say --delete-volumes.",
            )
        self.runner.act(self.commands.uninstall(seconds=self.control.timeout), seconds=self.control.timeout)
