"""Which production hubs a pipeline may go on with, and what became of each planned release. Pure.

It fails closed: a release that left no record has not succeeded, whatever the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from deployer.actions.records import GOOD, Entry
from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.model import Plan

Entries = Mapping[ReleaseId, Entry]
T = TypeVar("T")
NO_RECORD = "left no record"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``go`` is the part of the plan to go on with; ``withheld`` says why not; ``done`` need nothing more."""

    go: Plan
    withheld: Mapping[ReleaseId, str] = field(default_factory=dict)
    done: tuple[ReleaseId, ...] = ()


class Ended(NamedTuple):
    """What became of a planned release: an outcome of a rollout, or ``lost`` where nobody knows."""

    outcome: str
    cause: str


def judge(plan: Plan, known: Entries) -> Verdict:
    """Let those production hubs go ahead whose support and canaries, where planned, all succeeded."""
    late = [release for release in plan.releases if release.stage is Stage.PRODUCTION]
    needs = plan.needs()
    withheld = {one.id: why for one in late if (why := _why_not(needs[one.id], known))}
    done = tuple(one.id for one in late if one.id not in withheld and _good(one.id, known))
    go = tuple(one for one in late if one.id not in withheld and one.id not in done)
    return Verdict(replace(plan, releases=go, retired=(), dropped=()), withheld, done)


def ended(plan: Plan, known: Entries) -> dict[ReleaseId, Ended]:
    """The outcome of each planned release, in the plan's order."""
    withheld = judge(plan, known).withheld
    return {release.id: _ended(release.id, known, withheld) for release in plan.releases}


def merged(
    before: Mapping[ReleaseId, T], outcomes: Mapping[ReleaseId, Ended], now: Mapping[ReleaseId, T]
) -> dict[ReleaseId, T]:
    """The state after a rollout: what succeeded is as it is ``now``, what was withheld as ``before``.

    What failed, was cancelled or lost is forgotten, for nobody can say what runs: so the next plan has it again,
    even where the change that broke it was taken back.
    """
    good = {release: now[release] for release, end in outcomes.items() if release in now and end.outcome in GOOD}
    touched = {release for release, end in outcomes.items() if end.outcome != "withheld"}
    return {release: one for release, one in before.items() if release not in touched} | good


def _why_not(behind: Iterable[ReleaseId], known: Entries) -> str:
    """Behind what stands that may not go ahead; "" where it may."""
    return "; behind ".join(_said(one, known) for one in sorted(behind) if not _good(one, known))


def _good(release: ReleaseId, known: Entries) -> bool:
    return release in known and known[release].good


def _said(release: ReleaseId, known: Entries) -> str:
    entry = known.get(release)
    if entry is None:
        return f"{release}, which {NO_RECORD}"
    return f"{release}, which {_WAS.get(entry.outcome, 'has not succeeded')}" + (
        f": {entry.cause}" if entry.cause else ""
    )


_WAS = {"failed": "failed", "withheld": "was withheld", "cancelled": "was cancelled"}


def _ended(release: ReleaseId, known: Entries, withheld: Mapping[ReleaseId, str]) -> Ended:
    if release in known:
        return Ended(known[release].outcome, known[release].cause)
    if release in withheld:
        return Ended("withheld", f"stands behind {withheld[release]}")
    return Ended("lost", NO_RECORD)
