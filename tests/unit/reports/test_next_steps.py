"""What to run next, after a rollout and after a look."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.ports import Observation, State
from deployer.reports.status import remarks
from deployer.reports.summary import next_steps
from deployer.rollout.events import ReleaseEnded
from deployer.rollout.results import ReleaseResult, RolloutResult
from deployer.rollout.states import Outcome
from deployer.targets.local.unit import FAILED

OCEAN = ReleaseId("reef", "ocean")
WAIT = "Next: wait for rollout 2026-x, or where it is gone: deployer unlock reef/ocean"
LOCKED = "reef/ocean is locked by rollout 2026-x (process 5 on here, since 2026-11-21 16:00:00 UTC)"


def result(outcome: Outcome, **about: str) -> RolloutResult:
    ended = ReleaseEnded(datetime(2026, 11, 21, tzinfo=UTC), "run", OCEAN, outcome, **about)  # type: ignore[arg-type]
    return RolloutResult("r1", (ReleaseResult(OCEAN, Stage.PRODUCTION, ended),), Path("r1"), 1.0)


@pytest.mark.parametrize(
    ("outcome", "about", "first"),
    [
        (Outcome.SUCCEEDED, {}, None),
        (Outcome.CANCELLED, {}, "Next: deployer deploy --resume r1"),
        (Outcome.FAILED, {"cause": LOCKED}, WAIT),
        (Outcome.FAILED, {"log": f"/x/hub{FAILED}"}, "Next: deployer logs reef ocean --of failed"),
        (Outcome.FAILED, {"log": "/x/hub.log"}, "Next: deployer logs reef ocean"),
        (Outcome.FAILED, {"cause": "no such file"}, "Next: mend it, then: deployer deploy reef ocean"),
    ],
)  # fmt: skip
def test_the_next_step_is_one_that_helps(outcome: Outcome, about: dict[str, str], first: str | None) -> None:
    assert next(iter(next_steps(result(outcome, **about))), None) == first


def test_status_does_not_say_that_a_hub_that_is_gone_is_to_be_deployed() -> None:
    seen = Observation(State.RUNNING, wanted=False, healthy=True)
    found = {OCEAN: (Stage.PRODUCTION, seen), ReleaseId("reef", "coral"): (Stage.PRODUCTION, seen)}
    assert list(remarks(found, {OCEAN: "deployer down reef ocean"})) == [
        "reef/ocean is no longer in the fleet: deployer down reef ocean",
        "Not what the repository says, so to be deployed: reef/coral",
    ]
