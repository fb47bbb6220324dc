"""A fleet in a git repository whose charts the real Helm renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fleet_world import Said, World

from helm_world import CountingHelm, reef

REEF = "config/clusters/reef"
OCEAN, CORAL, LAGOON, STAGING = (f"{REEF}/{name}.values.yaml" for name in ("ocean", "coral", "lagoon", "staging"))
UNUSED = "jupyterhub: {unused: 1}\n"  # no template prints it
MORE_MEMORY = "jupyterhub: {singleuser: {memory: {limit: 4G}}}\n"


class HelmWorld(World):
    """A fleet, a helm that counts, and a cache of its own."""

    def __init__(self, folder: Path, contents: dict[str, str] | None = None) -> None:
        super().__init__(folder / "fleet", contents=contents or reef())
        self.helm = CountingHelm(folder)
        self.cache = folder / "cache"
        self.env |= {"PATH": self.helm.path, "XDG_CACHE_HOME": str(self.cache)}

    def exact(self) -> tuple[list[str], list[str]]:
        """What is planned, and what is dropped."""
        plan = self.plan_json("--since", self.base, "--exact")
        return [named(one) for one in plan["releases"]], [named(one) for one in plan["dropped"]]

    def diff(self, *words: str, **env: str) -> Said:
        return self.run("diff", "--since", self.base, *words, **env)


def named(entry: dict[str, Any]) -> str:
    """What an entry of the plan's JSON is called."""
    return f"{entry['cluster']}/{entry['hub'] or 'support'}"
