"""A replicate on disk: there as a whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
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
    """Write all files; the folder appears when the last one is there.

    :raises DeployerError: as :func:`check_free`, or it cannot be written.
    """
    folder = folder.resolve()
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            fill(draft, files)
            draft.chmod(_FOLDER & ~_umask())
            draft.rename(folder)  # over an empty one, too
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise DeployerError(f"{folder}: cannot be written: {error.strerror}") from None


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
