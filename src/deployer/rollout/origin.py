"""Where a run comes from: who called what, where, and whether that process is still alive."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Origin:
    """``started`` is the process's own start time, so that a reused pid is not taken for it ("" where unknown)."""

    argv: tuple[str, ...] = ()
    user: str = ""
    host: str = ""
    pid: int = 0
    started: str = ""

    @classmethod
    def here(cls, argv: Sequence[str] = ()) -> Origin:
        """This process."""
        return cls(tuple(argv), _user(), socket.gethostname(), os.getpid(), start_time(os.getpid()))

    @property
    def alive(self) -> bool:
        """It runs on this host, now. What runs elsewhere cannot be seen, and counts as gone."""
        return bool(self.pid) and self.host == socket.gethostname() and _lives(self.pid, self.started)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def start_time(pid: int) -> str:
    """When the process started, in whatever unit the system counts; "" where there is no telling."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _start_time_by_psutil(pid)
    name_ends = text.rindex(")")  # a process's name may itself hold spaces and parentheses
    return text[name_ends + 2 :].split()[19]


def _start_time_by_psutil(pid: int) -> str:
    try:
        import psutil
    except ImportError:
        return ""
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


def _lives(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not started or start_time(pid) == started


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user often has no entry anywhere
