"""The hub's database: copied while in use, restored only by schema, nothing thrown away."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from deployer.errors import TargetError
from deployer.targets.local import database

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def run(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def users(path):
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("select name from users order by 1")]


@pytest.fixture
def hub(tmp_path):
    path = tmp_path / "jupyterhub.sqlite"
    run(path, "create table users (name text)", "create table alembic_version (version_num text)")
    run(path, "insert into users values ('ada')", "insert into alembic_version values ('1')")
    return path


def test_copied_while_somebody_writes(hub, tmp_path):
    with closing(sqlite3.connect(hub)) as writer:
        writer.execute("insert into users values ('eve')")  # not committed
        assert database.back_up(hub, tmp_path / "backups" / "before-2.sqlite")
    assert users(tmp_path / "backups" / "before-2.sqlite") == ["ada"]


def test_copied_with_what_lies_in_its_write_ahead_log(hub, tmp_path):
    with closing(sqlite3.connect(hub)) as writer:
        writer.execute("pragma journal_mode=wal")
        writer.execute("insert into users values ('eve')")
        writer.commit()
        database.back_up(hub, tmp_path / "copy.sqlite")
    assert users(tmp_path / "copy.sqlite") == ["ada", "eve"]


def test_no_database_no_backup(tmp_path):
    assert database.back_up(tmp_path / "none.sqlite", tmp_path / "copy.sqlite") is False
    assert database.schema(tmp_path / "none.sqlite") == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("statement", "same"),
    [
        ("insert into users values ('eve')", True),
        ("alter table users add column admin int", False),
        ("create table extra (x int)", False),
        ("update alembic_version set version_num = '2'", False),
    ],
)
def test_what_changes_the_schema(hub, statement, same):
    before = database.schema(hub)
    run(hub, statement)
    assert (database.schema(hub) == before) is same


def test_restored_and_the_newer_one_kept(hub, tmp_path):
    wanted = database.schema(hub)
    backups = tmp_path / "backups"
    database.back_up(hub, backups / "before-2.sqlite")
    run(hub, "alter table users add column admin int", "insert into users values ('eve', 1)")
    database.back_up(hub, backups / "before-10.sqlite")
    copy = database.find_backup(backups, wanted)
    assert copy.name == "before-2.sqlite"
    newer = database.restore(hub, copy, NOW)
    assert users(hub) == ["ada"]
    assert users(newer) == ["ada", "eve"]
    assert database.schema(hub) == wanted


def test_the_newest_backup_that_fits(hub, tmp_path):
    for number in (9, 10):
        database.back_up(hub, tmp_path / f"before-{number}.sqlite")
    assert database.find_backup(tmp_path, database.schema(hub)).name == "before-10.sqlite"
    assert database.find_backup(tmp_path, "other") is None


def test_few_are_kept(hub, tmp_path):
    for number in range(database.KEPT + 3):
        database.back_up(hub, tmp_path / "b" / f"before-{number}.sqlite")
    database.prune(tmp_path / "b")
    assert [path.stem for path in database.backups(tmp_path / "b")] == [
        f"before-{n}" for n in range(3, database.KEPT + 3)
    ]


def test_a_damaged_database_is_told(tmp_path):
    path = tmp_path / "jupyterhub.sqlite"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(TargetError, match=r"jupyterhub\.sqlite: file is not a database"):
        database.back_up(path, tmp_path / "copy.sqlite")
    assert [one.name for one in tmp_path.iterdir()] == ["jupyterhub.sqlite"]


@pytest.mark.parametrize(
    ("statements", "stays"),
    [
        ((), False),  # cut before the first table
        (("create table users (name text)", "create table alembic_version (version_num text)"), False),
        (("create table alembic_version (version_num text)", "insert into alembic_version values ('1')"), True),
        (("create table users (name text)", "insert into users values ('ada')"), True),  # of a hub older than tags
    ],
)
def test_half_made(tmp_path, statements, stays):
    path = tmp_path / "jupyterhub.sqlite"
    run(path, *statements)
    database.discard_half_made(path)
    assert path.exists() is stays
    database.discard_half_made(tmp_path / "none.sqlite")
