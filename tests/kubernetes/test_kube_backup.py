"""A hub's database on Kubernetes, with the real program on a real database.

Nodes here are KWOK's, on which no command can be run: ``kubectl exec`` alone is stood in for, by a program that runs
the same words on this machine, with a folder for the hub's disk. All else is kubectl's, on a real API server.
"""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from shutil import which

import pytest
from jupyterhub import dbutil, orm
from kube_cluster import plain_environment

from deployer.targets.helm.hub_data import worker

pytestmark = pytest.mark.kubernetes

KUBECTL = """\
#!{python}
import os, pathlib, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(word for word in words if "\\n" not in word) + "\\n")
failing = pathlib.Path({failing!r})
if words[2:4] == ["rollout", "status"] and failing.exists():
    failing.unlink()
    sys.exit("error: timed out waiting for the condition")
if words[2:3] == ["exec"]:
    inner = words[words.index("--") + 2 :]
    os.execv(sys.executable, [sys.executable, *(word.replace("/srv/jupyterhub", {disk!r}) for word in inner)])
os.execv({kubectl!r}, ["kubectl", *words])
"""


def database(path: Path, *users: str, servers: int = 0) -> Path:
    """As JupyterHub makes it."""
    url = f"sqlite:///{path}"
    dbutil.upgrade_if_needed(url, backup=False)
    session = orm.new_session_factory(url)()
    for name in users:
        session.add(orm.User(name=name))
    for _ in range(servers):
        session.add(orm.Spawner(name="", user=session.query(orm.User).first(), server=orm.Server()))
    session.commit()
    session.get_bind().dispose()
    return path


def users(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("select name from users")}


class Disk:
    """What the hub's volume holds, and what was asked of kubectl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.log, self.failing, self.bin = folder / "log", folder / "failing", folder / "bin"
        self.bin.mkdir()
        command = self.bin / "kubectl"
        real = which("kubectl", path=plain_environment()["PATH"])
        paths = {"log": self.log, "failing": self.failing, "disk": self.folder, "kubectl": real}
        command.write_text(KUBECTL.format(python=sys.executable, **{name: str(path) for name, path in paths.items()}))
        command.chmod(0o755)

    @property
    def database(self) -> Path:
        return self.folder / "jupyterhub.sqlite"

    def asked(self) -> list[str]:
        words = [line.split() for line in self.log.read_text().splitlines()]
        told = [" ".join(word[2:]) for word in words if word[2:3] and word[2] in ("scale", "delete", "exec", "rollout")]
        self.log.write_text("")
        return told


@pytest.fixture
def fleet(fleets):
    made = fleets({"reef": {"staging": {}}})
    made.ok("deploy", "--all", "--yes")
    return made


@pytest.fixture
def disk(fleet, tmp_path):
    made = Disk(tmp_path)
    fleet.more["PATH"] = f"{made.bin}:{plain_environment()['PATH']}"
    return made


def as_before(fleet):
    """The hub is wanted again, and nothing that helped is left."""
    space, cluster = fleet.namespace("reef/staging"), fleet.cluster("reef/staging")
    assert cluster.get("deployment", "hub", space)["spec"]["replicas"] == 1
    assert [pod["metadata"]["name"] for pod in cluster.all("pods", space) if "restore" in pod["metadata"]["name"]] == []


def test_there_and_back(fleet, disk, tmp_path):
    hub, copy = ["reef", fleet.full("staging")], tmp_path / "copy.sqlite"
    database(disk.database, "ada")
    assert "1 user in" in fleet.ok("backup", *hub, str(copy)).out
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert users(copy) == {"ada"}
    disk.asked()

    disk.database.unlink()
    database(disk.database, "grace", servers=1)
    ran = fleet.run("restore", *hub, str(copy))
    assert (ran.code, "one user's server runs" in ran.err) == (1, True), str(ran)
    assert not [one for one in disk.asked() if not one.startswith("exec hub-")]

    (disk.folder / "jupyterhub.sqlite-journal").write_bytes(b"what a killed hub left")
    ran = fleet.ok("restore", *hub, str(copy), "--force")
    assert users(disk.database) == {"ada"}
    assert [users(path) for path in disk.folder.glob("*before-restore*")] == [{"grace"}]
    assert not (disk.folder / "jupyterhub.sqlite-journal").exists()
    asked = disk.asked()
    assert [one.split(" --")[0] for one in asked] == [
        "scale deployment/hub",
        "delete pods",
        "delete pod hub-restore",  # that of one that was cut
        "exec hub-restore",
        "delete pod hub-restore",
        "scale deployment/hub",
        "rollout status deployment/hub",
    ]
    assert ("--replicas=0" in asked[0], "--replicas=1" in asked[5]) == (True, True)
    as_before(fleet)


def test_a_hub_that_does_not_come_up_gets_its_database_back(fleet, disk, tmp_path):
    copy = database(tmp_path / "copy.sqlite", "ada")
    database(disk.database, "grace")
    disk.failing.touch()
    ran = fleet.run("restore", "reef", fleet.full("staging"), str(copy))
    assert ran.code == 1
    assert "the hub does not come up with it" in ran.err
    assert users(disk.database) == {"grace"}
    as_before(fleet)


def test_what_a_killed_restore_left_is_put_right(fleet, disk, tmp_path):
    space, cluster = fleet.namespace("reef/staging"), fleet.cluster("reef/staging")
    copy = database(tmp_path / "copy.sqlite", "ada")
    database(disk.database, "grace")
    cluster.kubectl("scale", "deployment/hub", "--replicas=0", "--namespace", space)
    pod = worker(cluster.get("deployment", "hub", space))
    cluster.kubectl("create", "--filename", "-", "--namespace", space, stdin=json.dumps(pod))
    fleet.ok("restore", "reef", fleet.full("staging"), str(copy), "--force")
    assert users(disk.database) == {"ada"}
    as_before(fleet)


def test_where_nothing_can_be_run_the_hub_is_started_again(fleet, tmp_path):
    """With kubectl's own exec, which KWOK's nodes refuse."""
    copy = database(tmp_path / "copy.sqlite", "ada")
    ran = fleet.run("restore", "reef", fleet.full("staging"), str(copy), "--force")
    assert ran.code == 1
    assert "in pod hub-restore: " in ran.err
    assert "import" not in ran.err  # the program is not shown
    as_before(fleet)


def test_a_database_that_is_no_file(fleet):
    fleet.change("reef/staging", {"jupyterhub": {"hub": {"db": {"type": "postgres"}}}})
    ran = fleet.run("backup", "reef", fleet.full("staging"))
    assert (ran.code, "its database is of type postgres: it is PostgreSQL's: use pg_dump" in ran.err) == (1, True)


def test_the_pod_that_works_on_the_disk_is_the_hub_s_own_but_for_what_it_runs(fleet):
    deployment = fleet.cluster("reef/staging").get("deployment", "hub", fleet.namespace("reef/staging"))
    pod = worker(deployment)
    of_hub, of_worker = deployment["spec"]["template"]["spec"], pod["spec"]
    assert of_worker["volumes"] == of_hub["volumes"]
    assert of_worker["containers"][0]["volumeMounts"] == of_hub["containers"][0]["volumeMounts"]
    assert of_worker["containers"][0]["image"] == of_hub["containers"][0]["image"]
    selected = deployment["spec"]["selector"]["matchLabels"].items()
    assert not selected <= pod["metadata"]["labels"].items()
    assert "env" not in json.dumps(pod)
