"""The journal of a rollout: append-only JSON lines, on the disk before and after each act.

``<state>/rollouts/<rollout id>/`` holds ``plan.json`` and one or more ``*.jsonl``: processes on one machine share
``journal.jsonl``; the legs of a matrix each bring a file of their own, and a folder that holds them all knows it all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployer.errors import DeployerError, Place
from deployer.plan import codec
from deployer.plan.model import Plan
from deployer.rollout import wire
from deployer.rollout.events import Event
from deployer.rollout.record import RolloutRecord, replay

FOLDER = "rollouts"
PLAN = "plan.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class JournalError(DeployerError):
    """The journal cannot be written: nothing may be done that it would not tell of."""


def new_id(now: datetime, random: int) -> str:
    """A rollout id that sorts by time: ``20261121-140850-3f9a1c``."""
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{random & 0xFFFFFF:06x}"


def check_id(text: str) -> str:
    """The same text, where it can name a folder.

    :raises DeployerError: it cannot.
    """
    if not _NAME.fullmatch(text):
        raise DeployerError(
            f"rollout id {text!r}: not a safe file name",
            hint="Letters, digits, dots, dashes and underscores; a letter or digit first; at most 100.",
        )
    return text


class Journal:
    """One process's hand on a rollout's journal. Safe to use from several threads."""

    def __init__(self, folder: Path, *, leg: str = "") -> None:
        """``leg`` names this process's own file, where the folder is not shared with the other processes."""
        self.folder = folder
        self.path = folder / (f"journal-{check_id(leg)}.jsonl" if leg else "journal.jsonl")
        self._lock = threading.Lock()
        self._file: int | None = None

    @property
    def rollout(self) -> str:
        return self.folder.name

    @classmethod
    def start(cls, state: Path, rollout: str, plan: Plan, *, leg: str = "") -> Journal:
        """The journal of a rollout of this plan: a new one, or, where the id is known, that one, joined.

        :raises DeployerError: the id is no file name, or is that of a rollout of another plan.
        """
        folder = state / FOLDER / check_id(rollout)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_once(folder / PLAN, codec.dumps(plan))
        except OSError as error:
            raise JournalError(f"cannot begin a journal: {error.strerror}", Place(str(folder))) from None
        journal = cls(folder, leg=leg)
        if journal.plan() != codec.loads(codec.dumps(plan)):
            raise DeployerError(
                f"rollout {rollout} is of another plan",
                Place(str(folder / PLAN)),
                "Use another --rollout-id, or carry on with that plan: --resume.",
            )
        return journal

    @classmethod
    def find(cls, state: Path, rollout: str, *, leg: str = "") -> Journal:
        """The journal of a known rollout.

        :raises DeployerError: there is none of that id.
        """
        folder = state / FOLDER / check_id(rollout)
        if not folder.is_dir():
            raise DeployerError(f"there is no rollout {rollout}", hint="`deployer history` lists them.")
        return cls(folder, leg=leg)

    def plan(self) -> Plan:
        path = self.folder / PLAN
        try:
            return codec.loads(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DeployerError(f"cannot be read: {error}", Place(str(path))) from None

    def append(self, *events: Event) -> None:
        """Write each event as a line of its own; return when all are on the disk.

        :raises JournalError: they are not.
        """
        lines = [(json.dumps(wire.to_json(event), ensure_ascii=False) + "\n").encode() for event in events]
        try:
            with self._lock:
                file = self._open()
                for line in lines:
                    _write_line(file, line)
            os.fsync(file)
        except OSError as error:
            raise JournalError(
                f"cannot write the journal: {error.strerror}",
                Place(str(self.path)),
                f"When there is room again: deployer deploy --resume {self.rollout}",
            ) from None

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def record(self) -> RolloutRecord:
        """What all journals of the folder tell; nothing, where there is none yet.

        :raises DeployerError: one holds what is no journal.
        """
        files = sorted(self.folder.glob("*.jsonl"))
        parts = [_read(path) for path in files]
        events = [event for part, _torn in parts for event in part]
        if len(files) > 1:
            events.sort(key=lambda event: event.at)  # of one file the order stands, whatever the clock did
        return replay(events, torn=sum(torn for _part, torn in parts))

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Alone among the processes that share this folder: for reading who does what, and saying what we will do."""
        try:
            file = (self.folder / "lock").open("w")
        except OSError as error:
            raise JournalError(f"cannot be written: {error.strerror}", Place(str(self.folder))) from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _open(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            if _is_torn(self._file):
                _write_line(self._file, b"\n")
        return self._file


@dataclass(frozen=True, slots=True)
class Listed:
    """A rollout in history; ``damage`` says why there is no record."""

    id: str
    folder: Path
    at: datetime
    record: RolloutRecord | None = None
    damage: str = ""


def history(state: Path) -> list[Listed]:
    """All rollouts, the newest first; those that cannot be read are listed as damaged."""
    folders = {path.parent for path in (state / FOLDER).glob("*/*.jsonl")}
    return sorted((_listed(folder) for folder in folders), key=lambda one: (one.at, one.id), reverse=True)


def _listed(folder: Path) -> Listed:
    at = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    try:
        record = Journal(folder).record()
    except DeployerError as error:
        return Listed(folder.name, folder, at, damage=str(error))
    if record.started_at is None:
        return Listed(folder.name, folder, at, damage="the journal does not say that it began")
    return Listed(folder.name, folder, record.started_at, record)


def _write_once(path: Path, text: str) -> None:
    """Write a file whole, or not at all where it is there already: of several processes one does."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _write_line(file: int, line: bytes) -> None:
    """One write, so that lines of several processes never mix; the next line starts afresh after a torn one."""
    if (written := os.write(file, line)) != len(line):
        with contextlib.suppress(OSError):
            os.write(file, b"\n")
        raise OSError(None, f"only {written} of {len(line)} bytes went in")


def _is_torn(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _read(path: Path) -> tuple[list[Event], int]:
    """The events of a file, and how many of its lines were torn (a killed process, a full disk)."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DeployerError(f"cannot be read: {error.strerror}", Place(str(path))) from None
    events, torn = [], 0
    for number, line in enumerate(lines, 1):
        try:
            events.append(wire.from_json(json.loads(line)))
        except (json.JSONDecodeError, UnicodeDecodeError):
            torn += bool(line.strip())
        except (ValueError, TypeError) as error:
            raise DeployerError(f"damaged: {error}", Place(str(path), number)) from None
    return events, torn
