"""What status says of a release, from Helm's history and the record; and of one that was deployed by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from helm_files import HUB, chart, desired, write

from deployer.errors import TargetError
from deployer.fleet.ids import ReleaseId
from deployer.plan.ports import Observation, State
from deployer.targets.helm.history import History, Revision
from deployer.targets.helm.observed import by_hand, canonical, observed
from deployer.targets.helm.records import Attempt, Record, Source

OCEAN = ReleaseId("reef", "ocean")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OURS = Source("abc", "d1", "r1").description()
GOOD = Revision(1, "deployed", NOW - timedelta(hours=2), "basehub-0.1.0", OURS)
BEGUN = Revision(2, "pending-upgrade", NOW - timedelta(seconds=30), "basehub-0.1.0", "Preparing upgrade")


def seen(*revisions: Revision, record: Record | None = None) -> Observation:
    return observed(OCEAN, History(revisions), record or Record(), digest="d1", timeout=600, now=NOW)


def test_a_release_as_the_repository_says_is_wanted():
    assert seen(GOOD).wanted
    assert (seen(GOOD).chart, seen(GOOD).pending, seen(GOOD).detail) == ("basehub-0.1.0", "", "")


@pytest.mark.parametrize(
    ("begun", "record", "told"),
    [
        (BEGUN, Record(), "somebody without this deployer, or one whose record is gone may be at work on it"),
        (BEGUN, Record(attempt=Attempt(1, "r2", "elsewhere", 5, "now")), "rollout r2 (process 5 on elsewhere"),
        (replace(BEGUN, updated=NOW - timedelta(hours=1)), Record(), "the next deploy puts that right"),
    ],
)
def test_what_somebody_has_begun_is_told_though_the_revision_before_serves(begun, record, told):
    found = seen(GOOD, begun, record=record)
    assert (found.state, found.revision, found.pending) == (State.RUNNING, 1, "pending-upgrade")
    assert found.detail.startswith("revision 2 is pending-upgrade since 2026-01-02 0")
    assert told in found.detail
    assert not found.wanted


class There:
    """A release that is deployed, with the values that were given to it."""

    def __init__(self, root, given):
        self.desired = desired(root)
        self.release, self.given = self.desired.release(OCEAN), given

    def given_values(self):
        if self.given is None:
            raise TargetError("no", hint="look")
        return self.given

    def wanted_values(self):
        return {"x": "mine", "deep": {"one": 1, "secret": "s"}}


@pytest.mark.parametrize(
    ("given", "chart_there", "wanted", "told"),
    [
        ({"deep": {"secret": "s", "one": 1.0}, "x": "mine"}, "basehub-0.1.0", True, "but with the values"),
        ({"x": "theirs", "deep": {"one": 1, "secret": "s"}}, "basehub-0.1.0", False, "its values differ at x"),
        ({"x": "mine"}, "basehub-0.1.0", False, "its values differ at deep"),
        (
            {"x": "mine", "deep": {"one": 1, "secret": "s"}},
            "basehub-0.0.9",
            False,
            "its chart is basehub-0.0.9, the repository's basehub-0.1.0",
        ),
        (None, "basehub-0.1.0", False, "cannot be compared: no"),
    ],
)
def test_a_release_deployed_by_hand_is_compared(tmp_path, given, chart_there, wanted, told):
    hubs = [{**HUB, "helm_chart_values_files": ["ocean.values.yaml"]}]
    about = f"name: reef\nprovider: kubeconfig\nkubeconfig: {{file: k.yaml}}\nhubs: {hubs}\n"
    write(
        tmp_path,
        {
            "deployer.yaml": "{}",
            "config/clusters/reef/cluster.yaml": about,
            "config/clusters/reef/ocean.values.yaml": "x: mine\n",
            **chart("basehub"),
        },
    )
    before = Observation(State.RUNNING, 1, chart=chart_there)
    found = by_hand(There(tmp_path, given), before)
    assert found.wanted is wanted
    assert told in found.detail
    assert "secret" not in found.detail.replace("one", "")


@pytest.mark.parametrize(
    ("one", "other", "same"), [(1, 1.0, True), (1, True, False), ("1", 1, False), ([1], [1.0], True)]
)
def test_values_are_the_same_where_helm_takes_them_for_the_same(one, other, same):
    assert (canonical(one) == canonical(other)) is same
