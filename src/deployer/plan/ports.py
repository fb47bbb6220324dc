"""The protocols through which a rollout acts. ``rollout`` knows targets and health checks only through these.

All methods block and are called in threads; long ones look at ``control.cancelled`` at least every second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deployer.fleet.ids import ReleaseId
from deployer.plan.steps import Step


@dataclass(frozen=True, slots=True)
class Control:
    """What a long act gets from the one who started it."""

    timeout: float  # seconds for the whole act
    cancelled: threading.Event = field(default_factory=threading.Event)
    say: Callable[[str], None] = lambda _text: None  # one line of progress, for the board


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock. Processes that share a rollout id share its locks."""

    rollout: str
    host: str
    pid: int
    started: str  # the process's own start time, so that a reused pid is not taken for it
    since: datetime

    def __str__(self) -> str:
        return f"rollout {self.rollout} (process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S %Z})"


class State(StrEnum):
    """What a release is found to be."""

    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade or a roll-back left behind.

    ``changed``: something was done (a new revision, or a restart of what was dead). ``verified``: this very revision
    has passed its health check before. ``notices``: what a user should know, one line each.
    """

    changed: bool
    revision: int
    verified: bool = False
    url: str = ""
    plain_url: str = ""
    log: str = ""
    detail: str = ""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What the target holds of a release, looked at and not touched.

    ``wanted``: the digest of the inputs of the current revision equals that of the repository as it is now; of a
    revision that was made without us, its values and its chart's version do. ``pending``: Helm's own word for a
    revision that somebody has begun and not ended, "" where there is none.
    """

    state: State
    revision: int | None = None
    deployed_at: datetime | None = None
    rollout: str = ""
    url: str = ""
    plain_url: str = ""
    verified: bool = False
    wanted: bool = False
    healthy: bool | None = None
    detail: str = ""
    pending: str = ""
    chart: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a health check reaches a hub: the public address, where to connect for it, and with which token.

    ``connect`` overrides name resolution ("127.0.0.1:8080"): resolvers do not know names below ``.localhost``.
    ``token`` is a secret: of the service ``service``, which has just the scopes that the check needs.
    """

    url: str
    token: str = field(repr=False)
    connect: str = ""
    service: str = "hub-health"


class Target(Protocol):
    """What releases of one cluster are deployed with."""

    def steps(self, release: ReleaseId) -> tuple[Step, ...]:
        """What an upgrade would run; for ``--dry-run``."""
        ...

    def lock(
        self, release: ReleaseId, rollout: str, *, timeout: float, cancelled: threading.Event
    ) -> AbstractContextManager[None]:
        """Hold the release for this rollout.

        :raises LockedError: another rollout holds it still after ``timeout`` seconds; the error names the holder.
        """
        ...

    def upgrade(self, release: ReleaseId, *, rollout: str, force: bool, control: Control) -> Upgrade:
        """Bring the release to what the repository says, or leave it as it was.

        Nothing happens where nothing changed, unless ``force``. What is dead is started again.

        :raises TargetError: it failed, and the last good revision is back (or the release is absent, as before).
        """
        ...

    def confirm(self, release: ReleaseId, revision: int) -> None:
        """Record that this revision passed its health check: it is what a later roll-back returns to."""
        ...

    def rollback(
        self, release: ReleaseId, *, control: Control, revision: int | None = None, reason: str = ""
    ) -> Upgrade | None:
        """Go back to ``revision``, by default the last confirmed one before the current.

        Where there never was one, the release is stopped, and None is returned.

        :param reason: why the current revision is not good, to be told later; "" where that is not known.
        """
        ...

    def observe(self, release: ReleaseId) -> Observation:
        """Look at the release."""
        ...

    def endpoint(self, release: ReleaseId) -> Endpoint:
        """How to reach a hub for its health check.

        :raises TargetError: it is not deployed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """What a health check found. ``diagnosis`` is a word of a closed list; ``evidence`` the line that shows it."""

    ok: bool
    diagnosis: str = ""
    evidence: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        return "healthy" if self.ok else f"{self.diagnosis}: {self.evidence}"


class Checker(Protocol):
    """Proves that users of a hub can work."""

    def check(self, release: ReleaseId, endpoint: Endpoint, control: Control) -> Health:
        """Never raises for what is wrong with the hub: that is the result."""
        ...
