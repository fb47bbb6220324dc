"""What a replicate's README speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployer.fleet.values import Values, at
from deployer.replicate.cost import Always, User
from deployer.replicate.layers import ValuesFile
from deployer.replicate.needs import Need


@dataclass(frozen=True)
class About:
    """All that the README speaks of. ``unknown`` says why the chart could not be rendered, "" where it was."""

    name: str
    title: str
    domain: str
    files: tuple[ValuesFile, ...]
    crds: tuple[str, ...]
    fetches: bool
    wanted: tuple[Need, ...]
    always: tuple[Always, ...]
    users: tuple[User, ...]
    hub_values: Values = field(repr=False)
    unknown: str = ""
    terraform: bool = False

    @property
    def one_claim_each(self) -> bool:
        """Whether each user has a volume of their own."""
        return bool(at(self.hub_values, ["singleuser", "storage"]).get("type", "dynamic") == "dynamic")
