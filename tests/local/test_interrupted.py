"""The deployer killed at any moment, and called again: it ends as if nobody had killed it."""

import random
import shutil
import time

import pytest
from fleet_world import finished, wait_until

pytestmark = pytest.mark.local

RELEASES = {"reef/support", "reef/staging", "reef/ocean"}
DAEMONS = {"support/ingress": 1, "staging/hub": 1, "staging/proxy": 1, "ocean/hub": 1, "ocean/proxy": 1}
LINES = 28  # in the journal of the uncut rollout, its last one left out
KILLS = 3


@pytest.fixture(scope="module")
def fleet(fleets):
    return fleets({"reef": {"staging": {}, "ocean": {}}})


@pytest.fixture
def nothing_yet(fleet):
    yield fleet
    fleet.ok("down", "--purge", "--yes")
    assert not fleet.processes()
    shutil.rmtree(fleet.state)


def cut_at_line(fleet, line, pause):
    """Kill the deployer that goes on as soon as the journals have so many lines, and a while later."""

    def cut(running):
        wait_until(lambda: fleet.count_of_lines() >= line or running.poll() is not None, pause=0.005)
        time.sleep(pause)
        running.kill()
        return finished(running)

    return cut


def cut_after(seconds):
    def cut(running):
        time.sleep(seconds)
        running.kill()
        return finished(running)

    return cut


def cuts(fleet, seed):
    """At places in the journal and some time later, then at any time at all."""
    rng = random.Random(seed)
    lines = sorted(rng.sample(range(1, LINES), KILLS))
    return [
        *(cut_at_line(fleet, line, rng.choice([0, rng.uniform(0, 2)])) for line in lines),
        cut_after(rng.random() * 3),
    ]


@pytest.mark.parametrize(("seed", "words"), [(1, ("--resume",)), (2, ("--resume",)), (3, ("--all",))])
def test_killed_again_and_again(nothing_yet, seed, words):
    fleet = nothing_yet
    for cut in cuts(fleet, seed):
        begun = fleet.count_of_lines()
        ran = cut(fleet.begin("deploy", *(words if begun else ("--all",))))
        assert ran.code in {-9, 0}, ran  # 0: it was done before it could be killed

    ran = fleet.ok("deploy", *(words if fleet.count_of_lines() else ("--all",)))

    assert set(fleet.outcomes().values()) <= {"succeeded", "unchanged"}, str(ran)
    assert set(fleet.outcomes()) == RELEASES
    rows = fleet.status()
    assert {name: (row["state"], row["healthy"], row["revision"]) for name, row in rows.items()} == dict.fromkeys(
        RELEASES, ("running", True, 1)
    )
    for release in RELEASES:
        assert fleet.records(release) == {1: ("deployed", True)}
        ended = [line for line in fleet.journal() if line["event"] == "ReleaseEnded" and line["release"] == release]
        assert len(ended) == 1
    assert fleet.daemons() == {f"reef/releases/{name}": number for name, number in DAEMONS.items()}
    assert fleet.get("reef/ocean") == 200
    assert "unfinished" not in fleet.ok("history", "show", fleet.rollouts()[0]).out
