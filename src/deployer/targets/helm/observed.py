"""What is seen of a release, from what Helm holds and what is recorded of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from deployer.errors import DeployerError
from deployer.fleet.helm_yaml import load
from deployer.fleet.ids import ReleaseId
from deployer.fleet.values import Values
from deployer.plan.ports import Observation, State
from deployer.targets.helm.history import History, Revision
from deployer.targets.helm.live import Live
from deployer.targets.helm.records import Record
from deployer.targets.helm.repair import somebody_at_work

OURS = "not deployed by this deployer"


def utc_now() -> datetime:
    return datetime.now(UTC)


def observed(
    release: ReleaseId, history: History, record: Record, *, digest: str | None, timeout: float, now: datetime
) -> Observation:
    """A release that is there; ``digest`` is that of what the repository says."""
    shown = history.current or history.revisions[-1]
    pending = history.last if history.last and history.last.pending else None
    source = history.source(shown, record)
    same = source is not None and source.digest == digest and record.given_up != shown.number
    wanted = same and shown.status == "deployed" and pending is None
    told = _begun(release, pending, record, timeout, now) if pending else "" if wanted else history.failed(record)
    return Observation(
        state=_state(history, record),
        revision=shown.number,
        deployed_at=shown.updated,
        rollout=source.rollout if source else "",
        verified=history.verified(shown, record),
        wanted=wanted,
        detail=told,
        pending=pending.status if pending else "",
        chart=shown.chart,
    )


def _state(history: History, record: Record) -> State:
    if history.current is None:
        return State.FAILED
    return State.STOPPED if record.given_up == history.current.number else State.RUNNING


def _begun(release: ReleaseId, pending: Revision, record: Record, timeout: float, now: datetime) -> str:
    """Who may be at work on a pending revision, or what becomes of it."""
    if error := somebody_at_work(release, pending, record, now=now, timeout=timeout):
        return f"revision {pending.number} {error.message.removeprefix(f'{release} ')}"
    since = f"{pending.updated:%Y-%m-%d %H:%M:%S %Z}"
    return f"revision {pending.number} is {pending.status} since {since}; the next deploy puts that right"


def by_hand(live: Live, seen: Observation) -> Observation:
    """The same of a revision of which nothing is recorded: its values and its chart are compared with the fleet's."""
    try:
        differs = [
            *_other_chart(seen.chart, _chart(live)),
            *_other_values(live.given_values(), live.wanted_values()),
        ]
    except DeployerError as error:
        return replace(seen, detail=_joined([seen.detail, f"{OURS}, and cannot be compared: {error.headline}"]))
    if differs:
        return replace(seen, detail=_joined([seen.detail, f"{OURS}: {', '.join(differs)}"]))
    told = f"{OURS}, but with the values and the chart's version that the repository says"
    return replace(seen, wanted=True, detail=told)


def _chart(live: Live) -> str:
    """Name and version, as Helm writes them."""
    fleet = live.desired.fleet
    chart = fleet.charts.get(live.release.chart, live.release.chart_override)
    return f"{chart.name}-{load(fleet.tree.read(chart.file), chart.file).data.get('version', '')}"


def _other_chart(there: str, wanted: str) -> list[str]:
    return [] if there == wanted else [f"its chart is {there}, the repository's {wanted}"]


def _other_values(there: Values, wanted: Values) -> list[str]:
    """Which keys at the top differ; what they hold may be secret."""
    keys = sorted(
        key for key in there.keys() | wanted.keys() if canonical(there.get(key)) != canonical(wanted.get(key))
    )
    return [f"its values differ at {', '.join(keys)}"] if keys else []


def canonical(value: Any) -> str:
    """The same text for what Helm takes for the same: it knows one kind of numbers."""
    return json.dumps(_plain(value), sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(filter(None, parts))
