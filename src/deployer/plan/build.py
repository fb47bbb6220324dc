"""From reasons to a plan: stages, canaries, what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployer.changes.paths import Reasons
from deployer.changes.reasons import Reason, Rule
from deployer.errors import FleetError
from deployer.fleet.ids import ReleaseId, Stage
from deployer.fleet.repository import Fleet, Release
from deployer.plan.model import Plan, PlannedRelease


def build_plan(
    fleet: Fleet, reasons: Reasons, *, before: Iterable[ReleaseId] = (), revision: str = "", canaries: bool = True
) -> Plan:
    """The plan for these releases and, for each production hub among them, its canaries.

    :param before: the releases that there were, where that is known: what is no longer there is retired.
    :param canaries: False leaves out canaries that have no reason of their own.
    """
    complete = with_canaries(fleet, reasons) if canaries else reasons
    planned = (plan_release(fleet.release(release), why) for release, why in complete.items())
    return Plan(tuple(sorted(planned, key=lambda release: release.order)), retired(fleet, before), revision)


def plan_release(release: Release, reasons: tuple[Reason, ...]) -> PlannedRelease:
    return PlannedRelease(release.id, release.stage, release.provider, reasons, release.canaries)


def with_canaries(fleet: Fleet, reasons: Reasons) -> Reasons:
    """A production hub brings its canaries; each says for whom."""
    behind: dict[ReleaseId, list[str]] = {}
    for release in sorted(reasons):
        for canary in fleet.release(release).canaries:
            if canary in fleet.releases:
                behind.setdefault(canary, []).append(release.name)
    brought = {canary: (_canary_reason(hubs),) for canary, hubs in behind.items()}
    return {**brought, **{id_: why + brought.get(id_, ()) for id_, why in reasons.items()}}


def _canary_reason(hubs: list[str]) -> Reason:
    named = ", ".join(hubs[:3]) + (f" and {len(hubs) - 3} more" if len(hubs) > 3 else "")
    return Reason(Rule.CANARY, f"canary of {named}")


def retired(fleet: Fleet, before: Iterable[ReleaseId] = ()) -> tuple[ReleaseId, ...]:
    """What was in the fleet and is not any more, and hubs marked ``retire``. Listed; never uninstalled by a plan."""
    return tuple(sorted({*before, *fleet.retiring} - fleet.releases.keys()))


def everything(fleet: Fleet) -> Reasons:
    """All releases of the fleet."""
    return dict.fromkeys(fleet.releases, (Reason(Rule.ASKED, "--all"),))


def named(fleet: Fleet, cluster: str, hubs: Iterable[str] = (), *, support: bool = False) -> Reasons:
    """The releases that somebody names: some hubs of a cluster, its support, or (with neither) all that it has.

    :raises FleetError: no such cluster or hub.
    """
    fleet.cluster(cluster)
    wanted = [ReleaseId(cluster, hub) for hub in hubs] + ([ReleaseId(cluster, Stage.SUPPORT)] if support else [])
    if not wanted:
        wanted = [release for release in fleet.releases if release.cluster == cluster]
    for release in wanted:
        fleet.release(release)
    return dict.fromkeys(wanted, (Reason(Rule.ASKED, "asked for"),))


def only(plan: Plan, wanted: Iterable[ReleaseId]) -> Plan:
    """The part of a plan that was asked for; never adds a canary.

    :raises FleetError: a release that the plan does not hold.
    """
    chosen = frozenset(wanted)
    for release in sorted(chosen - plan.by_id.keys()):
        raise FleetError(f"{release} is not in the plan", hint=f"It holds: {_listed(plan.by_id)}")
    return Plan(tuple(release for release in plan.releases if release.id in chosen), (), plan.revision)


def _listed(releases: Mapping[ReleaseId, PlannedRelease]) -> str:
    names = [str(release) for release in releases]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
