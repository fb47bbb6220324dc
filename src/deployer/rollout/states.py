"""The rollout as a pure state machine: who may start, who is withheld, and whether all is over.

``needs`` says for each release those that must succeed before it may start. It never leads out of a cluster
(:func:`check_needs`), so what happens on one cluster cannot be seen on another: clusters share no barrier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from deployer.errors import DeployerError
from deployer.fleet.ids import ReleaseId


class Outcome(StrEnum):
    """How a release ends; each ends as exactly one of these."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"

    @property
    def good(self) -> bool:
        """Those that stand behind it may start."""
        return self in {Outcome.SUCCEEDED, Outcome.UNCHANGED}


@dataclass(frozen=True, slots=True)
class State:
    """Where a release is: pending (neither running nor ended), running, or ended with an outcome.

    ``cause`` is one line. ``behind`` is, of a withheld release, the chain from what it stands behind directly to
    what went wrong first.
    """

    outcome: Outcome | None = None
    running: bool = False
    cause: str = ""
    behind: tuple[ReleaseId, ...] = ()

    @property
    def pending(self) -> bool:
        return self.outcome is None and not self.running

    @property
    def good(self) -> bool:
        return self.outcome is not None and self.outcome.good

    @property
    def bad(self) -> bool:
        return self.outcome is not None and not self.outcome.good


PENDING = State()
RUNNING = State(running=True)

Needs = Mapping[ReleaseId, frozenset[ReleaseId]]
States = Mapping[ReleaseId, State]


def ready(needs: Needs, states: States) -> frozenset[ReleaseId]:
    """The pending releases all of whose needs have succeeded (or were unchanged)."""
    return frozenset(
        release
        for release, state in states.items()
        if state.pending and all(states[one].good for one in needs[release])
    )


def settle(needs: Needs, states: States) -> dict[ReleaseId, State]:
    """Withhold each pending release that stands behind a failed, withheld or cancelled one, however far back.

    Nothing else changes, and a second time changes nothing more.
    """
    settled = dict(states)
    while found := {
        release: bad for release, state in settled.items() if state.pending and (bad := _bad(needs[release], settled))
    }:
        settled |= {release: _withheld(bad, settled) for release, bad in found.items()}
    return settled


def cancel(states: States, cause: str) -> dict[ReleaseId, State]:
    """Cancel all that is pending."""
    return {
        release: State(Outcome.CANCELLED, cause=cause) if state.pending else state for release, state in states.items()
    }


def is_over(states: States) -> bool:
    """Every release has its outcome."""
    return all(state.outcome is not None for state in states.values())


def check_needs(needs: Needs) -> None:
    """See that the rollout can come to its end and that no failure can cross a cluster.

    :raises DeployerError: a release stands behind one of another cluster, or, in the end, behind itself.
    """
    for release, behind in needs.items():
        for one in sorted(behind):
            if one.cluster != release.cluster:
                raise DeployerError(
                    f"{release} stands behind {one}, which is on another cluster",
                    hint="A canary is a hub of the same cluster: mend `canary` in its cluster.yaml.",
                )
    _check_no_circle(needs)


def _check_no_circle(needs: Needs) -> None:
    rest = dict(needs)
    while free := {release for release, behind in rest.items() if not behind & rest.keys()}:
        rest = {release: behind for release, behind in rest.items() if release not in free}
    if rest:
        names = ", ".join(map(str, sorted(rest)))
        raise DeployerError(
            f"these releases stand behind each other in a circle: {names}",
            hint="A canary cannot stand behind itself: mend `canary` in their cluster.yaml.",
        )


def _bad(behind: frozenset[ReleaseId], states: States) -> list[ReleaseId]:
    return sorted(one for one in behind if states[one].bad)


def _withheld(bad: list[ReleaseId], states: States) -> State:
    """Withheld, with the nearest of what went wrong as its cause."""
    nearest = min(bad, key=lambda one: (len(states[one].behind), one))
    chain = (nearest, *states[nearest].behind)
    return State(Outcome.WITHHELD, cause=_because(chain, states), behind=chain)


def _because(chain: tuple[ReleaseId, ...], states: States) -> str:
    *between, first = chain
    state = states[first]
    ended = f"{first}, which {_WAS.get(state.outcome, 'ended')}" + (f": {state.cause}" if state.cause else "")
    return f"stands behind {', behind '.join(map(str, [*between, '']))}{ended}"


_WAS: Mapping[Outcome | None, str] = {
    Outcome.FAILED: "failed",
    Outcome.CANCELLED: "was cancelled",
    Outcome.WITHHELD: "was withheld",
}
