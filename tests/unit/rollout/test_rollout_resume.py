"""Killed at any moment, the resumed run ends as the uncut run would have, with each upgrade completed once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_world import DEAD, Faults, KilledError, Life, World, plan_of, rollout_of

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.process import run as run_process
from deployer.rollout.journal import Journal
from deployer.rollout.options import Options
from deployer.rollout.prepare import resume_options
from deployer.rollout.states import Outcome

QUICK = Options(pause=0, attempts=1)
NAMES = ["support", "staging", "staging-2", "ocean", "lagoon"]
REEF = plan_of("reef/support", "reef/staging", "reef/ocean")
STAGING, OCEAN = ReleaseId("reef", "staging"), ReleaseId("reef", "ocean")

plans = st.sets(st.builds("{}/{}".format, st.sampled_from(["reef", "reef-2"]), st.sampled_from(NAMES)), min_size=1)
faults_of_one = st.builds(
    Faults,
    upgrade=st.sampled_from(["", "", "", "", "fail"]),
    check=st.sampled_from(["", "", "", "", "fail"]),
    rollback=st.sampled_from(["", "", "fail"]),
)


@st.composite
def worlds(draw):
    plan = plan_of(*draw(plans))
    ids = [one.id for one in plan.releases]
    befores = {one: draw(st.sampled_from(["absent", "old", "same", "dead", "unproven"])) for one in ids}
    return plan, {one: draw(faults_of_one) for one in ids}, befores


def prepare(folder, faults, befores):
    world = World(folder, faults)
    for release, before in befores.items():
        if before != "absent":
            world.deploy(release, digest="0" if before == "old" else "1")
        state = world.load(release)
        if before == "dead":
            world.save(release, state | {"running": False})
        if before == "unproven":
            state["revisions"]["1"]["verified"] = False
            world.save(release, state)
    return world


def run(rollout):
    return asyncio.run(rollout.run())


def run_until_killed(world, plan, options, moments):
    """Whether it was killed. What the killed process held in memory is gone; its folder is not."""
    world.life = Life(moments)
    try:
        run(rollout_of(world, plan, options, origin=DEAD))
    except KilledError:
        for lock in world.folder.rglob("*.lock"):  # of a process that is not there any more
            lock.unlink()
        return True
    finally:
        world.life = Life()
    return False


def the_end(world, plan, result):
    """All that must be the same: outcomes and causes, and of each release what runs and how often it was upgraded.

    Where two canaries fail, the cause of what is withheld names the one that failed first: that is a matter of time.
    """
    withheld = Outcome.WITHHELD
    ends = {one.release: (one.outcome, one.outcome is withheld or one.ended.cause) for one in result.releases}
    found = {}
    for one in plan.releases:
        state = world.load(one.id)
        now = state["revisions"].get(str(state["current"]), {})
        found[str(one.id)] = (state["current"], state["running"], now.get("verified"), state["completed"])
    return ends, found


@settings(max_examples=100, deadline=None)
@given(worlds(), st.lists(st.integers(1, 90), min_size=1, max_size=3), st.integers(1, 4), st.booleans())
def test_killed_at_any_moments_the_end_is_that_of_the_uncut_run(new_folder, made, kills, width, force):
    plan, faults, befores = made
    options = replace(QUICK, max_parallel=width, force=force)
    uncut = prepare(new_folder(), faults, befores)
    expected = the_end(uncut, plan, run(rollout_of(uncut, plan, options)))

    world = prepare(new_folder(), faults, befores)
    killed = True
    for moments in kills:
        if killed:
            killed = run_until_killed(world, plan, options, moments)
    if killed:
        try:
            result = run(rollout_of(world, plan, replace(options, resume=True)))
        except DeployerError as error:  # it was killed after its very last release
            assert "is complete" in error.message  # noqa: PT017
            result = run(rollout_of(world, plan, options))
        assert the_end(world, plan, result) == expected
    assert all(count <= 1 for count in world.completed(plan).values())


def test_every_single_moment(new_folder):
    """The same without chance, for a rollout with a success, a failed check and what is withheld behind it."""
    plan = plan_of("reef/support", "reef/staging", "reef/ocean", "atoll/ocean")
    faults = {STAGING: Faults(check="fail")}
    befores = {STAGING: "old"}
    uncut = prepare(new_folder(), faults, befores)
    uncut.life = Life()
    expected = the_end(uncut, plan, run(rollout_of(uncut, plan, replace(QUICK, max_parallel=1))))
    total = uncut.life.used
    assert total > 50
    for moments in range(1, total + 1):
        world = prepare(new_folder(), faults, befores)
        assert run_until_killed(world, plan, replace(QUICK, max_parallel=1), moments)
        result = run(rollout_of(world, plan, replace(QUICK, max_parallel=1)))
        assert the_end(world, plan, result) == expected


# Real processes, really killed


def start(folder, **asked):
    """The environment is all that a child needs: it dies by its own hand, so that nothing is left to end."""
    here = Path(__file__).parent
    words = [sys.executable, str(here / "rollout_process.py"), str(folder), json.dumps(asked)]
    return run_process(words, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(here)}, check=False, timeout=60)


BIG = ["reef/support", "reef/staging", "reef/ocean", "reef/lagoon", "atoll/support", "atoll/staging", "atoll/ocean"]


@pytest.mark.parametrize("seed", range(10))
def test_a_process_killed_by_sigkill_is_resumed(tmp_path, seed):
    plan, moments = plan_of(*BIG), random.Random(seed).randint(2, 130)
    asked = {"plan": BIG, "faults": {"atoll/staging": {"check": "fail"}}}
    killed = start(tmp_path, **asked, moments=moments)
    assert killed.returncode == -9, killed.stderr
    resumed = start(tmp_path, **asked, moments=None, resume=moments > 10)
    assert resumed.returncode == 3, resumed.stderr
    outcomes = {str(one): outcome for one, outcome in Journal.find(tmp_path, "r1").record().outcomes().items()}
    bad = {"atoll/staging": Outcome.FAILED, "atoll/ocean": Outcome.WITHHELD}
    assert outcomes == dict.fromkeys(BIG, Outcome.SUCCEEDED) | bad
    assert World(tmp_path).completed(plan) == dict.fromkeys(BIG, 1) | {"atoll/ocean": 0}


def test_two_processes_share_a_rollout(tmp_path):
    """Legs of a matrix on one machine, at the same time, on one journal."""
    from concurrent.futures import ThreadPoolExecutor

    legs = [
        ["reef/support", "reef/staging", "reef/ocean", "reef/lagoon"],
        ["atoll/support", "atoll/staging", "atoll/ocean"],
    ]
    with ThreadPoolExecutor() as pool:
        ends = list(pool.map(lambda leg: start(tmp_path, plan=BIG, faults={}, moments=None, only=leg), legs))
    assert [end.returncode for end in ends] == [0, 0], [end.stderr for end in ends]
    record = Journal.find(tmp_path, "r1").record()
    assert len(record.runs) == 2
    assert record.torn == 0
    assert record.outcomes() == dict.fromkeys(map(ReleaseId.parse, sorted(BIG)), Outcome.SUCCEEDED)
    assert set(World(tmp_path).completed(plan_of(*BIG)).values()) == {1}


# What a resume says and keeps


def test_a_complete_rollout_says_so(tmp_path):
    world = World(tmp_path)
    run(rollout_of(world, REEF))
    with pytest.raises(DeployerError, match="rollout r1 is complete") as complete:
        run(rollout_of(world, REEF, replace(QUICK, resume=True)))
    assert complete.value.exit_code == 0


def test_what_failed_stays_failed_unless_it_is_asked_for(tmp_path):
    world = World(tmp_path, {STAGING: Faults(check="fail")})
    run(rollout_of(world, REEF))
    world.faults.clear()
    with pytest.raises(DeployerError, match=r"complete(.|\n)*Not succeeded: reef/ocean, reef/staging") as complete:
        run(rollout_of(world, REEF, replace(QUICK, resume=True)))
    assert complete.value.exit_code == 3
    result = run(rollout_of(world, REEF, replace(QUICK, resume=True, retry_failed=True)))
    assert {one.outcome for one in result.releases} == {Outcome.SUCCEEDED}
    assert [one.kept for one in result.releases] == [True, False, False]


def test_a_resumed_rollout_has_the_options_and_the_parts_that_it_had(tmp_path):
    world = World(tmp_path)
    for name in ("support", "staging"):
        options = replace(QUICK, force=True, only=(ReleaseId("reef", name),), no_canary="urgent")
        run(rollout_of(world, REEF, options))
    record = Journal.find(tmp_path, "r1").record()
    resumed = resume_options(record, REEF)
    assert resumed == replace(options, only=(STAGING, ReleaseId("reef", "support")), resume=True)


def test_another_upgrade_in_between_is_not_rolled_back(tmp_path):
    """Cut between a failed check and its roll-back; then somebody repaired the hub with another rollout."""
    world = World(tmp_path, {OCEAN: Faults(check="fail", rollback="")})
    plan = plan_of("reef/ocean")
    moments = next(n for n in range(1, 60) if _cut_at(tmp_path / str(n), plan, n) == "rollback")
    assert run_until_killed(world, plan, QUICK, moments)
    world.faults.clear()
    world.want(OCEAN, "2")
    run(rollout_of(world, plan, rollout="repair"))
    result = run(rollout_of(world, plan, replace(QUICK, resume=True)))
    assert result.by_id[OCEAN].outcome is Outcome.FAILED
    assert world.load(OCEAN)["current"] == 2
    assert world.load(OCEAN)["rollbacks"] == 0


@pytest.mark.parametrize("force", [False, True])
def test_what_was_stopped_since_it_succeeded_is_started_again(tmp_path, force):
    """Support and the canary were done; then the run was cut, and somebody stopped support."""
    world, options = World(tmp_path), replace(QUICK, force=force)
    support = ReleaseId("reef", "support")
    run(rollout_of(world, REEF, replace(options, only=(support, STAGING))))
    world.save(support, world.load(support) | {"running": False})
    result = run(rollout_of(world, REEF, replace(options, resume=True)))
    assert {str(one.release): (one.outcome, one.kept) for one in result.releases} == {
        "reef/support": (Outcome.SUCCEEDED, False),
        "reef/staging": (Outcome.SUCCEEDED, True),
        "reef/ocean": (Outcome.SUCCEEDED, False),
    }
    assert world.load(support)["running"]
    assert world.load(support)["current"] == 1
    assert world.completed(REEF) == {"reef/support": 1, "reef/staging": 1, "reef/ocean": 1}


def test_what_nothing_stands_behind_any_more_is_left_stopped(tmp_path):
    world, plan = World(tmp_path), plan_of("reef/support", "atoll/support", "atoll/ocean")
    support = ReleaseId("reef", "support")
    run(rollout_of(world, plan, replace(QUICK, only=(support, ReleaseId("atoll", "support")))))
    world.save(support, world.load(support) | {"running": False})
    result = run(rollout_of(world, plan, replace(QUICK, resume=True)))
    assert result.by_id[support].kept
    assert not world.load(support)["running"]


def test_only_what_was_cut_or_interrupted_is_unfinished(tmp_path):
    """A lock that was refused is an outcome like any other."""
    world = World(tmp_path)
    assert run_until_killed(world, REEF, QUICK, 20)
    refused = plan_of("reef/ocean")
    with world.lock(OCEAN, "theirs", timeout=0, cancelled=Event()):
        run(rollout_of(world, refused, replace(QUICK, lock_timeout=0.05), rollout="r2"))
    interrupted = rollout_of(world, REEF, rollout="r3")
    interrupted.interrupt()
    run(interrupted)
    unfinished = {name: Journal.find(tmp_path, name).record().unfinished for name in ("r1", "r2", "r3")}
    assert unfinished == {"r1": True, "r2": False, "r3": True}
    run(rollout_of(world, REEF, replace(QUICK, resume=True)))
    assert not Journal.find(tmp_path, "r1").record().unfinished


def _cut_at(folder, plan, moments):
    """The act that a run killed at this moment leaves unfinished."""
    world = World(folder, {OCEAN: Faults(check="fail")})
    run_until_killed(world, plan, QUICK, moments)
    return Journal.find(folder, "r1").record().of(OCEAN).past.unfinished
