"""A folder for decrypted text: readable by us alone, in memory where the machine can, gone when we are."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - made below with a random name and mode 0700
PREFIX, RENDER, PROOF = PREFIXES = ("deployer-private-", "deployer-render-", "deployer-replicate-")
SETTLED = 10.0  # seconds after which a new folder surely has its lock


@contextmanager
def private_folder(*, in_memory: bool = True) -> Iterator[Path]:
    """A new folder, mode 0700; removed at the end, on an error, and when the interpreter exits.

    While it is used it is locked, so that :func:`sweep` knows those that a killed process left.
    """
    where = MEMORY if in_memory and os.access(MEMORY, os.W_OK | os.X_OK) else None
    with held_folder(PREFIX, where) as folder:
        yield folder


@contextmanager
def held_folder(prefix: str, where: Path | None = None) -> Iterator[Path]:
    """The same with one of :data:`PREFIXES` for its name, where ``where`` says or temporary files stand."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    forget = partial(remove, folder)
    atexit.register(forget)
    try:
        yield folder
    finally:
        forget()
        atexit.unregister(forget)
        os.close(handle)


def remove(folder: Path) -> None:
    """Remove the folder; it is no error if it is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of our own processes that are no more."""
    for parent in {MEMORY, Path(tempfile.gettempdir())}:
        for folder in (found for prefix in PREFIXES for found in parent.glob(f"{prefix}*")):
            if _is_left(folder):
                remove(folder)


def _is_left(folder: Path) -> bool:
    """Whether the folder is ours and nobody holds it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.fstat(handle)
            if found.st_uid != os.getuid() or time.time() - found.st_mtime < SETTLED:
                return False
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
        return True
    return False


def write_private(path: Path, content: bytes) -> Path:
    """Write a file that only we can read, from its first byte on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    return path
