"""A hub's sqlite database: backed up while the hub runs, restored only where a revision changed its schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from deployer.errors import TargetError
from deployer.targets.local.files import PRIVATE_FILE, private_folder, telling

KEPT = 5  # backups


def back_up(database: Path, copy: Path) -> bool:
    """Copy a database that may be in use, whole or not at all. False where there is none yet.

    :raises TargetError: it cannot be read, or the copy not be written.
    """
    if not database.exists():
        return False
    private_folder(copy.parent)
    temporary = copy.with_name(f".{copy.name}.{token_hex(4)}.tmp")
    try:
        with _telling(database), closing(_open(database)) as source, closing(sqlite3.connect(temporary)) as target:
            source.backup(target)
        temporary.chmod(PRIVATE_FILE)
        temporary.replace(copy)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def schema(database: Path) -> str:
    """A fingerprint of tables, indexes and alembic's version; "" where there is no database."""
    if not database.exists():
        return ""
    with _telling(database), closing(_open(database)) as source:
        rows = source.execute(
            "select type, name, sql from sqlite_master where sql is not null order by 1, 2"
        ).fetchall()
        with suppress(sqlite3.OperationalError):
            rows += source.execute("select version_num, '', '' from alembic_version order by 1").fetchall()
    return sha256(repr(rows).encode()).hexdigest()[:16]


def discard_half_made(database: Path) -> None:
    """Delete what is left where the first start of a hub was cut (killed, disk full): no later one could read it.

    JupyterHub tags a database with its version before anybody can be in it; one with a tag or with users stays.
    """
    if database.exists() and not _count(database, "alembic_version") and not _count(database, "users"):
        with telling(database):
            for rest in ("", "-wal", "-shm", "-journal"):
                database.with_name(database.name + rest).unlink(missing_ok=True)


def _count(database: Path, table: str) -> int:
    """The rows of a table, 0 where it is missing."""
    with _telling(database), closing(_open(database)) as source:
        known = source.execute("select count(*) from sqlite_master where name = ?", (table,)).fetchone()[0]
        rows = source.execute(f"select count(*) from {table}").fetchone()[0] if known else 0  # noqa: S608 (ours)
    return int(rows)


def restore(database: Path, copy: Path, now: datetime) -> Path:
    """Put ``copy`` in the database's place, while no hub runs; return where the newer one is kept."""
    newer = database.with_name(f"{database.name}.newer-{now:%Y%m%dT%H%M%S}")
    with telling(database):
        back_up(database, newer)
        for rest in ("-wal", "-shm", "-journal"):
            database.with_name(database.name + rest).unlink(missing_ok=True)
        back_up(copy, database)
    return newer


def find_backup(folder: Path, wanted: str) -> Path | None:
    """The newest backup with this schema."""
    return next((path for path in reversed(backups(folder)) if schema(path) == wanted), None)


def backups(folder: Path) -> list[Path]:
    """Backups, named after the revision that they were made before, oldest first."""
    found = [path for path in folder.glob("before-*.sqlite") if path.stem.removeprefix("before-").isdigit()]
    return sorted(found, key=lambda path: int(path.stem.removeprefix("before-")))


def prune(folder: Path) -> None:
    for path in backups(folder)[:-KEPT]:
        path.unlink(missing_ok=True)


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=30)


@contextmanager
def _telling(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise TargetError(f"{database}: {error}", hint="Is the disk full, or the file damaged?") from None
