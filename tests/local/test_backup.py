"""A hub's database backed up and restored: users come back, and the hub with them, whatever the file is."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
from contextlib import closing

import psutil
import pytest
from fleet_world import finished, wait_until

pytestmark = pytest.mark.local

OCEAN = "reef/ocean"


@pytest.fixture(scope="module")
def fleet(fleets):
    made = fleets({"reef": {"staging": {}, "ocean": {"canary": []}}})
    made.ok("deploy", OCEAN, "--yes")
    return made


def users(fleet):
    return {user["name"] for user in fleet.api(OCEAN, "GET", "users").json()}


@pytest.fixture
def copy(fleet, tmp_path):
    """A back-up with ada in it, who is gone from the hub now."""
    if "ada" not in users(fleet):
        fleet.api(OCEAN, "POST", "users/ada")
    said = fleet.ok("backup", OCEAN, str(tmp_path / "copy.sqlite")).out
    assert said.startswith(f"{OCEAN}: ")
    fleet.api(OCEAN, "DELETE", "users/ada")
    return tmp_path / "copy.sqlite"


def kept(fleet, mark="before-restore"):
    return [path for path in fleet.folder(OCEAN).iterdir() if mark in path.name]


def test_there_and_back(fleet, copy):
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    subprocess.run(["sha256sum", "--check", "--quiet", f"{copy.name}.sha256"], cwd=copy.parent, check=True)
    assert "ada" not in users(fleet)
    hub = fleet.pid(OCEAN)
    ran = fleet.ok("restore", "reef", "ocean", str(copy))
    assert "ada" in users(fleet)
    assert fleet.pid(OCEAN) != hub
    assert fleet.get(OCEAN) == 200
    (old,) = kept(fleet)
    assert str(old) in ran.out
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    with closing(sqlite3.connect(old)) as database:
        assert ("ada",) not in database.execute("select name from users").fetchall()
    assert "is there already" in fleet.run("backup", OCEAN, str(copy)).err


def test_what_is_no_back_up_changes_nothing(fleet, copy, tmp_path):
    pid, before = fleet.pid(OCEAN), len(kept(fleet))
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes(copy.read_bytes()[:20_000])
    changed = tmp_path / "changed.sqlite"
    changed.write_bytes(copy.read_bytes())
    (tmp_path / "changed.sqlite.sha256").write_text("0" * 64 + "  changed.sqlite\n")
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as database:
        database.execute("create table users (name)")
        database.commit()
    rows = {
        cut: "cut.sqlite: ",
        changed: "is not what it was when its checksum was written",
        other: "no JupyterHub's database: it lacks alembic_version, servers, spawners",
        tmp_path / "none.sqlite": "no such file",
    }
    for path, message in rows.items():
        ran = fleet.run("restore", OCEAN, str(path))
        assert (ran.code, message in ran.err) == (1, True), str(ran)
    assert (fleet.pid(OCEAN), len(kept(fleet))) == (pid, before)


def test_while_somebody_works(fleet, copy):
    fleet.api(OCEAN, "POST", "users/grace")
    with closing(sqlite3.connect(fleet.folder(OCEAN) / "jupyterhub.sqlite", timeout=60)) as database:
        # As the hub writes it of a server that runs.
        database.execute(
            "insert into servers (proto, ip, port, base_url) values ('http', '127.0.0.1', 9, '/user/grace/')"
        )
        (user,) = database.execute("select id from users where name = 'grace'").fetchone()
        database.execute("insert into spawners (user_id, server_id, name) values (?, last_insert_rowid(), '')", (user,))
        database.commit()
    ran = fleet.run("restore", OCEAN, str(copy))
    assert (ran.code, "one user's server runs, and would be ended" in ran.err) == (1, True), str(ran)
    fleet.ok("restore", OCEAN, str(copy), "--force")
    assert "ada" in users(fleet)
    assert "grace" not in users(fleet)


def test_one_that_the_hub_cannot_read_is_taken_back(fleet, copy):
    """Of a JupyterHub that is newer, say."""
    with closing(sqlite3.connect(copy)) as database:
        database.execute("update alembic_version set version_num = 'ffffffffffff'")
        database.commit()
    os.unlink(f"{copy}.sha256")  # noqa: PTH108
    fleet.api(OCEAN, "POST", "users/dora")
    ran = fleet.run("restore", OCEAN, str(copy))
    assert ran.code == 1, str(ran)
    assert "the hub does not come up with it" in ran.err
    assert "the old one is back" in ran.err
    assert "only the file itself was checked" in ran.err
    assert "dora" in users(fleet)
    assert len(kept(fleet, ".refused")) == 1


def restoring(fleet, copy):
    """A restore that has stopped the hub and goes on."""
    hub = fleet.pid(OCEAN)
    running = fleet.begin("restore", OCEAN, str(copy))
    wait_until(lambda: not psutil.pid_exists(hub) or running.poll() is not None)
    return running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_itself_back(fleet, copy, number):
    running = restoring(fleet, copy)
    running.send_signal(number)
    ran = finished(running)
    assert not kept(fleet, ".restoring")
    assert fleet.get(OCEAN) == 200
    assert ("ada" in users(fleet)) == (ran.code == 0), str(ran)  # 0: it was done before it could be interrupted
    assert ran.code == 0 or "putting the old database back" in ran.err


def test_killed_it_is_taken_back_by_the_next(fleet, copy):
    running = restoring(fleet, copy)
    running.kill()
    killed = finished(running).code != 0
    assert bool(kept(fleet, ".restoring")) == killed
    ran = fleet.ok("backup", OCEAN, str(copy.with_name("next.sqlite")))
    assert ("an earlier restore was cut" in ran.err) == killed, str(ran)
    assert not kept(fleet, ".restoring")
    wait_until(lambda: fleet.get(OCEAN) == 200)


def test_another_hubs_back_up(fleet, copy):
    beside = copy.with_name(f"{copy.name}.hub")
    assert beside.read_text() == f"{OCEAN}\n"
    beside.write_text("reef/staging\n")
    pid = fleet.pid(OCEAN)
    ran = fleet.run("restore", OCEAN, str(copy))
    assert (ran.code, "is a back-up of reef/staging" in ran.err, fleet.pid(OCEAN)) == (1, True, pid), str(ran)
    assert "is a back-up of reef/staging" in fleet.ok("restore", OCEAN, str(copy), "--force").err
    assert "ada" in users(fleet)


def test_a_hub_that_is_stopped_stays_so(fleet, copy):
    fleet.ok("down", OCEAN)
    fleet.ok("restore", OCEAN, str(copy))
    assert fleet.states()[OCEAN] == "stopped"
    again = copy.with_name("again.sqlite")
    fleet.ok("backup", OCEAN, str(again))  # needs no hub that runs


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["backup", "reef", "staging"], "reef/staging was never deployed here"),
        (["backup", "reef", "support"], "reef/support has no database"),
        (["backup", "reef"], "a hub is to be named"),
        (["backup", "reef/ocean", "a", "b"], "one file, not 2: a b"),
        (["backup", "reef/ocean", "no/such/folder/x.sqlite"], "no such folder"),
        (["restore", "reef/ocean"], "which back-up?"),
        (["restore", "reef/nowhere", "x"], "has no hub 'nowhere'"),
    ],
)
def test_what_cannot_be_asked(fleet, words, message):
    ran = fleet.run(*words)
    assert (ran.code, message in ran.err) == (1, True), str(ran)
