"""Which production hubs go ahead, and what the next plan starts from: by records, exactly, and closed in doubt."""

from __future__ import annotations

import pytest

from deployer.actions.gate import Ended, ended, judge, merged
from deployer.actions.records import GOOD, Entry, Record, dumps, latest, loads
from deployer.changes.reasons import Reason, Rule
from deployer.errors import DeployerError
from deployer.fleet.ids import SUPPORT, ReleaseId, Stage
from deployer.plan.model import Plan, PlannedRelease
from deployer.rollout.states import Outcome

ROLLOUT = "github-7-1"
WHY = (Reason(Rule.ASKED, "asked for"),)


def planned(name: str, *canaries: str) -> PlannedRelease:
    release = ReleaseId.parse(name)
    stage = Stage.SUPPORT if release.name == SUPPORT else Stage.STAGING if "staging" in name else Stage.PRODUCTION
    return PlannedRelease(release, stage, "local", WHY, tuple(map(ReleaseId.parse, canaries)))


def plan_of(*releases: PlannedRelease) -> Plan:
    return Plan(tuple(sorted(releases, key=lambda one: one.order)), revision="abc")


# ree is part of reef, and ocean of ocean-two: names are keys, never patterns.
PLAN = plan_of(
    planned("ree/support"),
    planned("ree/staging"),
    planned("ree/ocean", "ree/staging"),
    planned("reef/support"),
    planned("reef/staging"),
    planned("reef/staging-two"),
    planned("reef/ocean", "reef/staging"),
    planned("reef/ocean-two", "reef/staging-two"),
    planned("atoll/lagoon", "atoll/staging"),  # its canary is not in the plan: nothing to wait for
)
EARLY = dict.fromkeys(("ree/support", "ree/staging", "reef/support", "reef/staging", "reef/staging-two"), "succeeded")


def entries(outcomes: dict[str, str]) -> dict[ReleaseId, Entry]:
    return {ReleaseId.parse(name): Entry(outcome, "", "rev", "dig") for name, outcome in outcomes.items() if outcome}


@pytest.mark.parametrize(
    ("changed", "go", "why"),
    [
        ({}, "atoll/lagoon ree/ocean reef/ocean reef/ocean-two", {}),
        ({"reef/staging": "unchanged"}, "atoll/lagoon ree/ocean reef/ocean reef/ocean-two", {}),
        # a failed canary holds back those behind it, and those alone
        (
            {"reef/staging": "failed"},
            "atoll/lagoon ree/ocean reef/ocean-two",
            {"reef/ocean": "reef/staging, which failed"},
        ),
        ({"reef/staging-two": "cancelled"}, "atoll/lagoon ree/ocean reef/ocean", {"reef/ocean-two": "cancelled"}),
        # failed support holds back all of its cluster, and nothing of one whose name is part of it
        (
            {"reef/support": "failed", "reef/staging": "withheld", "reef/staging-two": "withheld"},
            "atoll/lagoon ree/ocean",
            {"reef/ocean": "reef/support, which failed", "reef/ocean-two": "reef/support, which failed"},
        ),
        (
            {"ree/support": "failed"},
            "atoll/lagoon reef/ocean reef/ocean-two",
            {"ree/ocean": "ree/support, which failed"},
        ),
        # no record is no success
        (
            {"reef/staging": ""},
            "atoll/lagoon ree/ocean reef/ocean-two",
            {"reef/ocean": "reef/staging, which left no record"},
        ),
        (dict.fromkeys(EARLY, ""), "atoll/lagoon", {"ree/ocean": "no record", "reef/ocean": "no record"}),
        # a word that nobody knows is no success either
        ({"reef/staging": "SUCCEEDED"}, "atoll/lagoon ree/ocean reef/ocean-two", {"reef/ocean": "not succeeded"}),
    ],
)
def test_who_goes_ahead(changed, go, why):
    verdict = judge(PLAN, entries(EARLY | changed))
    assert " ".join(str(one.id) for one in verdict.go.releases) == go
    withheld = {str(release): text for release, text in verdict.withheld.items()}
    assert {name: part in withheld[name] for name, part in why.items()} == dict.fromkeys(why, True)
    late = {str(one.id) for one in PLAN.releases if one.stage is Stage.PRODUCTION}
    assert set(go.split()) | withheld.keys() == late
    assert not set(go.split()) & withheld.keys()


def test_what_succeeded_in_an_earlier_attempt_is_not_done_again():
    known = entries(EARLY | {"reef/ocean": "succeeded", "ree/ocean": "failed"})
    verdict = judge(PLAN, known)
    assert [str(one) for one in verdict.done] == ["reef/ocean"]
    assert "ree/ocean" in {str(one.id) for one in verdict.go.releases}


def test_good_outcomes_are_those_of_a_rollout():
    assert {outcome for outcome in Outcome if outcome.good} == GOOD


def record(attempt: int, rollout: str = ROLLOUT, **outcomes: str) -> Record:
    return Record(rollout, attempt, entries({f"reef/{name}": outcome for name, outcome in outcomes.items()}))


@pytest.mark.parametrize(
    ("records", "outcome"),
    [
        ([record(1, staging="failed"), record(2, staging="succeeded")], "succeeded"),
        ([record(2, staging="succeeded"), record(1, staging="failed")], "succeeded"),  # whatever the order of files
        ([record(1, staging="succeeded"), record(2, staging="failed")], "failed"),
        ([record(1, staging="succeeded"), record(2, ocean="failed")], "succeeded"),  # not run again
        ([record(9, staging="failed"), record(10, staging="succeeded")], "succeeded"),  # numbers, not texts
        ([record(1, staging="succeeded"), record(1, staging="failed")], "failed"),  # in doubt: closed
        ([record(1, "github-7-2", staging="succeeded")], None),  # of another plan
        ([], None),
    ],
)
def test_of_several_attempts_the_latest_counts(records, outcome):
    found = latest(records, ROLLOUT).get(ReleaseId("reef", "staging"))
    assert (found.outcome if found else None) == outcome


def test_a_record_is_read_as_it_was_written():
    one = Record(ROLLOUT, 3, {ReleaseId("reef", "ocean"): Entry("failed", 'it\'s "$(x)",\n', "abc", "def")})
    assert loads(dumps(one), "x.json") == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "rollout": "r", "attempt": 1, "releases": {}}',
        '{"version": 1, "rollout": "r", "attempt": "1", "releases": {}}',
        '{"version": 1, "rollout": "r", "attempt": true, "releases": {}}',
        '{"version": 1, "rollout": 1, "attempt": 1, "releases": {}}',
        '{"version": 1, "rollout": "r", "attempt": 1, "releases": {"reef": {}}}',
        '{"version": 1, "rollout": "r", "attempt": 1, "releases": {"reef/a": {"outcome": "succeeded"}}}',
        '{"version": 1, "rollout": "r", "attempt": 1, "releases": {"reef/a": "succeeded"}}',
        dumps(record(1, staging="succeeded"))[:-9],  # torn
    ],
)
def test_what_is_no_record(text):
    with pytest.raises(DeployerError, match=r"x\.json"):
        loads(text, "x.json")


def test_what_became_of_each_release():
    found = ended(PLAN, entries(EARLY | {"reef/staging": "", "ree/ocean": "succeeded", "atoll/lagoon": "failed"}))
    assert {str(release): end.outcome for release, end in found.items()} == {
        "atoll/lagoon": "failed",
        "ree/support": "succeeded",
        "ree/staging": "succeeded",
        "ree/ocean": "succeeded",
        "reef/support": "succeeded",
        "reef/staging": "lost",
        "reef/staging-two": "succeeded",
        "reef/ocean": "withheld",
        "reef/ocean-two": "lost",  # it was let go ahead, and nobody knows what came of it
    }
    assert found[ReleaseId("reef", "ocean")].cause == "stands behind reef/staging, which left no record"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("succeeded", "new"),
        ("unchanged", "new"),
        ("withheld", "old"),  # it is as it was
        ("failed", None),  # planned again, even where the change is taken back
        ("cancelled", None),
        ("lost", None),
    ],
)
def test_the_state_after_a_rollout(outcome, state):
    ocean, other = ReleaseId("reef", "ocean"), ReleaseId("reef", "coral")
    now = {ocean: "new"} if outcome in GOOD else {}
    found = merged({ocean: "old", other: "other"}, {ocean: Ended(outcome, "")}, now)
    assert found.get(ocean) == state
    assert found[other] == "other"
