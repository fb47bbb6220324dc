"""What each hub of a process would work out and find the same: compiled pages and SQL, empty tables, entry points.

Nothing here is a hub's own: no connection, no secret, no row.
"""

from __future__ import annotations

import copy
import sqlite3
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from jinja2.bccache import Bucket, BytecodeCache
from jupyterhub import orm
from jupyterhub.traitlets import EntryPointType
from sqlalchemy.dialects import plugins
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import CreateEnginePlugin
from sqlalchemy.util import LRUCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from sqlalchemy import URL, Engine


class Templates(BytecodeCache):
    """Pages as the first hub of this process compiled them, which takes most of the time of a first request."""

    def __init__(self) -> None:
        self._code: dict[tuple[bool, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        known = self._code.get(_kind(bucket))
        if known is not None:
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[_kind(bucket)] = bucket.bytecode_to_string()


def _kind(bucket: Bucket) -> tuple[bool, str]:
    """JupyterHub has each page twice: an error's is rendered by an environment that is not asynchronous."""
    return bucket.environment.is_async, bucket.key


TEMPLATES = Templates()
_ENTRY_POINTS: dict[tuple[str, ...], dict[str, EntryPoint]] = {}


class Installed(EntryPointType):
    """A trait for a class by the name under which it was installed: looking for that opens a file of each package."""

    @classmethod
    def like(cls, trait: EntryPointType) -> Installed:
        mine: Installed = copy.copy(trait)
        mine.__class__ = cls
        return mine

    def load_entry_points(self) -> dict[str, EntryPoint]:
        key = (self.entry_point_group, *sys.path)
        if key not in _ENTRY_POINTS:
            _ENTRY_POINTS[key] = super().load_entry_points()
        return _ENTRY_POINTS[key]


def connect(path: str) -> sqlite3.Connection:
    """A database of a test need not survive a power failure: waiting for the disk is most of a hub's start."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_mode=MEMORY")
    return connection


_TABLES: dict[str, bytes] = {}


def copy_tables(path: Path) -> bool:
    """Give a new hub the empty tables that JupyterHub made for the first one; whether they are of this version."""
    if path.exists() or not path.parent.is_dir():
        return False
    if "empty" not in _TABLES:
        url = f"sqlite:///{path}"
        factory = orm.new_session_factory(url, creator=partial(connect, str(path)))
        factory().get_bind().dispose()
        _TABLES["empty"] = path.read_bytes()
    else:
        path.write_bytes(_TABLES["empty"])
    return True


_PATCHING = threading.Lock()


@contextmanager
def checked(path: Path) -> Iterator[None]:
    """JupyterHub need not read all its migrations to find that the tables it made a moment ago are of its version."""
    with _PATCHING:
        check = orm.check_db_revision

        def unless_made(engine: Engine) -> None:
            if engine.url.database != str(path):
                check(engine)

        orm.check_db_revision = unless_made
        try:
            yield
        finally:
            orm.check_db_revision = check


class _AnySQLite(SQLiteDialect_pysqlite):
    """Equal to all of its kind: statements that were compiled for one of them serve the others."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _AnySQLite)

    def __hash__(self) -> int:
        return hash(_AnySQLite)


STATEMENTS: Any = LRUCache(2000)
SHARED_SQL = "jupyterhub_pytest_plugin"


class SharedSQL(CreateEnginePlugin):
    """SQL that JupyterHub says is compiled once per process; each engine would keep it for itself.

    Only for engines with no settings of their own: others might compile to something else. It has to be a plugin:
    as soon as an engine has compiled a statement, its dialect is part of a key and must stay what it is.
    """

    def update_url(self, url: URL) -> URL:
        return url

    def engine_created(self, engine: Engine) -> None:
        if type(engine.dialect) is SQLiteDialect_pysqlite:
            engine.dialect.__class__ = _AnySQLite
            engine.update_execution_options(compiled_cache=STATEMENTS)


plugins.register(SHARED_SQL, __name__, SharedSQL.__name__)
