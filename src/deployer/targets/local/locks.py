"""Locks of releases: a file each that names its holder. They belong to a rollout, which may be several processes.

A file lock (let go when a process dies) guards the moment of taking; the holder's file says who has it, for as long
as any process of that rollout does. A holder whose processes are gone from this host is stale.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployer.errors import LockedError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Holder
from deployer.targets.local.daemon import same_process, start_mark
from deployer.targets.local.files import POLL, locked, private_folder, read_json, write_json


def this_process(rollout: str, now: datetime | None = None) -> Holder:
    pid = os.getpid()
    return Holder(
        rollout=rollout,
        host=socket.gethostname(),
        pid=pid,
        started=start_mark(pid),
        since=now or datetime.now(UTC),
    )


def is_stale(holder: Holder) -> bool:
    """Whether its process is gone. Of another host we cannot know."""
    if holder.host != socket.gethostname():
        return False
    return same_process(holder.pid, holder.started) is None


@dataclass(frozen=True, slots=True)
class Locks:
    """The locks of one cluster's releases."""

    folder: Path
    cluster: str

    @contextmanager
    def hold(self, release: ReleaseId, rollout: str, *, timeout: float, cancelled: threading.Event) -> Iterator[None]:
        """Hold the release for this rollout; see :meth:`deployer.plan.ports.Target.lock`."""
        mine = this_process(rollout)
        self._take(release, mine, time.monotonic() + timeout, cancelled)
        try:
            yield
        finally:
            self._let_go(release, mine)

    def holders(self) -> dict[ReleaseId, Holder]:
        """Who holds which release; a stale holder only where there is no other."""
        found = {path.stem: self._read(path) for path in sorted(self.folder.glob("*.json"))}
        return {ReleaseId(self.cluster, name): min(held, key=is_stale) for name, held in found.items() if held}

    def unlock(self, release: ReleaseId) -> Holder | None:
        """Take the lock away from whoever has it, who is returned."""
        with self._guard(release):
            held = self._read(self._file(release))
            self._file(release).unlink(missing_ok=True)
        return held[0] if held else None

    def _take(self, release: ReleaseId, mine: Holder, until: float, cancelled: threading.Event) -> None:
        while True:
            with self._guard(release):
                held = [holder for holder in self._read(self._file(release)) if not is_stale(holder)]
                if all(holder.rollout == mine.rollout for holder in held):
                    self._write(release, [*held, mine])
                    return
            if cancelled.is_set() or time.monotonic() >= until:
                raise LockedError(
                    f"{release} is locked by {held[0]}",
                    hint=f"Wait for it, or release a stale lock with: deployer unlock {release}",
                )
            time.sleep(POLL)

    def _let_go(self, release: ReleaseId, mine: Holder) -> None:
        if not self.folder.is_dir():
            return  # the cluster is purged, its locks with it
        with self._guard(release):
            held = self._read(self._file(release))
            if mine in held:
                held.remove(mine)
                self._write(release, held)

    def _write(self, release: ReleaseId, held: Sequence[Holder]) -> None:
        if held:
            write_json(self._file(release), {"holders": [_as_json(holder) for holder in held]})
        else:
            self._file(release).unlink(missing_ok=True)

    def _read(self, path: Path) -> list[Holder]:
        entries = (read_json(path) or {}).get("holders", [])
        return [_from_json(entry) for entry in entries]

    def _guard(self, release: ReleaseId) -> Any:
        return locked(private_folder(self.folder) / f"{release.name}.guard")

    def _file(self, release: ReleaseId) -> Path:
        return self.folder / f"{release.name}.json"


def _as_json(holder: Holder) -> dict[str, Any]:
    return {**asdict(holder), "since": holder.since.isoformat()}


def _from_json(entry: dict[str, Any]) -> Holder:
    return Holder(**{**entry, "since": datetime.fromisoformat(entry["since"])})
