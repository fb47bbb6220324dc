"""Users' homes on this machine: one folder each, with the files that values put there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from deployer.targets.local.extra_files import ExtraFile

_LONGEST = 150


def safe_name(name: str) -> str:
    """A user's or server's name as the name of a file: different for different names, and never leading elsewhere."""
    safe = quote(name, safe="@+")
    safe = f"%2E{safe[1:]}" if safe.startswith(".") else safe
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}-{sha256(name.encode()).hexdigest()[:16]}"


def prepare_home(home: Path, files: Iterable[ExtraFile], mount_path: PurePosixPath, *, keep: bool) -> None:
    """Make the folder (anew unless ``keep``) and write the files that lie below the home's mount path."""
    if not keep and home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in files:
        relative = file.below(mount_path)
        if relative is not None and _stays_inside(home, home / relative):
            file.write(home / relative)


def _stays_inside(home: Path, path: Path) -> bool:
    """Users own their home: a link in it must not lead the deployer's pen elsewhere."""
    return path.parent.resolve().is_relative_to(home.resolve())
