"""The runner against releases in a folder: order, isolation, limits, outcomes, interruptions."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_world import DEAD, Faults, Watcher, World, plan_of, rollout_of

from deployer.errors import DeployerError
from deployer.fleet.ids import Level, ReleaseId, Stage
from deployer.plan.model import Plan
from deployer.rollout.events import Act, ActBegun, ActEnded, Interrupted, NoCanary, ReleaseEnded, RolloutEnded, Said
from deployer.rollout.journal import Journal
from deployer.rollout.options import Options
from deployer.rollout.runner import carry_out_plan
from deployer.rollout.states import Outcome

SUPPORT, STAGING, OCEAN, LAGOON = (ReleaseId("reef", name) for name in ("support", "staging", "ocean", "lagoon"))
REEF = plan_of("reef/support", "reef/staging", "reef/ocean", "reef/lagoon")
BUG = "a bug: ZeroDivisionError"
QUICK = Options(pause=0, attempts=1)

OK, FAILED, WITHHELD, CANCELLED, UNCHANGED = Outcome.SUCCEEDED, *list(Outcome)[1:]


@pytest.fixture
def world(new_folder):
    return World(new_folder())


def run(rollout):
    return asyncio.run(rollout.run())


def outcomes(result):
    return {str(one.release): one.outcome for one in result.releases}


def expected(plan: Plan, faults) -> dict[str, Outcome]:
    """What the design promises, computed without any scheduler."""
    found: dict[ReleaseId, Outcome] = {}
    for one in sorted(plan.releases, key=lambda one: one.stage.rank):
        if any(not found[need].good for need in plan.needs()[one.id]):
            found[one.id] = WITHHELD
        else:
            fault = faults.get(one.id, Faults())
            unhealthy = fault.check and one.stage is not Stage.SUPPORT
            found[one.id] = FAILED if fault.upgrade or unhealthy else OK
    return {str(one): outcome for one, outcome in sorted(found.items())}


# Promise 1 and 2: order within a cluster, nothing across clusters

CLUSTERS = ["reef", "reef-2", "a-reef"]
names = st.sets(
    st.builds(
        "{}/{}".format, st.sampled_from(CLUSTERS), st.sampled_from(["support", "staging", "staging-2", "ocean", "reef"])
    ),
    min_size=1,
)
faults_of_one = st.builds(
    Faults,
    upgrade=st.sampled_from(["", "", "", "fail", "bug"]),
    check=st.sampled_from(["", "", "", "fail", "bug"]),
    seconds=st.sampled_from([0, 0, 0.003]),
)


@st.composite
def worlds(draw):
    plan = plan_of(*draw(names))
    return plan, {one.id: draw(faults_of_one) for one in plan.releases}


@settings(max_examples=40, deadline=None)
@given(worlds(), st.integers(1, 6), st.one_of(st.none(), st.integers(1, 3)))
def test_every_rollout_keeps_its_promises(new_folder, made, width, per_cluster):
    plan, faults = made
    world, watcher = World(new_folder(), faults), Watcher()
    options = replace(QUICK, max_parallel=width, per_cluster=per_cluster)
    result = run(rollout_of(world, plan, options, reporter=watcher))
    assert dict(sorted(outcomes(result).items())) == expected(plan, faults)
    assert world.gauge.most["in all"] <= width
    assert all(world.gauge.most[cluster] <= (per_cluster or width) for cluster in CLUSTERS)
    assert len(watcher.of(ReleaseEnded)) == len(plan.releases)
    good: set[ReleaseId] = set()
    for event in watcher.events:
        if isinstance(event, ReleaseEnded) and event.outcome.good:
            good.add(event.release)
        if isinstance(event, ActBegun):
            assert plan.needs()[event.release] <= good
    record = Journal.find(world.folder, "r1").record()
    assert {str(one): outcome for one, outcome in record.outcomes().items()} == outcomes(result)


def test_a_slow_cluster_holds_up_no_other(world):
    """Clusters share no barrier: with reef's support stuck, atoll comes to its end."""
    plan = plan_of("reef/support", "reef/ocean", "atoll/support", "atoll/staging", "atoll/ocean")
    done = threading.Event()
    world.on_upgrade = lambda release: done.wait(20) if release == SUPPORT else None
    watcher = Watcher(then=lambda event: done.set() if _ended(event, "atoll/ocean") else None)
    result = run(rollout_of(world, plan, reporter=watcher))
    assert set(outcomes(result).values()) == {OK}
    ends = [str(event.release) for event in watcher.of(ReleaseEnded)]
    assert ends.index("atoll/ocean") < ends.index("reef/support")


def _ended(event, name):
    return isinstance(event, ReleaseEnded) and str(event.release) == name


# How a release ends


@pytest.mark.parametrize(
    "row",
    [
        (Faults(), False, OK, "", 1, 1),
        (Faults(upgrade="fail"), False, FAILED, "the upgrade does not work", 0, None),
        (Faults(upgrade="bug"), False, FAILED, "a bug: ZeroDivisionError: the upgrade", 0, None),
        (Faults(confirm="fail"), False, FAILED, "the confirmation does not work", 1, 1),
        (
            Faults(check="fail"), True, FAILED,
            "spawn timed out: no server after 60 s (rolled back to revision 1)", 1, 1,
        ),
        (
            Faults(check="fail"), False, FAILED,
            "spawn timed out: no server after 60 s (stopped, for there is no good revision to go back to)", 1, 1,
        ),
        (Faults(check="bug"), True, FAILED, "a bug: ZeroDivisionError: the check (rolled back to revision 1)", 1, 1),
        (
            Faults(check="fail", rollback="fail"), True, FAILED,
            "spawn timed out: no server after 60 s (the roll-back failed too: the roll-back does not work)", 1, 2,
        ),
        (
            Faults(check="fail", rollback="bug"), True, FAILED,
            f"spawn timed out: no server after 60 s (the roll-back failed too: {BUG}: the roll-back)", 1, 2,
        ),
    ],
)  # fmt: skip
def test_how_a_release_ends(world, row):
    faults, before, outcome, cause, completed, current = row
    plan = plan_of("reef/ocean")
    world.faults[OCEAN] = faults
    if before:
        world.deploy(OCEAN)
    result = run(rollout_of(world, plan)).by_id[OCEAN]
    assert (result.outcome, result.ended.cause) == (outcome, cause)
    state = world.load(OCEAN)
    assert (state["completed"], state["current"]) == (completed, current)
    assert bool(result.ended.bug) == ("a bug" in cause)
    if result.ended.bug:
        assert "ZeroDivisionError" in (world.folder / "rollouts/r1/bug-reef_ocean.txt").read_text()
    if outcome is OK:
        assert (result.ended.url, result.ended.log) == ("http://ocean.reef.localhost/", "/log/reef/ocean")
        assert result.ended.notices == ("no GPU",)
        assert state["revisions"]["1"]["verified"]


def test_what_has_not_changed_is_left_alone_unless_forced(world):
    world.deploy(OCEAN, digest="1")
    world.faults[OCEAN] = Faults(check="fail")  # it is not even checked
    assert outcomes(run(rollout_of(world, plan_of("reef/ocean")))) == {"reef/ocean": UNCHANGED}
    world.faults.clear()
    forced = rollout_of(world, plan_of("reef/ocean"), replace(QUICK, force=True), rollout="r2")
    assert outcomes(run(forced)) == {"reef/ocean": OK}
    assert world.load(OCEAN)["completed"] == 1


def test_a_revision_that_was_never_verified_is_checked_again(world):
    world.deploy(OCEAN, digest="1")
    state = world.load(OCEAN)
    state["revisions"]["1"]["verified"] = False
    world.save(OCEAN, state)
    assert outcomes(run(rollout_of(world, plan_of("reef/ocean")))) == {"reef/ocean": OK}
    assert world.load(OCEAN)["revisions"]["1"]["verified"]
    assert world.load(OCEAN)["completed"] == 0


def test_a_proven_revision_that_was_only_restarted_is_not_rolled_back(world):
    world.deploy(OCEAN, digest="1")
    world.save(OCEAN, world.load(OCEAN) | {"running": False})
    world.faults[OCEAN] = Faults(check="fail")
    result = run(rollout_of(world, plan_of("reef/ocean"))).by_id[OCEAN]
    assert "had passed its health check before, so it stays" in result.ended.cause
    assert world.load(OCEAN)["rollbacks"] == 0


def test_levels_decide_whether_there_is_a_check(world):
    world.faults = {OCEAN: Faults(check="fail"), LAGOON: Faults(check="fail")}
    plan, watcher = plan_of("reef/ocean", "reef/lagoon"), Watcher()
    result = run(rollout_of(world, plan, levels={OCEAN: Level.NONE}, reporter=watcher))
    assert outcomes(result) == {"reef/ocean": OK, "reef/lagoon": FAILED}
    assert [event.release for event in watcher.of(ActBegun) if event.act is Act.CHECK] == [LAGOON]
    assert world.load(OCEAN)["revisions"]["1"]["verified"]
    overridden = rollout_of(world, plan, replace(QUICK, health=Level.NONE), rollout="r2")
    assert outcomes(run(overridden)) == {"reef/ocean": UNCHANGED, "reef/lagoon": OK}


def test_a_check_gets_its_attempts(world):
    tries = []

    class Second:
        def check(self, release, endpoint, control):
            tries.append(release)
            return replace(world.check(release, endpoint, control), ok=len(tries) > 1)

    watcher = Watcher()
    options, checkers = replace(QUICK, attempts=3), {Level.USER: Second()}
    rollout = rollout_of(world, plan_of("reef/ocean"), options, reporter=watcher, checkers=checkers)
    assert outcomes(run(rollout)) == {"reef/ocean": OK}
    assert len(tries) == 2
    assert any(event.text.startswith("attempt 1:") for event in watcher.of(Said))


@pytest.mark.parametrize("deaf", [False, True])
def test_a_release_that_takes_too_long_fails_and_says_so(world, deaf):
    """Also where the target itself does not count: the event is set for it."""
    world.faults[OCEAN] = Faults(seconds=30, deaf=deaf)
    result = run(rollout_of(world, plan_of("reef/ocean"), replace(QUICK, timeout=0.2))).by_id[OCEAN]
    assert result.outcome is FAILED
    assert result.ended.cause in {"too slow", "timed out after 0.2 s: cancelled"}
    assert result.ended.seconds < 10


def test_withheld_releases_say_why(world):
    world.faults[STAGING] = Faults(check="fail")
    result = run(rollout_of(world, REEF))
    assert outcomes(result) == {
        "reef/support": OK, "reef/staging": FAILED, "reef/lagoon": WITHHELD, "reef/ocean": WITHHELD,
    }  # fmt: skip
    assert result.by_id[OCEAN].ended.behind == (STAGING,)
    assert result.by_id[OCEAN].ended.cause.startswith("stands behind reef/staging, which failed: spawn timed out: no")
    assert world.load(OCEAN)["completed"] == 0
    assert result.exit_code == 3


def test_a_failed_support_release_withholds_staging_too(world):
    world.faults[SUPPORT] = Faults(upgrade="fail")
    result = run(rollout_of(world, REEF))
    assert [one.outcome for one in result.releases] == [FAILED, WITHHELD, WITHHELD, WITHHELD]


# Options


def test_fail_fast_starts_nothing_anywhere_after_a_failure(world):
    plan = plan_of("a/support", "a/ocean", "b/support", "b/ocean", "c/ocean")
    world.faults[ReleaseId("a", "support")] = Faults(upgrade="fail")
    result = run(rollout_of(world, plan, replace(QUICK, max_parallel=1, fail_fast=True)))
    assert outcomes(result) == {
        "a/support": FAILED, "a/ocean": WITHHELD, "b/support": CANCELLED, "b/ocean": CANCELLED, "c/ocean": CANCELLED,
    }  # fmt: skip
    assert result.by_id[ReleaseId("c", "ocean")].ended.cause == "a/support failed (--fail-fast)"
    assert result.exit_code == 3


def test_the_limits_are_used_and_kept(world):
    plan = plan_of(*(f"{cluster}/hub-{n}" for cluster in ("a", "b") for n in range(8)))
    world.faults = {one.id: Faults(seconds=0.02) for one in plan.releases}
    run(rollout_of(world, plan, replace(QUICK, max_parallel=5, per_cluster=3)))
    assert world.gauge.most == {"in all": 5, "a": 3, "b": 3} or world.gauge.most["in all"] == 5
    assert max(world.gauge.most["a"], world.gauge.most["b"]) == 3


def test_another_rollouts_lock_is_waited_for_and_then_refused_by_name(world):
    plan = plan_of("reef/ocean", "atoll/ocean")
    with world.lock(OCEAN, "theirs", timeout=0, cancelled=threading.Event()):
        result = run(rollout_of(world, plan, replace(QUICK, lock_timeout=0.1)))
    assert outcomes(result) == {"atoll/ocean": OK, "reef/ocean": FAILED}
    assert result.by_id[OCEAN].ended.cause == "reef/ocean is locked by rollout theirs"


def test_200_releases(world):
    plan = plan_of(*(f"c{c}/{name}" for c in range(20) for name in ["support", "staging", *map(str, range(8))]))
    began = time.process_time()
    result = run(rollout_of(world, plan, replace(QUICK, max_parallel=8)))
    assert set(outcomes(result).values()) == {OK}
    assert len(result.releases) == 200
    assert time.process_time() - began < 20  # work, not waiting


def test_waiting_costs_no_work(world):
    world.faults[OCEAN] = Faults(seconds=1.0)
    began = time.process_time()
    run(rollout_of(world, plan_of("reef/ocean")))
    assert time.process_time() - began < 0.5


# Part of a plan, several processes

only = lambda *releases, **more: replace(QUICK, only=releases, **more)  # noqa: E731


def test_production_alone_is_refused_without_its_canaries_record(world):
    with pytest.raises(DeployerError, match="reef/ocean stands behind its canary reef/staging, which has no record"):
        run(rollout_of(world, REEF, only(OCEAN)))
    assert world.load(OCEAN)["completed"] == 0
    with pytest.raises(DeployerError, match="its support reef/support"):
        run(rollout_of(world, REEF, only(STAGING)))


def test_legs_share_a_rollout(world):
    assert outcomes(run(rollout_of(world, REEF, only(SUPPORT, STAGING)))) == {"reef/support": OK, "reef/staging": OK}
    result = run(rollout_of(world, REEF, only(OCEAN, LAGOON)))
    assert outcomes(result) == {"reef/lagoon": OK, "reef/ocean": OK}
    assert world.completed(REEF) == dict.fromkeys(["reef/support", "reef/staging", "reef/lagoon", "reef/ocean"], 1)
    other = rollout_of(world, REEF, only(OCEAN), rollout="r2")
    with pytest.raises(DeployerError, match="no record of success in this rollout"):
        run(other)  # the success of another rollout does not count


def test_a_canary_that_failed_in_another_leg_withholds(world):
    world.faults[STAGING] = Faults(check="fail")
    run(rollout_of(world, REEF, only(SUPPORT, STAGING)))
    result = run(rollout_of(world, REEF, only(OCEAN)))
    assert result.by_id[OCEAN].outcome is WITHHELD
    assert result.by_id[OCEAN].ended.cause.startswith("stands behind reef/staging, which failed: spawn timed out")
    assert result.exit_code == 3


def test_no_canary_lifts_the_rule_and_is_journalled(world):
    watcher = Watcher()
    result = run(rollout_of(world, REEF, only(OCEAN, no_canary="the hub is down"), reporter=watcher))
    assert outcomes(result) == {"reef/ocean": OK}
    assert [event.reason for event in watcher.of(NoCanary)] == ["the hub is down"]
    (ran,) = Journal.find(world.folder, "r1").record().runs.values()
    assert ran.no_canary == "the hub is down"


def test_no_canary_within_a_plan_still_waits_for_support(world):
    world.faults = {STAGING: Faults(check="fail")}
    options = replace(QUICK, no_canary="urgent")
    assert [one.outcome for one in run(rollout_of(world, REEF, options)).releases] == [OK, FAILED, OK, OK]
    world.faults = {SUPPORT: Faults(upgrade="fail")}
    again = rollout_of(world, REEF, options, rollout="r2")
    assert [one.outcome for one in run(again).releases] == [FAILED, WITHHELD, WITHHELD, WITHHELD]


def test_what_succeeded_in_this_rollout_is_not_done_twice(world):
    run(rollout_of(world, REEF, replace(QUICK, force=True)))
    result = run(rollout_of(world, REEF, replace(QUICK, force=True)))
    assert all(one.kept and one.outcome is OK for one in result.releases)
    assert set(world.completed(REEF).values()) == {1}
    assert result.exit_code == 0


def test_a_release_of_a_live_process_is_its_own(world):
    seen = []

    def join(event):
        if isinstance(event, ActBegun) and event.act is Act.UPGRADE and event.release == SUPPORT:
            for options in (QUICK, replace(QUICK, resume=True)):
                with pytest.raises(DeployerError, match=f"is being carried out by process {os.getpid()} on"):
                    asyncio.run(rollout_of(world, REEF, options).run())
                seen.append(options)

    result = run(rollout_of(world, REEF, reporter=Watcher(then=join)))
    assert len(seen) == 2
    assert set(outcomes(result).values()) == {OK}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (only(ReleaseId("reef", "ocaen")), "reef/ocaen is not in the plan"),
        (replace(QUICK, health=Level("http")), None),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(world, options, message):
    rollout = rollout_of(world, REEF, options, checkers={Level.USER: world})
    with pytest.raises(DeployerError, match=message or "no health check of level http"):
        run(rollout)
    assert set(world.completed(REEF).values()) == {0}
    assert list(world.folder.glob("rollouts/*/*.jsonl")) == []


# Interruptions


def test_interrupted_once_what_runs_is_finished_and_nothing_starts(world):
    watcher = Watcher()
    rollout = rollout_of(world, REEF, reporter=watcher)
    world.on_upgrade = lambda release: rollout.interrupt() if release == STAGING else None
    result = run(rollout)
    assert [one.outcome for one in result.releases] == [OK, OK, CANCELLED, CANCELLED]
    assert result.by_id[OCEAN].ended.cause == "interrupted"
    assert world.load(STAGING)["revisions"]["1"]["verified"]
    assert result.exit_code == 130
    assert [event.times for event in watcher.of(Interrupted)] == [1]
    assert isinstance(watcher.events[-1], RolloutEnded)


def test_interrupted_before_the_start(world):
    rollout = rollout_of(world, REEF)
    rollout.interrupt()
    result = run(rollout)
    assert {one.outcome for one in result.releases} == {CANCELLED}
    assert result.exit_code == 130


@pytest.mark.parametrize("act", ["upgrade", "check"])
def test_interrupted_twice_what_runs_is_stopped_and_a_resume_finishes_it(world, act):
    world.deploy(STAGING)
    world.faults[STAGING] = Faults(**{"seconds" if act == "upgrade" else "check_seconds": 60})
    watcher = Watcher()
    rollout = rollout_of(world, REEF, reporter=watcher)

    def twice(event):
        if isinstance(event, ActBegun) and (event.release, event.act) == (STAGING, Act(act)):
            rollout.interrupt()
            rollout.interrupt()

    watcher.then = twice
    result = run(rollout)
    assert [one.outcome for one in result.releases] == [OK, CANCELLED, CANCELLED, CANCELLED]
    assert result.by_id[STAGING].ended.cause in {
        "interrupted during its upgrade",
        "interrupted during its health check",
    }
    assert world.load(STAGING)["rollbacks"] == 0
    world.faults.clear()
    resumed = run(rollout_of(world, REEF, replace(QUICK, resume=True)))
    assert set(outcomes(resumed).values()) == {OK}
    assert set(world.completed(REEF).values()) == {1}


def test_a_release_that_waits_for_a_lock_is_let_go_at_the_first_interruption(world):
    watcher = Watcher()
    rollout = rollout_of(world, plan_of("reef/ocean"), reporter=watcher)
    watcher.then = lambda event: rollout.interrupt() if isinstance(event, ActBegun) else None
    with world.lock(OCEAN, "theirs", timeout=0, cancelled=threading.Event()):
        result = run(rollout)
    assert result.by_id[OCEAN].outcome is CANCELLED
    assert result.by_id[OCEAN].ended.cause == "interrupted during its lock"


def test_signals_interrupt(world):
    world.on_upgrade = lambda release: os.kill(os.getpid(), signal.SIGTERM) if release == SUPPORT else None
    world.faults[SUPPORT] = Faults(seconds=0.2)
    result = carry_out_plan(rollout_of(world, REEF))
    assert [one.outcome for one in result.releases] == [OK, CANCELLED, CANCELLED, CANCELLED]
    assert result.exit_code == 130


# When our own things break


def test_a_reporter_that_breaks_stops_no_upgrade(world):
    watcher = Watcher(then=lambda _event: (_ for _ in ()).throw(BrokenPipeError("gone")))
    with pytest.raises(BrokenPipeError):
        run(rollout_of(world, REEF, reporter=watcher))
    assert set(world.completed(REEF).values()) == {1}
    record = Journal.find(world.folder, "r1").record()
    assert set(record.outcomes().values()) == {OK}


def test_without_a_journal_nothing_is_done(world):
    """A full disk: what cannot be written down first does not happen, and a resume goes on from there."""
    watcher = Watcher()
    rollout = rollout_of(world, REEF, reporter=watcher, origin=DEAD)

    def fill(event):
        if isinstance(event, ActEnded) and (event.release, event.act) == (STAGING, Act.LOCK):
            rollout.journal.close()
            rollout.journal.path = Path("/dev/full")

    watcher.then = fill
    with pytest.raises(DeployerError, match=r"cannot write the journal: No space left(.|\n)*--resume r1"):
        run(rollout)
    assert world.completed(REEF) == {"reef/support": 1, "reef/staging": 0, "reef/lagoon": 0, "reef/ocean": 0}
    assert set(outcomes(run(rollout_of(world, REEF, replace(QUICK, resume=True)))).values()) == {OK}
    assert set(world.completed(REEF).values()) == {1}


def test_events_carry_no_secret_and_are_one_line_each(world):
    world.faults[OCEAN] = Faults(check="fail")
    run(rollout_of(world, REEF))
    lines = (world.folder / "rollouts/r1/journal.jsonl").read_text().splitlines()
    assert all(json.loads(line)["event"] for line in lines)
    assert not any("secret" in line for line in lines)


def test_what_to_do_about_a_failure_is_told_and_journalled(world):
    """The hint of an error, and not only what is wrong: also to who resumes."""
    world.faults = {SUPPORT: Faults(upgrade="fail")}
    watcher = Watcher()
    result = run(rollout_of(world, REEF, QUICK, reporter=watcher))
    assert result.by_id[SUPPORT].ended.hint == "look at its log"
    ended = [one for one in watcher.events if isinstance(one, ActEnded) and one.error]
    assert [one.hint for one in ended] == ["look at its log"]
    journalled = Journal(result.folder).record().of(SUPPORT)
    assert journalled.ended.hint == journalled.past.hint == "look at its log"
