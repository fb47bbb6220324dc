"""From reasons to a plan: stages, canaries, what is retired; and the laws of plans."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.changes.paths import Reasons, affected_by_paths
from deployer.changes.reasons import Reason, Rule
from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId, Stage
from deployer.fleet.repository import Fleet
from deployer.plan import codec
from deployer.plan.build import build_plan, everything, named, only
from deployer.plan.model import Plan
from small_fleet import cluster, files, fleet_of, hub, ids

WHY = (Reason(Rule.ASKED, "asked for"),)


def fleet_with(*hubs: dict[str, Any], **keys: Any) -> Fleet:
    return fleet_of(files(cluster("reef", hubs, **keys), cluster("atoll", [hub("staging"), hub("lagoon")])))


def asked(*names: str) -> Reasons:
    return dict.fromkeys(sorted(ids(*names)), WHY)


def planned(plan: Plan) -> list[str]:
    return [str(release.id) for release in plan.releases]


STAGING, OTHER, OCEAN = hub("staging"), hub("other", stage="staging"), hub("ocean")


@pytest.mark.parametrize(
    ("hubs", "brought"),
    [
        ([STAGING, OCEAN], ["reef/staging"]),
        ([STAGING, OTHER, OCEAN], ["reef/other", "reef/staging"]),  # by default all
        ([STAGING, OTHER, hub("ocean", canary=["other"])], ["reef/other"]),
        ([STAGING, OTHER, hub("ocean", canary=["other", "other"])], ["reef/other"]),
        ([STAGING, hub("ocean", canary=[])], []),  # an empty list means: behind nobody
        ([OCEAN], []),  # there is none
        ([hub("staging", retire=True), OTHER, OCEAN], ["reef/other"]),  # a retired canary proves nothing
        ([hub("staging", retire=True), hub("ocean", canary=["staging"])], []),
        ([STAGING, hub("coral"), OCEAN], ["reef/staging"]),  # other production hubs stay out
    ],
)
def test_a_production_hub_brings_its_canaries(hubs: list[dict[str, Any]], brought: list[str]) -> None:
    plan = build_plan(fleet_with(*hubs), asked("reef/ocean"))
    assert planned(plan) == [*brought, "reef/ocean"]
    assert all(
        [(why.rule, why.text) for why in plan.by_id[ReleaseId.parse(name)].reasons]
        == [(Rule.CANARY, "canary of ocean")]
        for name in brought
    )


def test_a_staging_hub_or_support_brings_nobody() -> None:
    fleet = fleet_with(STAGING, OTHER, OCEAN)
    assert planned(build_plan(fleet, asked("reef/staging"))) == ["reef/staging"]
    assert planned(build_plan(fleet, asked("reef/support"))) == ["reef/support"]


def test_a_canary_keeps_its_own_reasons_and_says_for_whom_it_came() -> None:
    hubs = [hub(name) for name in ("a", "b", "c", "d", "e")]
    plan = build_plan(fleet_with(STAGING, *hubs), asked("reef/staging", *(f"reef/{h['name']}" for h in hubs)))
    reasons = plan.by_id[ReleaseId("reef", "staging")].reasons
    assert [reason.text for reason in reasons] == ["asked for", "canary of a, b, c and 2 more"]


def test_canaries_may_be_left_out() -> None:
    assert planned(build_plan(fleet_with(STAGING, OCEAN), asked("reef/ocean"), canaries=False)) == ["reef/ocean"]


def test_order_and_needs() -> None:
    plan = build_plan(fleet_with(STAGING, OCEAN), everything(fleet_with(STAGING, OCEAN)))
    assert planned(plan) == [
        "atoll/support", "atoll/staging", "atoll/lagoon", "reef/support", "reef/staging", "reef/ocean"
    ]  # fmt: skip
    needs = {str(id_): sorted(map(str, need)) for id_, need in plan.needs().items()}
    assert needs["reef/support"] == []
    assert needs["reef/staging"] == ["reef/support"]
    assert needs["reef/ocean"] == ["reef/staging", "reef/support"]


def test_needs_are_only_what_is_in_the_plan() -> None:
    plan = build_plan(fleet_with(STAGING, OCEAN), asked("reef/ocean"), canaries=False)
    assert plan.needs() == {ReleaseId("reef", "ocean"): frozenset()}
    assert plan.by_id[ReleaseId("reef", "ocean")].canaries == (ReleaseId("reef", "staging"),)


def test_what_is_gone_is_retired_and_so_is_what_is_marked() -> None:
    before = fleet_with(STAGING, OCEAN, hub("gone"))
    after = fleet_of(files(cluster("reef", [STAGING, hub("ocean", retire=True)], support=None)))
    plan = build_plan(after, {}, before=before.releases)
    assert list(map(str, plan.retired)) == [
        "atoll/lagoon", "atoll/staging", "atoll/support", "reef/gone", "reef/ocean", "reef/support"
    ]  # fmt: skip
    assert list(map(str, build_plan(after, {}).retired)) == ["reef/ocean"]


def test_named() -> None:
    fleet = fleet_with(STAGING, OCEAN)
    assert set(named(fleet, "reef")) == ids("reef/support", "reef/staging", "reef/ocean")
    assert set(named(fleet, "reef", ["ocean"])) == ids("reef/ocean")
    assert set(named(fleet, "reef", ["support"])) == ids("reef/support")
    assert set(named(fleet, "reef", ["ocean"], support=True)) == ids("reef/ocean", "reef/support")
    with pytest.raises(FleetError, match="no cluster 'reed' in this fleet\nThere are: atoll, reef"):
        named(fleet, "reed")
    with pytest.raises(FleetError, match="cluster reef has no hub 'lagoon'\nIt has: support, ocean, staging"):
        named(fleet, "reef", ["lagoon"])


def test_only_takes_a_part_and_never_adds() -> None:
    plan = build_plan(fleet_with(STAGING, OCEAN), asked("reef/ocean"))
    assert planned(only(plan, ids("reef/ocean"))) == ["reef/ocean"]
    with pytest.raises(FleetError, match="atoll/lagoon is not in the plan\nIt holds: reef/staging, reef/ocean"):
        only(plan, ids("atoll/lagoon"))


def test_an_empty_plan_is_false() -> None:
    assert not build_plan(fleet_with(STAGING), {})
    assert build_plan(fleet_with(STAGING), asked("reef/staging"))


NAMES = ["staging", "z-staging", "coral", "ocean", "ab"]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str]]:
    """Clusters as data (some with canaries named), and paths that changed."""
    made = []
    for name in draw(st.sampled_from([["a"], ["a", "ab"], ["ab", "b", "c"]])):
        hubs = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
        canaries = [h for h in hubs if "staging" in h]
        canary = st.none() | (st.lists(st.sampled_from(canaries)) if canaries else st.just([]))
        keys = [{} if (c := draw(canary)) is None or "staging" in h else {"canary": c} for h in hubs]
        support = {} if draw(st.booleans()) else {"support": None}
        made.append(cluster(name, [hub(h, **k) for h, k in zip(hubs, keys, strict=True)], **support))
    return made, draw(st.lists(st.sampled_from(sorted(files(*made))), unique=True, max_size=6))


@given(worlds())
def test_laws_of_plans(world: tuple[list[dict[str, Any]], list[str]]) -> None:
    clusters, paths = world
    fleet = fleet_of(files(*clusters))
    reasons = affected_by_paths(fleet, paths)
    plan = build_plan(fleet, reasons)
    assert reasons.keys() <= plan.by_id.keys()
    assert all(release.reasons for release in plan.releases)
    needs = plan.needs()
    assert all(other.cluster == id_.cluster for id_, others in needs.items() for other in others)
    assert all(others <= plan.by_id.keys() for others in needs.values())
    order = list(TopologicalSorter(needs).static_order())  # raises where they stand in a ring
    assert set(order) == plan.by_id.keys()
    for release in plan.releases:
        if release.stage is Stage.PRODUCTION:
            assert {canary for canary in release.canaries if canary in fleet.releases} <= plan.by_id.keys()


@given(worlds(), st.randoms())
def test_neither_the_order_of_clusters_hubs_nor_paths_changes_a_byte(
    world: tuple[list[dict[str, Any]], list[str]], random: Any
) -> None:
    clusters, paths = world
    shuffled = [{**one, "hubs": random.sample(one["hubs"], len(one["hubs"]))} for one in clusters]
    plans = []
    for these, given_paths in ((clusters, paths), (random.sample(shuffled, len(shuffled)), paths[::-1])):
        contents = list(files(*these).items())
        fleet = fleet_of(dict(random.sample(contents, len(contents))))
        plans.append(codec.dumps(build_plan(fleet, affected_by_paths(fleet, given_paths))))
    assert plans[0] == plans[1]


@given(worlds())
def test_a_plan_survives_its_text(world: tuple[list[dict[str, Any]], list[str]]) -> None:
    fleet = fleet_of(files(*world[0]))
    plan = build_plan(fleet, affected_by_paths(fleet, world[1]))
    assert codec.dumps(codec.loads(codec.dumps(plan))) == codec.dumps(plan)
