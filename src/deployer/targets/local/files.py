"""Files of the local target's state: whole or not at all, private, and locked between threads and processes."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from deployer.errors import TargetError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
POLL = 0.1  # seconds between two looks at a lock, a process, a port


def private_folder(path: Path) -> Path:
    """Make ``path`` and what is missing above it, for nobody else to read.

    :raises TargetError: it cannot be made.
    """
    with telling(path):
        if not path.is_dir():
            private_folder(path.parent)
            path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    return path


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses (disk full, no permission) into an error that says where."""
    try:
        yield
    except OSError as error:
        raise TargetError(
            f"{path}: {error.strerror or error}", hint="Nothing was left half written: mend this and run again."
        ) from None


def write_text(path: Path, text: str, *, mode: int = PRIVATE_FILE) -> None:
    """Write ``path`` so that readers find the old or the new content, also after a power cut.

    :raises TargetError: it cannot be written; the old content stands.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    with telling(path):
        try:
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8"
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def write_json(path: Path, value: Any, *, mode: int = PRIVATE_FILE) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n", mode=mode)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``, or None where there is none that can be read (absent, cut off)."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def locked(path: Path, *, give_up: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Hold ``path`` against other threads and processes; it is let go when its holder dies.

    Yields False, without holding it, as soon as ``give_up`` says so.
    """
    with locked_file(path, give_up=give_up) as handle:
        yield handle is not None


@contextmanager
def locked_file(
    path: Path, *, give_up: Callable[[], bool] = lambda: False, waits: Callable[[], None] = lambda: None
) -> Iterator[int | None]:
    """As :func:`locked`, with the open file: a child that is given it holds ``path``, too, until it ends.

    :param waits: called once, where somebody else holds it.
    """
    private_folder(path.parent)
    with telling(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        if not try_lock(handle):
            waits()
            if not _wait_for(handle, give_up):
                yield None
                return
        yield handle
    finally:
        os.close(handle)


def _wait_for(handle: int, give_up: Callable[[], bool]) -> bool:
    while not try_lock(handle):
        if give_up():
            return False
        time.sleep(POLL)
    return True


def try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
