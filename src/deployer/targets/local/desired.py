"""What the repository says about one release, as far as this target needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployer.fleet.ids import ReleaseId


@dataclass(frozen=True, slots=True)
class Desired:
    """A release as it should be.

    ``values`` are the effective values of the chart's ``jupyterhub`` section; for support, support's own. ``digest``
    is that of all the release's inputs: where it is the same, nothing changed. ``source_revision`` is the commit that
    the values come from, "" where the work tree differs from it. ``notices`` say what of them has no effect here.
    """

    cluster: str
    name: str
    display_name: str = ""
    domain: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    source_revision: str = ""
    health: str = "user"
    notices: tuple[str, ...] = ()

    @property
    def id(self) -> ReleaseId:
        return ReleaseId(self.cluster, self.name)
