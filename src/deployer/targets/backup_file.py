"""A back-up of a hub's database: a plain sqlite file, and beside it its checksum as `sha256sum --check` reads it.

A third file, ``.hub``, says which hub it is of.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from deployer.errors import DeployerError, Place, TargetError
from deployer.fleet.ids import ReleaseId
from deployer.targets import hub_database
from deployer.targets.local.files import write_text

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)\n?")


class HubDatabase(Protocol):
    """The database of one hub, with other deployers kept away."""

    def copy(self, to: Path) -> None:
        """Write a consistent copy, for nobody else to read, to a file that is not there yet; the hub goes on.

        :raises TargetError: there is none, or it cannot be read.
        """
        ...

    def servers(self) -> int:
        """How many users' servers the hub knows to run."""
        ...

    def replace(self, by: Path, kept_as: str) -> str:
        """Stop the hub and users' servers, put a copy in the place of its database, and start the hub again.

        Where the hub ran and does not come up with it, the old one is put back.

        :returns: where the old database is kept; "" where there was none.
        :raises TargetError: it could not be done; the old database is in its place.
        """
        ...


def sum_file(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}.sha256")


def origin_file(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}.hub")


def origin(backup: Path) -> str:
    """Which hub a back-up is of, "" where that does not stand beside it."""
    file = origin_file(backup)
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""


def write(database: HubDatabase, backup: Path, release: ReleaseId) -> dict[str, Any]:
    """Make a back-up; what is in it.

    :raises DeployerError: there is a file of that name, or it cannot be written.
    """
    for path in (backup, sum_file(backup), origin_file(backup)):
        if path.exists():
            raise DeployerError(f"{path} is there already", hint="Name another file.")
    if not backup.parent.is_dir():
        raise DeployerError(f"{backup.parent}: no such folder")
    database.copy(backup)
    try:
        found = _looked(backup)
        write_text(sum_file(backup), f"{hub_database.digest(backup)}  {backup.name}\n")
        write_text(origin_file(backup), f"{release}\n")
    except BaseException:
        backup.unlink(missing_ok=True)
        raise
    return found


def check(backup: Path) -> tuple[dict[str, Any], bool]:
    """What is in a back-up, and whether a checksum stands beside it.

    :raises DeployerError: it is not whole, not what it was, or no database of a JupyterHub.
    """
    if not backup.is_file():
        raise DeployerError(f"{backup}: no such file")
    known = sum_file(backup).is_file()
    if known:
        line = _LINE.fullmatch(sum_file(backup).read_text(encoding="utf-8", errors="replace"))
        if line is None:
            raise DeployerError("no checksum as sha256sum writes it", Place(str(sum_file(backup))))
        if line[1] != hub_database.digest(backup):
            raise DeployerError("is not what it was when its checksum was written", Place(str(backup)))
    return _looked(backup), known


def _looked(backup: Path) -> dict[str, Any]:
    try:
        return hub_database.look(backup)
    except hub_database.DamagedError as error:
        raise TargetError(str(error), Place(str(backup))) from None
