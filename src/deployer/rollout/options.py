"""How a rollout is to be carried out; kept in the journal, so that a resumed one goes on as it began."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.errors import DeployerError
from deployer.fleet.ids import Level, ReleaseId


@dataclass(frozen=True, slots=True)
class Options:
    """``timeout`` counts for a release from the moment it holds its lock, its roll-back not included.

    :param only: these of the plan; None for all.
    :param per_cluster: releases of one cluster at a time; None for no limit but ``max_parallel``.
    :param no_canary: why production may go ahead without its canaries; "" where it may not.
    :param health: this level for every release, in place of its own.
    :param attempts: health checks before a release counts as unhealthy, ``pause`` seconds apart.
    """

    max_parallel: int = 4
    per_cluster: int | None = None
    timeout: float = 600.0
    lock_timeout: float = 300.0
    fail_fast: bool = False
    force: bool = False
    only: tuple[ReleaseId, ...] | None = None
    no_canary: str = ""
    health: Level | None = None
    attempts: int = 2
    pause: float = 3.0
    resume: bool = False
    retry_failed: bool = False

    def __post_init__(self) -> None:
        for name in ("max_parallel", "timeout", "attempts"):
            if getattr(self, name) <= 0:
                raise DeployerError(f"{name.replace('_', '-')}: {getattr(self, name)} is not above 0")
        if self.per_cluster is not None and self.per_cluster <= 0:
            raise DeployerError(f"per-cluster: {self.per_cluster} is not above 0")
