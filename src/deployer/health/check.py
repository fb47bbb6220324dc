"""The health check that every target uses: attempts, a time-out, a cancellation, and one diagnosis at the end."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployer.fleet.ids import Level, ReleaseId
from deployer.health.claim import Claims
from deployer.health.client import Address, Client
from deployer.health.diagnose import Diagnosis, Finding, Trouble, evidence
from deployer.health.facts import Phase
from deployer.health.probe import DEFAULT_LIMITS, Limits, Morning, knock
from deployer.plan.ports import Control, Endpoint, Health

USER = "deployment-service-check"  # fleets exempt it by this name from the rules of their authenticators
_LOOK = 0.2  # seconds between looks at the cancellation
_PAUSE = 1.0  # seconds between attempts
_WORTH_IT = 5.0  # seconds that must be left for another attempt


@dataclass(frozen=True)
class HealthChecker:
    """Implements :class:`deployer.plan.ports.Checker`.

    ``lock_dir`` is a folder that all deployers of this machine share: only one of them checks a hub at a time, and what
    a killed check left on a hub is remembered there. A hub that ``levels`` does not name is checked as by ``user``.
    ``tls`` is for certificates that the system does not trust.

    An act lasts at most ``control.timeout`` seconds and then ``limits.tidy`` for cleaning up.
    """

    lock_dir: Path
    levels: Mapping[ReleaseId, Level] = field(default_factory=dict)
    user: str = USER
    attempts: int = 2
    limits: Limits = DEFAULT_LIMITS
    tls: ssl.SSLContext | None = None

    def level(self, release: ReleaseId) -> Level:
        """Support has no users: it is not checked here."""
        return Level.NONE if release.hub is None else self.levels.get(release, Level.USER)

    def check(self, release: ReleaseId, endpoint: Endpoint, control: Control) -> Health:
        """Prove that users of this hub can work.

        :raises TargetError: ``lock_dir`` cannot be written to.
        """
        started = time.monotonic()
        level = self.level(release)
        if level is Level.NONE:
            return Health(ok=True, evidence="not checked (health: none)")
        finding = asyncio.run(self._watched(level, endpoint, control))
        seconds = time.monotonic() - started
        if finding is None:
            return Health(ok=True, seconds=seconds)
        shown = evidence(finding.evidence or finding.diagnosis.meaning, [endpoint.token])
        return Health(ok=False, diagnosis=finding.diagnosis, evidence=shown, seconds=seconds)

    async def _watched(self, level: Level, endpoint: Endpoint, control: Control) -> Finding | None:
        """The attempts, broken off (and cleaned up after) as soon as the control says so."""
        work = asyncio.create_task(self._attempts(level, endpoint, control))
        while not work.done():
            await asyncio.wait({work}, timeout=_LOOK)
            if control.cancelled.is_set() and not work.done():
                work.cancel()
                await asyncio.wait({work})
        if work.cancelled():
            return Finding(Diagnosis.CANCELLED)
        return work.result()

    async def _attempts(self, level: Level, endpoint: Endpoint, control: Control) -> Finding | None:
        deadline = asyncio.get_running_loop().time() + control.timeout
        try:
            address = Address.of(endpoint)
        except ValueError as error:
            return Finding(Diagnosis.DNS, str(error))
        attempt = _Attempt(self, level, address, endpoint, control.say, deadline)
        for left in reversed(range(self.attempts)):
            finding = await attempt.run()
            late = asyncio.get_running_loop().time() + _WORTH_IT > deadline
            if finding is None or not left or late or not finding.diagnosis.again:
                break
            control.say(f"{finding.diagnosis}; another attempt …")
            await asyncio.sleep(_PAUSE)
        return finding


@dataclass(frozen=True)
class _Attempt:
    checker: HealthChecker
    level: Level
    address: Address
    endpoint: Endpoint
    say: Callable[[str], None]
    deadline: float

    async def run(self) -> Finding | None:
        """What is wrong, None where nothing is."""
        client = Client(self.address, self.endpoint.token, deadline=self.deadline, tls=self.checker.tls, say=self.say)
        async with client:
            try:
                await (self._knock(client) if self.level is Level.HTTP else self._live(client))
            except Trouble as trouble:
                return trouble.finding
        return None

    async def _knock(self, client: Client) -> None:
        async with client.patience(client.left()):
            await knock(client)

    async def _live(self, client: Client) -> None:
        claims = Claims(self.checker.lock_dir, self.endpoint.url)
        async with contextlib.AsyncExitStack() as stack:
            client.phase = Phase.TURN
            async with client.patience(client.left()):
                await stack.enter_async_context(claims.turn())
            morning = Morning(client, claims, user=self.checker.user, limits=self.checker.limits, say=self.say)
            try:
                async with client.patience(client.left()):
                    await morning.live()
            finally:
                # Runs after a cancellation too, which is delivered once; it bounds itself.
                if left := await morning.tidy():
                    self.say(f"could not clean up: {left.diagnosis}")
