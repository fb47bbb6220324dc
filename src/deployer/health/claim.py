"""What is ours on a hub, remembered on this machine: the turn to check it, and what a check made there.

A check that was killed leaves its user and server behind. The next one may remove them only where this record proves
that a check made them, for the same name can be a user that the operator keeps.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from deployer.errors import TargetError

WINDOW = timedelta(seconds=60)  # by the hub's clock, between seeing that a user is absent and its making


@dataclass(frozen=True, slots=True)
class Claim:
    """What a check made, or was about to make: a user of a name, and that user's server.

    ``absent_at``: by the hub's clock, when the user was seen not to exist. ``created``: what the hub then said of its
    making. Both as ISO text, "" where unknown.
    """

    user: str
    absent_at: str = ""
    created: str = ""
    server: bool = False

    def owns(self, user: str, created: str) -> bool:
        """The user that the hub has now is the one that a check made, beyond doubt."""
        if user != self.user or not created:
            return False
        if self.created:
            return created == self.created
        since, made = _time(self.absent_at), _time(created)
        return bool(since and made) and timedelta(seconds=-1) <= made - since <= WINDOW  # type: ignore[operator]


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


class Claims:
    """The turn and the record of one hub, in a folder that all processes of this machine share."""

    def __init__(self, folder: Path, url: str) -> None:
        name = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
        self._lock = folder / f"{name}.lock"
        self._record = folder / f"{name}.json"

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One check at a time; waits for its turn. The system gives the lock back even for a killed process.

        :raises TargetError: the folder cannot be written to.
        """
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TargetError(f"{self._lock}: {error.strerror}", hint="Health checks keep their locks there.") from None
        try:
            while not _taken(handle):  # noqa: ASYNC110 — other processes set no events of ours
                await asyncio.sleep(0.2)
            yield
        finally:
            os.close(handle)

    def read(self, user: str) -> Claim:
        """What the last check left written; an empty claim where nothing, or nothing readable, is."""
        try:
            claim = Claim(**json.loads(self._record.read_text()))
        except (OSError, ValueError, TypeError):
            return Claim(user)
        return claim if claim.user == user else Claim(user)

    def write(self, claim: Claim) -> None:
        """Remember; on a full disk we go without, and what a killed check leaves is then never removed."""
        new = self._record.with_suffix(".new")
        with suppress(OSError):
            new.write_text(json.dumps(asdict(claim)))
            new.replace(self._record)

    def clear(self) -> None:
        self._record.unlink(missing_ok=True)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
