"""What goes wrong in a fleet, and what a user then sees. The tests share one fleet of three clusters.

The names of the clusters are part of one another on purpose: nothing may be found by a part of a name.
"""

import json
import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from fleet_world import finished, wait_until, write_cluster

pytestmark = pytest.mark.local

REEF = {"staging": {}, "ocean": {}}
ALL = {"a-reef": REEF, "reef": REEF, "reef-2": {"staging": {}}}


@pytest.fixture(scope="module")
def reefs(fleets):
    world = fleets(ALL)
    ran = world.ok("deploy", "--all")
    assert "8 succeeded" in ran.out
    return world


@pytest.fixture
def fleet(reefs):
    """The fleet, whole; its files are put back at the end."""
    yield reefs
    reefs.git("checkout", "--quiet", ".")
    reefs.git("clean", "--quiet", "--force", "-d")


def config(section, **traits):
    return {"hub": {"config": {section: traits}}}


# A way to break a hub, how far its health is checked then, and what the cause must name.
BROKEN = {
    "no such trait": (config("Authenticator", alow_all=True), "http", ["Authenticator", "alow_all"]),
    "a snippet raises": (
        {"hub": {"extraConfig": {"10-tide": "raise RuntimeError('low tide')"}}},
        "http",
        ["10-tide", "low tide"],
    ),
    "servers die": ({"singleuser": {"cmd": ["false"]}, **config("Spawner", http_timeout=5)}, "user", ["spawn"]),
}


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_canary(fleet, way):
    values, health, named = BROKEN[way]
    before, pids = fleet.status(), fleet.pids()
    hubs = {"staging": {"health": health}, "ocean": {"health": "http"}}
    write_cluster(fleet, "reef", hubs)
    fleet.change("reef/staging", values)
    for name in ("reef/ocean", "a-reef/ocean"):
        fleet.change(name, {"singleuser": {"extraEnv": {"WAY": way}}})

    ran = fleet.run("deploy", "--since", "HEAD")

    assert ran.code == 3, str(ran)
    outcomes = fleet.outcomes()
    assert outcomes["reef/staging"] == "failed", str(ran)
    assert outcomes["reef/ocean"] == "withheld"
    assert {outcome for name, outcome in outcomes.items() if name.startswith("a-reef/")} <= {"succeeded", "unchanged"}
    assert outcomes["a-reef/ocean"] == "succeeded"
    assert not any(name.startswith("reef-2/") for name in outcomes)
    told = next(line for line in ran.out.splitlines() if line.startswith("reef/staging failed: "))
    assert all(word in told for word in named), told
    assert "Next: deployer logs reef staging" in ran.out
    assert "Traceback" not in ran.out + ran.err

    after = fleet.status()
    assert {name: row["state"] for name, row in after.items()} == dict.fromkeys(before, "running")
    assert all(row["healthy"] for row in after.values()), after
    assert after["a-reef/ocean"]["revision"] == before["a-reef/ocean"]["revision"] + 1
    for name in set(before) - {"a-reef/ocean", "reef/staging"}:
        assert after[name]["revision"] == before[name]["revision"], name
    assert fleet.values("reef/staging")["hub"] == {"config": {"JupyterHub": {"authenticator_class": "dummy"}}}
    assert {
        name: pid for name, pid in fleet.pids().items() if "/ocean/" not in name and "/staging/hub" not in name
    } == {name: pid for name, pid in pids.items() if "/ocean/" not in name and "/staging/hub" not in name}
    assert fleet.pid("reef/ocean") == pids["local/reef/releases/ocean/hub.pid.json"]
    assert fleet.get("reef/ocean") == fleet.get("reef/staging") == 200


def test_a_broken_canary_on_a_first_install(fleet):
    write_cluster(fleet, "reef-3", {"staging": {"health": "http"}, "ocean": {"health": "http"}})
    fleet.change("reef-3/staging", BROKEN["a snippet raises"][0])
    before = fleet.pids()

    ran = fleet.run("deploy", "reef-3")

    assert ran.code == 3, str(ran)
    assert fleet.outcomes() == {"reef-3/support": "succeeded", "reef-3/staging": "failed", "reef-3/ocean": "withheld"}
    states = fleet.states()
    assert (states["reef-3/staging"], states["reef-3/ocean"]) == ("failed", "absent")
    assert [name for name in fleet.daemons() if name.startswith("reef-3/")] == ["reef-3/releases/support/ingress"]
    fleet.ok("down", "reef-3")
    assert fleet.pids() == before


def assert_all_mended(fleet):
    rows = fleet.status()
    assert {row["state"] for row in rows.values()} == {"running"}, rows
    assert all(row["healthy"] for row in rows.values()), rows
    assert set(fleet.daemons().values()) == {1}, fleet.daemons()
    for name in ("reef/staging", "reef/ocean"):
        assert fleet.get(name) == 200


def kill_three(fleet):
    fleet.kill("reef/staging", "hub")
    fleet.kill("reef/ocean", "proxy")
    fleet.kill("reef/support", "ingress")


def test_killed_processes(fleet):
    revisions = {name: row["revision"] for name, row in fleet.status().items()}
    kill_three(fleet)
    shown, rows = fleet.ok("status").out, fleet.status()
    assert {name for name, row in rows.items() if row["state"] == "failed"} == {
        "reef/staging",
        "reef/ocean",
        "reef/support",
    }
    for name, daemon in {"reef/staging": "hub", "reef/ocean": "proxy", "reef/support": "ingress"}.items():
        assert rows[name]["detail"] == f"not alive: {daemon}"
        assert f"not alive: {daemon}" in shown

    repaired = fleet.ok("status", "--repair")
    assert {line for line in repaired.out.splitlines() if line.endswith(": started again")} == {
        f"reef/{name}: started again" for name in ("staging", "ocean", "support")
    }
    assert_all_mended(fleet)

    kill_three(fleet)
    fleet.ok("deploy", "reef")
    assert fleet.outcomes() == dict.fromkeys(("reef/staging", "reef/ocean", "reef/support"), "succeeded")
    assert_all_mended(fleet)
    assert {name: row["revision"] for name, row in fleet.status().items()} == revisions


@pytest.fixture
def stranger():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield psutil.Process(child.pid)
    child.kill()
    child.communicate()


def test_a_pid_that_another_process_has_now(fleet, stranger):
    fleet.kill("reef/staging", "hub")
    path = fleet.pid_file("reef/staging", "hub")
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": stranger.pid}))
    assert fleet.states()["reef/staging"] == "failed"
    fleet.ok("deploy", "reef", "staging")
    assert fleet.pid("reef/staging") != stranger.pid
    assert stranger.is_running()
    assert stranger.status() != psutil.STATUS_ZOMBIE
    assert_all_mended(fleet)


def test_daemons_whose_pid_files_were_never_written(fleet):
    """A deployer that is killed at the wrong moment leaves them: they hold the ports that people know."""
    lost = {"reef/staging": "proxy", "reef/ocean": "hub", "reef/support": "ingress"}
    for name, daemon in lost.items():
        fleet.pid_file(name, daemon).unlink()
    ports = {name: row["plain_url"] for name, row in fleet.status().items()}
    fleet.ok("deploy", "reef")
    assert_all_mended(fleet)
    assert {name: row["plain_url"] for name, row in fleet.status().items()} == ports


def test_down_finds_daemons_without_pid_files(fleet):
    for daemon in ("proxy", "hub"):
        fleet.pid_file("reef/ocean", daemon).unlink()
    fleet.ok("down", "reef", "ocean")
    assert not [name for name in fleet.daemons() if name.startswith("reef/releases/ocean/")]
    fleet.ok("deploy", "reef", "ocean")
    assert_all_mended(fleet)


def test_two_deployers_at_once(fleet):
    first = fleet.begin("deploy", "reef", "--force")
    wait_until(lambda: fleet.begun("upgrade", "reef/staging"))
    rollout = fleet.rollouts()[0]
    second = fleet.run("deploy", "reef", "staging", "--lock-timeout", "0.2")
    assert second.code == 3, second
    assert f"reef/staging is locked by rollout {rollout} (process {first.pid} on " in second.out
    assert finished(first).code == 0
    assert set(fleet.outcomes(rollout).values()) == {"succeeded"}


def test_processes_that_share_a_rollout(fleet, tmp_path):
    plan = str(tmp_path / "plan.json")
    fleet.ok("plan", "--all", "--save", plan)

    def leg(*releases):
        return fleet.begin("deploy", "--plan", plan, "--rollout-id", "shared", "--only", *releases)

    early = finished(leg("reef/ocean"))
    assert early.code == 1
    assert "reef/ocean stands behind its canary reef/staging, which has no record of success" in early.err
    both = [leg("reef/support", "reef/staging"), leg("a-reef/support", "a-reef/staging")]
    for ran in map(finished, both):
        assert ran.code == 0, str(ran)
    late = finished(leg("reef/ocean"))
    assert late.code == 0, late
    outcomes = fleet.outcomes("shared")
    assert set(outcomes) == {"a-reef/staging", "a-reef/support", "reef/ocean", "reef/staging", "reef/support"}
    assert set(outcomes.values()) <= {"succeeded", "unchanged"}


def test_a_port_that_somebody_else_has(fleet):
    """The cluster is given a port that is taken: its ingress stays where it was, and the other clusters go on."""
    before = fleet.status()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_cluster(fleet, "reef", {name: {"health": "http"} for name in REEF}, local={"port": port})
        ran = fleet.run("deploy", "--all")
        assert ran.code == 3, str(ran)
        assert f"port {port} of 127.0.0.1" in ran.out
        assert f"(process {os.getpid()})" in ran.out
        outcomes = fleet.outcomes()
        assert outcomes["reef/support"] == "failed"
        assert (outcomes["reef/staging"], outcomes["reef/ocean"]) == ("withheld", "withheld")
        assert {o for name, o in outcomes.items() if not name.startswith("reef/")} <= {"succeeded", "unchanged"}
        assert fleet.get("reef/ocean") == 200
        assert {name: row["url"] for name, row in fleet.status().items()} == {
            name: row["url"] for name, row in before.items()
        }
    ran = fleet.ok("deploy", "--all")
    assert fleet.status()["reef/support"]["url"] == f"http://127.0.0.1:{port}/"
    assert fleet.get("reef/ocean") == 200


def test_ten_hubs_at_once_beside_a_port_that_is_taken(fleets):
    names = ["staging", *(f"hub-{number}" for number in range(9))]
    world = fleets({"many": {name: {} for name in names}, "man": {"staging": {}}})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        write_cluster(world, "man", {"staging": {}}, local={"port": port})
        ran = world.run("deploy", "--all", "--max-parallel", "10", "--per-cluster", "10")
    assert ran.code == 3, str(ran)
    outcomes = world.outcomes()
    assert (outcomes.pop("man/support"), outcomes.pop("man/staging")) == ("failed", "withheld")
    assert set(outcomes.values()) == {"succeeded"}, str(ran)
    assert f"port {port} of 127.0.0.1, the address of the cluster's ingress, is taken by " in ran.out
    rows = world.status()
    assert {f"many/{name}" for name in names} <= {name for name, row in rows.items() if row["healthy"]}
    assert rows["man/staging"]["state"] == "absent"
    assert not [name for name in world.daemons() if name.startswith("man/")]


def test_interrupted_once_and_twice(fleet):
    """Once: what runs is finished, nothing starts. Twice: what runs is stopped too."""
    write_cluster(fleet, "reef", {"staging": {"health": "user"}, "ocean": {"health": "http"}})
    running = fleet.begin("deploy", "reef", "--force")
    wait_until(lambda: fleet.begun("check", "reef/staging"))
    running.send_signal(signal.SIGINT)
    ran = finished(running)
    assert ran.code == 130, str(ran)
    assert fleet.outcomes() == {"reef/support": "succeeded", "reef/staging": "succeeded", "reef/ocean": "cancelled"}
    assert "Next: deployer deploy --resume" in ran.out
    fleet.ok("deploy", "--resume")
    assert set(fleet.outcomes().values()) == {"succeeded"}

    before = fleet.status()["reef/staging"]["revision"]
    running = fleet.begin("deploy", "reef", "staging", "--force")
    wait_until(lambda: fleet.begun("upgrade", "reef/staging"))
    running.send_signal(signal.SIGINT)
    wait_until(lambda: any(line["event"] == "Interrupted" for line in fleet.journal()))
    running.send_signal(signal.SIGINT)
    ran = finished(running)
    assert ran.code == 130, str(ran)
    assert "Traceback" not in ran.err
    assert fleet.outcomes()["reef/staging"] == "cancelled"
    fleet.ok("deploy", "--resume")
    assert set(fleet.outcomes().values()) == {"succeeded"}
    assert fleet.status()["reef/staging"]["revision"] > before
    assert_all_mended(fleet)
