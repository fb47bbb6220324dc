"""The laws of the state machine, over random plans, failures and orders of events."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_world import plan_of

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId
from deployer.rollout.states import PENDING, RUNNING, Outcome, State, cancel, check_needs, is_over, ready, settle

CLUSTERS = ["reef", "reef-2", "a-reef", "ree", "atoll"]  # names that are part of one another
NAMES = ["support", "staging", "staging-2", "ocean", "lagoon", "reef"]

names = st.sets(st.builds("{}/{}".format, st.sampled_from(CLUSTERS), st.sampled_from(NAMES)), min_size=1)
plans = names.map(lambda found: plan_of(*found))


def simulate(plan, failing, seed, width=3, cancel_at=None):
    """Run the machine alone: start what is ready, end what runs, in a random order. Yields (what, release, states)."""
    rng, needs = random.Random(seed), plan.needs()
    states, steps = dict.fromkeys(needs, PENDING), 0
    while not is_over(states := settle(needs, states)):
        steps += 1
        if steps == cancel_at:
            states = cancel(states, "interrupted")
        running = sorted(release for release, state in states.items() if state.running)
        startable = sorted(ready(needs, states)) if len(running) < width else []
        if startable and (not running or rng.random() < 0.5):
            states = {**states, (one := rng.choice(startable)): RUNNING}
            yield "start", one, states
        elif running:
            one = rng.choice(running)
            bad = State(Outcome.FAILED, cause="broken")
            good = State(rng.choice([Outcome.SUCCEEDED, Outcome.UNCHANGED]))
            states = {**states, one: bad if one in failing else good}
            yield "end", one, states
    yield "over", None, states


@st.composite
def runs(draw):
    plan = draw(plans)
    failing = draw(st.sets(st.sampled_from([one.id for one in plan.releases])))
    return plan, failing, draw(st.integers(0, 10**6)), draw(st.integers(1, 5))


@given(runs())
def test_it_always_ends_with_one_outcome_each(run):
    plan, *rest = run
    *_, (_what, _release, states) = simulate(plan, *rest)
    assert states.keys() == plan.by_id.keys()
    assert is_over(states)


@given(runs())
def test_nothing_starts_before_all_that_it_stands_behind_has_succeeded(run):
    plan, *rest = run
    needs = plan.needs()
    for what, release, states in simulate(plan, *rest):
        if what == "start":
            assert all(states[one].good for one in needs[release])
            stage = plan.by_id[release].stage
            before = [
                one.id for one in plan.releases if one.id.cluster == release.cluster and one.stage.rank < stage.rank
            ]
            assert all(states[one].good for one in before)


@given(runs())
def test_a_failure_changes_nothing_outside_its_own_cluster(run):
    """The outcomes of a cluster are those that it would have alone."""
    plan, failing, seed, width = run
    *_, (_what, _release, states) = simulate(plan, failing, seed, width)
    for cluster in {one.id.cluster for one in plan.releases}:
        alone = plan_of(*(str(one.id) for one in plan.releases if one.id.cluster == cluster))
        *_, (_what, _release, expected) = simulate(alone, failing, seed + 1, width)
        for release, state in expected.items():
            assert (states[release].bad, states[release].outcome is Outcome.WITHHELD) == (
                state.bad,
                state.outcome is Outcome.WITHHELD,
            )


@given(runs(), st.integers(1, 20))
def test_the_cause_of_a_withheld_release_leads_to_what_went_wrong(run, cancel_at):
    plan, *rest = run
    needs = plan.needs()
    *_, (_what, _release, states) = simulate(plan, *rest, cancel_at=cancel_at)
    for release, state in states.items():
        if state.outcome is Outcome.WITHHELD:
            chain = (release, *state.behind)
            assert all(after in needs[before] for before, after in pairwise(chain))
            assert states[chain[-1]].outcome in {Outcome.FAILED, Outcome.CANCELLED}
            assert states[chain[-1]].cause in state.cause


@given(runs(), st.integers(0, 20))
def test_settling_twice_is_settling_once_and_touches_only_pending_ones(run, stop):
    plan, *rest = run
    needs = plan.needs()
    for number, (_what, _release, states) in enumerate(simulate(plan, *rest)):
        if number == stop:
            settled = settle(needs, states)
            assert settle(needs, settled) == settled
            assert all(settled[one] == state for one, state in states.items() if not state.pending)
            assert all(settled[one].outcome in {None, Outcome.WITHHELD} for one in states if states[one].pending)


def test_the_cause_names_the_whole_chain():
    plan = plan_of("reef/support", "reef/staging", "reef/ocean")
    states = dict.fromkeys(plan.needs(), PENDING) | {
        ReleaseId("reef", "support"): State(Outcome.FAILED, cause="no disk")
    }
    settled = settle(plan.needs(), states)
    assert settled[ReleaseId("reef", "staging")].cause == "stands behind reef/support, which failed: no disk"
    assert settled[ReleaseId("reef", "ocean")].cause == "stands behind reef/support, which failed: no disk"
    x, y, z = (ReleaseId("a", name) for name in "xyz")
    needs = {x: frozenset(), y: frozenset({x}), z: frozenset({y})}
    settled = settle(needs, dict.fromkeys(needs, PENDING) | {x: State(Outcome.CANCELLED)})
    assert settled[z].cause == "stands behind a/y, behind a/x, which was cancelled"


@pytest.mark.parametrize(
    ("canaries", "message"),
    [
        ({"reef/ocean": ["atoll/staging"]}, "another cluster"),
        ({"reef/ocean": ["reef/lagoon"], "reef/lagoon": ["reef/ocean"]}, "circle: reef/lagoon, reef/ocean"),
        ({"reef/ocean": ["reef/ocean"]}, "circle: reef/ocean"),
    ],
)
def test_needs_that_cannot_end_or_leave_the_cluster_are_refused(canaries, message):
    plan = plan_of("reef/ocean", "reef/lagoon", "atoll/staging", canaries=canaries)
    with pytest.raises(DeployerError, match=message):
        check_needs(plan.needs())
