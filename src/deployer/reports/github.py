"""A plan as the outputs of a step of GitHub Actions, from which the workflow makes its matrices of jobs.

- ``support-and-staging-jobs``: ``[{cluster, provider, support: bool, staging: [hub…], reason}…]``
- ``prod-hub-jobs``: ``[{cluster, provider, hubs: [hub…], reason}…]``, one hub each as long as that gives no more jobs
  than GitHub takes, then several of one cluster together
- ``has-changes``, ``has-support-or-staging``, ``has-production``: ``true`` or ``false``, for GitHub runs a job once for
  a matrix that is empty
- ``retired``: ``["cluster/hub"…]``
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

from deployer.errors import DeployerError
from deployer.fleet.ids import Stage
from deployer.fleet.masking import printable
from deployer.plan.model import Plan, PlannedRelease

MAX_JOBS = 256  # of a matrix
MAX_BYTES = 1_000_000  # of all outputs of a job; GitHub takes 1 MiB
REASON = 160  # characters

Clusters = Mapping[str, Sequence[PlannedRelease]]


def outputs(plan: Plan) -> dict[str, str]:
    """The value of each output.

    :raises DeployerError: more than GitHub takes.
    """
    early, late = _support_and_staging(_by_cluster(plan, early=True)), _production(_by_cluster(plan, early=False))
    found = {
        "support-and-staging-jobs": json.dumps(early),
        "prod-hub-jobs": json.dumps(late),
        "has-changes": _flag(bool(plan)),
        "has-support-or-staging": _flag(bool(early)),
        "has-production": _flag(bool(late)),
        "retired": json.dumps([str(release) for release in plan.retired]),
    }
    _check(len(early), len(late), sum(map(len, found.values())))
    return found


def lines(values: Mapping[str, str], delimiter: Callable[[], str]) -> str:
    """What is appended to the file that GITHUB_OUTPUT names.

    :param delimiter: gives a text that cannot be guessed, for else a value could end itself and begin another.
    """
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items() for end in [delimiter()])


def _by_cluster(plan: Plan, *, early: bool) -> Clusters:
    found: dict[str, list[PlannedRelease]] = defaultdict(list)
    for release in plan.releases:
        if (release.stage is not Stage.PRODUCTION) is early:
            found[release.id.cluster].append(release)
    return found


def _support_and_staging(clusters: Clusters) -> list[dict[str, Any]]:
    return [
        _job(cluster, releases)
        | {
            "support": any(one.stage is Stage.SUPPORT for one in releases),
            "staging": [one.id.name for one in releases if one.stage is Stage.STAGING],
        }
        for cluster, releases in clusters.items()
    ]


def _production(clusters: Clusters) -> list[dict[str, Any]]:
    size = _hubs_together([len(releases) for releases in clusters.values()])
    return [
        _job(cluster, part) | {"hubs": [one.id.name for one in part]}
        for cluster, releases in clusters.items()
        for part in (releases[start : start + size] for start in range(0, len(releases), size))
    ]


def _hubs_together(counts: Sequence[int]) -> int:
    """How many hubs of one cluster share a job, at least, for all to fit; in steps of one, for counts are small."""
    largest = max(counts, default=1)
    sizes = range(1, largest + 1)
    return next((size for size in sizes if sum(ceil(number / size) for number in counts) <= MAX_JOBS), largest)


def _job(cluster: str, releases: Sequence[PlannedRelease]) -> dict[str, Any]:
    texts = list(dict.fromkeys(reason.text for release in releases for reason in release.reasons))
    reason = printable("; ".join(texts[:3])) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")
    shown = f"{reason[: REASON - 1]}…" if len(reason) > REASON else reason
    return {"cluster": cluster, "provider": str(releases[0].provider), "reason": shown}


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _check(early: int, late: int, size: int) -> None:
    for name, number in (("support-and-staging-jobs", early), ("prod-hub-jobs", late)):
        if number > MAX_JOBS:
            raise DeployerError(
                f"{name}: {number} clusters, more than the {MAX_JOBS} jobs that GitHub makes of one matrix",
                hint="Plan a part of the fleet at a time: deployer plan FILE…",
            )
    if size > MAX_BYTES:
        raise DeployerError(
            f"the outputs have {size:,} bytes, more than the {MAX_BYTES:,} that GitHub takes",
            hint="Plan a part of the fleet at a time: deployer plan FILE…",
        )
