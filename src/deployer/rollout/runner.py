"""The runner: starts what is ready, within the limits, and waits. What may start is a function of the states.

Each release is carried out in a thread; this event loop only decides, and sleeps until a release ended or
somebody interrupts.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from deployer.errors import DeployerError
from deployer.fleet.ids import Level, ReleaseId, Stage
from deployer.plan.model import Plan
from deployer.plan.ports import Checker, Target
from deployer.plan.ports import State as Found
from deployer.rollout.act import Work, carry_out
from deployer.rollout.events import (
    Event,
    Interrupted,
    NoCanary,
    ReleaseEnded,
    Reporter,
    RolloutEnded,
    RolloutStarted,
    Said,
    Silent,
)
from deployer.rollout.journal import Journal, JournalError
from deployer.rollout.options import Options
from deployer.rollout.origin import Origin
from deployer.rollout.prepare import Part, prepare
from deployer.rollout.record import RolloutRecord
from deployer.rollout.results import ReleaseResult, RolloutResult
from deployer.rollout.states import PENDING, RUNNING, Outcome, State, cancel, is_over, ready, settle
from deployer.rollout.stop import Stop, interrupted_by_signals


def utc_now() -> datetime:
    return datetime.now(UTC)


def carry_out_plan(rollout: Rollout) -> RolloutResult:
    """Run it in an event loop of its own, with SIGINT and SIGTERM as interruptions. Only in the main thread."""

    async def main() -> RolloutResult:
        with interrupted_by_signals(rollout.interrupt):
            return await rollout.run()

    return asyncio.run(main())


class Rollout:
    """One process's part in carrying out a plan. ``run`` it once."""

    def __init__(
        self,
        plan: Plan,
        *,
        targets: Mapping[str, Target],
        checkers: Mapping[Level, Checker],
        levels: Mapping[ReleaseId, Level],
        journal: Journal,
        reporter: Reporter | None = None,
        options: Options | None = None,
        origin: Origin | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """``targets`` by cluster; ``levels`` of the health check by release (support: none; a hub: user)."""
        self.plan, self.journal, self.now = plan, journal, now
        self.options, self.origin = options or Options(), origin or Origin.here()
        self.run_id = secrets.token_hex(4)
        self._targets, self._checkers, self._levels = targets, checkers, levels
        self._reporter: Reporter = reporter or Silent()
        self._stop, self._telling = Stop(), threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._states: dict[ReleaseId, State] = {}
        self._ends: dict[ReleaseId, ReleaseEnded] = {}
        self._broken: JournalError | None = None
        self._reporter_error: Exception | None = None
        self._crash: BaseException | None = None
        self._dead: frozenset[ReleaseId] = frozenset()  # had succeeded in an earlier run

    def interrupt(self) -> None:
        """Stop: the first time when what runs has ended, the second time now. From a signal handler or any thread."""
        times = self._stop.ask()
        if self._loop is not None and times <= 2:
            with contextlib.suppress(RuntimeError):  # the loop has ended: so has the rollout
                self._loop.call_soon_threadsafe(self._interrupted, times)

    async def run(self) -> RolloutResult:
        """Carry it out to its end.

        :raises DeployerError: nothing was started, for the reason it gives; or the journal could not be written, and
            nothing was started any more from then on.
        """
        began, self._loop = time.monotonic(), asyncio.get_running_loop()
        try:
            part, record = self._begin()
            if self._stop.times:
                self._interrupted(self._stop.times)
            await self._carry_out(part, record)
            return self._end(part, record, began)
        finally:
            self.journal.close()

    # Beginning and end

    def _begin(self) -> tuple[Part, RolloutRecord]:
        with self.journal.claimed():
            record = self.journal.record()
            part = prepare(self.plan, self.options, record)
            self._refuse_alive(part, record)
            self._refuse_unwired(part)
            part = self._revived(part) if self.options.resume else part
            self._states = dict(part.states)
            self.journal.append(started := self._started(part))
        self._show(started)
        if self.options.no_canary:
            self._tell(NoCanary(self.now(), self.run_id, self.options.no_canary))
        return part, record

    def _revived(self, part: Part) -> Part:
        """The part with what had succeeded, is dead since and others still stand behind, to be upgraded once more."""
        left = {one for one, state in settle(part.needs, part.states).items() if state.pending}
        behind = sorted({one for release in left for one in part.needs[release] & part.kept.keys()})
        with ThreadPoolExecutor(self.options.max_parallel) as pool:
            self._dead = frozenset(
                one for one, lives in zip(behind, pool.map(self._lives, behind), strict=True) if not lives
            )
        return replace(
            part, states={**part.states, **dict.fromkeys(self._dead, PENDING)}, again=part.again | self._dead
        )

    def _lives(self, release: ReleaseId) -> bool:
        try:
            return self._targets[release.cluster].observe(release).state is Found.RUNNING
        except DeployerError:
            return True  # nobody can tell; what stands behind it will

    def _started(self, part: Part) -> RolloutStarted:
        return RolloutStarted(
            self.now(),
            self.journal.rollout,
            self.run_id,
            self.origin,
            self.options,
            stages={one.id: one.stage for one in self.plan.releases if one.id in part.selected},
            needs={release: tuple(sorted(part.needs[release])) for release in sorted(part.selected)},
            kept=part.kept,
            plan_revision=self.plan.revision,
        )

    def _refuse_alive(self, part: Part, record: RolloutRecord) -> None:
        """A release belongs to one process at a time; what a live one was given is its own."""
        for run in record.alive():
            if self.options.resume or part.selected & run.started.stages.keys() - part.kept.keys():
                raise DeployerError(
                    f"rollout {record.id} is being carried out by {run.origin} (since {run.started.at:%H:%M:%S} UTC)",
                    hint="Wait for it, or interrupt it: what it has done is kept.",
                )

    def _refuse_unwired(self, part: Part) -> None:
        for release in sorted(part.selected):
            if release.cluster not in self._targets:
                raise DeployerError(f"{release}: there is no target for cluster {release.cluster}")
            if (level := self._level(release)) is not Level.NONE and level not in self._checkers:
                raise DeployerError(f"{release}: there is no health check of level {level}")

    def _end(self, part: Part, record: RolloutRecord, began: float) -> RolloutResult:
        seconds = time.monotonic() - began
        releases = tuple(
            self._result(one.id, one.stage, record) for one in self.plan.releases if one.id in part.selected
        )
        interrupted = bool(self._stop.times) and self._broken is None
        result = RolloutResult(self.journal.rollout, releases, self.journal.folder, seconds, interrupted)
        self._tell(RolloutEnded(self.now(), self.run_id, result.exit_code, seconds, result.counts))
        if error := self._broken or self._reporter_error:
            raise error
        return result

    def _result(self, release: ReleaseId, stage: Stage, record: RolloutRecord) -> ReleaseResult:
        ended = self._ends.get(release)
        if ended is None:
            ended = record.of(release).ended
            assert ended is not None, "what has not ended now had ended before"  # noqa: S101
            return ReleaseResult(release, stage, ended, kept=True)
        return ReleaseResult(release, stage, ended)

    # Deciding

    async def _carry_out(self, part: Part, record: RolloutRecord) -> None:
        pool = ThreadPoolExecutor(self.options.max_parallel, thread_name_prefix="rollout")
        try:
            while not self._is_over(part):
                for release in self._startable(part):
                    self._start(release, self._work(release, part, record), pool)
                await self._wait()
        except BaseException:
            self._stop.ask()
            self._stop.ask()
            raise
        finally:
            pool.shutdown()

    async def _wait(self) -> None:
        """Sleep until a release has ended, or somebody interrupts."""
        await self._changed.wait()
        self._changed.clear()
        if self._crash:
            raise self._crash

    def _is_over(self, part: Part) -> bool:
        """Settle what follows from the states as they are, and see whether all have ended."""
        self._take_over(settle(part.needs, self._states))
        if cause := self._why_stop(part):
            self._take_over(cancel(self._states, cause))
        return is_over(self._states)

    def _why_stop(self, part: Part) -> str:
        if self._broken:
            return self._broken.message
        if self._stop.soon.is_set():
            return "interrupted"
        failed = [one for one in sorted(part.selected) if self._states[one].outcome is Outcome.FAILED]
        return f"{failed[0]} failed (--fail-fast)" if self.options.fail_fast and failed else ""

    def _take_over(self, states: dict[ReleaseId, State]) -> None:
        ends = [
            ReleaseEnded(self.now(), self.run_id, release, state.outcome, cause=state.cause, behind=state.behind)
            for release, state in states.items()
            if state.outcome and state != self._states[release]
        ]
        self._states = states
        self._ends |= {end.release: end for end in ends}
        self._tell(*ends)

    def _startable(self, part: Part) -> list[ReleaseId]:
        """What may start now: stage before stage, so that nothing waits long for its canaries."""
        running = Counter(release.cluster for release, state in self._states.items() if state.running)
        found: list[ReleaseId] = []
        for release in sorted(ready(part.needs, self._states), key=lambda one: (self.plan.by_id[one].stage.rank, one)):
            if running.total() >= self.options.max_parallel:
                break
            if running[release.cluster] < (self.options.per_cluster or self.options.max_parallel):
                running[release.cluster] += 1
                found.append(release)
        return found

    def _start(self, release: ReleaseId, work: Work, pool: ThreadPoolExecutor) -> None:
        self._states[release] = RUNNING
        future = asyncio.get_running_loop().run_in_executor(pool, self._do, work)
        future.add_done_callback(functools.partial(self._ended, release))

    def _work(self, release: ReleaseId, part: Part, record: RolloutRecord) -> Work:
        level, again = self._level(release), release in part.again
        return Work(
            self.plan.by_id[release],
            self._targets[release.cluster],
            None if level is Level.NONE else self._checkers[level],
            replace(self.options, force=self.options.force and release not in self._dead),
            self.journal.rollout,
            self.run_id,
            self.journal.folder,
            self._tell_or_raise,
            self.now,
            **({"again": True} if again else {"past": record.of(release).past}),
        )

    def _level(self, release: ReleaseId) -> Level:
        if release.hub is None:
            return self._levels.get(release, Level.NONE)
        return self.options.health or self._levels.get(release, Level.USER)

    def _do(self, work: Work) -> ReleaseEnded:
        """In a thread: carry out, and journal the outcome before anybody acts on it."""
        try:
            ended = carry_out(work, self._stop)
            self._tell_or_raise(ended)
        except JournalError as error:
            return ReleaseEnded(self.now(), self.run_id, work.planned.id, Outcome.CANCELLED, cause=error.message)
        return ended

    def _ended(self, release: ReleaseId, future: asyncio.Future[ReleaseEnded]) -> None:
        self._changed.set()
        if crash := future.exception():
            self._crash = crash
            return
        end = self._ends[release] = future.result()
        self._states[release] = State(end.outcome, cause=end.cause)

    def _interrupted(self, times: int) -> None:
        self._tell(Interrupted(self.now(), self.run_id, times))
        self._changed.set()

    # Telling

    def _tell_or_raise(self, *events: Event) -> None:
        """Journal the events, then show them.

        :raises JournalError: they could not be journalled; nothing starts any more.
        """
        with self._telling:
            if lasting := tuple(event for event in events if not isinstance(event, Said)):
                self._append(lasting)
            for event in events:
                self._show(event)

    def _append(self, events: tuple[Event, ...]) -> None:
        try:
            self.journal.append(*events)
        except JournalError as error:
            self._broken = self._broken or error
            raise

    def _tell(self, *events: Event) -> None:
        with contextlib.suppress(JournalError):
            self._tell_or_raise(*events)

    def _show(self, event: Event) -> None:
        """A reporter that fails is told nothing more; the rollout goes on, and its error is raised at the end."""
        if self._reporter_error is None:
            try:
                self._reporter.handle(event)
            except Exception as error:  # noqa: BLE001  a broken pipe must not stop an upgrade half-way
                self._reporter_error = error
