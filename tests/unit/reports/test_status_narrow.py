"""The status on a narrow terminal: nothing of it is cut off."""

from __future__ import annotations

import pytest

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State
from deployer.reports.status import show_status


@pytest.mark.parametrize("columns", [40, 100])
def test_state_and_address_are_whole(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    seen = Observation(State.RUNNING, 12, url="http://ocean.reef.localhost:8000/hub", healthy=False, wanted=True)
    show_status({ReleaseId("reef-cluster", "ocean-production"): (Stage.PRODUCTION, seen)})
    said = capsys.readouterr().out
    for part in ("reef-cluster/ocean-production", "running, silent", "http://ocean.reef.localhost:8000/hub"):
        assert part in said
