"""Releases in a folder: a target and a health check that outlive their process, and can be told to fail or to die.

What a release is stands in one small file, replaced whole, with counters of what really happened to it.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deployer.changes.reasons import Reason, Rule
from deployer.errors import LockedError, TargetError
from deployer.fleet.ids import Level, ReleaseId, Stage
from deployer.plan.model import Plan, PlannedRelease
from deployer.plan.ports import Checker, Control, Endpoint, Health, Observation, State, Upgrade
from deployer.plan.steps import Step
from deployer.rollout.events import Event
from deployer.rollout.journal import Journal
from deployer.rollout.options import Options
from deployer.rollout.origin import Origin, start_time
from deployer.rollout.runner import Rollout

ASKED = (Reason(Rule.ASKED, "asked for"),)
DEAD = Origin(("deployer",), "someone", "elsewhere", 1, "0")


def plan_of(*names: str, canaries: Mapping[str, list[str]] | None = None) -> Plan:
    """``reef/support``, ``reef/staging…`` (canaries) and any other name (production, behind its cluster's canaries)."""
    ids = [ReleaseId.parse(name) for name in names]
    own = {key: tuple(map(ReleaseId.parse, value)) for key, value in (canaries or {}).items()}
    return Plan(tuple(sorted((_planned(one, ids, own) for one in ids), key=lambda one: one.order)), revision="abc")


def _planned(one: ReleaseId, ids: list[ReleaseId], own: Mapping[str, tuple[ReleaseId, ...]]) -> PlannedRelease:
    stage = _stage(one.name)
    staging = tuple(i for i in ids if i.cluster == one.cluster and _stage(i.name) is Stage.STAGING)
    behind = own.get(str(one), staging) if stage is Stage.PRODUCTION else ()
    return PlannedRelease(one, stage, "local", ASKED, behind)


def _stage(name: str) -> Stage:
    if name == "support":
        return Stage.SUPPORT
    return Stage.STAGING if name.startswith("staging") else Stage.PRODUCTION


class KilledError(BaseException):
    """A simulated end of the process: nothing of it happens any more."""


class Life:
    """Counts the moments of a process; at the chosen one it is over. ``really``: by SIGKILL."""

    def __init__(self, moments: int | None = None, *, really: bool = False) -> None:
        self.left, self.really, self.used = moments, really, 0
        self._lock = threading.Lock()

    def tick(self) -> None:
        with self._lock:
            self.used += 1
            if self.left is None or self.used < self.left:
                return
        if self.really:
            os.kill(os.getpid(), signal.SIGKILL)
        raise KilledError


class Gauge:
    """How many were at work at once: in all, and on each cluster."""

    def __init__(self) -> None:
        self.now, self.most = Counter[str](), Counter[str]()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, cluster: str) -> Iterator[None]:
        with self._lock:
            self.now.update([cluster, "in all"])
            self.most |= self.now
        try:
            yield
        finally:
            with self._lock:
                self.now.subtract([cluster, "in all"])


@dataclass(frozen=True)
class Faults:
    """What goes wrong with a release. ``seconds`` an upgrade takes; ``deaf``: it ignores its time limit."""

    upgrade: str = ""  # "fail" or "bug"
    check: str = ""  # "fail" or "bug"
    rollback: str = ""  # "fail" or "bug"
    confirm: str = ""
    seconds: float = 0.0
    check_seconds: float = 0.0
    deaf: bool = False


def fail(kind: str, what: str) -> None:
    if kind == "fail":
        raise TargetError(f"{what} does not work", hint="look at its log")
    if kind:
        raise ZeroDivisionError(what)


@dataclass
class World:
    """A target for all clusters, and the health check of its hubs."""

    folder: Path
    faults: dict[ReleaseId, Faults] = field(default_factory=dict)
    life: Life = field(default_factory=Life)
    gauge: Gauge = field(default_factory=Gauge)
    on_upgrade: Callable[[ReleaseId], None] = lambda _release: None

    def fault(self, release: ReleaseId) -> Faults:
        return self.faults.get(release, Faults())

    # What there is

    def load(self, release: ReleaseId) -> dict:
        try:
            return json.loads(self._file(release).read_text())
        except FileNotFoundError:
            return {"current": None, "running": False, "revisions": {}, "completed": 0, "rollbacks": 0}

    def save(self, release: ReleaseId, state: dict) -> None:
        self._write(self._file(release), json.dumps(state))

    @staticmethod
    def _write(path: Path, text: str) -> None:
        draft = path.with_name(f".{path.name}.{threading.get_ident()}.{os.getpid()}")
        draft.write_text(text)
        draft.replace(path)  # whole, or not at all: the process may be killed at any moment

    def _file(self, release: ReleaseId) -> Path:
        folder = self.folder / "world" / release.cluster
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{release.name}.json"

    def want(self, release: ReleaseId, digest: str) -> None:
        (self._file(release).with_suffix(".wanted")).write_text(digest)

    def wanted(self, release: ReleaseId) -> str:
        path = self._file(release).with_suffix(".wanted")
        return path.read_text() if path.exists() else "1"

    def deploy(self, release: ReleaseId, digest: str = "0", rollout: str = "before") -> None:
        """As an earlier rollout left it: at revision 1, verified."""
        revision = {"digest": digest, "rollout": rollout, "verified": True}
        self.save(
            release, {"current": 1, "running": True, "revisions": {"1": revision}, "completed": 0, "rollbacks": 0}
        )

    def completed(self, plan: Plan) -> dict[str, int]:
        return {str(one.id): self.load(one.id)["completed"] for one in plan.releases}

    # The target

    def steps(self, release: ReleaseId) -> tuple[Step, ...]:
        return (Step("upgrade", ("true", str(release))),)

    @contextmanager
    def lock(self, release: ReleaseId, rollout: str, *, timeout: float, cancelled: threading.Event) -> Iterator[None]:
        self.life.tick()
        path, until = self._file(release).with_suffix(".lock"), time.monotonic() + timeout
        while (holder := self._holder(path)) and holder != rollout:
            if time.monotonic() > until or cancelled.wait(0.01):
                raise LockedError(f"{release} is locked by rollout {holder}")
        self._write(path, json.dumps([rollout, os.getpid(), start_time(os.getpid())]))
        yield
        self.life.tick()
        path.unlink(missing_ok=True)

    def _holder(self, path: Path) -> str:
        try:
            rollout, pid, started = json.loads(path.read_text())
        except FileNotFoundError:
            return ""
        return rollout if start_time(pid) == started else ""

    def upgrade(self, release: ReleaseId, *, rollout: str, force: bool, control: Control) -> Upgrade:
        self.life.tick()
        with self.gauge.one(release.cluster):
            self.on_upgrade(release)
            self._take(self.fault(release).seconds, control, deaf=self.fault(release).deaf)
            fail(self.fault(release).upgrade, "the upgrade")
            control.say("half-way")
            return self._upgrade(release, rollout, force=force)

    def _upgrade(self, release: ReleaseId, rollout: str, *, force: bool) -> Upgrade:
        state, digest = self.load(release), self.wanted(release)
        current = state["revisions"].get(str(state["current"]), {})
        same = current.get("digest") == digest and not force
        if same and state["running"]:
            return self._result(release, state, changed=False)
        self.life.tick()
        state["running"] = True
        if not same:
            state["current"] = max(map(int, state["revisions"]), default=0) + 1
            state["revisions"][str(state["current"])] = {"digest": digest, "rollout": rollout, "verified": False}
            state["completed"] += 1
        self.save(release, state)
        self.life.tick()
        return self._result(release, state, changed=True)

    def _result(self, release: ReleaseId, state: dict, *, changed: bool) -> Upgrade:
        verified = state["revisions"][str(state["current"])]["verified"]
        url = f"http://{release.name}.{release.cluster}.localhost/"
        return Upgrade(
            changed, state["current"], verified, url, "http://127.0.0.1:1/", f"/log/{release}", "", ("no GPU",)
        )

    def confirm(self, release: ReleaseId, revision: int) -> None:
        self.life.tick()
        fail(self.fault(release).confirm, "the confirmation")
        state = self.load(release)
        state["revisions"][str(revision)]["verified"] = True
        self.save(release, state)
        self.life.tick()

    def rollback(
        self, release: ReleaseId, *, control: Control, revision: int | None = None, reason: str = ""
    ) -> Upgrade | None:
        self.life.tick()
        control.say("going back")
        assert reason
        fail(self.fault(release).rollback, "the roll-back")
        state = self.load(release)
        good = [int(n) for n, one in state["revisions"].items() if one["verified"] and int(n) < state["current"]]
        back = revision or max(good, default=None)
        state["running"], state["rollbacks"] = back is not None, state["rollbacks"] + 1
        state["current"] = back or state["current"]
        self.save(release, state)
        self.life.tick()
        return self._result(release, state, changed=True) if back else None

    def observe(self, release: ReleaseId) -> Observation:
        self.life.tick()
        state = self.load(release)
        if state["current"] is None:
            return Observation(State.ABSENT)
        current = state["revisions"][str(state["current"])]
        return Observation(
            State.RUNNING if state["running"] else State.STOPPED,
            revision=state["current"],
            rollout=current["rollout"],
            verified=current["verified"],
            wanted=current["digest"] == self.wanted(release),
        )

    def endpoint(self, release: ReleaseId) -> Endpoint:
        return Endpoint(f"http://{release.name}.localhost/", "secret")

    # The health check

    def check(self, release: ReleaseId, endpoint: Endpoint, control: Control) -> Health:
        self.life.tick()
        try:
            self._take(self.fault(release).check_seconds, control)
        except TargetError:
            return Health(ok=False, diagnosis="stopped", evidence="cancelled")
        assert endpoint.token
        if self.fault(release).check == "bug":
            raise ZeroDivisionError("the check")
        if self.fault(release).check:
            return Health(ok=False, diagnosis="spawn timed out", evidence="no server after 60 s")
        return Health(ok=True)

    @staticmethod
    def _take(seconds: float, control: Control, *, deaf: bool = False) -> None:
        limit = seconds if deaf else min(seconds, control.timeout)
        if control.cancelled.wait(limit):
            raise TargetError("cancelled")
        if limit < seconds:
            raise TargetError("too slow")


class Mortal(Journal):
    """A journal whose process can end before and after each write."""

    life = Life()

    def append(self, *events: Event) -> None:
        self.life.tick()
        super().append(*events)
        self.life.tick()


@dataclass
class Watcher:
    """Keeps the events, and calls back."""

    events: list[Event] = field(default_factory=list)
    then: Callable[[Event], None] = lambda _event: None

    def handle(self, event: Event) -> None:
        self.events.append(event)
        self.then(event)

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def rollout_of(
    world: World,
    plan: Plan,
    options: Options | None = None,
    *,
    rollout: str = "r1",
    reporter: Watcher | None = None,
    levels: Mapping[ReleaseId, Level] | None = None,
    origin: Origin | None = None,
    checkers: Mapping[Level, Checker] | None = None,
) -> Rollout:
    journal = Mortal.start(world.folder, rollout, plan)
    journal.life = world.life
    return Rollout(
        plan,
        targets={one.id.cluster: world for one in plan.releases},
        checkers=checkers or {Level.USER: world, Level.HTTP: world},
        levels=levels or {},
        journal=journal,
        reporter=reporter,
        options=options or Options(pause=0, attempts=1),
        origin=origin,
    )
