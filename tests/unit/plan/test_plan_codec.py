"""Plans as JSON: the documented shape, the same bytes, and errors that name the key."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.changes.reasons import Reason, Rule
from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.codec import dumps, loads, plan_from_json, plan_to_json
from deployer.plan.model import Plan, PlannedRelease

STAGING, OCEAN = ReleaseId("reef", "staging"), ReleaseId("reef", "ocean")
WHY = Reason(Rule.VALUES, "reads ocean.values.yaml", ("config/clusters/reef/ocean.values.yaml",))
PLAN = Plan(
    (
        PlannedRelease(ReleaseId("reef", "support"), Stage.SUPPORT, "gcp", (Reason(Rule.ASKED, "asked for"),)),
        PlannedRelease(STAGING, Stage.STAGING, "gcp", (Reason(Rule.CANARY, "canary of reef/ocean"),)),
        PlannedRelease(OCEAN, Stage.PRODUCTION, "gcp", (WHY,), (STAGING,)),
    ),
    retired=(ReleaseId("atoll", "lagoon"), ReleaseId("atoll", "support")),
    revision="abc",
)

words = st.text("abc-", min_size=1, max_size=4).filter(lambda word: word != "support")
reasons = st.builds(
    Reason, st.sampled_from(Rule), st.text(max_size=9), st.lists(st.text(max_size=9), max_size=3).map(tuple)
)


@st.composite
def releases(draw):
    cluster, stage = draw(words), draw(st.sampled_from(Stage))
    name = "support" if stage is Stage.SUPPORT else draw(words)
    canaries = draw(st.sets(words.map(lambda hub: ReleaseId(cluster, hub)), max_size=3))
    why = tuple(sorted(draw(st.sets(reasons, max_size=3))))
    return PlannedRelease(ReleaseId(cluster, name), stage, draw(words), why, tuple(sorted(canaries)))


plans = st.builds(
    lambda found, retired, revision: Plan(
        tuple(sorted(found, key=lambda one: one.order)), tuple(sorted(retired)), revision
    ),
    st.lists(releases(), unique_by=lambda one: one.id, max_size=6),
    st.sets(st.builds(ReleaseId, words, words), max_size=3),
    words,
)


def test_the_documented_shape():
    data = plan_to_json(PLAN)
    documented = ("cluster", "hub", "stage", "provider", "reasons")
    assert [[one[key] for key in documented] for one in data["releases"]] == [
        ["reef", None, "support", "gcp", ["asked for"]],
        ["reef", "staging", "staging", "gcp", ["canary of reef/ocean"]],
        ["reef", "ocean", "production", "gcp", ["reads ocean.values.yaml"]],
    ]
    assert data["retired"] == [{"cluster": "atoll", "hub": "lagoon"}, {"cluster": "atoll", "hub": None}]


@given(plans)
def test_a_plan_is_read_as_it_was_written(plan):
    assert loads(dumps(plan)) == plan


@given(plans, st.integers())
def test_the_same_plan_gives_the_same_bytes(plan, seed):
    shuffled = list(plan.releases)
    random.Random(seed).shuffle(shuffled)
    assert dumps(Plan(tuple(shuffled), plan.retired, plan.revision)) == dumps(plan)


def test_the_documented_part_is_enough():
    data = {"releases": [{"cluster": "reef", "hub": None, "stage": "support", "provider": "gcp", "reasons": ["so"]}]}
    (release,) = plan_from_json(data).releases
    assert release.reasons == (Reason(Rule.ASKED, "so"),)


def changed(path, value):
    data = copy.deepcopy(plan_to_json(PLAN))
    *way, last = path
    at = data
    for key in way:
        at = at[key]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the plan: a JSON object is needed"),
        (changed(["releases"], None), "releases: a list is needed"),
        (changed(["version"], 2), "version: 2 is not the version"),
        (changed(["releases", 1], "reef"), r"releases\[1\]: a JSON object is needed"),
        (changed(["releases", 1, "cluster"], None), r"releases\[1\]\.cluster: text is needed"),
        (changed(["releases", 1, "hub"], 5), r"releases\[1\]\.hub: text is needed"),
        (changed(["releases", 1, "hub"], "a/b"), r"releases\[1\]: 'reef/a/b' is not of the form"),
        (changed(["releases", 1, "stage"], "later"), r"releases\[1\]\.stage: 'later' is none of support, staging"),
        (changed(["releases", 1, "stage"], "support"), r"releases\[1\]\.stage: 'support' does not go with"),
        (changed(["releases", 2, "hub"], "staging"), "releases: reef/staging stands there twice"),
        (
            changed(["releases", 2, "canaries"], ["atoll/staging"]),
            r"releases\[2\]\.canaries: atoll/staging is of another cluster",
        ),
        (changed(["releases", 2, "why", 0, "rule"], "whim"), r"releases\[2\]\.why\[0\]\.rule: 'whim' is none of"),
        (changed(["retired", 0], "x"), r"retired\[0\]: a JSON object"),
    ],
)
def test_errors_name_the_key(data, message):
    with pytest.raises(DeployerError, match=rf"plan\.json: {message}"):
        plan_from_json(data)


def test_what_is_no_json_names_the_line():
    with pytest.raises(DeployerError, match=r"saved\.json:2:\d+: not JSON"):
        loads('{\n"releases": oops}', "saved.json")
