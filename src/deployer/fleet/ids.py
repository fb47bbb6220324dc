"""Names of things: a release, the stage in which it is upgraded, and the level of its health check."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

SUPPORT = "support"


class Stage(StrEnum):
    """The order of a rollout within a cluster."""

    SUPPORT = "support"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def rank(self) -> int:
        return list(Stage).index(self)


class Level(StrEnum):
    """How far the health check of a hub goes; ``health:`` in cluster.yaml."""

    USER = "user"  # a user's morning: start a server, run code in a kernel, stop it
    HTTP = "http"  # the hub, its API and its log-in page answer
    NONE = "none"


class ReleaseId(NamedTuple):
    """One release: a hub of a cluster, or the cluster's support."""

    cluster: str
    name: str

    @property
    def hub(self) -> str | None:
        """The hub's name, or None for support."""
        return None if self.name == SUPPORT else self.name

    def __str__(self) -> str:
        return f"{self.cluster}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> ReleaseId:
        """Read ``cluster/name``.

        :raises ValueError: not of that form.
        """
        cluster, slash, name = text.partition("/")
        if not (cluster and slash and name) or "/" in name:
            raise ValueError(f"{text!r} is not of the form CLUSTER/HUB or CLUSTER/support")
        return cls(cluster, name)
