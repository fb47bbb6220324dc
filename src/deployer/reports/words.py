"""What plans are called in a sentence, with no library for looks."""

from __future__ import annotations

from collections import Counter

from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.model import Plan

LEFT_OUT = "Left out, for a local cluster ends with the machine of its job"


def plan_summary(plan: Plan) -> str:
    """One line: how many of each stage, on how many clusters."""
    if not plan.releases:
        return "Nothing to upgrade."
    stages = Counter(release.stage for release in plan.releases)
    clusters = {release.id.cluster for release in plan.releases}
    parts = ", ".join(f"{stages[stage]} {stage}" for stage in Stage if stages[stage])
    return f"{count(len(plan.releases), 'release')} on {count(len(clusters), 'cluster')} to upgrade: {parts}."


def dropped(plan: Plan) -> list[tuple[str, list[ReleaseId]]]:
    """What ``--exact`` took out of the plan: each reason with its releases."""
    reasons = sorted({one.reason for one in plan.dropped})
    return [(reason, [one.id for one in plan.dropped if one.reason == reason]) for reason in reasons]


def count(number: int, what: str) -> str:
    """``1 hub``, ``2 hubs``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
