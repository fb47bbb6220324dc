"""A plan as the outputs of a step of GitHub Actions, from which the workflow makes its matrices of jobs.

- ``support-and-staging-jobs``: ``[{cluster, provider, name, leg, only, environment, needs, support: bool,
  staging: [hub…], reason}…]``, one cluster each
- ``prod-hub-jobs``: ``[{cluster, provider, name, leg, only, environment, needs, hubs: [hub…], reason}…]``, one hub each
- ``cluster-jobs``: ``[{cluster, provider, name, clusters, environment, needs}…]``: the plan's clusters, for what goes
  over each of them
- ``has-changes``, ``has-support-or-staging``, ``has-production``: ``true`` or ``false``, for GitHub runs a job once for
  a matrix that is empty
- ``clusters``: ``["cluster"…]``, those of the plan
- ``retired``: ``["cluster/hub"…]``

Where that gives more jobs than GitHub takes, several hubs of one cluster share a job; where there are more clusters
than that, several clusters whose jobs need the same: ``cluster`` then lists them, and hubs are ``cluster/hub``.
(``name`` is for people, ``leg`` is safe in a file's name, ``only`` is what ``deploy --only`` takes, ``needs`` what
:mod:`deployer.actions.needs` tells.)
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Any, TypeVar

from deployer.errors import DeployerError
from deployer.fleet.ids import Stage
from deployer.fleet.masking import printable
from deployer.plan.model import Plan, PlannedRelease

MAX_JOBS = 256  # of a matrix
MAX_BYTES = 1_000_000  # of all outputs of a job; GitHub takes 1 MiB
REASON = 160  # characters

T = TypeVar("T")
Clusters = Mapping[str, Sequence[PlannedRelease]]
Needs = Mapping[str, Any]


def outputs(
    plan: Plan, needs: Mapping[str, Needs] | None = None, environments: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The value of each output.

    :param needs: what a job needs, by cluster.
    :param environments: GitHub's environment of ``staging``, ``production`` and ``checks``.
    :raises DeployerError: more than GitHub takes.
    """
    jobs = _Jobs(needs or {}, environments or {})
    early, late = _by_cluster(plan, early=True), _by_cluster(plan, early=False)
    clusters = list(dict.fromkeys(release.id.cluster for release in plan.releases))
    found = {
        "support-and-staging-jobs": json.dumps(jobs.early(early)),
        "prod-hub-jobs": json.dumps(jobs.late(late)),
        "cluster-jobs": json.dumps(jobs.whole(early | late)),
        "has-changes": _flag(bool(plan)),
        "has-support-or-staging": _flag(bool(early)),
        "has-production": _flag(bool(late)),
        "clusters": json.dumps(clusters),
        "retired": json.dumps([str(release) for release in plan.retired]),
    }
    _check(sum(map(len, found.values())))
    return found


def lines(values: Mapping[str, str], delimiter: Callable[[], str]) -> str:
    """What is appended to the file that GITHUB_OUTPUT names.

    :param delimiter: gives a text that cannot be guessed, for else a value could end itself and begin another.
    """
    return "".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in values.items() for end in [delimiter()])


def _by_cluster(plan: Plan, *, early: bool) -> dict[str, list[PlannedRelease]]:
    found: dict[str, list[PlannedRelease]] = defaultdict(list)
    for release in plan.releases:
        if (release.stage is not Stage.PRODUCTION) is early:
            found[release.id.cluster].append(release)
    return dict(found)


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Makes the jobs of each kind, never more than GitHub takes of one."""

    needs: Mapping[str, Needs]
    environments: Mapping[str, str]

    def early(self, clusters: Clusters) -> list[dict[str, Any]]:
        packed = self._packed(clusters, "support-and-staging-jobs")
        return [self._job(part, f"early-{number}", "staging") | _early(part) for number, part in enumerate(packed)]

    def late(self, clusters: Clusters) -> list[dict[str, Any]]:
        if len(clusters) > MAX_JOBS:
            parts = self._packed(clusters, "prod-hub-jobs")
        else:
            size = _together([len(releases) for releases in clusters.values()])
            parts = [part for releases in clusters.values() for part in _chunks(releases, size)]
        return [
            self._job(part, f"prod-{number}", "production") | {"hubs": _hubs(part)} for number, part in enumerate(parts)
        ]

    def whole(self, clusters: Clusters) -> list[dict[str, Any]]:
        packed = self._packed(clusters, "cluster-jobs")
        return [self._place(part, "checks") | _names(part) for part in packed]

    def _packed(self, clusters: Clusters, output: str) -> list[Sequence[PlannedRelease]]:
        """All of each cluster together; several clusters whose jobs need the same, where there are too many.

        :raises DeployerError: too many need different things.
        """
        alike: dict[str, list[Sequence[PlannedRelease]]] = defaultdict(list)
        for cluster, releases in clusters.items():
            alike[json.dumps(self.needs.get(cluster, {}), sort_keys=True)].append(releases)
        if len(clusters) <= MAX_JOBS:
            return list(clusters.values())
        if len(alike) > MAX_JOBS:
            raise DeployerError(
                f"{output}: {len(clusters)} clusters with {len(alike)} log-ins, more than the {MAX_JOBS} jobs that"
                " GitHub makes of one matrix",
                hint="Clusters that log in alike share a job: let some share an identity (oidc: in deployer.yaml).",
            )
        size = _together([len(group) for group in alike.values()])
        return [list(chain.from_iterable(part)) for group in alike.values() for part in _chunks(group, size)]

    def _job(self, releases: Sequence[PlannedRelease], leg: str, kind: str) -> dict[str, Any]:
        texts = list(dict.fromkeys(reason.text for release in releases for reason in release.reasons))
        reason = printable("; ".join(texts[:3])) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")
        shown = f"{reason[: REASON - 1]}…" if len(reason) > REASON else reason
        only = ",".join(str(release.id) for release in releases)
        return self._place(releases, kind) | {"leg": leg, "only": only, "reason": shown}

    def _place(self, releases: Sequence[PlannedRelease], kind: str) -> dict[str, Any]:
        clusters = _clusters(releases)
        names = _hubs(releases) if len(clusters) == 1 else clusters
        title = f"{clusters[0]}: {_some(names)}" if len(clusters) == 1 else _some(names)
        return {
            "cluster": ",".join(clusters),
            "provider": ",".join(dict.fromkeys(str(release.provider) for release in releases)),
            "name": title,
            "environment": self.environments.get(kind, ""),
            "needs": self.needs.get(clusters[0], {}),
        }


def _early(releases: Sequence[PlannedRelease]) -> dict[str, Any]:
    staging = [release for release in releases if release.stage is Stage.STAGING]
    return {
        "support": any(one.stage is Stage.SUPPORT for one in releases),
        "staging": _hubs(staging) if len(_clusters(releases)) == 1 else [str(one.id) for one in staging],
    }


def _names(releases: Sequence[PlannedRelease]) -> dict[str, Any]:
    clusters = _clusters(releases)
    return {"name": _some(clusters), "clusters": clusters}


def _clusters(releases: Sequence[PlannedRelease]) -> list[str]:
    return list(dict.fromkeys(release.id.cluster for release in releases))


def _hubs(releases: Sequence[PlannedRelease]) -> list[str]:
    """The releases' names, with their cluster's where there are several."""
    several = len(_clusters(releases)) > 1
    return [str(release.id) if several else release.id.name for release in releases]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _together(counts: Sequence[int]) -> int:
    """How many of one group share a job, at least, for all to fit; in steps of one, for counts are small."""
    largest = max(counts, default=1)
    sizes = range(1, largest + 1)
    return next((size for size in sizes if sum(ceil(number / size) for number in counts) <= MAX_JOBS), largest)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _check(size: int) -> None:
    if size > MAX_BYTES:
        raise DeployerError(
            f"the outputs have {size:,} bytes, more than the {MAX_BYTES:,} that GitHub takes",
            hint="Plan a part of the fleet at a time: deployer plan FILE…",
        )
