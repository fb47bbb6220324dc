"""A plan, as data: it can be printed, saved, compared, refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from deployer.changes.reasons import Reason
from deployer.fleet.ids import ReleaseId, Stage


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """A release to upgrade. ``canaries`` are the hubs that it stands behind, in the plan or not.

    ``digest`` is that of its inputs, where no commit tells what they were when the plan was made; else "".
    """

    id: ReleaseId
    stage: Stage
    provider: str
    reasons: tuple[Reason, ...]
    canaries: tuple[ReleaseId, ...] = ()
    digest: str = ""

    @property
    def order(self) -> tuple[str, int, str]:
        """What plans are sorted by: cluster, stage, name."""
        return self.id.cluster, self.stage.rank, self.id.name


class Noted(NamedTuple):
    """A release of which there is something to say beside the plan: why it is not in it, or why it still is."""

    id: ReleaseId
    reason: str


@dataclass(frozen=True)
class Plan:
    """The releases to upgrade, sorted by :attr:`PlannedRelease.order`, and what is gone from the fleet.

    ``revision`` is the commit that was planned, "" where the work tree differs from it or git is not in use.
    ``dropped`` are those that need no upgrade although their inputs differ (``--exact``), and ``not_rendered`` those
    that nobody could tell this of, which stay planned; both sorted.
    """

    releases: tuple[PlannedRelease, ...] = ()
    retired: tuple[ReleaseId, ...] = ()
    revision: str = ""
    dropped: tuple[Noted, ...] = ()
    not_rendered: tuple[Noted, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.releases)

    @cached_property
    def by_id(self) -> Mapping[ReleaseId, PlannedRelease]:
        return {release.id: release for release in self.releases}

    def needs(self) -> dict[ReleaseId, frozenset[ReleaseId]]:
        """For each release those of the plan that must succeed before it may start.

        Hubs stand behind their cluster's support; production hubs also behind their canaries. Nothing stands behind
        anything of another cluster.
        """
        return {release.id: self._needs_of(release) & self.by_id.keys() for release in self.releases}

    def _needs_of(self, release: PlannedRelease) -> frozenset[ReleaseId]:
        if release.stage is Stage.SUPPORT:
            return frozenset()
        support = ReleaseId(release.id.cluster, Stage.SUPPORT)
        return frozenset({support, *(release.canaries if release.stage is Stage.PRODUCTION else ())})
