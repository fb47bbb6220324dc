"""A hub's sqlite database: what is in it, a copy of it while it is in use, and putting a copy in its place.

This file is also run as it is within a hub's pod, so it needs nothing but Python 3.9 and its standard library:

    python3 - look DATABASE             what is in it, as JSON
    python3 - dump DATABASE             a consistent copy to standard output, its SHA-256 to standard error
    python3 - place DATABASE SUM NAME   the copy on standard input in its place, the old one kept as NAME beside it
    python3 - return DATABASE KEPT NAME   the one that was kept in its place again
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

TABLES = {"users", "servers", "spawners", "alembic_version"}  # without these it is no JupyterHub's
RESTS = ("-wal", "-shm", "-journal")  # what sqlite keeps beside a database, and would apply to another in its place
PRIVATE = 0o600
CHUNK = 1 << 20
WAIT = 30  # seconds for another's transaction


class DamagedError(Exception):
    """It is no database, none of a JupyterHub, or not whole."""


def look(database: Path) -> dict[str, Any]:
    """How many users there are, how many servers run, and the version of the tables.

    :raises DamagedError: it cannot be used.
    """
    with _opened(database) as connection:
        problems = [row[0] for row in connection.execute("pragma integrity_check(3)")]
        if problems != ["ok"]:
            raise DamagedError("damaged: " + "; ".join(problems))
        tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
        if not tables >= TABLES:
            raise DamagedError("no JupyterHub's database: it lacks " + ", ".join(sorted(TABLES - tables)))
        (users,) = connection.execute("select count(*) from users").fetchone()
        (servers,) = connection.execute("select count(*) from spawners where server_id is not null").fetchone()
        versions = [row[0] for row in connection.execute("select version_num from alembic_version")]
    return {"users": users, "servers": servers, "tables": ",".join(sorted(versions))}


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    if not database.is_file():
        raise DamagedError("there is no such file")
    try:
        with closing(sqlite3.connect(database, timeout=WAIT)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise DamagedError(str(error)) from None


def copy(database: Path, to: Path) -> None:
    """A consistent copy of a database that may be in use, for nobody else to read. ``to`` must not be there.

    :raises DamagedError: it cannot be read.
    """
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    try:
        with _opened(database) as source, closing(sqlite3.connect(to)) as target:
            source.backup(target)
            target.execute("pragma journal_mode = delete")  # a copy is one file
    except BaseException:
        to.unlink()
        raise


def place(new: Path, database: Path, name: str) -> str:
    """Put a copy in the place of a database that nobody uses; the path at which the old one is kept, "" for none.

    At each moment the one or the other is there, whole. ``new`` must be in the same folder, and is gone then.
    """
    kept = database.with_name(name)
    if database.exists():
        try:
            copy(database, kept)
        except DamagedError:
            shutil.copyfile(database, kept)  # as it is, for whoever may still read something of it
            kept.chmod(PRIVATE)
        for rest in RESTS:
            beside = database.with_name(database.name + rest)
            if beside.exists():
                beside.unlink()
        shutil.copymode(database, new)
    new.replace(database)
    _to_disk(database.parent)
    return str(kept) if kept.exists() else ""


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _dump(database: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "copy.sqlite"
        copy(database, made)
        look(made)
        with made.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        sys.stderr.write(f"{digest(made)}\n")


def _place(database: Path, wanted: str, name: str) -> None:
    new = database.with_name(database.name + ".incoming")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
            file.flush()
            os.fsync(file.fileno())
        if digest(new) != wanted:
            raise DamagedError("what arrived is not what was sent")
        look(new)
        sys.stdout.write(f"{place(new, database, name)}\n")
    finally:
        if new.exists():
            new.unlink()


def _return(database: Path, kept: str, name: str) -> None:
    sys.stdout.write(f"{place(database.with_name(kept), database, name)}\n")


def main(words: list[str]) -> int:
    """One of the commands above; 1 with a line on standard error where it cannot be."""
    database = Path(words[1])
    try:
        if words[0] == "look":
            sys.stdout.write(json.dumps(look(database)) + "\n")
        elif words[0] == "dump":
            _dump(database)
        else:
            {"place": _place, "return": _return}[words[0]](database, *words[2:])
    except (DamagedError, OSError) as error:
        sys.stderr.write(f"{database}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
