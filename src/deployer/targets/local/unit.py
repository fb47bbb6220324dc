"""What an upgrade acts on: a release's processes, behind a protocol that hubs and the ingress both follow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deployer.errors import DeployerError, TargetError
from deployer.plan.ports import Control
from deployer.targets.local.daemon import Daemon, Reading
from deployer.targets.local.files import POLL, write_text
from deployer.targets.local.revisions import Record


class Unit(Protocol):
    """The processes of one release. All methods may be repeated, and mend what an interrupted one left."""

    def runs(self, number: int) -> bool:
        """Whether all processes are alive, run this revision and answer."""
        ...

    def back_up(self, number: int) -> None:
        """Keep what the revision ``number`` might spoil, before it starts; once."""
        ...

    def start(self, record: Record, values: Mapping[str, Any], control: Control) -> tuple[str, ...]:
        """Bring all processes to this revision, wait until they answer, and return notices.

        :raises TargetError: they do not answer in time, or end; the message has the cause in one line.
        """
        ...

    def restore(self, record: Record) -> None:
        """Bring back what a failed revision spoilt, so that ``record`` can run again."""
        ...

    def stop(self) -> None:
        """End all processes of the release, users' servers too."""
        ...

    def schema(self) -> str:
        """What :meth:`restore` will want to know of the revision that runs now."""
        ...


@dataclass(slots=True)
class Deadline:
    """The time that is left of an act, and its cancellation."""

    control: Control
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.control.timeout

    def wait(self, ready: Callable[[], bool], daemon: Daemon, reading: Reading, name: str) -> None:
        """Wait until ``ready``.

        With no time at all nothing is waited for.

        :raises TargetError: the daemon ended first, the time is over, or the act was cancelled.
        """
        while self.control.timeout and not ready():
            if not daemon.alive():
                raise self._failed(f"{name} ended: {cause(reading.text())}{_about_room(daemon.log)}", daemon, reading)
            if self.control.cancelled.is_set():
                raise self._failed(f"{name} was cancelled while it started", daemon, reading)
            if time.monotonic() >= self.until:
                late = f"{name} was not healthy within {self.control.timeout:g} s: {cause(reading.text())}"
                raise self._failed(late, daemon, reading)
            time.sleep(POLL)

    @staticmethod
    def _failed(message: str, daemon: Daemon, reading: Reading) -> TargetError:
        """What the daemon wrote is kept apart: the last good revision will go on in the same log."""
        log = daemon.log.with_name(f"{daemon.log.stem}{FAILED}")
        try:
            write_text(log, reading.text())
        except DeployerError:
            log = daemon.log  # a full disk, say
        return TargetError(message, hint=f"Its log: {log}", log=str(log))


FAILED = "-failed.log"  # what a revision that did not come up wrote, the last time that one did not
CONFIG_ERROR = "jupyterhub_config error:"
# What JupyterHub says last whenever its database cannot be opened, whatever the reason.
ADVICE = (
    "If you recently upgraded JupyterHub, try running",
    "jupyterhub upgrade-db",
    "to upgrade your JupyterHub database schema",
)
LITTLE_ROOM = 2**20  # bytes


def _about_room(path: Path) -> str:
    """A full disk shows itself in many ways: it is said, whatever else the log says."""
    with suppress(OSError):
        disk = os.statvfs(path.parent)
        return " (No space left on its disk)" if disk.f_bavail * disk.f_frsize < LITTLE_ROOM else ""
    return ""


def cause(log: str) -> str:
    """Why a daemon failed, in one line of what it logged: our own, else a traceback's last, else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not line.strip().endswith(ADVICE)]
    ours = [line for line in lines if CONFIG_ERROR in line]
    if ours:
        return ours[-1][ours[-1].index(CONFIG_ERROR) :]
    return _after_traceback(log) or (lines[-1] if lines else "it logged nothing")


def _after_traceback(log: str) -> str:
    """The line that a traceback ends with: the first one after it that is not indented."""
    lines = log.splitlines()
    starts = [
        number for number, line in enumerate(lines) if line.strip().startswith("Traceback (most recent call last)")
    ]
    if not starts:
        return ""
    indent = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip())
    rest = lines[starts[-1] + 1 :]
    ends = (line.strip() for line in rest if line.strip() and len(line) - len(line.lstrip()) <= indent)
    return next(ends, "")
