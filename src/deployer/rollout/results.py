"""How a rollout ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deployer.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_ROLLOUT_FAILED
from deployer.fleet.ids import ReleaseId, Stage
from deployer.rollout.events import ReleaseEnded
from deployer.rollout.states import Outcome


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """``kept``: the outcome is that of an earlier run of this rollout, and nothing was done now."""

    release: ReleaseId
    stage: Stage
    ended: ReleaseEnded
    kept: bool = False

    @property
    def outcome(self) -> Outcome:
        return self.ended.outcome


@dataclass(frozen=True)
class RolloutResult:
    """All releases of this process's part, in the plan's order. ``folder`` holds the journal."""

    rollout: str
    releases: tuple[ReleaseResult, ...]
    folder: Path
    seconds: float
    interrupted: bool = False

    @cached_property
    def by_id(self) -> Mapping[ReleaseId, ReleaseResult]:
        return {result.release: result for result in self.releases}

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many ended as what; all outcomes, in their order."""
        found = Counter(result.outcome for result in self.releases)
        return {outcome: found[outcome] for outcome in Outcome}

    @property
    def exit_code(self) -> int:
        return exit_code(self.counts, interrupted=self.interrupted)


def exit_code(counts: Mapping[Outcome, int], *, interrupted: bool) -> int:
    """130 interrupted, 3 some failed, were withheld or cancelled, else 0."""
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_ROLLOUT_FAILED if any(n for outcome, n in counts.items() if not outcome.good) else EXIT_OK
