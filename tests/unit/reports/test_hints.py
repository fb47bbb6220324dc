"""What to do about what failed stands in a rollout's summary, each hint once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.fleet.ids import ReleaseId, Stage
from deployer.reports.summary import hints, show_result
from deployer.reports.terminal import console
from deployer.rollout.events import ReleaseEnded
from deployer.rollout.results import ReleaseResult, RolloutResult
from deployer.rollout.states import Outcome

HELM_LOG = "/fleet/.deployer/helm/reef/ocean/20261121T120000.123456-upgrade.log"


def failed(name: str, cause: str, hint: str, log: str = "") -> ReleaseResult:
    release = ReleaseId("reef", name)
    ended = ReleaseEnded(datetime(2026, 11, 21, tzinfo=UTC), "r", release, Outcome.FAILED, cause, hint=hint, log=log)
    return ReleaseResult(release, Stage.PRODUCTION, ended)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (  # two that need the same are told it once
            [failed(name, "no right", "Apply this:\n  kind: Role") for name in "ab"],
            ["reef/a, reef/b:", "  Apply this:", "    kind: Role"],
        ),
        (  # what the cause says already, and the log that stands beside it, are no news
            [failed("a", "a: UPGRADE FAILED: no", "Error: UPGRADE FAILED: no\nAll that Helm said: /x.log", "/x.log")],
            [],
        ),
        ([failed("a", "no context", "It has: one, two")], ["  It has: one, two"]),
        (
            [failed("a", "no context", "It has: one, two"), failed("b", "it broke", "")],
            ["reef/a:", "  It has: one, two"],
        ),
        ([failed("a", "it broke", "")], []),
    ],
)  # fmt: skip
def test_each_hint_is_told_once(given: list[ReleaseResult], told: list[str]) -> None:
    assert hints(given) == told


def test_no_command_is_cut_at_80_columns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    locked = "reef/ocean is locked by rollout 20261121-140850-3f9a1c (process 5 on here, since 2026-11-21 16:00:00 UTC)"
    hint = "Apply this:\n  " + "x" * 120
    result = RolloutResult("r1", (failed("ocean", locked, hint),), Path("r1"), 1.0)
    show_result(result, console())
    said = capsys.readouterr().out
    assert "deployer unlock reef/ocean" in said
    assert "x" * 120 in said


def test_what_helm_said_is_named_by_the_command_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = RolloutResult("r1", (failed("ocean", "no", "", HELM_LOG),), Path("r1"), 1.0)
    show_result(result, console())
    assert "Next: deployer logs reef ocean --of helm\n" in capsys.readouterr().out
