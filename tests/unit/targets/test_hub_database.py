"""The program that works on a hub's database, as it runs in a pod: with Python alone, and none of our packages."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from deployer.errors import TargetError
from deployer.fleet.ids import ReleaseId
from deployer.targets.helm.hub_data import check_kind, program

TABLES = (
    "create table users (id integer primary key, name text)",
    "create table servers (id integer primary key)",
    "create table spawners (id integer primary key, server_id integer)",
    "create table alembic_version (version_num text)",
    "insert into alembic_version values ('4621fec11365')",
    "insert into spawners (server_id) values (null)",
)


def database(path: Path, *users: str, journal: str = "delete") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma journal_mode = {journal}")
        for line in TABLES:
            connection.execute(line)
        connection.executemany("insert into users (name) values (?)", [(name,) for name in users])
        connection.commit()
    return path


def users(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("select name from users order by id")]


def run(*words: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", program(), *map(str, words)]
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)


def test_what_is_in_it(tmp_path: Path) -> None:
    found = json.loads(run("look", database(tmp_path / "a", "ada", "grace")).stdout)
    assert found == {"users": 2, "servers": 0, "tables": "4621fec11365"}


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_copy_holds_what_was_committed_while_others_write(tmp_path: Path, journal: str) -> None:
    path = database(tmp_path / "a", "ada", journal=journal)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("insert into users (name) values ('grace')")
        if journal == "wal":  # readers see what was committed before
            writer.execute("begin")
            writer.execute("insert into users (name) values ('not yet')")
        done = run("dump", path)
    (tmp_path / "copy").write_bytes(done.stdout)
    assert users(tmp_path / "copy") == ["ada", "grace"]
    assert done.stderr.decode().split() == [hashlib.sha256(done.stdout).hexdigest()]


def test_another_in_its_place(tmp_path: Path) -> None:
    path = database(tmp_path / "a", "ada", journal="wal")
    path.chmod(0o640)
    new = database(tmp_path / "new", "grace").read_bytes()
    (tmp_path / "a-journal").write_bytes(b"of the old one")
    done = run("place", path, hashlib.sha256(new).hexdigest(), "a.kept", stdin=new)
    assert (done.returncode, done.stdout.decode()) == (0, f"{tmp_path}/a.kept\n")
    assert (users(path), users(tmp_path / "a.kept")) == (["grace"], ["ada"])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "a.kept", "new"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640  # who could read it still can
    assert stat.S_IMODE((tmp_path / "a.kept").stat().st_mode) == 0o600

    done = run("return", path, "a.kept", "a.refused")
    assert (done.returncode, users(path), users(tmp_path / "a.refused")) == (0, ["ada"], ["grace"])


def test_where_there_is_none_or_it_is_damaged(tmp_path: Path) -> None:
    new = database(tmp_path / "new", "grace").read_bytes()
    total = hashlib.sha256(new).hexdigest()
    assert run("place", tmp_path / "a", total, "kept", stdin=new).stdout == b"\n"
    (tmp_path / "a").write_bytes(b"no database at all")
    assert run("place", tmp_path / "a", total, "kept", stdin=new).returncode == 0
    assert (tmp_path / "kept").read_bytes() == b"no database at all"
    assert users(tmp_path / "a") == ["grace"]


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    path = database(tmp_path / "a", "ada")
    new = database(tmp_path / "new", "grace").read_bytes()
    (tmp_path / "new").unlink()
    before = path.read_bytes()
    for stdin, total, message in (
        (new[:-1], hashlib.sha256(new).hexdigest(), "what arrived is not what was sent"),
        (b"x" * 5000, hashlib.sha256(b"x" * 5000).hexdigest(), "file is not a database"),
        (b"", hashlib.sha256(b"").hexdigest(), "no JupyterHub's database: it lacks alembic_version"),
    ):
        done = run("place", path, total, "kept", stdin=stdin)
        assert (done.returncode, message in done.stderr.decode()) == (1, True), done.stderr
        assert path.read_bytes() == before
        assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert run("dump", tmp_path / "none").stderr.decode() == f"{tmp_path}/none: there is no such file\n"


def test_of_what_kind_it_must_be() -> None:
    ocean = ReleaseId("reef", "ocean")
    for values in ({}, {"hub": None}, {"hub": {"db": None}}, {"hub": {"db": {"type": "sqlite-pvc"}}}):
        check_kind(ocean, values)
    for kind, why in {
        "postgres": "pg_dump",
        "mysql": "mysqldump",
        "sqlite-memory": "nothing to",
        "x": "cannot",
    }.items():
        with pytest.raises(TargetError, match=why):
            check_kind(ocean, {"hub": {"db": {"type": kind}}})
