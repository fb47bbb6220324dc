"""A replicate on disk: there as a whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployer.errors import DeployerError

_PROGRAMS = frozenset({"deploy.sh", "check.sh"})
_FILE, _PROGRAM, _FOLDER = 0o666, 0o777, 0o777  # less the umask


def check_free(folder: Path) -> None:
    """
    :raises DeployerError: it is no folder, or something is in it.
    """
    if folder.exists() and not folder.is_dir():
        raise DeployerError(f"{folder}: a file is there", hint="Name a folder that is new or empty.")
    if folder.is_dir() and any(folder.iterdir()):
        raise DeployerError(f"{folder} is not empty", hint="Name a folder that is new or empty.")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files: a new folder appears when the last one is there, one that is there and empty is filled.

    One that is there stays the same folder: somebody may stand in it, or it may be a volume of its own.

    :raises DeployerError: as :func:`check_free`, or it cannot be written.
    """
    folder = folder.resolve()
    check_free(folder)
    try:
        if folder.is_dir():
            with _draft(folder, files) as draft:
                _move(draft, folder)
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _draft(folder.parent, files) as draft:
                draft.chmod(_FOLDER & ~_umask())
                draft.rename(folder)
    except OSError as error:
        raise DeployerError(f"{folder}: cannot be written: {error.strerror}") from None


@contextmanager
def _draft(parent: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """All files in a new folder below the parent; what is left of it at the end is removed."""
    draft = Path(tempfile.mkdtemp(dir=parent, prefix=".replicate-"))
    try:
        fill(draft, files)
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _move(draft: Path, folder: Path) -> None:
    """All entries from one folder into another of the same file system; where one cannot be, none is."""
    moved: list[Path] = []
    try:
        for entry in sorted(draft.iterdir()):
            moved.append(folder / entry.name)  # before it is there: an interrupt may come at any time
            entry.rename(moved[-1])
    except BaseException:
        for entry in moved:
            if entry.exists():
                entry.rename(draft / entry.name)
        raise


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files below a folder."""
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod((_PROGRAM if path in _PROGRAMS else _FILE) & ~_umask())


def _umask() -> int:
    """What new files are created without."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
