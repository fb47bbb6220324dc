"""When status finds that something is to be done; what it prints at each width."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deployer.cli.status import _drifted
from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State
from deployer.reports.status import remarks, show_status

FINE = Observation(State.RUNNING, 3, wanted=True, healthy=True, chart="basehub-0.1.0")


@pytest.mark.parametrize(
    ("seen", "drifted"),
    [
        (FINE, False),
        (Observation(State.RUNNING, 3, wanted=True, healthy=False), True),  # it runs, and nobody can work
        (Observation(State.RUNNING, 3, wanted=False, healthy=True), True),
        (Observation(State.STOPPED, 3, wanted=True), True),
        (Observation(State.RUNNING, 3, wanted=True, healthy=True, pending="pending-upgrade"), True),
    ],
)
def test_what_makes_the_exit_code_2(seen: Observation, drifted: bool) -> None:
    assert _drifted(seen) is drifted


@pytest.mark.parametrize("columns", [50, 80, 160])
def test_chart_and_age_are_whole_at_every_width(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    at = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)
    seen = Observation(
        State.RUNNING, 12, at, url="https://ocean.reef.example.org/", healthy=True, wanted=True, chart="basehub-1.2.3",
        pending="pending-upgrade", detail="revision 13 is pending-upgrade",
    )  # fmt: skip
    show_status({ReleaseId("reef-cluster", "ocean-production"): (Stage.PRODUCTION, seen)})
    said = capsys.readouterr().out
    for part in ("reef-cluster/ocean-production", "running, pending", "https://ocean.reef.example.org/"):
        assert part in said
    assert "basehub-1.2.3" in said
    assert "2026-11-21 16:30 UTC" in said
    assert "to be deployed" not in said
    if columns != 50:
        assert max(map(len, said.splitlines())) <= max(columns, 78)


def test_what_the_fleet_has_no_more_is_ended_by_the_verb_that_can() -> None:
    coral = ReleaseId("reef", "coral")
    found = {coral: (Stage.PRODUCTION, FINE)}
    told = list(remarks(found, {coral: "deployer retire reef coral"}))
    assert told == ["reef/coral is no longer in the fleet: deployer retire reef coral"]
