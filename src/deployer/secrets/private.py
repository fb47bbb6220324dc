"""A folder for decrypted text: readable by us alone, in memory where the machine can, gone when we are."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - made below with a random name and mode 0700
PREFIX = "deployer-"


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder, mode 0700; removed at the end, on an error, and when the interpreter exits.

    A killed process cannot clean up: :func:`sweep` removes what such a one left.
    """
    where = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=where))
    atexit.register(remove, folder)
    try:
        yield folder
    finally:
        remove(folder)
        atexit.unregister(remove)


def remove(folder: Path) -> None:
    """Remove the folder; it is no error if it is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of our own processes that are no more."""
    for parent in {MEMORY, Path(tempfile.gettempdir())}:
        for folder in parent.glob(f"{PREFIX}*-*"):
            owner = folder.name.removeprefix(PREFIX).split("-", 1)[0]
            if owner.isdigit() and _is_ours(folder) and not _lives(int(owner)):
                remove(folder)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return found.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_private(path: Path, content: bytes) -> Path:
    """Write a file that only we can read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    return path
