"""What a run has to do: its part of the plan, less what earlier runs did; and the canary rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from deployer.errors import EXIT_OK, EXIT_ROLLOUT_FAILED, DeployerError
from deployer.fleet.ids import ReleaseId, Stage
from deployer.plan.model import Plan
from deployer.rollout.options import Options
from deployer.rollout.record import RolloutRecord
from deployer.rollout.states import PENDING, Outcome, State, check_needs, settle


@dataclass(frozen=True, slots=True)
class Part:
    """A run's part of a rollout: ``states`` and ``needs`` as the state machine wants them.

    ``states`` also holds those outside of ``selected`` that these stand behind, with their recorded outcomes.
    ``again``: those with an outcome that are tried once more.
    """

    selected: frozenset[ReleaseId]
    needs: Mapping[ReleaseId, frozenset[ReleaseId]]
    states: Mapping[ReleaseId, State]
    again: frozenset[ReleaseId] = field(default_factory=frozenset)

    @property
    def kept(self) -> dict[ReleaseId, Outcome]:
        """The outcomes of earlier runs that stand."""
        outcomes = {release: self.states[release].outcome for release in sorted(self.selected)}
        return {release: outcome for release, outcome in outcomes.items() if outcome is not None}


def prepare(plan: Plan, options: Options, record: RolloutRecord) -> Part:
    """This run's part of the plan.

    :raises DeployerError: a release is not in the plan; or one has no record of success that a selected one stands
        behind; or releases stand behind each other; or there is nothing left to resume.
    """
    selected = _selected(plan, options.only)
    again = _failed(selected, record) if options.retry_failed else frozenset()
    part = _with_outside(plan, options, record, _inside(plan, options, record, selected, again))
    check_needs(part.needs)
    if options.resume:
        _refuse_complete(part, record)
    return part


def resume_options(record: RolloutRecord, plan: Plan, *, retry_failed: bool = False) -> Options:
    """The options with which a rollout goes on: as it began, with the parts of all of its processes."""
    given = tuple(sorted(record.stages))
    only = None if set(given) >= plan.by_id.keys() else given
    return replace(record.options, only=only, resume=True, retry_failed=retry_failed)


def _selected(plan: Plan, only: Iterable[ReleaseId] | None) -> frozenset[ReleaseId]:
    if only is None:
        return frozenset(plan.by_id)
    for release in sorted(set(only) - plan.by_id.keys()):
        near = get_close_matches(str(release), map(str, plan.by_id), 1)
        raise DeployerError(
            f"{release} is not in the plan", hint=f"Did you mean {near[0]}?" if near else "Plan it: deployer plan …"
        )
    return frozenset(only)


def _failed(selected: Iterable[ReleaseId], record: RolloutRecord) -> frozenset[ReleaseId]:
    return frozenset(release for release in selected if record.of(release).outcome is Outcome.FAILED)


def _inside(
    plan: Plan, options: Options, record: RolloutRecord, selected: frozenset[ReleaseId], again: frozenset[ReleaseId]
) -> Part:
    """The selected alone: succeeded, unchanged and really failed ones keep their outcome; the others are pending."""
    needs = {release: behind & selected for release, behind in plan.needs().items() if release in selected}
    if options.no_canary:
        needs = {release: frozenset(one for one in behind if not one.hub) for release, behind in needs.items()}
    states = {release: PENDING if release in again else _kept(record, release) for release in selected}
    return Part(selected, needs, states, again)


def _kept(record: RolloutRecord, release: ReleaseId) -> State:
    known = record.of(release)
    if known.ended and (known.ended.outcome.good or known.ended.outcome is Outcome.FAILED):
        return State(known.ended.outcome, cause=known.ended.cause)
    return PENDING


def _with_outside(plan: Plan, options: Options, record: RolloutRecord, part: Part) -> Part:
    """Add what the selected stand behind and another process of this rollout was given."""
    if options.no_canary:
        return part
    planned, needs, states = plan.needs(), dict(part.needs), dict(part.states)
    for release in sorted(one for one in part.selected if part.states[one].pending):
        outside = planned[release] - part.selected
        _refuse_unrecorded(plan, release, outside, record)
        needs[release] |= outside
        states |= {one: _recorded(record, one) for one in outside}
        needs |= dict.fromkeys(outside, frozenset())
    return replace(part, needs=needs, states=states)


def _recorded(record: RolloutRecord, release: ReleaseId) -> State:
    ended = record.of(release).ended
    return State(ended.outcome, cause=ended.cause, behind=()) if ended else PENDING


def _refuse_unrecorded(plan: Plan, release: ReleaseId, outside: Iterable[ReleaseId], record: RolloutRecord) -> None:
    missing = sorted(one for one in outside if record.of(one).ended is None)
    if not missing:
        return
    what = "canary" if plan.by_id[missing[0]].stage is not Stage.SUPPORT else "support"
    raise DeployerError(
        f"{release} stands behind its {what} {missing[0]}, which has no record of success in this rollout",
        hint=f"Carry out {', '.join(map(str, missing))} first with the same --rollout-id and plan"
        " (or, at your own risk: --no-canary --reason TEXT).",
    )


def _refuse_complete(part: Part, record: RolloutRecord) -> None:
    states = settle(part.needs, part.states)
    if any(states[release].pending for release in part.selected):
        return
    bad = sorted(str(release) for release in part.selected if states[release].bad)
    raise DeployerError(
        f"rollout {record.id} is complete: there is nothing to resume",
        hint=f"Not succeeded: {', '.join(bad)}. To try what failed once more: --retry-failed" if bad else "",
        exit_code=EXIT_ROLLOUT_FAILED if bad else EXIT_OK,
    )
